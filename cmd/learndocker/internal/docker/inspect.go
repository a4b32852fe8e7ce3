package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

// kinds are docker's, of which this client knows those that are no swarm's.
var kinds = strings.Fields("config container image network node plugin secret service task volume")

// look finds a thing of one kind by its name.
type look func(ctx context.Context, cl *client.Client, name string) (object any, raw []byte, err error)

func lookAtContainer(size bool) look {
	return func(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
		return three(cl.InspectContainer(ctx, name, size))
	}
}

func lookAtImage(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
	return three(cl.InspectImage(ctx, name))
}

func lookAtNetwork(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
	return three(cl.InspectNetwork(ctx, name))
}

func lookAtVolume(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
	return three(cl.InspectVolume(ctx, name))
}

func lookAtPlugin(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
	return three(cl.InspectPlugin(ctx, name))
}

func three[T any](object T, raw []byte, err error) (any, []byte, error) { return object, raw, err }

// inspectAll shows what the daemon says of each name.
func (cli *CLI) inspectAll(ctx context.Context, names []string, as string, find look) error {
	inspector, err := format.NewInspector(as)
	if err != nil {
		return &Failure{64, err}
	}
	return cli.do(func(cl *client.Client) error {
		var errs []error
		for _, name := range names {
			object, raw, err := find(ctx, cl, name)
			if err == nil {
				err = inspector.Add(object, raw)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		return errors.Join(append([]error{inspector.Flush(os.Stdout)}, errs...)...)
	})
}

func declareInspectFormat(c *cobra.Command, as *string) {
	c.Flags().StringVarP(as, "format", "f", "", "Format output using a custom template: 'json', or a Go template")
}

func newInspect(cli *CLI) *cobra.Command {
	var as, kind string
	var size bool
	c := &cobra.Command{
		Use:   "inspect [OPTIONS] NAME|ID [NAME|ID...]",
		Short: "Return low-level information on Docker objects",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("type") && kind == "" {
				return fmt.Errorf(`type is empty: must be one of "%s"`, strings.Join(kinds, `", "`))
			}
			if kind != "" && !slices.Contains(kinds, kind) {
				return fmt.Errorf(`unknown type: %q: must be one of "%s"`, kind, strings.Join(kinds, `", "`))
			}
			return cli.inspectAll(c.Context(), args, as, anything(kind, size))
		},
	}
	declareInspectFormat(c, &as)
	c.Flags().StringVar(&kind, "type", "", "Only inspect objects of the given type")
	c.Flags().BoolVarP(&size, "size", "s", false, "Display total file sizes if the type is container")
	return c
}

// anything looks for a name among the things of one kind, or of all, in the
// order in which docker does.
func anything(kind string, size bool) look {
	order := []struct {
		kind string
		look look
	}{
		{"container", lookAtContainer(size)}, {"image", lookAtImage}, {"network", lookAtNetwork}, {"volume", lookAtVolume},
		{"swarm", nil}, {"plugin", lookAtPlugin},
	}
	return func(ctx context.Context, cl *client.Client, name string) (any, []byte, error) {
		for _, o := range order {
			if kind != "" && o.kind != kind {
				continue
			}
			if o.look == nil { // docker asks here whether there is a swarm to look in
				if _, err := cl.Info(ctx); err != nil {
					fmt.Fprintln(os.Stderr, InWords(err))
				}
				continue
			}
			object, raw, err := o.look(ctx, cl, name)
			if err != nil && kind == "" && skippable(err) {
				continue
			}
			if err == nil && size && o.kind != "container" {
				fmt.Fprintln(os.Stderr, "WARNING: --size ignored for", o.kind)
			}
			return object, raw, err
		}
		return nil, nil, fmt.Errorf("Error: No such object: %s", name)
	}
}

func skippable(err error) bool {
	return isMissing(err) || strings.Contains(err.Error(), "not supported") || strings.Contains(err.Error(), "invalid reference format")
}

func newInspectContainer(cli *CLI) *cobra.Command {
	var as string
	var size bool
	c := &cobra.Command{
		Use:   "inspect [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Display detailed information on one or more containers",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.inspectAll(c.Context(), args, as, lookAtContainer(size))
		},
	}
	declareInspectFormat(c, &as)
	c.Flags().BoolVarP(&size, "size", "s", false, "Display total file sizes")
	return c
}

func newInspectImage(cli *CLI) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "inspect [OPTIONS] IMAGE [IMAGE...]",
		Short: "Display detailed information on one or more images",
		Args:  minArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return cli.inspectAll(c.Context(), args, as, lookAtImage) },
	}
	declareInspectFormat(c, &as)
	return c
}

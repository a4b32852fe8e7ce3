package docker

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/learndocker/learndocker/engine/client"
)

// atOnce bounds how many things are asked for at the same time.
const atOnce = 50

// each does something with each name, many at once, and says the names with
// which it went well, in their order. It goes on past errors.
func (cli *CLI) each(names []string, do func(*client.Client, string) error) error {
	return cli.do(func(c *client.Client) error {
		ends := make([]chan error, len(names))
		for i := range ends {
			ends[i] = make(chan error, 1)
		}
		var group errgroup.Group
		group.SetLimit(atOnce)
		go func() {
			for i, name := range names {
				group.Go(func() error {
					ends[i] <- do(c, name)
					return nil
				})
			}
		}()
		var errs []error
		for i, name := range names {
			if err := <-ends[i]; err != nil {
				errs = append(errs, err)
				continue
			}
			fmt.Fprintln(os.Stdout, name)
		}
		return errors.Join(errs...)
	})
}

// errSaid is an error that has been said and is none.
var errSaid = errors.New("said")

// inTurn is each, one after the other.
func (cli *CLI) inTurn(names []string, do func(*client.Client, string) error) error {
	return cli.do(func(c *client.Client) error {
		var errs []error
		for _, name := range names {
			switch err := do(c, name); {
			case err == nil:
				fmt.Fprintln(os.Stdout, name)
			case !errors.Is(err, errSaid):
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

// simple is a command that does one thing with each container.
func simple(cli *CLI, use, short string, do func(*cobra.Command, *client.Client, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.each(args, func(cl *client.Client, name string) error { return do(c, cl, name) })
		},
	}
}

package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

// pruneFlags are those of every prune.
type pruneFlags struct {
	force, all bool
	filter     filterFlag
}

func (f *pruneFlags) declare(c *cobra.Command, all string) {
	c.Flags().BoolVarP(&f.force, "force", "f", false, "Do not prompt for confirmation")
	c.Flags().Var(&f.filter, "filter", `Provide filter values (e.g. "until=<timestamp>")`)
	if all != "" {
		c.Flags().BoolVarP(&f.all, "all", "a", false, all)
	}
}

// filters are those given, and those of the user's config file that do not
// contradict them.
func (f *pruneFlags) filters(cli *CLI) client.Filters {
	filters := f.filter.value()
	for _, set := range cli.config().PruneFilters {
		name, value, ok := strings.Cut(set, "=")
		if !ok || name == "label" && filters.Has("label!", value) || name == "label!" && filters.Has("label", value) {
			continue
		}
		filters.Add(name, value)
	}
	return filters
}

// pruned is what has gone.
type pruned struct {
	said  string
	bytes uint64
}

func deleted(title string, names []string, bytes uint64) pruned {
	if len(names) == 0 {
		return pruned{}
	}
	return pruned{title + "\n" + strings.Join(names, "\n") + "\n", bytes}
}

// pruner removes things of one kind.
type pruner func(ctx context.Context, cl *client.Client, all bool, filters client.Filters) (pruned, error)

func pruneContainers(ctx context.Context, cl *client.Client, _ bool, filters client.Filters) (pruned, error) {
	r, err := cl.PruneContainers(ctx, filters)
	return deleted("Deleted Containers:", r.ContainersDeleted, r.SpaceReclaimed), err
}

func pruneImages(ctx context.Context, cl *client.Client, all bool, filters client.Filters) (pruned, error) {
	filters = filters.Clone()
	filters.Add("dangling", strconv.FormatBool(!all))
	r, err := cl.PruneImages(ctx, filters)
	var names []string
	for _, d := range r.ImagesDeleted {
		if d.Untagged != "" {
			names = append(names, "untagged: "+d.Untagged)
		} else {
			names = append(names, "deleted: "+d.Deleted)
		}
	}
	return deleted("Deleted Images:", names, r.SpaceReclaimed), err
}

func pruneVolumes(ctx context.Context, cl *client.Client, all bool, filters client.Filters) (pruned, error) {
	filters = filters.Clone()
	if all {
		filters.Add("all", "true")
	}
	r, err := cl.PruneVolumes(ctx, filters)
	return deleted("Deleted Volumes:", r.VolumesDeleted, r.SpaceReclaimed), err
}

func pruneNetworks(ctx context.Context, cl *client.Client, _ bool, filters client.Filters) (pruned, error) {
	names, err := cl.PruneNetworks(ctx, filters)
	return deleted("Deleted Networks:", names, 0), err
}

func pruneBuilds(ctx context.Context, cl *client.Client, all bool, filters client.Filters) (pruned, error) {
	r, err := cl.PruneBuilds(ctx, all, filters)
	return deleted("Deleted build cache objects:", r.CachesDeleted, r.SpaceReclaimed), err
}

// prune asks, removes, and says what has gone.
func (cli *CLI) prune(c *cobra.Command, f *pruneFlags, warning string, pruners ...pruner) error {
	if yes, err := f.confirmed(c.Context(), warning); err != nil || !yes {
		return err
	}
	return cli.do(func(cl *client.Client) error {
		var bytes uint64
		for _, p := range pruners {
			gone, err := p(c.Context(), cl, f.all, f.filters(cli))
			if err != nil {
				return err
			}
			bytes += gone.bytes
			if gone.said != "" {
				fmt.Fprintln(os.Stdout, gone.said)
			}
		}
		fmt.Fprintln(os.Stdout, "Total reclaimed space:", units.HumanSize(float64(bytes)))
		return nil
	})
}

// confirmed reports whether the user wants it, or has said so already.
func (f *pruneFlags) confirmed(ctx context.Context, warning string) (bool, error) {
	if f.force {
		return true, nil
	}
	return confirm(ctx, warning)
}

// confirm asks a person.
func confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(os.Stdout, question+" [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // no answer is no
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stdout)
		return false, errors.New("prompt terminated")
	case a := <-answer:
		return strings.EqualFold(a, "y"), nil
	}
}

const sure = "\nAre you sure you want to continue?"

func newPruneContainers(cli *CLI) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove all stopped containers",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return cli.prune(c, &f, "WARNING! This will remove all stopped containers."+sure, pruneContainers)
		},
	}
	f.declare(c, "")
	return c
}

func newPruneImages(cli *CLI) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove unused images",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			warning := "WARNING! This will remove all dangling images."
			if f.all {
				warning = "WARNING! This will remove all images without at least one container associated to them."
			}
			return cli.prune(c, &f, warning+sure, pruneImages)
		},
	}
	f.declare(c, "Remove all unused images, not just dangling ones")
	return c
}

func newPruneVolumes(cli *CLI) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove unused local volumes",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.do(func(cl *client.Client) error { return checkVersions(c, cl, map[string]string{"all": "1.42"}) }); err != nil {
				return err
			}
			if f.all && len(f.filter.filters["all"]) > 0 {
				return errors.New("conflicting options: cannot specify both --all and --filter all=1")
			}
			return cli.prune(c, &f, volumesWarning(cli, c, f.all)+sure, pruneVolumes)
		},
	}
	f.declare(c, "Remove all unused volumes, not just anonymous ones")
	return c
}

// volumesWarning says which volumes will go: daemons of before 1.42 know no
// difference.
func volumesWarning(cli *CLI, c *cobra.Command, all bool) string {
	old := false
	_ = cli.do(func(cl *client.Client) error { // that the daemon is not there will be said
		anonymousOnly, err := cl.Speaks(c.Context(), "1.42")
		old = err == nil && !anonymousOnly
		return err
	})
	if all || old {
		return "WARNING! This will remove all local volumes not used by at least one container."
	}
	return "WARNING! This will remove anonymous local volumes not used by at least one container."
}

func newPruneSystem(cli *CLI) *cobra.Command {
	var f pruneFlags
	var volumes bool
	c := &cobra.Command{
		Use:   "prune [OPTIONS]",
		Short: "Remove unused data",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if volumes && len(f.filter.filters["until"]) > 0 {
				return errors.New(`ERROR: The "until" filter is not supported with "--volumes"`)
			}
			pruners := []pruner{pruneContainers, pruneNetworks}
			if volumes {
				pruners = append(pruners, func(ctx context.Context, cl *client.Client, _ bool, filters client.Filters) (pruned, error) {
					return pruneVolumes(ctx, cl, false, filters)
				})
			}
			return cli.prune(c, &f, systemWarning(f.all, volumes, f.filters(cli)), append(pruners, pruneImages, pruneBuilds)...)
		},
	}
	f.declare(c, "Remove all unused images not just dangling ones")
	c.Flags().BoolVar(&volumes, "volumes", false, "Prune anonymous volumes")
	return c
}

func systemWarning(all, volumes bool, filters client.Filters) string {
	lines := []string{"WARNING! This will remove:", "  - all stopped containers", "  - all networks not used by at least one container"}
	if volumes {
		lines = append(lines, "  - all anonymous volumes not used by at least one container")
	}
	if all {
		lines = append(lines, "  - all images without at least one container associated to them", "  - all build cache")
	} else {
		lines = append(lines, "  - all dangling images", "  - unused build cache")
	}
	var said []string
	for _, name := range []string{"label", "label!", "until"} {
		for _, v := range filters[name] {
			said = append(said, "  - "+name+"="+v)
		}
	}
	slices.SortFunc(said, naturally)
	if len(said) > 0 {
		lines = append(append(lines, "", "  Items to be pruned will be filtered with:"), said...)
	}
	return strings.Join(lines, "\n") + "\n" + sure
}

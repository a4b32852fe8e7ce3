package docker

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

// listFlags are those of every list.
type listFlags struct {
	quiet, noTrunc bool
	format         string
	filter         filterFlag
}

const formatHelp = `Format output using a custom template: 'table', 'table TEMPLATE', 'json', or a Go template`

func (f *listFlags) declare(c *cobra.Command, quiet string) {
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, quiet)
	c.Flags().StringVar(&f.format, "format", "", formatHelp)
	c.Flags().VarP(&f.filter, "filter", "f", "Filter output based on conditions provided")
}

func (f *listFlags) declareNoTrunc(c *cobra.Command) {
	c.Flags().BoolVar(&f.noTrunc, "no-trunc", false, "Don't truncate output")
}

func newPs(cli *CLI) *cobra.Command {
	var f listFlags
	var all, size, latest bool
	var last int
	c := &cobra.Command{
		Use:   "ps [OPTIONS]",
		Short: "List containers",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.format == "" {
				f.format = cli.config().PsFormat
			} else if f.quiet {
				fmt.Fprintln(os.Stderr, "WARNING: Ignoring custom format, because both --format and --quiet are set.")
			}
			o := client.ListOptions{All: all, Size: size, Limit: last, Filters: f.filter.value()}
			if latest && last == -1 {
				o.Limit = 1
			}
			if f.format != "" {
				used, err := usesSize(f.format)
				if err != nil {
					return err
				}
				o.Size = o.Size || used && !f.quiet && !c.Flags().Changed("size")
			}
			return cli.do(func(cl *client.Client) error {
				list, err := cl.Containers(c.Context(), o)
				if err != nil {
					return err
				}
				var rows []format.Row
				for _, each := range list {
					rows = append(rows, containerRow{c: each, trunc: !f.noTrunc})
				}
				return format.Write(os.Stdout, containerFormat(f.format, f.quiet, o.Size), containerHeaders(), rows)
			})
		},
	}
	f.declare(c, "Only display container IDs")
	f.declareNoTrunc(c)
	s := c.Flags()
	s.BoolVarP(&size, "size", "s", false, "Display total file sizes")
	s.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	s.BoolVarP(&latest, "latest", "l", false, "Show the latest created container (includes all states)")
	s.IntVarP(&last, "last", "n", -1, "Show n last created containers (includes all states)")
	return c
}

// usesSize reports whether a template asks for the size, which the daemon has
// to measure.
func usesSize(as string) (bool, error) {
	t, err := format.Template(as)
	if err != nil {
		return false, fmt.Errorf("failed to parse template: %w", err)
	}
	used := false
	if err := t.Execute(io.Discard, containerRow{sizeUsed: &used}); err != nil {
		return false, fmt.Errorf("failed to execute template: %w", err)
	}
	return used, nil
}

const rawContainers = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`

const containerTable = `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}`

func containerFormat(as string, quiet, size bool) string {
	switch {
	case quiet && as == "raw":
		return "container_id: {{.ID}}"
	case quiet:
		return "{{.ID}}"
	case as == "raw" && size:
		return rawContainers + `size: {{.Size}}\n`
	case as == "raw":
		return rawContainers
	case (as == "" || as == format.Table) && size:
		return containerTable + `\t{{.Size}}`
	case as == "" || as == format.Table:
		return containerTable
	}
	return as
}

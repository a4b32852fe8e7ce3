package docker

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/docker/go-units"
	volumetypes "github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newVolumeCreate(cli *CLI) *cobra.Command {
	var q volumetypes.CreateRequest
	options, labels := runflags.Pairs{Values: map[string]string{}}, runflags.NewLabels()
	c := &cobra.Command{
		Use:   "create [OPTIONS] [VOLUME]",
		Short: "Create a volume",
		Args:  maxArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if q.Name != "" {
					return errors.New("conflicting options: cannot specify a volume-name through both --name and as a positional arg")
				}
				q.Name = args[0]
			}
			q.DriverOpts, q.Labels = options.Values, labels.Map()
			return cli.do(func(cl *client.Client) error {
				v, err := cl.CreateVolume(c.Context(), q)
				if err == nil {
					fmt.Fprintln(os.Stdout, v.Name)
				}
				return err
			})
		},
	}
	c.Flags().StringVarP(&q.Driver, "driver", "d", "local", "Specify volume driver name")
	c.Flags().StringVar(&q.Name, "name", "", "Specify volume name")
	c.Flags().Lookup("name").Hidden = true
	c.Flags().VarP(&options, "opt", "o", "Set driver specific options")
	c.Flags().Var(&labels, "label", "Set metadata for a volume")
	return c
}

func newVolumeLs(cli *CLI) *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List volumes",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			as := f.format
			if as == "" && !f.quiet {
				as = cli.config().VolumesFormat
			}
			return cli.do(func(cl *client.Client) error {
				list, err := cl.Volumes(c.Context(), f.filter.value())
				if err != nil {
					return err
				}
				slices.SortFunc(list, func(a, b volumetypes.Volume) int { return naturally(a.Name, b.Name) })
				var rows []format.Row
				for _, v := range list {
					rows = append(rows, volumeRow{v})
				}
				return format.Write(os.Stdout, volumeFormat(as, f.quiet), volumeHeaders(), rows)
			})
		},
	}
	f.declare(c, "Only display volume names")
	return c
}

func volumeFormat(as string, quiet bool) string {
	switch {
	case (as == "" || as == format.Table) && quiet:
		return "{{.Name}}"
	case as == "" || as == format.Table:
		return `table {{.Driver}}\t{{.Name}}`
	case as == "raw" && quiet:
		return "name: {{.Name}}"
	case as == "raw":
		return `name: {{.Name}}\ndriver: {{.Driver}}\n`
	}
	return as
}

func newVolumeInspect(cli *CLI) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "inspect [OPTIONS] VOLUME [VOLUME...]",
		Short: "Display detailed information on one or more volumes",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.inspectAll(c.Context(), args, as, lookAtVolume)
		},
	}
	declareInspectFormat(c, &as)
	return c
}

func newVolumeRm(cli *CLI) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:     "rm [OPTIONS] VOLUME [VOLUME...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more volumes",
		Args:    minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.inTurn(args, func(cl *client.Client, name string) error { return cl.RemoveVolume(c.Context(), name, force) })
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of one or more volumes")
	return c
}

// volumeRow is a volume in a list.
type volumeRow struct{ v volumetypes.Volume }

func volumeHeaders() format.Headers {
	return format.Headers{
		"ID": "ID", "Name": "VOLUME NAME", "Group": "GROUP", "Driver": "DRIVER", "Scope": "SCOPE", "Availability": "AVAILABILITY",
		"Mountpoint": "MOUNTPOINT", "Labels": "LABELS", "Links": "LINKS", "Size": "SIZE", "Status": "STATUS",
	}
}

// MarshalJSON writes all fields.
func (r volumeRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// Name is the volume's.
func (r volumeRow) Name() string { return r.v.Name }

// Driver is who keeps it.
func (r volumeRow) Driver() string { return r.v.Driver }

// Scope is local, or global.
func (r volumeRow) Scope() string { return r.v.Scope }

// Mountpoint is where it is.
func (r volumeRow) Mountpoint() string { return r.v.Mountpoint }

// Labels are all of them.
func (r volumeRow) Labels() string { return labelList(r.v.Labels) }

// Label is the value of one.
func (r volumeRow) Label(name string) string { return r.v.Labels[name] }

// Links is how many containers use it, where the daemon has counted.
func (r volumeRow) Links() string {
	if r.v.UsageData == nil {
		return notMeasured
	}
	return strconv.FormatInt(r.v.UsageData.RefCount, 10)
}

// Size is what it takes, where the daemon has measured.
func (r volumeRow) Size() string {
	if r.v.UsageData == nil {
		return notMeasured
	}
	return units.HumanSize(float64(r.v.UsageData.Size))
}

const notMeasured = "N/A"

// Group, Availability and Status are those of a swarm's volumes.
func (r volumeRow) Group() string { return notMeasured }

// Availability is that of a swarm's volume.
func (r volumeRow) Availability() string { return notMeasured }

// Status is that of a swarm's volume.
func (r volumeRow) Status() string { return notMeasured }

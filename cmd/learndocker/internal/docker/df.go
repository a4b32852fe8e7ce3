package docker

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/build"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

func newDf(cli *CLI) *cobra.Command {
	var verbose bool
	var as string
	c := &cobra.Command{
		Use:   "df [OPTIONS]",
		Short: "Show docker disk usage",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return cli.do(func(cl *client.Client) error {
				u, err := cl.DiskUsage(c.Context())
				if err != nil {
					return err
				}
				if verbose {
					return details(os.Stdout, u, as)
				}
				return format.Write(os.Stdout, usageFormat(as), usageHeaders(), usageRows(u))
			})
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "Show detailed information on space usage")
	c.Flags().StringVar(&as, "format", "", formatHelp)
	return c
}

func usageFormat(as string) string {
	switch as {
	case "", format.Table:
		return `table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}`
	case "raw":
		return "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n"
	}
	return as
}

// usageRow is what all things of one kind take.
type usageRow struct {
	kind                             string
	total, active, size, reclaimable int64
	share                            bool // the part that can be had is told as a share, too
}

func usageHeaders() format.Headers {
	return format.Headers{"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
}

// MarshalJSON writes all fields.
func (r usageRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// Type is the kind.
func (r usageRow) Type() string { return r.kind }

// TotalCount is how many there are.
func (r usageRow) TotalCount() string { return strconv.FormatInt(r.total, 10) }

// Active is how many are used.
func (r usageRow) Active() string { return strconv.FormatInt(r.active, 10) }

// Size is what they take.
func (r usageRow) Size() string { return units.HumanSize(float64(r.size)) }

// Reclaimable is what a prune could give back.
func (r usageRow) Reclaimable() string {
	s := units.HumanSize(float64(r.reclaimable))
	if r.share && r.size > 0 {
		s += fmt.Sprintf(" (%v%%)", r.reclaimable*100/r.size)
	}
	return s
}

func usageRows(u client.DiskUsage) []format.Row {
	images := usageRow{kind: "Images", total: int64(len(u.Images)), size: u.LayersSize, reclaimable: u.LayersSize, share: true}
	for _, i := range u.Images {
		if i.Containers > 0 {
			images.active++
		}
		if i.Containers != 0 && i.Size != -1 && i.SharedSize != -1 {
			images.reclaimable -= i.Size - i.SharedSize
		}
	}
	containers := usageRow{kind: "Containers", total: int64(len(u.Containers)), share: true}
	for _, c := range u.Containers {
		containers.size += c.SizeRw
		if isActive(c) {
			containers.active++
		} else {
			containers.reclaimable += c.SizeRw
		}
	}
	volumes := usageRow{kind: "Local Volumes", total: int64(len(u.Volumes)), share: true}
	for _, v := range u.Volumes {
		if v.UsageData == nil {
			continue
		}
		if v.UsageData.RefCount > 0 {
			volumes.active++
		}
		if v.UsageData.Size != -1 {
			volumes.size += v.UsageData.Size
			if v.UsageData.RefCount == 0 {
				volumes.reclaimable += v.UsageData.Size
			}
		}
	}
	return []format.Row{images, containers, volumes, buildUsage(u.BuildCache)}
}

func isActive(c containertypes.Summary) bool {
	return slices.Contains([]containertypes.ContainerState{containertypes.StateRunning, containertypes.StatePaused, containertypes.StateRestarting}, c.State)
}

func buildUsage(cache []build.CacheRecord) usageRow {
	r := usageRow{kind: "Build Cache", total: int64(len(cache)), size: builderSize(cache)}
	r.reclaimable = r.size
	for _, b := range cache {
		if b.InUse {
			r.active++
			if !b.Shared {
				r.reclaimable -= b.Size
			}
		}
	}
	return r
}

func builderSize(cache []build.CacheRecord) int64 {
	var n int64
	for _, b := range cache {
		if !b.Shared {
			n += b.Size
		}
	}
	return n
}

// usageDetails is what a template of df -v is filled from.
type usageDetails struct {
	Images     []imageRow
	Containers []containerRow
	Volumes    []volumeRow
	BuildCache []cacheRow
}

const (
	imageUsage     = `table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}`
	containerUsage = `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}`
	volumeUsage    = `table {{.Name}}\t{{.Links}}\t{{.Size}}`
	cacheUsage     = `table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}`
)

// details writes every thing with what it takes.
func details(w io.Writer, u client.DiskUsage, as string) error {
	d := usageDetails{Images: []imageRow{}, Containers: []containerRow{}, Volumes: []volumeRow{}, BuildCache: []cacheRow{}}
	short := as == "" || strings.HasPrefix(as, format.Table)
	for _, i := range u.Images {
		row := imageRow{i, short, none, none, ""}
		if repos, tags, _ := namesOf(i); len(i.RepoTags) > 0 && !isDangling(i) && len(tags[repos[0]]) > 0 {
			row.repo, row.tag = repos[0], tags[repos[0]][0]
		}
		d.Images = append(d.Images, row)
	}
	for _, c := range u.Containers {
		c.SizeRootFs = 0 // that is the image's
		d.Containers = append(d.Containers, containerRow{c: c, trunc: short})
	}
	for _, v := range u.Volumes {
		d.Volumes = append(d.Volumes, volumeRow{v})
	}
	for _, b := range u.BuildCache {
		d.BuildCache = append(d.BuildCache, cacheRow{b, short})
	}
	if as == "" || as == format.Table {
		return detailTables(w, d, builderSize(u.BuildCache))
	}
	if as == format.JSON {
		as = "{{json .}}"
	}
	t, err := format.Template(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(as))
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	return t.Execute(w, d)
}

func detailTables(w io.Writer, d usageDetails, builds int64) error {
	for _, t := range []struct {
		title, format string
		headers       format.Headers
		rows          []format.Row
	}{
		{"Images space usage:", imageUsage, imageHeaders(), rowsOf(d.Images)},
		{"\nContainers space usage:", containerUsage, containerHeaders(), rowsOf(d.Containers)},
		{"\nLocal Volumes space usage:", volumeUsage, volumeHeaders(), rowsOf(d.Volumes)},
		{"\nBuild cache usage: " + units.HumanSize(float64(builds)), cacheUsage, cacheHeaders(), rowsOf(d.BuildCache)},
	} {
		fmt.Fprintf(w, "%s\n\n", t.title)
		if err := format.Write(w, t.format, t.headers, t.rows); err != nil {
			return err
		}
	}
	return nil
}

func rowsOf[T format.Row](list []T) []format.Row {
	var rows []format.Row
	for _, r := range list {
		rows = append(rows, r)
	}
	return rows
}

// cacheRow is one thing that is kept of builds.
type cacheRow struct {
	b     build.CacheRecord
	trunc bool
}

func cacheHeaders() format.Headers {
	return format.Headers{
		"ID": "CACHE ID", "Parent": "PARENT", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED", "LastUsedSince": "LAST USED",
		"UsageCount": "USAGE", "InUse": "IN USE", "Shared": "SHARED", "Description": "DESCRIPTION",
	}
}

// MarshalJSON writes all fields.
func (r cacheRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// ID is its own; a star says that it is used.
func (r cacheRow) ID() string {
	id := r.b.ID
	if r.trunc {
		id = shortID(id)
	}
	if r.b.InUse {
		id += "*"
	}
	return id
}

// Parent is what it was made from.
func (r cacheRow) Parent() string {
	parent := strings.Join(r.b.Parents, ", ")
	if r.trunc {
		return shortID(parent)
	}
	return parent
}

// CacheType is what it is.
func (r cacheRow) CacheType() string { return r.b.Type }

// Description is the step that made it.
func (r cacheRow) Description() string { return r.b.Description }

// Size is what it takes.
func (r cacheRow) Size() string { return size(r.b.Size) }

// CreatedAt is when it was made.
func (r cacheRow) CreatedAt() string { return r.b.CreatedAt.String() }

// CreatedSince is how long ago that is.
func (r cacheRow) CreatedSince() string { return ago(r.b.CreatedAt) }

// LastUsedAt is when it was used, "" for never.
func (r cacheRow) LastUsedAt() string { return ifUsed(r.b.LastUsedAt, time.Time.String) }

// LastUsedSince is how long ago that is.
func (r cacheRow) LastUsedSince() string { return ifUsed(r.b.LastUsedAt, ago) }

func ifUsed(t *time.Time, say func(time.Time) string) string {
	if t == nil {
		return ""
	}
	return say(*t)
}

// UsageCount is how often it was used.
func (r cacheRow) UsageCount() string { return strconv.Itoa(r.b.UsageCount) }

// InUse is whether it is used now.
func (r cacheRow) InUse() string { return strconv.FormatBool(r.b.InUse) }

// Shared is whether others have it, too.
func (r cacheRow) Shared() string { return strconv.FormatBool(r.b.Shared) }

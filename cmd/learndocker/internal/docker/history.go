package docker

import (
	"os"
	"strconv"
	"strings"
	"time"

	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

func newHistory(cli *CLI) *cobra.Command {
	var human, quiet, noTrunc bool
	var as string
	c := &cobra.Command{
		Use:   "history [OPTIONS] IMAGE",
		Short: "Show the history of an image",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				steps, err := cl.History(c.Context(), args[0])
				if err != nil {
					return err
				}
				var rows []format.Row
				for _, h := range steps {
					rows = append(rows, historyRow{h, !noTrunc, human})
				}
				return format.Write(os.Stdout, historyFormat(as, quiet, human), historyHeaders(), rows)
			})
		},
	}
	s := c.Flags()
	// Docker's -H stands here for --human; the program's own, --host, has none then.
	s.StringVar(cli.Host, "host", *cli.Host, "the daemon's address")
	s.Lookup("host").Hidden = true
	s.BoolVarP(&human, "human", "H", true, "Print sizes and dates in human readable format")
	s.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	s.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	s.StringVar(&as, "format", "", formatHelp)
	return c
}

func historyFormat(as string, quiet, human bool) string {
	switch {
	case as != "" && as != format.Table:
		return as
	case quiet:
		return "{{.ID}}"
	case !human:
		return `table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`
	}
	return `table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`
}

// historyRow is one step by which an image came to be.
type historyRow struct {
	h            imagetypes.HistoryResponseItem
	trunc, human bool
}

func historyHeaders() format.Headers {
	return format.Headers{
		"ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
	}
}

// MarshalJSON writes all fields.
func (r historyRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// ID is that of the image as it was then, where it is here.
func (r historyRow) ID() string {
	if r.trunc {
		return shortID(r.h.ID)
	}
	return r.h.ID
}

// CreatedAt is when it was done.
func (r historyRow) CreatedAt() string { return time.Unix(r.h.Created, 0).Format(time.RFC3339) }

// CreatedSince is how long ago that is. Nothing was built before 2000.
func (r historyRow) CreatedSince() string {
	t := time.Unix(r.h.Created, 0)
	if !r.human {
		return r.CreatedAt()
	}
	if !t.After(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return "N/A"
	}
	return ago(t)
}

// CreatedBy is the command.
func (r historyRow) CreatedBy() string {
	by := strings.ReplaceAll(r.h.CreatedBy, "\t", " ")
	if r.trunc {
		return format.Ellipsis(by, 45)
	}
	return by
}

// Size is that of the layer that it added.
func (r historyRow) Size() string {
	if r.human {
		return size(r.h.Size)
	}
	return strconv.FormatInt(r.h.Size, 10)
}

// Comment is what was said of it.
func (r historyRow) Comment() string { return r.h.Comment }

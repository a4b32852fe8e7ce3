package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// newTable aligns columns as the docker command does.
func newTable() *tabwriter.Writer { return tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0) }

func ago(unix int64) string { return units.HumanDuration(time.Since(time.Unix(unix, 0))) + " ago" }

func newImages(s *settings) *cobra.Command {
	var quiet, full bool
	c := &cobra.Command{
		Use:   "images",
		Short: "List images",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := s.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			images, err := cl.Images(c.Context())
			if err != nil {
				return fromDaemon(err)
			}
			table := newTable()
			if !quiet {
				fmt.Fprintln(table, "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE")
			}
			for _, img := range images {
				id := strings.TrimPrefix(img.ID, "sha256:")[:12]
				if full {
					id = img.ID
				}
				if quiet {
					fmt.Fprintln(table, id)
					continue
				}
				names := img.RepoTags
				if len(names) == 0 {
					names = []string{"<none>:<none>"}
				}
				for _, n := range names {
					colon := strings.LastIndex(n, ":")
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", n[:colon], n[colon+1:], id, ago(img.Created), units.HumanSizeWithPrecision(float64(img.Size), 3))
				}
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "only show ids")
	c.Flags().BoolVar(&full, "no-trunc", false, "show ids whole")
	return c
}

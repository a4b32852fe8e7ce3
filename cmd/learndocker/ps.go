package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
)

func newPs(s *settings) *cobra.Command {
	var all, quiet, latest, full bool
	c := &cobra.Command{
		Use:   "ps",
		Short: "List containers",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := s.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			list, err := cl.Containers(c.Context(), all || latest)
			if err != nil {
				return fromDaemon(err)
			}
			if latest && len(list) > 1 {
				list = list[:1]
			}
			table := newTable()
			if !quiet {
				fmt.Fprintln(table, "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES")
			}
			for _, each := range list {
				id, command := each.ID[:12], ansi.Truncate(each.Command, 18, "…")
				if full {
					id, command = each.ID, each.Command
				}
				if quiet {
					fmt.Fprintln(table, id)
					continue
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\t%s\n", id, each.Image, strconv.Quote(command), ago(each.Created), each.Status, strings.TrimPrefix(each.Names[0], "/"))
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "show those that have ended too")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "only show ids")
	c.Flags().BoolVarP(&latest, "latest", "l", false, "show the newest only")
	c.Flags().BoolVar(&full, "no-trunc", false, "show everything whole")
	return c
}

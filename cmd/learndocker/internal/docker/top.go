package docker

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newTop(cli *CLI) *cobra.Command {
	c := &cobra.Command{
		Use:   "top CONTAINER [ps OPTIONS]",
		Short: "Display the running processes of a container",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				list, err := cl.Top(c.Context(), args[0], args[1:])
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(os.Stdout, 20, 1, 3, ' ', 0)
				fmt.Fprintln(table, strings.Join(list.Titles, "\t"))
				for _, p := range list.Processes {
					fmt.Fprintln(table, strings.Join(p, "\t"))
				}
				return table.Flush()
			})
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

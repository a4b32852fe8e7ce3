package docker

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newCommit(cli *CLI) *cobra.Command {
	var o client.CommitOptions
	var changes runflags.List
	c := &cobra.Command{
		Use:   "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
		Short: "Create a new image from a container's changes",
		Args:  rangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Changes = changes.Values
			if len(args) > 1 {
				o.Reference = args[1]
			}
			return cli.do(func(cl *client.Client) error {
				id, err := cl.Commit(c.Context(), args[0], o)
				if err == nil {
					fmt.Fprintln(os.Stdout, id)
				}
				return err
			})
		},
	}
	s := c.Flags()
	s.SetInterspersed(false)
	s.BoolVarP(&o.Pause, "pause", "p", true, "Pause container during commit")
	s.StringVarP(&o.Comment, "message", "m", "", "Commit message")
	s.StringVarP(&o.Author, "author", "a", "", `Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")`)
	s.VarP(&changes, "change", "c", "Apply Dockerfile instruction to the created image")
	return c
}

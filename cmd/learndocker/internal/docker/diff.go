package docker

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newDiff(cli *CLI) *cobra.Command {
	return &cobra.Command{
		Use:   "diff CONTAINER",
		Short: "Inspect changes to files or directories on a container's filesystem",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return errors.New("Container name cannot be empty")
			}
			return cli.do(func(cl *client.Client) error {
				changes, err := cl.Changes(c.Context(), args[0])
				for _, change := range changes {
					fmt.Fprintln(os.Stdout, change.Kind, change.Path)
				}
				return err
			})
		},
	}
}

package docker

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRm(cli *CLI) *cobra.Command {
	var o client.RemoveOptions
	c := &cobra.Command{
		Use:     "rm [OPTIONS] CONTAINER [CONTAINER...]",
		Aliases: []string{"remove"},
		Short:   "Remove one or more containers",
		Args:    minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			// One after the other: who watches the daemon sees them go in their order.
			return cli.inTurn(args, func(cl *client.Client, name string) error {
				name = strings.Trim(name, "/")
				if name == "" {
					return errors.New("container name cannot be empty")
				}
				err := cl.Remove(c.Context(), name, o)
				if o.Force && isMissing(err) { // that it is gone was the wish
					fmt.Fprintln(os.Stderr, InWords(err))
					return errSaid
				}
				return err
			})
		},
	}
	c.Flags().BoolVarP(&o.Volumes, "volumes", "v", false, "Remove anonymous volumes associated with the container")
	c.Flags().BoolVarP(&o.Link, "link", "l", false, "Remove the specified link")
	c.Flags().BoolVarP(&o.Force, "force", "f", false, "Force the removal of a running container (uses SIGKILL)")
	return c
}

// isMissing reports whether the daemon says that there is no such thing.
func isMissing(err error) bool {
	var answer *client.Error
	return errors.As(err, &answer) && answer.Status == http.StatusNotFound
}

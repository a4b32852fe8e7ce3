package docker

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRename(cli *CLI) *cobra.Command {
	return &cobra.Command{
		Use:   "rename CONTAINER NEW_NAME",
		Short: "Rename a container",
		Args:  exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			from, to := strings.TrimSpace(args[0]), strings.TrimSpace(args[1])
			if from == "" || to == "" {
				return errors.New("Error: Neither old nor new names may be empty")
			}
			return cli.do(func(cl *client.Client) error {
				if err := cl.Rename(c.Context(), from, to); err != nil {
					fmt.Fprintln(os.Stderr, InWords(err))
					return fmt.Errorf("Error: failed to rename container named %s", from)
				}
				return nil
			})
		},
	}
}

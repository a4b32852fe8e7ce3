package docker

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRmi(cli *CLI) *cobra.Command {
	var force, keepParents bool
	c := &cobra.Command{
		Use:   "rmi [OPTIONS] IMAGE [IMAGE...]",
		Short: "Remove one or more images",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				var errs []error
				onlyMissing := true
				for _, name := range args {
					done, err := cl.RemoveImage(c.Context(), name, force, !keepParents)
					if err != nil {
						errs = append(errs, err)
						onlyMissing = onlyMissing && isMissing(err)
						continue
					}
					for _, d := range done {
						if d.Deleted != "" {
							fmt.Fprintln(os.Stdout, "Deleted:", d.Deleted)
						} else {
							fmt.Fprintln(os.Stdout, "Untagged:", d.Untagged)
						}
					}
				}
				err := errors.Join(errs...)
				if err != nil && force && onlyMissing { // that they are gone was the wish
					fmt.Fprintln(os.Stderr, InWords(err))
					return nil
				}
				return err
			})
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force removal of the image")
	c.Flags().BoolVar(&keepParents, "no-prune", false, "Do not delete untagged parents")
	return c
}

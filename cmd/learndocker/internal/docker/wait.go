package docker

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newWait(cli *CLI) *cobra.Command {
	return &cobra.Command{
		Use:   "wait CONTAINER [CONTAINER...]",
		Short: "Block until one or more containers stop, then print their exit codes",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				var errs []error
				for _, name := range args {
					exit, err := cl.Wait(c.Context(), name, "")
					if err != nil {
						errs = append(errs, err)
						continue
					}
					end := <-exit
					var said *client.WaitError
					if end.Err != nil && !errors.As(end.Err, &said) {
						errs = append(errs, end.Err)
						continue
					}
					fmt.Fprintln(os.Stdout, end.Status)
				}
				return errors.Join(errs...)
			})
		},
	}
}

package docker

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newCreate(cli *CLI) *cobra.Command {
	var f makeFlags
	c := &cobra.Command{
		Use:   "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create a new container",
		Args:  minArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return cli.do(func(cl *client.Client) error {
			if err := checkVersions(c, cl, runflags.Versions()); err != nil {
				return err
			}
			o, err := f.options(c.Context(), cli, cl, args)
			if err != nil {
				return withHelp(c, client.ExitDaemonError, err)
			}
			id, err := cl.CreatePulled(c.Context(), o, cli.streams())
			var before *client.RunError
			if errors.As(err, &before) {
				return before.Err
			}
			if err == nil {
				fmt.Fprintln(os.Stdout, id)
			}
			return err
		})
	}
	f.declare(c)
	return c
}

package docker

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRestart(cli *CLI) *cobra.Command {
	var f stopFlags
	c := &cobra.Command{
		Use:   "restart [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Restart one or more containers",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options(c)
			if err != nil {
				return err
			}
			return cli.inTurn(args, func(cl *client.Client, name string) error { return cl.Restart(c.Context(), name, o) })
		},
	}
	f.declare(c)
	return c
}

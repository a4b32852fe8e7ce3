package docker

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newPause(cli *CLI) *cobra.Command {
	return simple(cli, "pause CONTAINER [CONTAINER...]", "Pause all processes within one or more containers",
		func(c *cobra.Command, cl *client.Client, name string) error { return cl.Pause(c.Context(), name) })
}

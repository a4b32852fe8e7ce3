package docker

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newUnpause(cli *CLI) *cobra.Command {
	return simple(cli, "unpause CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers",
		func(c *cobra.Command, cl *client.Client, name string) error { return cl.Unpause(c.Context(), name) })
}

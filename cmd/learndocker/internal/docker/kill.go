package docker

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newKill(cli *CLI) *cobra.Command {
	var signal string
	c := simple(cli, "kill [OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers",
		func(c *cobra.Command, cl *client.Client, name string) error {
			return cl.Kill(c.Context(), name, signal)
		})
	c.Flags().StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	return c
}

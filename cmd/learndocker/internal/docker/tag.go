package docker

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newTag(cli *CLI) *cobra.Command {
	c := &cobra.Command{
		Use:   "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
		Short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
		Args:  exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error { return cl.Tag(c.Context(), args[0], args[1]) })
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

package docker

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newSave(cli *CLI) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "save [OPTIONS] IMAGE [IMAGE...]",
		Short: "Save one or more images to a tar archive (streamed to STDOUT by default)",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				return cli.archive(file, "save image", func() (io.ReadCloser, error) { return cl.Save(c.Context(), args) })
			})
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "Write to a file, instead of STDOUT")
	return c
}

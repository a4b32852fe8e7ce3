package docker

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newLoad(cli *CLI) *cobra.Command {
	var file string
	var quiet bool
	c := &cobra.Command{
		Use:   "load [OPTIONS]",
		Short: "Load an image from a tar archive or STDIN",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s := cli.streams()
			var archive io.Reader = os.Stdin
			if file != "" {
				f, err := os.Open(file)
				if err != nil {
					return err
				}
				defer f.Close()
				archive = f
			} else if s.InIsTerminal() {
				return errors.New("requested load from stdin, but stdin is empty")
			}
			return cli.do(func(cl *client.Client) error {
				return cl.Load(c.Context(), archive, quiet || !s.OutIsTerminal(), &client.Progress{W: os.Stdout, Terminal: s.OutIsTerminal()})
			})
		},
	}
	c.Flags().StringVarP(&file, "input", "i", "", "Read from tar archive file, instead of STDIN")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress the load output")
	return c
}

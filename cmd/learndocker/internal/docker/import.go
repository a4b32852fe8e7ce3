package docker

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newImport(cli *CLI) *cobra.Command {
	var o client.ImportOptions
	var changes runflags.List
	c := &cobra.Command{
		Use:   "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
		Short: "Import the contents from a tarball to create a filesystem image",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Changes, o.Source = changes.Values, "-"
			if len(args) > 1 {
				o.Reference = args[1]
			}
			var archive io.Reader
			switch source := args[0]; {
			case source == "-":
				archive = os.Stdin
			case strings.HasPrefix(source, "https://"), strings.HasPrefix(source, "http://"):
				o.Source = source
			default:
				f, err := os.Open(source)
				if err != nil {
					return err
				}
				defer f.Close()
				archive = f
			}
			return cli.do(func(cl *client.Client) error {
				return cl.Import(c.Context(), archive, o, &client.Progress{W: os.Stdout, Terminal: cli.streams().OutIsTerminal()})
			})
		},
	}
	c.Flags().VarP(&changes, "change", "c", "Apply Dockerfile instruction to the created image")
	c.Flags().StringVarP(&o.Message, "message", "m", "", "Set commit message for imported image")
	c.Flags().StringVar(&o.Platform, "platform", os.Getenv("DOCKER_DEFAULT_PLATFORM"), "Set platform if server is multi-platform capable")
	return c
}

package docker

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newAttach(cli *CLI) *cobra.Command {
	var noStdin, proxy bool
	var keys string
	c := &cobra.Command{
		Use:   "attach [OPTIONS] CONTAINER",
		Short: "Attach local standard input, output, and error streams to a running container",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				var signals <-chan os.Signal
				if proxy {
					var stop func()
					signals, stop = allSignals()
					defer stop()
				}
				o := client.StartOptions{Stdin: !noStdin, DetachKeys: cli.detachKeys(keys), Signals: signals}
				return ended(cl.Follow(c.Context(), args[0], o, cli.streams()))
			})
		},
	}
	c.Flags().BoolVar(&noStdin, "no-stdin", false, "Do not attach STDIN")
	c.Flags().BoolVar(&proxy, "sig-proxy", true, "Proxy all received signals to the process")
	declareKeys(c, &keys)
	return c
}

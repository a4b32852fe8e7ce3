package docker

import (
	"io"
	"os"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newLogs(cli *CLI) *cobra.Command {
	var o client.LogsOptions
	c := &cobra.Command{
		Use:   "logs [OPTIONS] CONTAINER",
		Short: "Fetch the logs of a container",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				info, _, err := cl.InspectContainer(c.Context(), args[0], false)
				if err != nil {
					return err
				}
				lines, err := cl.Logs(c.Context(), info.ID, o)
				if err != nil {
					return err
				}
				defer lines.Close()
				if info.Config.Tty {
					_, err = io.Copy(os.Stdout, lines)
				} else {
					_, err = stdcopy.StdCopy(os.Stdout, os.Stderr, lines)
				}
				return err
			})
		},
	}
	s := c.Flags()
	s.BoolVarP(&o.Follow, "follow", "f", false, "Follow log output")
	s.StringVar(&o.Since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	s.StringVar(&o.Until, "until", "", `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	s.BoolVarP(&o.Timestamps, "timestamps", "t", false, "Show timestamps")
	s.BoolVar(&o.Details, "details", false, "Show extra details provided to logs")
	s.StringVarP(&o.Tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	return c
}

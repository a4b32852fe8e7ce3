package docker

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

// stopFlags are those of stop and restart.
type stopFlags struct {
	signal  string
	timeout int
}

func (f *stopFlags) declare(c *cobra.Command) {
	c.Flags().StringVarP(&f.signal, "signal", "s", "", "Signal to send to the container")
	c.Flags().IntVarP(&f.timeout, "timeout", "t", 0, "Seconds to wait before killing the container")
	c.Flags().IntVar(&f.timeout, "time", 0, "Seconds to wait before killing the container (deprecated: use --timeout)")
	_ = c.Flags().MarkDeprecated("time", "use --timeout instead") // it is there
	c.Flags().SetOutput(os.Stdout)                                // where docker says so
}

func (f *stopFlags) options(c *cobra.Command) (client.StopOptions, error) {
	o := client.StopOptions{Signal: f.signal}
	old, given := c.Flags().Changed("time"), c.Flags().Changed("timeout")
	if old && given {
		return o, errors.New("conflicting options: cannot specify both --timeout and --time")
	}
	if old || given {
		o.Timeout = &f.timeout
	}
	return o, nil
}

func newStop(cli *CLI) *cobra.Command {
	var f stopFlags
	c := &cobra.Command{
		Use:   "stop [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Stop one or more running containers",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options(c)
			if err != nil {
				return err
			}
			return cli.each(args, func(cl *client.Client, name string) error { return cl.Stop(c.Context(), name, o) })
		},
	}
	f.declare(c)
	return c
}

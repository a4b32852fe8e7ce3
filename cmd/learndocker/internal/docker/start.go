package docker

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newStart(cli *CLI) *cobra.Command {
	var attach, interactive bool
	var keys string
	c := &cobra.Command{
		Use:   "start [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Start one or more stopped containers",
		Args:  minArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				if !attach && !interactive {
					return startAll(c, cl, args)
				}
				if len(args) > 1 {
					return errors.New("you cannot start and attach multiple containers at once")
				}
				signals, stop := allSignals()
				defer stop()
				o := client.StartOptions{Stdin: interactive, DetachKeys: cli.detachKeys(keys), Signals: signals}
				return ended(cl.StartAttached(c.Context(), args[0], o, cli.streams()))
			})
		},
	}
	c.Flags().BoolVarP(&attach, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	c.Flags().BoolVarP(&interactive, "interactive", "i", false, "Attach container's STDIN")
	declareKeys(c, &keys)
	return c
}

func startAll(c *cobra.Command, cl *client.Client, names []string) error {
	var failed []string
	for _, name := range names {
		if err := cl.Start(c.Context(), name); err != nil {
			fmt.Fprintln(os.Stderr, InWords(err))
			failed = append(failed, name)
			continue
		}
		fmt.Fprintln(os.Stdout, name)
	}
	if len(failed) > 0 {
		return fmt.Errorf("Error: failed to start containers: %s", strings.Join(failed, ", "))
	}
	return nil
}

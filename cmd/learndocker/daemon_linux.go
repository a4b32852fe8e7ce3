//go:build linux && !noengine

package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/daemon"
	"github.com/learndocker/learndocker/engine/rootless"
)

// statusInUse is the daemon's exit status where another has the data root:
// EX_TEMPFAIL of sysexits.h.
const statusInUse = 75

func newDaemon(s *settings) *cobra.Command {
	var hub, debug, masquerade bool
	var ephemeral, cgroupParent string
	var idle time.Duration
	c := &cobra.Command{
		Use:   "daemon",
		Short: "Run the daemon in the foreground",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if rootless.Needed() {
				rootless.EnterScope()
				status, err := rootless.Enter(func(delegated string) []string {
					// Said outright: in there we look like root, whose defaults are others.
					args := append(os.Args[1:], "--host", s.host, "--data-root", s.dataRoot)
					if cgroupParent == "" {
						args = append(args, "--cgroup-parent", delegated)
					}
					return args
				})
				if err != nil || status != 0 {
					return exitError{max(status, 1), err}
				}
				return nil
			}
			if err := rootless.Settle(); err != nil {
				return err
			}
			if err := daemon.CheckLimits(); err != nil {
				return err
			}
			level := slog.LevelInfo
			if debug {
				level = slog.LevelDebug
			}
			e, err := engine.Open(engine.Options{DataRoot: s.dataRoot, CgroupParent: cgroupParent, Hub: hub, Masquerade: masquerade})
			if errors.Is(err, engine.ErrInUse) {
				return exitError{statusInUse, err}
			}
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			d := daemon.New(e, version, log)
			d.EndWhenIdle(idle)
			err = d.Serve(c.Context(), s.host)
			if ephemeral != "" {
				err = errors.Join(err, os.RemoveAll(ephemeral))
			}
			return err
		},
	}
	c.Flags().BoolVar(&hub, "hub", false, "pull Docker Hub's images from Docker Hub, not from the bundled registry")
	c.Flags().StringVar(&cgroupParent, "cgroup-parent", "", "control `GROUP` for the containers' groups (default /learndocker, or one that the system has handed to you)")
	c.Flags().BoolVar(&masquerade, "ip-masq", true, "let containers reach beyond this machine, by a rule of nftables and the kernel's forwarding")
	// For lessons: should the narrator be killed, its directory still goes.
	c.Flags().StringVar(&ephemeral, "ephemeral", "", "remove `DIRECTORY` at the end")
	c.Flags().DurationVar(&idle, "idle", 0, "end when for that `TIME` nothing has been asked and no container has run (5m)")
	c.Flags().BoolVar(&debug, "debug", false, "log every request that ends in an error")
	if err := c.Flags().MarkHidden("ephemeral"); err != nil {
		panic(err) // the flag stands three lines above
	}
	return c
}

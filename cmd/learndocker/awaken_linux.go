//go:build linux && !noengine

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

// A daemon that a command has started for itself ends when it is idle; its state
// stays on disk.
const (
	idleTime      = 5 * time.Minute
	awakePatience = 30 * time.Second
)

// awaken starts a daemon for docker's commands where none listens, unless the
// user has said which daemon is meant.
func (s *settings) awaken(root *cobra.Command) func(context.Context) error {
	return func(ctx context.Context) error {
		if root.PersistentFlags().Changed("host") || os.Getenv("DOCKER_HOST") != "" {
			return nil // what is not there is said by the request
		}
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find own program: %w", err)
		}
		if err := os.MkdirAll(s.dataRoot, 0o711); err != nil {
			return fmt.Errorf("start a daemon: %w", err)
		}
		log, err := os.OpenFile(filepath.Join(s.dataRoot, "daemon.log"), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("start a daemon: %w", err)
		}
		defer log.Close()
		cmd := exec.Command(self, "daemon", "--host", s.host, "--data-root", s.dataRoot, "--idle", idleTime.String())
		cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives this terminal
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start a daemon: %w", err)
		}
		fmt.Fprintf(os.Stderr, "Started a daemon for you; it ends when nothing has run for %s.\n", idleTime)
		return awaitDaemon(ctx, s.host, cmd, log.Name())
	}
}

func awaitDaemon(ctx context.Context, host string, cmd *exec.Cmd, log string) error {
	c, err := client.New(host)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, awakePatience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ready := make(chan error, 1)
	go func() { ready <- c.Await(ctx) }()
	select {
	case err := <-ready:
		return err
	case err := <-ended:
		if cmd.ProcessState.ExitCode() == statusInUse { // another command was quicker
			return <-ready
		}
		said, _ := os.ReadFile(log) // what it said is more than its status
		return errors.Join(fmt.Errorf("start a daemon: %w", err), errors.New(string(said)))
	}
}

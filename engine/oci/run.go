//go:build linux

package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/engine/container"
)

// RunOptions say how a container is run from beginning to end.
type RunOptions struct {
	Detach bool // the container outlives the caller, who must delete it
	Keep   bool // the container is not deleted at its end
	// Signals begins to hand the caller's signals to send.
	Signals func(send func(syscall.Signal)) (stop func())
}

// Run creates and starts a container, waits for its end and deletes it. The status
// is the program's, as a shell has it.
func (r Runtime) Run(ctx context.Context, o CreateOptions, run RunOptions) (status int, err error) {
	o.Mortal = !run.Detach
	relay, err := newRelay(&o, run.Detach)
	if err != nil {
		return 0, err
	}
	defer relay.close()
	process, err := r.Create(ctx, o)
	if err != nil {
		return 0, err
	}
	if err := relay.begin(); err != nil {
		return 0, errors.Join(err, r.Delete(o.ID, true))
	}
	if run.Signals != nil && !run.Detach {
		defer run.Signals(func(s syscall.Signal) {
			if s == unix.SIGWINCH {
				relay.resize()
				return
			}
			_ = process.Signal(s) // has just ended
		})()
	}
	if err := r.Start(o.ID); err != nil {
		return 0, errors.Join(err, r.Delete(o.ID, true))
	}
	if run.Detach {
		return 0, nil
	}
	exit, err := process.Wait()
	if err != nil {
		return 0, err
	}
	_ = process.Reap() // its end is known
	relay.drain()
	if run.Keep {
		return exit.Status, nil
	}
	return exit.Status, r.Delete(o.ID, false)
}

// relay passes a container's terminal on to the caller's.
type relay struct {
	ours, theirs *os.File // the console's socket
	master       *os.File
	before       *term.State
	output       sync.WaitGroup
}

// newRelay is empty where there is no terminal, or somebody else takes it.
func newRelay(o *CreateOptions, detach bool) (*relay, error) {
	bundle := o.Bundle
	spec, err := loadBundle(&bundle)
	if err != nil {
		return nil, err
	}
	r := &relay{}
	if !spec.Process.Terminal || o.ConsoleSocket != "" || detach {
		return r, nil
	}
	if r.ours, r.theirs, err = container.ConsolePair(); err != nil {
		return nil, err
	}
	o.Console = r.theirs
	return r, nil
}

// begin takes the terminal and puts the caller's into raw mode.
func (r *relay) begin() error {
	if r.ours == nil {
		return nil
	}
	master, err := container.ReceiveTerminal(r.ours)
	if err != nil {
		return err
	}
	r.master = master
	if term.IsTerminal(int(os.Stdin.Fd())) {
		if r.before, err = term.MakeRaw(int(os.Stdin.Fd())); err != nil {
			return fmt.Errorf("take the terminal: %w", err)
		}
		r.resize()
	}
	go func() { _, _ = io.Copy(master, os.Stdin) }() // to the end of either
	r.output.Go(func() { _, _ = io.Copy(os.Stdout, master) })
	return nil
}

// resize gives the container's terminal the size of the caller's.
func (r *relay) resize() {
	if r.master == nil {
		return
	}
	if size, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(r.master.Fd()), unix.TIOCSWINSZ, size) // a size is no reason to fail
	}
}

func (r *relay) drain() { r.output.Wait() }

func (r *relay) close() {
	if r.before != nil {
		_ = term.Restore(int(os.Stdin.Fd()), r.before) // the terminal has gone
	}
	for _, f := range []*os.File{r.ours, r.theirs, r.master} {
		if f != nil {
			f.Close()
		}
	}
}

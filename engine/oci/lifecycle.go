//go:build linux

package oci

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/hook"
	"github.com/learndocker/learndocker/engine/sys"
)

// Start lets a created container's program run: runtime.md, "Start".
func (r Runtime) Start(id string) error {
	k, dir, err := r.load(id)
	if err != nil {
		return err
	}
	if s := k.state(dir); s.Status != specs.StateCreated {
		return fmt.Errorf("cannot start a container in the %s state", s.Status)
	}
	socket := filepath.Join(dir, socketName)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return fmt.Errorf("start %q: %w", id, err)
	}
	defer conn.Close()
	if err := os.Remove(socket); err != nil {
		return fmt.Errorf("start %q: %w", id, err)
	}
	said, err := io.ReadAll(conn) // to execve, which closes it
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("start %q: %w", id, err)
	}
	if len(said) > 0 {
		return errors.New(string(said))
	}
	if k.Hooks != nil {
		if err := hook.Run(k.state(dir), k.Hooks.Poststart); err != nil {
			return fmt.Errorf("poststart: %w", err)
		}
	}
	return nil
}

// Kill sends a signal to a container's first process, or to all of them.
func (r Runtime) Kill(id string, s syscall.Signal, all bool) error {
	k, dir, err := r.load(id)
	if err != nil {
		return err
	}
	if all {
		return k.killAll(s)
	}
	if k.state(dir).Status == specs.StateStopped {
		return ErrNotRunning
	}
	if err := unix.Kill(k.PID, s); err != nil {
		return fmt.Errorf("send %s: %w", unix.SignalName(s), err)
	}
	if s != unix.SIGKILL {
		return nil
	}
	if g, err := k.group(); err == nil && g != nil && g.Frozen() { // who stands still does not die
		_, err = g.Freeze(sys.Kernel{}, false)
		return err
	}
	return nil
}

func (k record) killAll(s syscall.Signal) error {
	g, err := k.group()
	if err != nil || g == nil {
		return err
	}
	for _, pid := range g.Processes() {
		if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("send %s to %d: %w", unix.SignalName(s), pid, err)
		}
	}
	return nil
}

// endPatience is how long a killed container may take to go.
const endPatience = 10 * time.Second

// Delete forgets a container that has ended; by force also one that has not:
// runtime.md, "Delete".
func (r Runtime) Delete(id string, force bool) error {
	k, dir, err := r.load(id)
	if errors.Is(err, ErrNotFound) && force {
		return nil
	}
	if err != nil {
		return err
	}
	if s := k.state(dir); s.Status != specs.StateStopped {
		if !force && s.Status != specs.StateCreated {
			return fmt.Errorf("cannot delete container %s that is not stopped: %s", id, s.Status)
		}
		if err := r.end(k); err != nil {
			return err
		}
	}
	g, err := k.group()
	if err != nil {
		return err
	}
	if g != nil {
		if err := g.End(); err != nil {
			return err
		}
		g.RemoveAbove()
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if k.Hooks == nil {
		return nil
	}
	// The container is gone, whatever its hooks say: runtime.md, "Lifecycle".
	_ = hook.Run(specs.State{Version: specs.Version, ID: k.ID, Status: specs.StateStopped, Bundle: k.Bundle, Annotations: k.Notes}, k.Hooks.Poststop)
	return nil
}

func (r Runtime) end(k record) error {
	if err := r.Kill(k.ID, unix.SIGKILL, false); err != nil && !errors.Is(err, ErrNotRunning) && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(endPatience); k.alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("container %s did not end within %s", k.ID, endPatience)
		}
	}
	return nil
}

// Pause makes every process of a container stand still; Resume lets them go on.
func (r Runtime) Pause(id string) error { return r.freeze(id, specs.StateRunning, true) }

// Resume undoes Pause.
func (r Runtime) Resume(id string) error { return r.freeze(id, "paused", false) }

func (r Runtime) freeze(id string, from specs.ContainerState, frozen bool) error {
	k, dir, err := r.load(id)
	if err != nil {
		return err
	}
	if s := k.state(dir); s.Status != from {
		return fmt.Errorf("container %s is %s, not %s", id, s.Status, from)
	}
	g, err := k.group()
	if err != nil {
		return err
	}
	if g == nil {
		return fmt.Errorf("container %s has no control group", id)
	}
	_, err = g.Freeze(sys.Kernel{}, frozen)
	return err
}

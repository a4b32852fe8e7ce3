//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/stage"
)

// Signal sends a signal to the container's first process.
func (e *Engine) Signal(ctx context.Context, c *Container, s syscall.Signal) error {
	p, err := c.runningProcess()
	if err != nil {
		return err
	}
	c.noRestart()
	if s == unix.SIGKILL { // kill(2) alone does not end one that stands still
		_ = c.thaw(e)
	}
	fact := c.signaled(p.PID, s)
	if s == syscall.SIGKILL {
		c.streams.hurry()
	}
	err = p.Signal(s)
	e.kernel().Did("kill", err, fmt.Sprintf("kill -%d %d", s, p.PID), strconv.Itoa(p.PID), unix.SignalName(s))
	if errors.Is(err, os.ErrProcessDone) { // just now
		return errorOf(ErrConflict, "Container %s is not running", c.record.ID)
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", unix.SignalName(s), err)
	}
	e.tell(c.Snapshot(), "kill", map[string]string{"signal": strconv.Itoa(int(s))})
	return e.At(ctx, fact)
}

func (c *Container) runningProcess() (*container.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil, errorOf(ErrConflict, "Container %s is not running", c.record.ID)
	}
	return c.process, nil
}

// signaled reads what the program has said to the kernel of this signal:
// proc_pid_status(5).
func (c *Container) signaled(pid int, s syscall.Signal) stage.Signaled {
	fact := stage.Signaled{Container: c.record.ID, PID: pid, Signal: unix.SignalName(s), Number: int(s)}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fact // has just ended
	}
	bit := uint64(1) << (uint(s) - 1)
	for line := range strings.Lines(string(data)) {
		name, text, _ := strings.Cut(line, ":")
		mask, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err != nil {
			continue
		}
		switch name {
		case "SigCgt":
			fact.Caught, fact.Mask = mask&bit != 0, fmt.Sprintf("%016x", mask)
		case "SigIgn":
			fact.Ignored = mask&bit != 0
		}
	}
	return fact
}

// noRestart notes that a user wants the container to end.
func (c *Container) noRestart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.record.Stopped { // once: another's removal may be taking the directory away by now
		c.record.Stopped = true
		_ = c.save() // whatever comes of it is saved again
	}
	if c.waking != nil && c.record.State.Restarting {
		close(c.waking)
		c.waking = nil
	}
}

// Stop asks the container to end by a signal, 0 for its own, and makes it end
// after that many seconds; below 0 it waits without end. ctx ends the wait, not
// the container.
func (e *Engine) Stop(ctx context.Context, c *Container, s syscall.Signal, seconds int) error {
	c.noRestart()
	c.notRestarting()
	p, err := c.runningProcess()
	if err != nil {
		return nil // Docker's 304
	}
	exited := c.Exited()
	began := time.Now()
	if err := e.Signal(ctx, c, s); err != nil && c.isRunning() {
		return err
	}
	_ = c.thaw(e) // one that stands still cannot end
	fact := stage.Stopped{Container: c.record.ID, PID: p.PID, Signal: unix.SignalName(s), Seconds: seconds}
	var late <-chan time.Time // never, where the number is below 0
	if seconds >= 0 {
		late = time.After(time.Duration(seconds) * time.Second)
	}
	select {
	case <-exited:
	case <-late:
		fact.Killed = true
		_ = e.Signal(ctx, c, unix.SIGKILL) // an error is one that has just ended
		<-exited
	case <-ctx.Done():
		return ctx.Err()
	}
	after := c.Snapshot()
	fact.WaitedMS, fact.Status = time.Since(began).Milliseconds(), after.State.ExitCode
	e.tell(after, "stop", nil)
	return e.At(ctx, fact)
}

func (c *Container) isRunning() bool {
	_, err := c.runningProcess()
	return err == nil
}

// Restart stops the container, where it runs, and starts it.
func (e *Engine) Restart(ctx context.Context, c *Container, s syscall.Signal, seconds int, settled <-chan struct{}) error {
	if err := e.Stop(ctx, c, s, seconds); err != nil {
		return err
	}
	if err := e.Start(ctx, c, settled); err != nil {
		return err
	}
	e.tell(c.Snapshot(), "restart", nil)
	return nil
}

// Pause makes every process of the container stand still.
func (e *Engine) Pause(ctx context.Context, c *Container) error {
	group, err := c.freezable(false)
	if err != nil {
		return err
	}
	writes, err := group.Freeze(e.kernel(), true)
	if err != nil {
		return fmt.Errorf("cannot pause container %s: %w", c.record.ID, err)
	}
	r := c.setPaused(true)
	e.tell(r, "pause", nil)
	return e.At(ctx, stage.Paused{Container: r.ID, PID: r.State.Pid, Writes: writes, Processes: group.Processes()})
}

// Unpause lets them go on.
func (e *Engine) Unpause(ctx context.Context, c *Container) error {
	group, err := c.freezable(true)
	if err != nil {
		return err
	}
	writes, err := group.Freeze(e.kernel(), false)
	if err != nil {
		return fmt.Errorf("cannot unpause container %s: %w", c.record.ID, err)
	}
	r := c.setPaused(false)
	e.tell(r, "unpause", nil)
	return e.At(ctx, stage.Unpaused{Container: r.ID, PID: r.State.Pid, Writes: writes, Processes: group.Processes()})
}

func (c *Container) freezable(paused bool) (*cgroup.Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.process == nil:
		return nil, errorOf(ErrConflict, "Container %s is not running", c.record.ID)
	case c.record.State.Paused && !paused:
		return nil, errorOf(ErrConflict, "Container %s is already paused", c.record.ID)
	case !c.record.State.Paused && paused:
		return nil, errorOf(ErrConflict, "Container %s is not paused", c.record.ID)
	case c.group == nil:
		return nil, errorOf(ErrConflict, "cannot pause container %s: it has no control group on this machine", c.record.ID)
	}
	return c.group, nil
}

func (c *Container) setPaused(paused bool) Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.State.Paused, c.record.State.Status = paused, containertypes.StateRunning
	if paused {
		c.record.State.Status = containertypes.StatePaused
		c.stopChecks()
		c.record.State.Health = unwatchedHealth(c.record.State.Health)
	} else if c.process != nil {
		c.beginChecks()
	}
	_ = c.save() // the state is the kernel's; the file follows with the next change
	return c.record
}

// thaw lets a paused container go on.
func (c *Container) thaw(e *Engine) error {
	if !c.Snapshot().State.Paused {
		return nil
	}
	c.mu.Lock()
	group := c.group
	c.mu.Unlock()
	if group == nil {
		return nil
	}
	_, err := group.Freeze(e.kernel(), false)
	c.setPaused(false)
	return err
}

// Rename gives the container another name.
func (e *Engine) Rename(ctx context.Context, c *Container, name string) error {
	name = strings.TrimPrefix(name, "/")
	old := c.Snapshot().Name
	switch {
	case name == "":
		return errorOf(ErrInvalid, "Neither old nor new names may be empty")
	case name == old:
		return errorOf(ErrInvalid, "Renaming a container with the same name as its current name")
	case !validName.MatchString(name):
		return errorOf(ErrInvalid, "Error when allocating new name: Invalid container name (/%s), only %s are allowed", name, nameCharacters)
	}
	e.mu.Lock()
	if other := e.named(name); other != nil {
		e.mu.Unlock()
		return errorOf(ErrConflict, "Error when allocating new name: %s", nameTaken(name, other.record.ID))
	}
	c.mu.Lock()
	c.record.Name = name
	err := c.save()
	if err != nil {
		c.record.Name = old
	}
	r := c.record
	c.mu.Unlock()
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("rename container: %w", err)
	}
	e.renameOn(r)
	e.tell(r, "rename", map[string]string{"oldName": "/" + old})
	return e.At(ctx, stage.Renamed{Container: r.ID, Old: old, Name: name})
}

//go:build linux

package engine

import (
	"context"
	"time"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// started records the run and leaves a goroutine to see to its end.
func (r *run) started() error {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.group = r.process, r.group
	r.began = time.Now()
	finished, health := c.record.State.FinishedAt, c.record.State.Health
	c.record.State = containertypes.State{
		Status: containertypes.StateRunning, Running: true, Pid: r.process.PID,
		StartedAt: r.began.UTC().Format(time.RFC3339Nano), FinishedAt: finished,
		Health: firstHealth(c.record.Config, health),
	}
	c.record.PIDStart, _ = sys.ProcessStart(r.process.PID) // 0 for one that has ended already
	if err := c.save(); err != nil {                       // start unwinds, nobody else may
		c.process = nil
		return err
	}
	r.tellMounts("mount", c.record)
	r.tell(c.record, "start", nil)
	c.beginChecks()
	r.running.Go(r.finish)
	return nil
}

// finish waits for the program's end, shows it, and takes the run apart.
func (r *run) finish() {
	exit, err := r.process.Wait()
	if err != nil {
		exit.Status = 255
	}
	r.c.endChecks()
	r.output()
	r.c.terminal.close()
	if r.settled != nil && r.IsWatched() {
		<-r.settled
	}
	exit.Container = r.c.record.ID
	if r.group != nil {
		exit.OOMKilled = r.group.OOMKilled()
	}
	// A watcher that aborts here changes nothing: the program has ended.
	_ = r.trail.At(context.Background(), exit.PID, exit)
	r.unwind()
	again := r.ended(exit)
	if r.c.record.HostConfig.AutoRemove {
		_ = r.Remove(context.Background(), r.c, RemoveOptions{Force: true, Volumes: true})
	}
	if again {
		r.restart()
	}
}

// ended records the run's end and tells whoever waits for it. again is true where
// the container is to be started anew by itself.
func (r *run) ended(exit stage.Exit) (again bool) {
	c, closing := r.c, r.isClosing() // the engine's lock is never asked for with a container's
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.group = nil, nil
	again = c.restartsAfter(exit.Status) && !closing
	s := &c.record.State
	s.Status, s.Running, s.Pid, s.Paused = containertypes.StateExited, false, 0, false
	s.ExitCode, s.OOMKilled, s.Health = exit.Status, exit.OOMKilled, unwatchedHealth(s.Health)
	s.FinishedAt = time.Now().UTC().Format(time.RFC3339Nano)
	if again {
		s.Status, s.Running, s.Restarting = containertypes.StateRestarting, true, true
	}
	if !c.record.HostConfig.AutoRemove {
		_ = c.save() // a full disk must not keep clients waiting for the end
	}
	if exit.OOMKilled {
		r.tell(c.record, "oom", nil)
	}
	r.tell(c.record, "die", dieAttributes(exit.Status, time.Since(r.began)))
	r.tellMounts("unmount", c.record)
	c.streams.end()
	c.spent = true
	close(c.exited)
	return again
}

// unwind takes apart what start has made, in the opposite order. Each part
// may not be there.
func (r *run) unwind() {
	k := r.kernel()
	if r.process != nil {
		r.process.Kill()
		_ = r.process.Reap()
		r.output()
	}
	if r.console != nil {
		r.console.Close()
	}
	r.leave()
	if r.group != nil {
		_ = r.group.Remove(k)
	}
	_ = r.c.stack().Unmount(k)
	r.leaveVolumes(k)
}

// failed records a run that never began.
func (r *run) failed(err error) {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	started, health := c.record.State.StartedAt, c.record.State.Health
	c.record.State = containertypes.State{ // Docker's: one that has never run stays created
		Status: containertypes.StateCreated, ExitCode: failureStatus(err), Error: startError(err).Error(),
		FinishedAt: time.Now().UTC().Format(time.RFC3339Nano), Health: health,
	}
	if started != "" {
		c.record.State.Status, c.record.State.StartedAt = containertypes.StateExited, started
	}
	_ = c.save()
	c.streams.end()
	c.spent = true
	close(c.exited)
	if c.record.HostConfig.AutoRemove {
		r.running.Go(func() { // after this start's return
			_ = r.Remove(context.Background(), c, RemoveOptions{Force: true, Volumes: true})
		})
	}
}

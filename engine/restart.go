//go:build linux

package engine

import (
	"context"
	"fmt"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
)

// Docker's pauses before a restart: doubled each time, from the first to the
// longest, and begun anew after a run that lasted.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = time.Minute
	lastingRun   = 10 * time.Second
)

// restartsAfter tells what the container's policy says to a run that has ended
// with that status. The caller holds the lock.
func (c *Container) restartsAfter(status int) bool {
	if c.record.Stopped {
		return false
	}
	switch p := c.record.HostConfig.RestartPolicy; p.Name {
	case containertypes.RestartPolicyAlways, containertypes.RestartPolicyUnlessStopped:
		return true
	case containertypes.RestartPolicyOnFailure:
		return status != 0 && (p.MaximumRetryCount == 0 || c.record.RestartCount < p.MaximumRetryCount)
	}
	return false
}

// restart starts the container anew after a pause, unless somebody has stopped,
// started or removed it meanwhile.
func (r *run) restart() {
	c := r.c
	c.mu.Lock()
	if time.Since(r.began) > lastingRun {
		c.pause = 0
	}
	c.pause = min(max(2*c.pause, firstPause), longestPause)
	pause, cancelled := c.pause, make(chan struct{})
	c.waking = cancelled
	c.mu.Unlock()
	r.running.Go(func() {
		select {
		case <-time.After(pause):
		case <-cancelled:
		case <-r.ending:
		}
		c.work.Lock()
		defer c.work.Unlock()
		c.mu.Lock()
		wanted := c.record.State.Restarting && c.waking == cancelled && !c.record.Stopped
		c.mu.Unlock()
		if !wanted || r.isClosing() || !r.has(c) {
			c.notRestarting()
			return
		}
		c.mu.Lock()
		c.record.RestartCount++
		c.mu.Unlock()
		// Nobody watches it: the operation that began it has ended long since. An
		// error is in the container's state.
		_ = r.Watched(nil).begun(context.Background(), c, nil)
	})
}

// notRestarting ends the wait for a restart; a container that does not wait is
// left as it is.
func (c *Container) notRestarting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.record.State.Restarting || c.process != nil {
		return
	}
	s := &c.record.State
	s.Status, s.Running, s.Restarting = containertypes.StateExited, false, false
	_ = c.save() // the state is the kernel's; the file follows with the next change
}

// WakeAll starts the containers that are to run whenever the daemon does.
func (e *Engine) WakeAll() {
	for _, c := range e.all() {
		r := c.Snapshot()
		policy := r.HostConfig.RestartPolicy.Name
		if r.State.StartedAt == "" || r.Stopped && policy != containertypes.RestartPolicyAlways {
			continue
		}
		if policy == containertypes.RestartPolicyAlways || policy == containertypes.RestartPolicyUnlessStopped ||
			policy == containertypes.RestartPolicyOnFailure && r.State.ExitCode != 0 {
			e.running.Go(func() { _ = e.Start(context.Background(), c, nil) })
		}
	}
}

func validRestart(h *containertypes.HostConfig) error {
	p := h.RestartPolicy
	switch p.Name {
	case "", containertypes.RestartPolicyDisabled, containertypes.RestartPolicyAlways, containertypes.RestartPolicyUnlessStopped, containertypes.RestartPolicyOnFailure:
	default:
		return errorOf(ErrInvalid, "invalid restart policy: unknown policy '%s'; use one of '%s', '%s', '%s', or '%s'", p.Name, "no", "always", "on-failure", "unless-stopped")
	}
	if p.MaximumRetryCount < 0 {
		return errorOf(ErrInvalid, "invalid restart policy: maximum retry count cannot be negative")
	}
	if p.MaximumRetryCount > 0 && p.Name != containertypes.RestartPolicyOnFailure {
		return errorOf(ErrInvalid, "invalid restart policy: maximum retry count can only be used with 'on-failure'")
	}
	if h.AutoRemove && p.Name != "" && p.Name != containertypes.RestartPolicyDisabled {
		return errorOf(ErrInvalid, "can't create 'AutoRemove' container with restart policy")
	}
	return nil
}

func dieAttributes(status int, ran time.Duration) map[string]string {
	return map[string]string{"exitCode": fmt.Sprint(status), "execDuration": fmt.Sprint(int(ran.Seconds()))}
}

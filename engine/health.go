//go:build linux

package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
)

// Docker's, where neither the user nor the image says another.
const (
	healthInterval      = 30 * time.Second // from the end of a check to the next one's begin
	healthTimeout       = 30 * time.Second
	healthStartInterval = 5 * time.Second // while the start period lasts
	healthRetries       = 3
)

// What is kept of health checks, Docker's numbers.
const (
	healthsKept     = 5    // results
	maxHealthOutput = 4096 // bytes of each
)

// notChecked is the exit status of a check that has come to no end of its own.
const notChecked = -1

// checkHealth refuses settings that cannot be kept, in Docker's words.
func checkHealth(h *containertypes.HealthConfig) error {
	if h == nil {
		return nil
	}
	for _, d := range []struct {
		name string
		asks time.Duration
	}{{"Interval", h.Interval}, {"Timeout", h.Timeout}, {"StartPeriod", h.StartPeriod}, {"StartInterval", h.StartInterval}} {
		if d.asks != 0 && d.asks < containertypes.MinimumDuration {
			return errorOf(ErrInvalid, "%s in Healthcheck cannot be less than %s", d.name, containertypes.MinimumDuration)
		}
	}
	if h.Retries < 0 {
		return errorOf(ErrInvalid, "Retries in Healthcheck cannot be negative")
	}
	return nil
}

// mergeHealth fills what was left open from what is inherited, each setting by
// itself: a test of the user's own keeps the image's interval.
func mergeHealth(inherited, asked *containertypes.HealthConfig) *containertypes.HealthConfig {
	if inherited == nil || asked == nil {
		return either(asked, inherited)
	}
	h := *asked
	if len(h.Test) == 0 {
		h.Test = inherited.Test
	}
	h.Interval, h.Timeout = either(h.Interval, inherited.Interval), either(h.Timeout, inherited.Timeout)
	h.StartPeriod, h.StartInterval = either(h.StartPeriod, inherited.StartPeriod), either(h.StartInterval, inherited.StartInterval)
	h.Retries = either(h.Retries, inherited.Retries)
	return &h
}

// either is the first of the two, or the second where the first says nothing.
func either[V comparable](first, second V) V {
	var nothing V
	if first != nothing {
		return first
	}
	return second
}

// testOf is the program that a check runs; nil where there is nothing to check.
func testOf(c *containertypes.Config) []string {
	if c.Healthcheck == nil || len(c.Healthcheck.Test) == 0 {
		return nil
	}
	switch test := c.Healthcheck.Test; test[0] {
	case "CMD":
		return test[1:]
	case "CMD-SHELL":
		shell := c.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(slices.Clone(shell), test[1:]...)
	}
	return nil // NONE, or what Docker does not know either
}

// firstHealth is the health of a container that starts. The results of an
// earlier run stay, as with Docker. A health that has been set is never changed
// but replaced: records share it.
func firstHealth(c *containertypes.Config, before *containertypes.Health) *containertypes.Health {
	if testOf(c) == nil {
		return nil
	}
	h := &containertypes.Health{Status: containertypes.Starting, Log: []*containertypes.HealthcheckResult{}}
	if before != nil {
		h.Log = before.Log
	}
	return h
}

// unwatchedHealth is the health of a container that nobody checks any more: one
// that is paused or has ended. Docker calls it unhealthy.
func unwatchedHealth(h *containertypes.Health) *containertypes.Health {
	if h == nil {
		return nil
	}
	after := *h
	after.Status = containertypes.Unhealthy
	return &after
}

// healthChecks are the checks of one run of a container, from its start or from
// the end of a pause to the next pause or the end.
//
// Nobody is shown them at the stages of an exec. Whoever watches holds what
// somebody has asked for, and a check comes by itself: it would come between the
// stops of a lesson, again and again, and one that is held would run into its
// timeout, so that to look at the container would make it unhealthy. It is seen
// where Docker shows it: among the events, in inspect and in ps.
type healthChecks struct {
	*Engine
	c       *Container
	test    []string
	config  containertypes.HealthConfig
	started time.Time
	recent  []string // execs that can still be asked for
}

// beginChecks checks the container's health from now on. The caller holds the
// lock and knows that the container runs.
func (c *Container) beginChecks() {
	test := testOf(c.record.Config)
	if test == nil || c.checking != nil {
		return
	}
	started, _ := time.Parse(time.RFC3339Nano, c.record.State.StartedAt) // written by us
	h := &healthChecks{Engine: (&Engine{core: c.core}).Watched(nil), c: c, test: test, config: *c.record.Config.Healthcheck, started: started}
	ctx, cancel := context.WithCancel(context.Background())
	c.checking = cancel
	c.core.running.Go(func() { h.run(ctx) }) // the run of the container is counted: Close waits for it, too
}

// stopChecks ends the checks, and one that is under way. The caller holds the lock.
func (c *Container) stopChecks() {
	if c.checking != nil {
		c.checking()
		c.checking = nil
	}
}

// endChecks ends the checks of a container whose program has ended. Its health
// stays what it was until the rest of its state says that it has ended.
func (c *Container) endChecks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopChecks()
}

func (h *healthChecks) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.ending:
			return
		case <-time.After(h.pause()):
			h.judge(ctx, h.check(ctx))
		}
	}
}

// pause is the time to the next check. An image may ask for none at all.
func (h *healthChecks) pause() time.Duration {
	pause := either(h.config.Interval, healthInterval)
	if time.Since(h.started) < h.config.StartPeriod && h.c.Snapshot().State.Health.Status == containertypes.Starting {
		pause = either(h.config.StartInterval, healthStartInterval)
	}
	return max(pause, containertypes.MinimumDuration)
}

// check runs the test once, as an exec of the container.
func (h *healthChecks) check(ctx context.Context) *containertypes.HealthcheckResult {
	result := &containertypes.HealthcheckResult{Start: time.Now(), ExitCode: notChecked}
	output := &healthOutput{}
	x, err := h.CreateExec(ctx, h.c, containertypes.ExecCreateRequest{Cmd: h.test, AttachStdout: true, AttachStderr: true})
	if err == nil {
		err = h.runExec(ctx, x, output)
	}
	if result.End = time.Now(); err != nil {
		result.Output = err.Error()
		return result
	}
	result.Output = output.String()
	if status := x.State().ExitCode; status != nil {
		result.ExitCode = *status
	}
	return result
}

// runExec waits for the test's end, and brings it about where it takes too long.
// The timeout begins when the test does: what is spent on the way there is ours.
func (h *healthChecks) runExec(ctx context.Context, x *Exec, output *healthOutput) error {
	h.keep(x.ID)
	x.Attach(Attachment{Stdout: output, Stderr: output})
	// Also while it is only being made: it may wait in a group that stands still.
	defer context.AfterFunc(ctx, x.kill)()
	if err := h.StartExec(ctx, x, nil, nil); err != nil {
		return err
	}
	timeout := either(h.config.Timeout, healthTimeout)
	select {
	case <-x.Ended():
		return nil
	case <-time.After(timeout):
	}
	x.kill()
	<-x.Ended()
	said := fmt.Sprintf("Health check exceeded timeout (%v)", timeout)
	if out := output.String(); out != "" {
		said += ": " + out
	}
	return errorOf(ErrInvalid, "%s", said)
}

// keep forgets the execs of all but the last checks: nobody else would, and
// there may be thousands of them within the time that an exec is kept for.
func (h *healthChecks) keep(id string) {
	h.recent = append(h.recent, id)
	if len(h.recent) <= healthsKept {
		return
	}
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	delete(h.c.execs, h.recent[0])
	h.recent = slices.Clone(h.recent[1:])
}

// judge makes the container's health what a result says, unless the checks have
// ended meanwhile. It is not written to the disk: that is left to the next change
// of the state, as Docker leaves it.
func (h *healthChecks) judge(ctx context.Context, result *containertypes.HealthcheckResult) {
	c := h.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	before := c.record.State.Health
	after := h.after(*before, result)
	c.record.State.Health = &after
	if after.Status != before.Status {
		h.tell(c.record, "health_status: "+string(after.Status), nil)
	}
}

// after is the health with one more result. A failure counts for nothing while
// the start period lasts and the container has not been healthy yet.
func (h *healthChecks) after(health containertypes.Health, result *containertypes.HealthcheckResult) containertypes.Health {
	health.Log = append(slices.Clone(health.Log), result)
	health.Log = health.Log[max(0, len(health.Log)-healthsKept):]
	switch {
	case result.ExitCode == 0:
		health.Status, health.FailingStreak = containertypes.Healthy, 0
	case health.Status == containertypes.Starting && result.Start.Sub(h.started) < h.config.StartPeriod:
	default:
		if health.FailingStreak++; health.FailingStreak >= either(h.config.Retries, healthRetries) {
			health.Status = containertypes.Unhealthy
		}
	}
	return health
}

// healthOutput keeps the beginning of what a check says on both its streams.
type healthOutput struct {
	mu   sync.Mutex
	kept []byte
	more bool
}

func (o *healthOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := maxHealthOutput - len(o.kept)
	o.kept, o.more = append(o.kept, p[:min(room, len(p))]...), o.more || len(p) > room
	return len(p), nil
}

func (o *healthOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more {
		return string(o.kept) + "..."
	}
	return string(o.kept)
}

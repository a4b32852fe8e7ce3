//go:build linux

package daemon

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// idleness knows since when nobody has asked for anything.
type idleness struct {
	mu     sync.Mutex
	active int
	since  time.Time
	rest   *time.Timer // until memory is given back
}

// restAfter is for how long nothing must begin or end before the daemon gives the
// memory back that it took for the work. Go's runtime by itself takes minutes.
const restAfter = time.Second

// stir is called with the lock held when something begins or ends.
func (i *idleness) stir() {
	if i.rest == nil {
		i.rest = time.AfterFunc(restAfter, debug.FreeOSMemory)
		return
	}
	i.rest.Reset(restAfter)
}

// begin counts a request, until the returned end.
func (i *idleness) begin() (end func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.active++
	i.stir()
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.active--
		i.since = time.Now()
		i.stir()
	}
}

func (i *idleness) lasts(d time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.active == 0 && time.Since(i.since) >= d
}

// idleLooks is how often the daemon looks whether it is idle.
const idleLooks = time.Second

// EndWhenIdle has the daemon end when for that long no request has come, no
// container has run and nobody has watched. It is asked for before Serve.
func (d *Daemon) EndWhenIdle(after time.Duration) { d.idleAfter = after }

// awaitIdle returns when the daemon is idle, or ctx has ended.
func (d *Daemon) awaitIdle(ctx context.Context) {
	look := time.NewTicker(idleLooks)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if d.idle.lasts(d.idleAfter) && !d.isNeeded() {
			return
		}
	}
}

// isNeeded reports whether a container runs or is to, or somebody watches.
func (d *Daemon) isNeeded() bool {
	d.mu.Lock()
	watched := d.watcher != nil
	d.mu.Unlock()
	for _, r := range d.engine.Containers() {
		if r.State.Running {
			return true
		}
	}
	return watched
}

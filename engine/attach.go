//go:build linux

package engine

import (
	"context"
	"path/filepath"

	"github.com/learndocker/learndocker/engine/logs"
)

// Attach passes output to the writers from now on, and, where Stdin is not nil,
// its bytes to the container. done is closed when the run's output has ended or
// the client has detached; leave lets go of the client before.
func (c *Container) Attach(a Attachment) (done <-chan struct{}, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams.ended && !c.record.State.Running { // the next run's
		c.streams = newStreams(c.record.Config)
	}
	s := c.streams
	one := s.attach(a)
	return one.done, func() { s.detach(one) }
}

// Resize tells the container's terminal its size, in characters.
func (c *Container) Resize(height, width uint16) error {
	if !c.Snapshot().State.Running {
		return errorOf(ErrConflict, "Container %s is not running", c.record.ID)
	}
	return c.terminal.resize(height, width)
}

func (c *Container) logPath() string { return filepath.Join(c.dir, c.record.ID+"-json.log") }

// LogPath is where its output is kept; "" where it is not.
func (c *Container) LogPath() string {
	if o, err := logOptionsOf(c.Snapshot().HostConfig.LogConfig); err != nil || o.none {
		return ""
	}
	return c.logPath()
}

// Dir is the container's directory.
func (c *Container) Dir() string { return c.dir }

// Logs reads what the container has written, oldest first.
func (c *Container) Logs(ctx context.Context, w logs.Wish, say func(logs.Entry) error) error {
	o, err := logOptionsOf(c.record.HostConfig.LogConfig)
	if err != nil {
		return err
	}
	if o.none {
		return errorOf(ErrUnsupported, "configured logging driver does not support reading")
	}
	c.mu.Lock()
	now := c.streams.log
	if !c.record.State.Running {
		now = nil
	}
	c.mu.Unlock()
	return logs.Read(ctx, c.logPath(), now, w, say)
}

// NextExit returns a channel that is closed when the next run ends, or the
// present one.
func (c *Container) NextExit() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent {
		c.exited, c.spent = make(chan struct{}), false
	}
	return c.exited
}

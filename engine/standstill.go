//go:build linux

package engine

import "github.com/learndocker/learndocker/engine/sys"

// standStill stops a running container's processes until thaw. Where there is no
// group to freeze, or the container does not run, nothing is done.
func (e *Engine) standStill(c *Container) (thaw func(), frozen bool, err error) {
	c.mu.Lock()
	group, s := c.group, c.record.State
	c.mu.Unlock()
	if !s.Running || s.Paused || group == nil {
		return func() {}, s.Paused, nil
	}
	if _, err := group.Freeze(e.kernel(), true); err != nil {
		return func() {}, false, err
	}
	return func() { _, _ = group.Freeze(sys.Kernel{}, false) }, true, nil // an error: the group has gone with its processes
}

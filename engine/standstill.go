//go:build linux

package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// freezePatience is how long the kernel may take to stop all processes of a group.
const freezePatience = 10 * time.Second

// standStill stops a running container's processes until thaw. Where there is no
// freezer for it, or the container does not run, nothing is done.
func (e *Engine) standStill(c *Container) (thaw func(), frozen bool, err error) {
	nothing := func() {}
	if s := c.Snapshot().State; !s.Running || s.Paused {
		return nothing, s.Paused, nil
	}
	for _, dir := range e.cgroups.Open(c.Snapshot().ID).Dirs() {
		f := freezer(dir)
		if _, err := os.Stat(f.file); err != nil {
			continue
		}
		if err := f.set(f.on); err != nil {
			return nothing, false, errors.Join(err, f.set(f.off))
		}
		return func() { _ = f.set(f.off) }, true, nil // an error: the group has gone with its processes
	}
	return nothing, false, nil
}

// freezerFile is how a version of control groups is told to freeze a group, and
// where it tells that it has.
type freezerFile struct{ file, on, off, state, frozen string }

// freezer: freezer-subsystem.rst of v1, cgroup-v2.rst.
func freezer(dir string) freezerFile {
	v1 := filepath.Join(dir, "freezer.state")
	if _, err := os.Stat(v1); err == nil {
		return freezerFile{v1, "FROZEN", "THAWED", v1, "FROZEN"}
	}
	return freezerFile{filepath.Join(dir, "cgroup.freeze"), "1", "0", filepath.Join(dir, "cgroup.events"), "frozen 1"}
}

func (f freezerFile) set(to string) error {
	if err := os.WriteFile(f.file, []byte(to), 0); err != nil {
		return fmt.Errorf("freeze container: %w", err)
	}
	for deadline := time.Now().Add(freezePatience); to == f.on; time.Sleep(time.Millisecond) {
		state, err := os.ReadFile(f.state)
		if err != nil {
			return fmt.Errorf("freeze container: %w", err)
		}
		if strings.Contains(string(state), f.frozen) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("freeze container: not all processes have stopped within %s", freezePatience)
		}
	}
	return nil
}

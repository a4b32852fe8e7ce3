//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// RemoveOptions say how a container is removed.
type RemoveOptions struct {
	Force   bool // a running one, too
	Volumes bool // and the volumes without a name that are its own
}

// Remove removes a container.
func (e *Engine) Remove(ctx context.Context, c *Container, o RemoveOptions) error {
	c.noRestart()
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return nil // removed itself as it ended
	}
	r := c.Snapshot()
	if r.State.Running {
		if !o.Force {
			return errorOf(ErrConflict, "cannot remove container %q: container is %s: %s before removing or force remove", "/"+r.Name, r.State.Status, remedy(r))
		}
		exited := c.Exited()
		c.kill()
		if !r.State.Restarting {
			<-exited
		}
	}
	had := e.contents(c.dir)
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	e.kernel().Did("unlinkat", nil, "rm -r "+c.dir, sys.Quote(c.dir), "AT_REMOVEDIR")
	e.forget(c)
	e.tell(r, "destroy", nil)
	defer close(c.removed) // whoever waits for it hears of it after the watcher
	if o.Volumes {
		if err := e.dropVolumes(r); err != nil {
			return err
		}
	}
	return e.At(ctx, stage.Removed{Container: r.ID, Name: r.Name, Gone: slices.DeleteFunc(had, exists)})
}

func remedy(r Record) string {
	if r.State.Paused {
		return "unpause and then stop the container"
	}
	return "stop the container"
}

// contents lists a directory and what is in it, for whoever watches it go.
func (e *Engine) contents(dir string) []string {
	if !e.IsWatched() {
		return nil
	}
	paths := []string{dir}
	entries, _ := os.ReadDir(dir) // what cannot be read is not told of
	for _, entry := range entries {
		paths = append(paths, filepath.Join(dir, entry.Name()))
	}
	return paths
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

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

// Remove removes a container; a running one only by force.
func (e *Engine) Remove(ctx context.Context, c *Container, force bool) error {
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return nil // removed itself as it ended
	}
	r := c.Snapshot()
	if r.State.Running {
		if !force {
			return errorOf(ErrConflict, "cannot remove container %q: container is running: stop the container before removing or force remove", "/"+r.Name)
		}
		c.kill()
		<-c.Exited()
	}
	had := e.contents(c.dir)
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	e.kernel().Did("unlinkat", nil, "rm -r "+c.dir, sys.Quote(c.dir), "AT_REMOVEDIR")
	e.forget(c)
	defer close(c.removed) // whoever waits for it hears of it after the watcher
	if r.HostConfig.AutoRemove {
		if err := e.dropVolumes(r); err != nil {
			return err
		}
	}
	return e.At(ctx, stage.Removed{Container: r.ID, Name: r.Name, Gone: slices.DeleteFunc(had, exists)})
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

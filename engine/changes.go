//go:build linux

package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/learndocker/learndocker/engine/layer"
)

// placesToMount are made by the engine itself, on which it mounts something.
// Docker has them in a layer of its own below the container's.
var placesToMount = []string{
	"/proc", "/sys", "/sys/fs", "/sys/fs/cgroup", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console",
	"/etc", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv",
}

// written is where a container's changes are.
func (c *Container) written() layer.Written {
	s := c.stack()
	dir, whole := s.Written()
	return layer.Written{Dir: dir, Whole: whole, Below: s.Lower, Places: placesToMount}
}

// Changes lists what a container has changed in its file system: docker diff.
func (e *Engine) Changes(c *Container) ([]layer.Change, error) {
	w := c.written()
	if _, err := os.Stat(w.Dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil // has never run
	}
	return e.layers.Diff(w)
}

// Export writes a container's whole file system as an archive: docker export.
func (e *Engine) Export(ctx context.Context, c *Container, out io.Writer) error {
	err := e.export(c, interrupted{ctx, out})
	if err == nil {
		e.tell(c.Snapshot(), "export", nil)
	}
	return err
}

func (e *Engine) export(c *Container, out io.Writer) error {
	if c.Snapshot().State.Running {
		return layer.Archive(out, c.stack().Merged())
	}
	c.work.Lock() // it is not to be started, or removed, meanwhile
	defer c.work.Unlock()
	if !e.has(c) {
		return errorOf(ErrNotFound, "No such container: %s", c.Snapshot().ID)
	}
	if c.Snapshot().State.Running {
		return layer.Archive(out, c.stack().Merged())
	}
	return e.mounted(c, func(root string) error { return layer.Archive(out, root) })
}

// interrupted ends what is written when ctx does.
type interrupted struct {
	ctx context.Context
	w   io.Writer
}

func (i interrupted) Write(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.w.Write(p)
}

// ContainerSize is what a container has written, and what it has altogether,
// its image's layers with it, in bytes.
func (e *Engine) ContainerSize(c *Container) (written, whole int64, err error) {
	w := c.written()
	if written, err = e.writtenSize(c, w); err != nil {
		return 0, 0, err
	}
	img, err := e.images.Look(c.Snapshot().ImageID)
	if err == nil {
		return written, written + e.ImageSize(img), nil
	}
	whole = written // its image has been removed: what is left of its layers
	for _, dir := range w.Below {
		n, err := layer.DirSize(dir)
		if err != nil {
			return 0, 0, err
		}
		whole += n
	}
	return written, whole, nil
}

func (e *Engine) writtenSize(c *Container, w layer.Written) (int64, error) {
	if !w.Whole {
		return layer.DirSize(w.Dir)
	}
	changes, err := e.Changes(c)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, change := range slices.DeleteFunc(changes, func(c layer.Change) bool { return c.Kind == layer.Deleted }) {
		if info, err := os.Lstat(w.Dir + change.Path); err == nil && !info.IsDir() {
			n += info.Size()
		}
	}
	return n, nil
}

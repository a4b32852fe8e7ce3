//go:build linux

package engine

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/files"
	"github.com/learndocker/learndocker/engine/layer"
)

// withRoot opens a container's root: of a running one as its first process sees
// it, with all that is mounted there, of another the stack of layers, mounted for
// as long as f takes, and below each volume's place the volume.
func (e *Engine) withRoot(c *Container, asked string, f func(root *files.Root, name string) error) error {
	if p, err := c.runningProcess(); err == nil {
		return openRoot(fmt.Sprintf("/proc/%d/root", p.PID), asked, f)
	}
	c.work.Lock() // it is not to be started, or removed, meanwhile
	defer c.work.Unlock()
	if p, err := c.runningProcess(); err == nil {
		return openRoot(fmt.Sprintf("/proc/%d/root", p.PID), asked, f)
	}
	if !e.has(c) {
		return errorOf(ErrNotFound, "No such container: %s", c.record.ID)
	}
	if m := c.mountAt(asked); m != nil {
		return openRoot(m.Source, strings.TrimPrefix(path.Clean("/"+asked), m.Destination)+trailing(asked), f)
	}
	return e.mounted(c, func(root string) error { return openRoot(root, asked, f) })
}

// trailing is the end of a path that says that a directory's content is meant.
func trailing(asked string) string {
	for _, end := range []string{"/.", "/"} {
		if strings.HasSuffix(asked, end) {
			return end
		}
	}
	return ""
}

func openRoot(dir, asked string, f func(*files.Root, string) error) error {
	root, err := files.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return f(root, asked)
}

// mountAt is what is mounted at a path of the container, or above it.
func (c *Container) mountAt(asked string) *containertypes.MountPoint {
	name := path.Clean("/" + asked)
	points := c.Snapshot().MountPoints
	var best *containertypes.MountPoint
	for i, m := range points {
		if (name == m.Destination || strings.HasPrefix(name, m.Destination+"/")) && m.Source != "" && (best == nil || len(m.Destination) > len(best.Destination)) {
			best = &points[i]
		}
	}
	return best
}

// isKernels reports whether a path is below what the kernel shows, which docker cp
// does not copy; what a user has mounted there it does.
func (c *Container) isKernels(asked string) bool {
	name := path.Clean("/" + asked)
	below := func(dir string) bool { return strings.HasPrefix(name, dir) }
	return slices.ContainsFunc([]string{"/dev/", "/proc/", "/sys/"}, below) && c.mountAt(asked) == nil
}

// StatPath describes a file of the container.
func (e *Engine) StatPath(c *Container, asked string) (s files.Stat, err error) {
	if c.isKernels(asked) {
		return s, pathError(files.ErrNotFound, c, asked)
	}
	err = e.withRoot(c, asked, func(root *files.Root, name string) error {
		s, err = root.Stat(name)
		return err
	})
	return s, pathError(err, c, asked)
}

// CopyFrom writes a file of the container, or a directory with all in it, as an
// archive: docker cp CONTAINER:PATH.
func (e *Engine) CopyFrom(c *Container, asked string, begin func(files.Stat) error, out io.Writer) error {
	if c.isKernels(asked) {
		return pathError(files.ErrNotFound, c, asked)
	}
	err := e.withRoot(c, asked, func(root *files.Root, name string) error { return root.Archive(name, begin, out) })
	if err == nil {
		e.tell(c.Snapshot(), "archive-path", nil)
	}
	return pathError(err, c, asked)
}

// CopyTo unpacks an archive, compressed or not, into a directory of the container:
// docker cp - CONTAINER:PATH.
func (e *Engine) CopyTo(c *Container, asked string, from io.Reader, o files.Options) error {
	if m := c.mountAt(asked); m != nil && !m.RW {
		return errorOf(ErrForbidden, "container volume is marked read-only")
	} else if m == nil && c.Snapshot().HostConfig.ReadonlyRootfs {
		return errorOf(ErrForbidden, "container rootfs is marked read-only")
	}
	plain, err := layer.Plain(from, layer.Bounds{})
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	defer plain.Close()
	err = e.withRoot(c, asked, func(root *files.Root, name string) error { return root.Extract(name, plain, o) })
	if err == nil {
		e.tell(c.Snapshot(), "extract-to-dir", nil)
	}
	return pathError(err, c, asked)
}

// pathError puts what can go wrong with a path into Docker's words.
func pathError(err error, c *Container, asked string) error {
	switch {
	case errors.Is(err, files.ErrNotFound):
		return errorOf(ErrNotFound, "Could not find the file %s in container %s", asked, c.asked())
	case errors.Is(err, files.ErrNoDirectory):
		return errorOf(ErrInvalid, "%s", err)
	case errors.Is(err, files.ErrNotOverwrite):
		return errorOf(ErrInvalid, "%s", err)
	}
	return err
}

func (c *Container) asked() string { return c.Snapshot().Name }

//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Names by which a layer's archive, and so a plain layer, marks what it deletes:
// OCI image specification, layer.md.
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// copied marks a container's directory whose copy is whole.
const copied = "copied"

// mountCopy copies the layers over each other into one directory and mounts it
// on itself: pivot_root(2) wants a mount. A second run of the same container
// finds its files as the first has left them.
func (s Stack) mountCopy(k sys.Kernel, fact *stage.Overlay) error {
	mark := filepath.Join(s.Dir, copied)
	if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
		c := copier{kernel: k}
		for _, lower := range slices.Backward(s.Lower) {
			if err := c.layer(lower, s.Merged()); err != nil {
				return fmt.Errorf("copy layer %s: %w", lower, err)
			}
		}
		fact.CopiedFiles, fact.CopiedBytes = c.files, c.bytes
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return err
		}
	}
	return k.Mount(s.Merged(), s.Merged(), "", unix.MS_BIND, "")
}

// copier copies one layer after the other, the lowest first, as overlayfs would
// show them together. No link is followed: where a directory comes to stand in
// the place of something else, that goes first.
type copier struct {
	kernel sys.Kernel
	files  int
	bytes  int64
	links  map[inode]string // copies of files with several names in this layer
}

// inode tells a file apart from others.
type inode struct{ device, number uint64 }

func (c *copier) layer(from, to string) error {
	c.links = map[inode]string{}
	return c.directory(from, to)
}

// directory copies what is in from, then from's own attributes.
func (c *copier) directory(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == opaqueMarker }) {
		if err := empty(to); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if deleted, ok := strings.CutPrefix(e.Name(), whiteoutPrefix); ok {
			if e.Name() != opaqueMarker {
				if err := os.RemoveAll(filepath.Join(to, deleted)); err != nil {
					return err
				}
			}
			continue
		}
		if err := c.entry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return attributes(from, to)
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func (c *copier) entry(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: from, Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFDIR {
		return c.subdirectory(from, to)
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	c.files++
	id := inode{st.Dev, st.Ino}
	if first, seen := c.links[id]; seen {
		return os.Link(first, to)
	}
	if err := c.file(kind, &st, from, to); err != nil {
		return err
	}
	if st.Nlink > 1 {
		c.links[id] = to
	}
	return attributes(from, to)
}

func (c *copier) subdirectory(from, to string) error {
	info, err := os.Lstat(to)
	if err == nil && !info.IsDir() {
		err = os.Remove(to)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.directory(from, to)
}

func (c *copier) file(kind uint32, st *unix.Stat_t, from, to string) error {
	switch kind {
	case unix.S_IFREG:
		return c.content(from, to)
	case unix.S_IFLNK:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	return unix.Mknod(to, st.Mode, int(st.Rdev))
}

// content copies a file's bytes; os.File lets the kernel do it, which shares
// them where the file system can.
func (c *copier) content(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := out.ReadFrom(in)
	c.bytes += n
	// As where a layer is unpacked: however many calls it took, one act.
	c.kernel.Did("write", err, "", sys.Quote(to), fmt.Sprintf("%d bytes", n))
	return errors.Join(err, out.Close())
}

// attributes copies owner, extended attributes, mode and times, in the order in
// which they do not undo each other: chown(2) clears set-user-id.
func attributes(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return err
	}
	if err := unix.Lchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return &os.PathError{Op: "lchown", Path: to, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := xattrs(from, to); err != nil {
			return err
		}
		if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
			return &os.PathError{Op: "chmod", Path: to, Err: err}
		}
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// maxXattrs bounds the names and the value that are copied, in bytes: the
// kernel's own bounds, XATTR_LIST_MAX and XATTR_SIZE_MAX.
const maxXattrs = 64 << 10

func xattrs(from, to string) error {
	buffer := make([]byte, maxXattrs)
	n, err := unix.Llistxattr(from, buffer)
	if err != nil || n == 0 {
		return nil // this file system has none
	}
	value := make([]byte, maxXattrs)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buffer[:n]), "\x00"), "\x00") {
		size, err := unix.Lgetxattr(from, name, value)
		if err != nil {
			continue // not ours to read
		}
		err = unix.Lsetxattr(to, name, value[:size], 0)
		if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) {
			return &os.PathError{Op: "lsetxattr", Path: to, Err: err}
		}
	}
	return nil
}

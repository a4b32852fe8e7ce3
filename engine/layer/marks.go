//go:build linux

package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Whiteout names: OCI image specification, layer.md.
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// marks are how an unpacked layer says what it deletes of the layers below.
// Names are relative to an open directory.
type marks interface {
	// deleted reports whether the layer has deleted what had that name.
	deleted(parent int, base string) bool
	// undelete takes the mark away: something comes to stand in its place.
	undelete(parent int, base string) error
	// remove marks the name as deleted.
	remove(parent int, base string) error
	// opaque hides what the layers below have in the directory.
	opaque(parent int, base string) error
	// isOpaque reports whether the directory is opaque.
	isOpaque(dir string) bool
	// deletedIn reports whether the layer has deleted what had that name in dir.
	deletedIn(dir, base string) bool
	// mark tells a mark from an entry, and the path of what it deletes; "" for
	// the mark of an opaque directory.
	mark(path string, info fs.FileInfo) (deleted string, is bool)
}

// overlayMarks are those of the kernel's overlayfs: a character device 0:0 for
// what is deleted, an attribute for an opaque directory. See overlayfs.rst.
type overlayMarks struct{ attribute string }

func newOverlayMarks(userns bool) overlayMarks {
	if userns {
		return overlayMarks{"user.overlay.opaque"}
	}
	return overlayMarks{"trusted.overlay.opaque"}
}

func (overlayMarks) deleted(parent int, base string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

func (overlayMarks) undelete(parent int, base string) error { return unix.Unlinkat(parent, base, 0) }

func (overlayMarks) remove(parent int, base string) error {
	return unix.Mknodat(parent, base, unix.S_IFCHR, 0)
}

func (m overlayMarks) opaque(parent int, base string) error {
	return unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", parent, base), m.attribute, []byte("y"), 0)
}

func (m overlayMarks) isOpaque(dir string) bool {
	n, err := unix.Lgetxattr(dir, m.attribute, make([]byte, 1))
	return err == nil && n == 1
}

func (m overlayMarks) deletedIn(dir, base string) bool {
	info, err := os.Lstat(filepath.Join(dir, base))
	if err != nil {
		return false
	}
	_, is := m.mark(base, info)
	return is
}

func (overlayMarks) mark(path string, info fs.FileInfo) (deleted string, is bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	return path, ok && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// plainMarks are files named as in the archive, for file systems on which the
// kernel's own cannot be made.
type plainMarks struct{}

func (plainMarks) deleted(parent int, base string) bool {
	return unix.Faccessat(parent, whiteoutPrefix+base, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW) == nil
}

func (plainMarks) undelete(parent int, base string) error {
	return unix.Unlinkat(parent, whiteoutPrefix+base, 0)
}

func (plainMarks) remove(parent int, base string) error { return touch(parent, whiteoutPrefix+base) }

func (plainMarks) opaque(parent int, base string) error {
	dir, err := unix.Openat(parent, base, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return touch(dir, opaqueMarker)
}

func (plainMarks) isOpaque(dir string) bool {
	return unix.Access(dir+"/"+opaqueMarker, unix.F_OK) == nil
}

func (plainMarks) deletedIn(dir, base string) bool {
	_, err := os.Lstat(filepath.Join(dir, whiteoutPrefix+base))
	return err == nil
}

func (plainMarks) mark(path string, _ fs.FileInfo) (deleted string, is bool) {
	dir, base := filepath.Split(path)
	if base == opaqueMarker {
		return "", true
	}
	deleted, is = strings.CutPrefix(base, whiteoutPrefix)
	return filepath.Join(dir, deleted), is
}

// touch makes an empty file, or keeps the one that is there.
func touch(parent int, base string) error {
	err := unix.Mknodat(parent, base, unix.S_IFREG|0o600, 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

//go:build linux

package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

const (
	aufsPrefix  = ".wh..wh." // what aufs kept for itself, in images of its time: Docker skips it too
	xattrRecord = "SCHILY.xattr."
)

// extractor writes the entries of one archive below root.
type extractor struct {
	kernel   sys.Kernel
	dir      string // root's path, for acts only
	root     int    // O_PATH descriptor
	singleID bool
	userns   bool
	marks    marks
	written  counter // of files: holes of a sparse file are no part of the archive
	dirTimes []dirTime
	dirNames int // bytes of the names in dirTimes

	maxDirNames int
}

// dirTime is set at the end: each file made in a directory changes its time.
type dirTime struct {
	name string
	at   time.Time
}

// entry writes one member of the archive.
func (x *extractor) entry(h *tar.Header, content io.Reader) (stage.Entry, error) {
	e := stage.Entry{Name: h.Name, Mode: fmt.Sprintf("%04o", h.Mode&0o7777), Size: h.Size}
	if h.Typeflag == tar.TypeXGlobalHeader {
		e.Type = "comment" // of git archive and others: nothing to make
		return e, nil
	}
	if strings.ContainsRune(h.Name, 0) {
		return e, errors.New("the name holds a NUL byte")
	}
	name := path.Clean("/" + h.Name)[1:] // ".." stops at the root
	if name == "" {
		if h.Typeflag != tar.TypeDir {
			return e, errors.New("the root must be a directory")
		}
		e.Type = "dir"
		return e, x.attributes(x.root, ".", h)
	}
	if isAufs(name) {
		e.Type = "aufs"
		return e, nil
	}
	parent, err := x.parent(path.Dir(name))
	if err != nil {
		return e, err
	}
	defer unix.Close(parent)
	base := path.Base(name)
	if base == opaqueMarker {
		e.Type = "opaque"
		return e, x.marks.opaque(parent, ".")
	}
	if deleted, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
		e.Type = "whiteout"
		return e, x.whiteout(parent, deleted)
	}
	e.Type, err = x.node(parent, base, h, content)
	if err != nil {
		return e, err
	}
	if h.Typeflag == tar.TypeLink {
		return e, nil // shares everything with what it links to
	}
	if h.Typeflag == tar.TypeDir {
		if x.dirNames += len(name); x.dirNames > x.maxDirNames {
			return e, fmt.Errorf("the names of the directories take more than %d bytes", x.maxDirNames)
		}
		x.dirTimes = append(x.dirTimes, dirTime{name, h.ModTime})
	}
	return e, x.attributes(parent, base, h)
}

// isAufs reports whether the name is, or is below, one of aufs's own.
func isAufs(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return strings.HasPrefix(part, aufsPrefix) && part != opaqueMarker
	})
}

// parent opens the directory of that name inside the root and makes what is
// missing of it.
func (x *extractor) parent(name string) (int, error) {
	fd, err := x.open(name)
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
		return fd, err
	}
	above, err := x.parent(path.Dir(name))
	if err != nil {
		return -1, err
	}
	defer unix.Close(above)
	base := path.Base(name)
	deleted := x.marks.deleted(above, base)
	if deleted {
		if err := x.marks.undelete(above, base); err != nil {
			return -1, err
		}
	}
	if err := x.directory(above, base, 0o755, deleted); err != nil {
		return -1, err
	}
	return x.open(name)
}

// directory makes a directory, or keeps the one that is there. A new one in
// the place of what the layer has deleted shows nothing of it: it is opaque.
func (x *extractor) directory(parent int, base string, mode uint32, opaque bool) error {
	if err := unix.Mkdirat(parent, base, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if opaque {
		return x.marks.opaque(parent, base)
	}
	return nil
}

func (x *extractor) open(name string) (int, error) {
	return unix.Openat2(x.root, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// node makes the entry itself: file, directory, link or device.
func (x *extractor) node(parent int, base string, h *tar.Header, content io.Reader) (string, error) {
	deleted := x.marks.deleted(parent, base)
	if deleted {
		if err := x.marks.undelete(parent, base); err != nil {
			return "", err
		}
	}
	if err := clear(parent, base, h.Typeflag == tar.TypeDir); err != nil {
		return "", err
	}
	mode := uint32(h.Mode & 0o7777)
	switch h.Typeflag {
	case tar.TypeDir:
		err := x.directory(parent, base, mode, deleted)
		x.kernel.Did("mkdirat", err, "", sys.Quote(x.shown(h.Name)), "0"+fmt.Sprintf("%o", mode))
		return "dir", err
	case tar.TypeReg, tar.TypeGNUSparse:
		return "file", x.file(parent, base, h, content)
	case tar.TypeSymlink:
		err := unix.Symlinkat(h.Linkname, parent, base)
		x.kernel.Did("symlinkat", err, "", sys.Quote(h.Linkname), sys.Quote(x.shown(h.Name)))
		return "symlink", err
	case tar.TypeLink:
		return "hardlink", x.link(parent, base, h)
	case tar.TypeChar:
		return "char", x.device(parent, base, unix.S_IFCHR|mode, h)
	case tar.TypeBlock:
		return "block", x.device(parent, base, unix.S_IFBLK|mode, h)
	case tar.TypeFifo:
		return "fifo", unix.Mknodat(parent, base, unix.S_IFIFO|mode, 0)
	}
	return "", fmt.Errorf("unknown type %q", h.Typeflag)
}

func (x *extractor) shown(name string) string { return filepath.Join(x.dir, path.Clean("/"+name)) }

// clear makes room for an entry: a later one of the same name replaces an
// earlier one, but a directory that stays a directory keeps what is in it.
func clear(parent int, base string, keepDir bool) error {
	var st unix.Stat_t
	err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.Unlinkat(parent, base, 0)
	}
	if keepDir {
		return nil
	}
	return os.RemoveAll(fmt.Sprintf("/proc/self/fd/%d/%s", parent, base))
}

func (x *extractor) file(parent int, base string, h *tar.Header, content io.Reader) error {
	mode := uint32(h.Mode & 0o777)
	fd, err := unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	x.kernel.Did("openat", err, "", sys.Quote(x.shown(h.Name)), "O_CREAT|O_EXCL|O_WRONLY|O_NOFOLLOW|O_CLOEXEC", fmt.Sprintf("0%o", mode))
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	defer f.Close()
	x.written.r = content
	n, err := io.Copy(f, &x.written)
	x.kernel.Did("write", err, "", sys.Quote(x.shown(h.Name)), fmt.Sprintf("%d bytes", n))
	if err != nil {
		return err
	}
	return f.Close()
}

func (x *extractor) link(parent int, base string, h *tar.Header) error {
	target := path.Clean("/" + h.Linkname)[1:]
	from, err := x.open(path.Dir(target))
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	defer unix.Close(from)
	return unix.Linkat(from, path.Base(target), parent, base, 0)
}

// device makes a device node. An ordinary user cannot, and an image that holds
// one (in /dev, which is mounted over anyway) should run all the same.
func (x *extractor) device(parent int, base string, mode uint32, h *tar.Header) error {
	if h.Devmajor < 0 || h.Devmajor >= 1<<12 || h.Devminor < 0 || h.Devminor >= 1<<20 { // would be cut to another device's number
		return fmt.Errorf("there is no device %d:%d", h.Devmajor, h.Devminor)
	}
	if x.userns {
		return nil
	}
	return unix.Mknodat(parent, base, mode, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
}

// whiteout deletes what the layers below have under that name. What this layer
// itself has stays, in whichever order the two come: layer.md, "Whiteouts".
func (x *extractor) whiteout(parent int, base string) error {
	if base == "" || base == "." || base == ".." || strings.HasPrefix(base, whiteoutPrefix) {
		return errors.New("invalid whiteout name")
	}
	var st unix.Stat_t
	err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT):
		return x.marks.remove(parent, base)
	case err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return x.marks.opaque(parent, base)
	}
	return err
}

// attributes gives the entry its owner, mode, extended attributes and times, in
// the order in which they do not undo each other: chown clears set-user-id.
func (x *extractor) attributes(parent int, base string, h *tar.Header) error {
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		if x.userns {
			return nil // was not made
		}
	}
	if !validID(h.Uid) || !validID(h.Gid) { // would be cut to another's, or to root's
		return fmt.Errorf("there is no owner %d:%d", h.Uid, h.Gid)
	}
	if !x.singleID {
		if err := unix.Fchownat(parent, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("chown to %d:%d: %w", h.Uid, h.Gid, err)
		}
	}
	if h.Typeflag != tar.TypeSymlink {
		// There is no fchmodat that does not follow links before Linux 6.6;
		// base was made a moment ago in a directory of ours and is no link.
		if err := unix.Fchmodat(parent, base, uint32(h.Mode&0o7777), 0); err != nil {
			return err
		}
		if err := x.xattrs(parent, base, h); err != nil {
			return err
		}
	}
	return setTime(parent, base, h.ModTime)
}

// validID: ids have 32 bits, and the last of them means "leave it": chown(2).
func validID(id int) bool { return id >= 0 && int64(id) < 1<<32-1 }

// xattrs sets the attributes that PAX records carry. Those of overlayfs itself
// would let an archive say what the stack of layers looks like.
func (x *extractor) xattrs(parent int, base string, h *tar.Header) error {
	for record, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(record, xattrRecord)
		if !ok || strings.HasPrefix(name, "trusted.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		err := unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", parent, base), name, []byte(value), 0)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
			continue // this file system has none, or they are not ours to set
		}
		if err != nil {
			return fmt.Errorf("set attribute %q: %w", name, err)
		}
	}
	return nil
}

func setTime(parent int, base string, at time.Time) error {
	ts, err := unix.TimeToTimespec(at)
	if err != nil {
		return nil // further off than this machine can tell
	}
	return unix.UtimesNanoAt(parent, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// finish sets the directories' times, the deepest last made first.
func (x *extractor) finish() error {
	for i := len(x.dirTimes) - 1; i >= 0; i-- {
		d := x.dirTimes[i]
		fd, err := x.open(path.Dir(d.name))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue // replaced by a later entry
		}
		if err != nil {
			return err
		}
		err = setTime(fd, path.Base(d.name), d.at)
		unix.Close(fd)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

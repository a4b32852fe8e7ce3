//go:build linux

package files

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options say how an archive is unpacked.
type Options struct {
	// KeepKind refuses to put a directory in the place of something else, or the
	// other way round.
	KeepKind bool
	// Owner has all that is unpacked; nil leaves it to the archive.
	Owner *[2]int
}

// Extract unpacks an archive into a directory. Nothing lands outside the root,
// whatever the archive says and the container does meanwhile.
func (r *Root) Extract(asked string, from io.Reader, o Options) error {
	dir, err := r.at(path.Clean("/"+asked), unix.O_PATH)
	if err != nil {
		return err
	}
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return ErrNoDirectory
	}
	// Names and links of the archive are resolved below this directory.
	x := &extraction{Root: &Root{dir}, Options: o}
	archive := tar.NewReader(from)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return x.finish()
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if err := x.entry(h, archive); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}

type extraction struct {
	*Root
	Options
	dirs []*tar.Header // whose times are set at the end: what is put into them changes them
}

func (x *extraction) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean("/" + h.Name)[1:]
	if name == "" {
		return nil // the directory itself, which is there
	}
	parent, err := x.parent(path.Dir(name))
	if err != nil {
		return err
	}
	defer parent.Close()
	base := path.Base(name)
	if err := x.makeWay(parent, base, h); err != nil {
		return err
	}
	if err := x.make(parent, base, h, content); err != nil {
		return err
	}
	return x.attributes(parent, base, h)
}

// parent opens the directory that an entry goes into, and makes what of it is
// missing.
func (x *extraction) parent(name string) (*os.File, error) {
	dir, err := x.at(name, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, ErrNotFound) || name == "." {
		return dir, err
	}
	above, err := x.parent(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer above.Close()
	if err := unix.Mkdirat(int(above.Fd()), path.Base(name), 0o755); err != nil {
		return nil, &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return x.at(name, unix.O_PATH|unix.O_DIRECTORY)
}

// makeWay takes away what is in the place of an entry. Directories stay
// directories.
func (x *extraction) makeWay(parent *os.File, base string, h *tar.Header) error {
	var st unix.Stat_t
	err := unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "stat", Path: base, Err: err}
	}
	there, comes := st.Mode&unix.S_IFMT == unix.S_IFDIR, h.Typeflag == tar.TypeDir
	switch {
	case there && comes:
		return nil
	case x.KeepKind && comes:
		return fmt.Errorf("%w non-directory %q with directory %q", ErrNotOverwrite, "/"+base, "/")
	case x.KeepKind && there:
		return fmt.Errorf("%w directory %q with non-directory %q", ErrNotOverwrite, "/"+base, "/")
	case there:
		return removeAll(parent, base)
	}
	return unix.Unlinkat(int(parent.Fd()), base, 0)
}

// removeAll removes a directory with all that is in it, following no link.
func removeAll(parent *os.File, base string) error {
	fd, err := unix.Openat(int(parent.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: base, Err: err}
	}
	dir := os.NewFile(uintptr(fd), base)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := unix.Unlinkat(fd, name, 0)
		if errors.Is(err, unix.EISDIR) {
			err = removeAll(dir, name)
		}
		if err != nil {
			return err
		}
	}
	return unix.Unlinkat(int(parent.Fd()), base, unix.AT_REMOVEDIR)
}

func (x *extraction) make(parent *os.File, base string, h *tar.Header, content io.Reader) error {
	at := int(parent.Fd())
	switch h.Typeflag {
	case tar.TypeDir:
		x.dirs = append(x.dirs, h)
		if err := unix.Mkdirat(at, base, 0o700); !errors.Is(err, unix.EEXIST) {
			return err
		}
		return nil
	case tar.TypeReg:
		fd, err := unix.Openat(at, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), base)
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	case tar.TypeSymlink:
		return unix.Symlinkat(h.Linkname, at, base)
	case tar.TypeLink:
		return x.link(at, base, h)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
		return unix.Mknodat(at, base, kind|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("unhandled tar header type %d", h.Typeflag)
}

// link makes another name of a file that was unpacked before.
func (x *extraction) link(at int, base string, h *tar.Header) error {
	name := path.Clean("/" + h.Linkname)[1:]
	dir, err := x.at(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Linkat(int(dir.Fd()), path.Base(name), at, base, 0)
}

const xattrRecord = "SCHILY.xattr."

// attributes sets owner, mode, attributes and times, in this order: a change of
// owner takes set-user-ID and capabilities away.
func (x *extraction) attributes(parent *os.File, base string, h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	at := int(parent.Fd())
	uid, gid := h.Uid, h.Gid
	if x.Owner != nil {
		uid, gid = x.Owner[0], x.Owner[1]
	}
	if err := unix.Fchownat(at, base, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) { // an id that is not mapped
		return &os.PathError{Op: "chown", Path: h.Name, Err: err}
	}
	if h.Typeflag == tar.TypeSymlink {
		return setTime(at, base, h.ModTime)
	}
	fd, err := unix.Openat(at, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	self := fmt.Sprintf("/proc/self/fd/%d", fd)
	if err := unix.Chmod(self, uint32(h.Mode&0o7777)); err != nil {
		return &os.PathError{Op: "chmod", Path: h.Name, Err: err}
	}
	for name, value := range h.PAXRecords {
		if attribute, ok := strings.CutPrefix(name, xattrRecord); ok && (attribute == "security.capability" || strings.HasPrefix(attribute, "user.")) {
			_ = unix.Setxattr(self, attribute, []byte(value), 0) // of a file system without them
		}
	}
	return setTime(at, base, h.ModTime)
}

func setTime(at int, base string, when time.Time) error {
	stamp := unix.NsecToTimespec(when.UnixNano())
	return unix.UtimesNanoAt(at, base, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
}

func (x *extraction) finish() error {
	for _, h := range x.dirs {
		name := path.Clean("/" + h.Name)[1:]
		parent, err := x.at(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			continue // the container has removed it meanwhile
		}
		_ = setTime(int(parent.Fd()), path.Base(name), h.ModTime) // likewise
		parent.Close()
	}
	return nil
}

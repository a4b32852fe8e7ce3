//go:build linux

// Package files reads and writes a container's files from outside, while its
// programs may change every link on the way (CVE-2018-15664). Paths are resolved
// by the kernel, within the container's root, and what was found is held by its
// descriptor: openat2(2), RESOLVE_IN_ROOT.
package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound     = errors.New("no such file or directory")
	ErrNoDirectory  = errors.New("extraction point is not a directory")
	ErrNotOverwrite = errors.New("cannot overwrite")
)

// Root is a container's root directory: a mounted stack of layers, or the root of
// a running process with all that is mounted for it.
type Root struct{ dir *os.File }

// Open opens a root: a directory, or /proc/PID/root.
func Open(dir string) (*Root, error) {
	f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the container's root: %w", err)
	}
	return &Root{f}, nil
}

// Close lets go of it.
func (r *Root) Close() error { return r.dir.Close() }

// Stat describes a file as the header X-Docker-Container-Path-Stat does.
type Stat struct {
	Name       string      `json:"name"`
	Size       int64       `json:"size"`
	Mode       os.FileMode `json:"mode"`
	Mtime      time.Time   `json:"mtime"`
	LinkTarget string      `json:"linkTarget"`
}

// at resolves a path inside the root.
func (r *Root) at(name string, flags uint64) (*os.File, error) {
	name = strings.TrimLeft(name, "/")
	if name == "" {
		name = "."
	}
	for {
		fd, err := unix.Openat2(int(r.dir.Fd()), name, &unix.OpenHow{
			Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR): // something was renamed on the way
			continue
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
			return nil, ErrNotFound
		}
		return nil, &os.PathError{Op: "open", Path: "/" + name, Err: err}
	}
}

// found is a file that was asked for: itself, and the directory that it lies in.
type found struct {
	parent, file *os.File
	base         string // its name in parent; "." for parent itself
	as           string // the last part of the path that was asked for
	st           unix.Stat_t
}

func (f *found) close() {
	f.parent.Close()
	if f.file != f.parent {
		f.file.Close()
	}
}

func (f *found) isDir() bool { return f.st.Mode&unix.S_IFMT == unix.S_IFDIR }

// find follows the links of a path, but for its last part, unless that ends with
// a slash or is ".".
func (r *Root) find(asked string) (*found, error) {
	clean := path.Clean("/" + asked)
	f := &found{as: path.Base(clean)}
	var err error
	if whole := clean == "/" || strings.HasSuffix(asked, "/") || strings.HasSuffix(asked, "/."); whole {
		if strings.HasSuffix(asked, "/.") || clean == "/" {
			f.as = "."
		}
		f.parent, err = r.at(clean, unix.O_PATH)
		f.base, f.file = ".", f.parent
	} else {
		f.base = f.as
		if f.parent, err = r.at(path.Dir(clean), unix.O_PATH|unix.O_DIRECTORY); err == nil {
			f.file, err = lookIn(f.parent, f.base)
		}
	}
	if err != nil {
		if f.parent != nil {
			f.parent.Close()
		}
		return nil, err
	}
	if err := unix.Fstat(int(f.file.Fd()), &f.st); err != nil {
		f.close()
		return nil, &os.PathError{Op: "stat", Path: asked, Err: err}
	}
	return f, nil
}

// lookIn opens one name in a directory, a link itself where it is one.
func lookIn(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Stat describes the file at a path, a link itself where it is one.
func (r *Root) Stat(asked string) (Stat, error) {
	f, err := r.find(asked)
	if err != nil {
		return Stat{}, err
	}
	defer f.close()
	return r.describe(f, asked)
}

func (r *Root) describe(f *found, asked string) (Stat, error) {
	s := Stat{Name: path.Base(path.Clean("/" + asked)), Size: f.st.Size, Mode: modeOf(f.st.Mode), Mtime: time.Unix(f.st.Mtim.Unix())}
	if f.st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return s, nil
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.file.Fd()), "", buf)
	if err != nil {
		return s, &os.PathError{Op: "readlink", Path: asked, Err: err}
	}
	to := string(buf[:n])
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(path.Clean("/"+asked)), to)
	}
	s.LinkTarget = path.Clean(to)
	return s, nil
}

var kinds = map[uint32]os.FileMode{
	unix.S_IFDIR: os.ModeDir, unix.S_IFLNK: os.ModeSymlink, unix.S_IFIFO: os.ModeNamedPipe, unix.S_IFSOCK: os.ModeSocket,
	unix.S_IFBLK: os.ModeDevice, unix.S_IFCHR: os.ModeDevice | os.ModeCharDevice,
}

func modeOf(mode uint32) os.FileMode {
	m := os.FileMode(mode&0o777) | kinds[mode&unix.S_IFMT]
	for bit, flag := range map[uint32]os.FileMode{unix.S_ISUID: os.ModeSetuid, unix.S_ISGID: os.ModeSetgid, unix.S_ISVTX: os.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}

// Archive writes the file at a path, or a directory with all in it, as an archive.
// begin is called with its description before the first byte.
func (r *Root) Archive(asked string, begin func(Stat) error, out io.Writer) error {
	f, err := r.find(asked)
	if err != nil {
		return err
	}
	defer f.close()
	s, err := r.describe(f, asked)
	if err != nil {
		return err
	}
	if err := begin(s); err != nil {
		return err
	}
	if !f.isDir() {
		return layer.ArchiveAs(out, f.parent, f.base, f.as)
	}
	return layer.ArchiveAs(out, f.file, ".", f.as)
}

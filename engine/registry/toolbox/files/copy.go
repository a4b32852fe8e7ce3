package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

func cp(c *applet.Call) error {
	f, err := c.Flags("rRapfdPLT", "recursive=r")
	if err != nil {
		return err
	}
	from, target, err := sources(f)
	if err != nil {
		return err
	}
	x := &copier{
		preserve:  f.Has("a", "p"),
		recursive: f.Has("a", "r", "R"),
		follow:    f.Has("L") || !f.Has("a", "r", "R", "d", "P"),
		force:     f.Has("f"),
	}
	return c.Each(from, func(name string) error {
		to := into(name, target)
		if f.Has("T") {
			to = target
		}
		return x.copy(name, to)
	})
}

// copier copies files, and what is in directories.
type copier struct {
	preserve  bool // mode, owner, times
	recursive bool
	follow    bool // links
	force     bool
}

func (x *copier) copy(from, to string) error {
	stat := os.Lstat
	if x.follow {
		stat = os.Stat
	}
	info, err := stat(from)
	if err != nil {
		return err
	}
	if old, err := os.Stat(to); err == nil && os.SameFile(info, old) {
		return &fs.PathError{Op: "copy", Path: to, Err: errors.New("is the same file")}
	}
	switch {
	case info.IsDir() && !x.recursive:
		return &fs.PathError{Op: "copy", Path: from, Err: errors.New("is a directory: -r copies it")}
	case info.IsDir():
		err = x.dir(from, to, info)
	case info.Mode()&fs.ModeSymlink != 0:
		return x.link(from, to)
	case info.Mode().IsRegular() || !x.recursive:
		err = x.file(from, to, info)
	default:
		var st unix.Stat_t
		if err = unix.Lstat(from, &st); err == nil {
			err = made(to, unix.Mknod(to, st.Mode, int(st.Rdev)))
		}
	}
	if err == nil && x.preserve {
		err = keep(from, to)
	}
	return err
}

func (x *copier) link(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, to)
}

func (x *copier) dir(from, to string, info fs.FileInfo) error {
	entries, err := os.ReadDir(from) // before the copy is there: it may be inside
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, e := range entries {
		inner := &copier{preserve: x.preserve, recursive: true, follow: x.follow && !x.recursive, force: x.force}
		if err := inner.copy(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (x *copier) file(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil && x.force {
		if err := os.Remove(to); err != nil {
			return err
		}
		out, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// keep gives the copy what the original is besides its content.
func keep(from, to string) error {
	var st unix.Stat_t
	if err := unix.Stat(from, &st); err != nil {
		return err
	}
	if err := os.Chown(to, int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err // an ordinary user keeps no owner
	}
	if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
		return made(to, err)
	}
	return made(to, unix.UtimesNano(to, []unix.Timespec{st.Atim, st.Mtim}))
}

// dd copies blocks: if= of= bs= count= skip= seek= conv=notrunc,fsync status=.
func dd(c *applet.Call) error {
	d, err := newDD(c)
	if err != nil {
		return err
	}
	return d.run(c)
}

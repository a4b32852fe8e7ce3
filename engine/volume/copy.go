//go:build linux

package volume

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// Empty reports whether nothing is in a directory yet.
func Empty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// Fill copies what an image has at a path into an empty volume: files of all
// kinds with their owners, modes, times, extended attributes and hard links, and
// the directory's own attributes. root is the image's file system; path is
// resolved in it, links too, and never leads out. A path that is not there leaves
// the volume empty; one that is no directory is the error ENOTDIR. It returns the
// number of entries.
func Fill(k sys.Kernel, root, path, volume string) (entries int, err error) {
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(rootFD)
	from, err := unix.Openat2(rootFD, path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, &os.PathError{Op: "openat2", Path: path, Err: err}
	}
	defer unix.Close(from)
	to, err := unix.Open(volume, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: volume, Err: err}
	}
	defer unix.Close(to)
	f := filler{kernel: k, links: map[[2]uint64]string{}, volume: to, room: &sys.Room{Path: volume}}
	if err := f.directory(from, to, ""); err != nil {
		return f.entries, fmt.Errorf("copy %s into the volume: %w", path, err)
	}
	k.Did("write", nil, "cp -a "+root+path+"/. "+volume, sys.Quote(volume), fmt.Sprintf("%d entries", f.entries))
	return f.entries, nil
}

// filler copies one directory by descriptors: no name is looked up twice.
type filler struct {
	kernel  sys.Kernel
	volume  int
	room    *sys.Room
	links   map[[2]uint64]string // device and inode → path in the volume
	entries int
}

func (f *filler) directory(from, to int, path string) error {
	listed, err := unix.Dup(from)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(listed), path)
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := f.entry(from, to, name, path+"/"+name); err != nil {
			return fmt.Errorf("%s: %w", path+"/"+name, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return err
	}
	return own(from, to, &st)
}

func (f *filler) entry(from, to int, name, path string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	f.entries++
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		id := [2]uint64{uint64(st.Dev), st.Ino}
		if first, seen := f.links[id]; seen {
			return unix.Linkat(f.volume, strings.TrimPrefix(first, "/"), to, name, 0)
		}
		f.links[id] = path
	}
	switch kind {
	case unix.S_IFDIR:
		return f.subdirectory(from, to, name, path)
	case unix.S_IFREG:
		return f.file(from, to, name, &st)
	case unix.S_IFLNK:
		return link(from, to, name, &st)
	case unix.S_IFSOCK:
		f.entries--
		return nil
	}
	if err := unix.Mknodat(to, name, st.Mode, int(st.Rdev)); err != nil {
		if errors.Is(err, unix.EPERM) { // no devices in a user namespace
			f.entries--
			return nil
		}
		return err
	}
	return named(to, name, &st)
}

func (f *filler) subdirectory(from, to int, name, path string) error {
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return err
	}
	in, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	out, err := unix.Openat(to, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(out)
	return f.directory(in, out, path)
}

func (f *filler) file(from, to int, name string, st *unix.Stat_t) error {
	if err := f.room.Use(st.Size); err != nil {
		return err
	}
	in, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	source := os.NewFile(uintptr(in), name)
	defer source.Close()
	out, err := unix.Openat(to, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	target := os.NewFile(uintptr(out), name)
	if _, err := target.ReadFrom(source); err != nil {
		return errors.Join(err, target.Close())
	}
	return errors.Join(own(in, out, st), target.Close())
}

func link(from, to int, name string, st *unix.Stat_t) error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(from, name, buf)
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(string(buf[:n]), to, name); err != nil {
		return err
	}
	return named(to, name, st)
}

// named gives what cannot be opened its attributes.
func named(dir int, name string, st *unix.Stat_t) error {
	if err := unix.Fchownat(dir, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Fchmodat(dir, name, st.Mode&0o7777, 0); err != nil { // was made a moment ago: is no link
			return err
		}
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// own copies owner, extended attributes, mode and times, in the order in which
// they do not undo each other: chown(2) clears set-user-id and capabilities.
func own(from, to int, st *unix.Stat_t) error {
	if err := unix.Fchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := attributes(from, to); err != nil {
		return err
	}
	if err := unix.Fchmod(to, st.Mode&0o7777); err != nil {
		return err
	}
	path := fmt.Sprintf("/proc/self/fd/%d", to)
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{st.Atim, st.Mtim}, 0)
}

func attributes(from, to int) error {
	buf := make([]byte, 64<<10) // XATTR_LIST_MAX, XATTR_SIZE_MAX
	n, err := unix.Flistxattr(from, buf)
	if err != nil || n == 0 {
		return nil // this file system has none
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if strings.HasPrefix(name, "trusted.") || strings.HasPrefix(name, "user.overlay.") || strings.HasPrefix(name, "user.fuseoverlayfs.") {
			continue // of the stack of layers, not of the file
		}
		size, err := unix.Fgetxattr(from, name, value)
		if err != nil {
			continue // not ours to read
		}
		err = unix.Fsetxattr(to, name, value[:size], 0)
		if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("set attribute %s: %w", name, err)
		}
	}
	return nil
}

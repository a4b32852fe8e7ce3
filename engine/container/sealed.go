//go:build linux

package container

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Sealed returns this program for init to run from, in such a way that nobody can
// write it, not even through /proc/PID/exe of a process that runs it
// (CVE-2019-5736): by a mount of its own that is read-only, or, where the kernel
// makes none, as a copy in memory that is sealed.
func Sealed() (*os.File, error) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("open own program: %w", err)
	}
	defer own.Close()
	if err := isStatic(own); err != nil {
		return nil, err
	}
	if mounted, err := mountedReadOnly(own); err == nil {
		return mounted, nil
	}
	return copied(own)
}

// mountedReadOnly is the program's file by a mount that is nowhere in the tree of
// files and that no container can change: open_tree(2), OPEN_TREE_CLONE. Whoever
// opens it anew through /proc comes by the same mount. A container starts some
// milliseconds sooner than from a copy, which is tens of megabytes.
func mountedReadOnly(own *os.File) (*os.File, error) {
	name, err := os.Readlink("/proc/self/exe") // the mount behind the link itself may be another namespace's
	if err != nil {
		return nil, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, err
	}
	mounted := os.NewFile(uintptr(fd), name)
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &readOnly)
	if err == nil {
		err = sameFile(mounted, own)
	}
	if err != nil {
		return nil, errors.Join(err, mounted.Close())
	}
	return mounted, nil
}

func sameFile(a, b *os.File) error {
	var first, second unix.Stat_t
	if err := errors.Join(unix.Fstat(int(a.Fd()), &first), unix.Fstat(int(b.Fd()), &second)); err != nil {
		return err
	}
	if first.Dev != second.Dev || first.Ino != second.Ino {
		return errors.New("another program is there by now")
	}
	return nil
}

const memfdName = "learndocker" // shown in /proc/PID/maps

// copied is a copy that cannot be changed any more: memfd_create(2), fcntl(2)
// F_ADD_SEALS.
func copied(own *os.File) (*os.File, error) {
	fd, err := unix.MemfdCreate(memfdName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("copy own program: memfd_create: %w", err)
	}
	copied := os.NewFile(uintptr(fd), memfdName)
	if _, err := io.Copy(copied, own); err != nil {
		return nil, errors.Join(fmt.Errorf("copy own program: %w", err), copied.Close())
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal own program: %w", err), copied.Close())
	}
	return copied, nil
}

// isStatic refuses a program that needs a loader and libraries: inside a container
// there are others, or none.
func isStatic(program *os.File) error {
	f, err := elf.NewFile(program)
	if err != nil {
		return fmt.Errorf("read own program: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("this program is linked dynamically and cannot run inside containers: build it with make build, or CGO_ENABLED=0")
		}
	}
	return nil
}

//go:build linux

// Package overlay stacks unpacked layers into one root file system: the layers
// read-only below, a directory of the container's own on top, in which every
// change ends up. The kernel's overlayfs does it where it can; elsewhere
// fuse-overlayfs or a plain copy stands in, and the fact says so. See the
// kernel's Documentation/filesystems/overlayfs.rst.
package overlay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Driver is a way to stack layers.
type Driver string

// The drivers, the best first.
const (
	Kernel Driver = "overlay"
	Fuse   Driver = "fuse-overlayfs"
	Copy   Driver = "copy"
)

// Plain reports whether the driver reads the deletions of a layer from files
// named .wh.NAME, as in the layer's archive. The kernel's overlayfs has marks of
// its own, which cannot be made on every file system.
func (d Driver) Plain() bool { return d != Kernel }

// Stack is the root file system of one container.
type Stack struct {
	Driver   Driver
	Instead  string   // what the kernel answered where Driver is not its own
	Lower    []string // topmost first
	Dir      string   // holds upper, work and merged
	Userns   bool     // attributes are user.overlay.*
	Volatile bool     // changes need not outlive the mount: it is not synced to disk
}

func (s Stack) upper() string { return filepath.Join(s.Dir, "upper") }
func (s Stack) work() string  { return filepath.Join(s.Dir, "work") }

// Merged is where the stack is mounted.
func (s Stack) Merged() string { return filepath.Join(s.Dir, "merged") }

// Written is the directory in which changes end up; whole where it has all that
// is below as well.
func (s Stack) Written() (dir string, whole bool) {
	if s.Driver == Copy {
		return s.Merged(), true
	}
	return s.upper(), false
}

// Mount makes the directories and mounts the stack.
func (s Stack) Mount(k sys.Kernel, container string) (stage.Overlay, error) {
	fact := stage.Overlay{Container: container, Lower: s.Lower, Merged: s.Merged(), Driver: string(s.Driver), Instead: s.Instead}
	dirs := []string{s.Merged()}
	if s.Driver != Copy {
		fact.Upper, fact.Work = s.upper(), s.work()
		dirs = []string{s.upper(), s.work(), s.Merged()}
	}
	for _, dir := range dirs {
		if err := k.Mkdir(dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return fact, fmt.Errorf("stack layers: %w", err)
		}
	}
	if err := s.mount(k, &fact); err != nil {
		return fact, fmt.Errorf("stack layers: %w", err)
	}
	return fact, nil
}

func (s Stack) mount(k sys.Kernel, fact *stage.Overlay) error {
	switch s.Driver {
	case Fuse:
		fact.Options = s.options(s.Lower)
		return s.mountFuse(k, fact.Options)
	case Copy:
		return s.mountCopy(k, fact)
	}
	return s.mountKernel(k, fact)
}

// mountKernel mounts the kernel's overlayfs. mount(2) reads one page of options:
// where the layers' paths do not fit, they are named by open descriptors.
func (s Stack) mountKernel(k sys.Kernel, fact *stage.Overlay) error {
	fact.Options = s.options(s.Lower)
	if len(fact.Options) >= os.Getpagesize() {
		short, closeAll, err := descriptors(s.Lower)
		defer closeAll()
		if err != nil {
			return err
		}
		fact.Options = s.options(short)
	}
	if len(fact.Options) >= os.Getpagesize() {
		return fmt.Errorf("%d layers: the mount options take %d bytes, the kernel reads one page", len(s.Lower), len(fact.Options))
	}
	return k.Mount("overlay", s.Merged(), "overlay", 0, fact.Options)
}

// descriptors opens the directories and names them in 20 bytes or fewer each.
func descriptors(dirs []string) (names []string, closeAll func(), err error) {
	var open []*os.File
	closeAll = func() {
		for _, f := range open {
			f.Close()
		}
	}
	for _, dir := range dirs {
		f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, closeAll, err
		}
		open = append(open, f)
		names = append(names, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	}
	return names, closeAll, nil
}

func (s Stack) options(lower []string) string {
	escaped := make([]string, len(lower))
	for i, dir := range lower {
		escaped[i] = escape(dir)
	}
	o := "lowerdir=" + strings.Join(escaped, ":") + ",upperdir=" + escape(s.upper()) + ",workdir=" + escape(s.work())
	if s.Userns && s.Driver == Kernel {
		o += ",userxattr"
	}
	if s.Volatile && s.Driver == Kernel {
		o += ",volatile"
	}
	return o
}

// escape keeps a path whole where ':' parts layers and ',' parts options.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`).Replace(path)
}

// Unmount takes the stack apart; one that is not mounted is no error.
func (s Stack) Unmount(k sys.Kernel) error {
	err := unix.Unmount(s.Merged(), unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	k.Did("umount2", err, "umount -l "+s.Merged(), sys.Quote(s.Merged()), "MNT_DETACH")
	if err != nil {
		return fmt.Errorf("take layers apart: %w", &os.PathError{Op: "umount2", Path: s.Merged(), Err: err})
	}
	return nil
}

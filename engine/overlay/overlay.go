//go:build linux

// Package overlay stacks unpacked layers into one root file system: the layers
// read-only below, a directory of the container's own on top, in which every
// change ends up. See the kernel's Documentation/filesystems/overlayfs.rst.
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

// Stack is the mount of one container.
type Stack struct {
	Lower    []string // topmost first
	Dir      string   // holds upper, work and merged
	Userns   bool     // attributes are user.overlay.*
	Volatile bool     // changes need not outlive the mount: it is not synced to disk
}

func (s Stack) upper() string { return filepath.Join(s.Dir, "upper") }
func (s Stack) work() string  { return filepath.Join(s.Dir, "work") }

// Merged is where the stack is mounted.
func (s Stack) Merged() string { return filepath.Join(s.Dir, "merged") }

// Mount makes the directories and mounts the stack.
func (s Stack) Mount(k sys.Kernel, container string) (stage.Overlay, error) {
	fact := stage.Overlay{Container: container, Lower: s.Lower, Upper: s.upper(), Work: s.work(), Merged: s.Merged(), Driver: "overlay"}
	for _, dir := range []string{s.upper(), s.work(), s.Merged()} {
		if err := k.Mkdir(dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return fact, fmt.Errorf("stack layers: %w", err)
		}
	}
	fact.Options = s.options()
	if len(fact.Options) >= os.Getpagesize() {
		return fact, fmt.Errorf("stack %d layers: the mount options take %d bytes, the kernel reads one page", len(s.Lower), len(fact.Options))
	}
	if err := k.Mount("overlay", s.Merged(), "overlay", 0, fact.Options); err != nil {
		return fact, fmt.Errorf("stack layers: %w", err)
	}
	return fact, nil
}

func (s Stack) options() string {
	lower := make([]string, len(s.Lower))
	for i, dir := range s.Lower {
		lower[i] = escape(dir)
	}
	o := "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + escape(s.upper()) + ",workdir=" + escape(s.work())
	if s.Userns {
		o += ",userxattr"
	}
	if s.Volatile {
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

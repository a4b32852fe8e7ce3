//go:build linux

package overlay

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// fuseProgram is the name of the program that is overlayfs in user space.
const fuseProgram = "fuse-overlayfs"

// Choose finds the best driver for stacks below dir, by trying: whether the
// kernel's overlayfs works depends on its version, on whose user namespace we
// are in, and on the file system under dir. why tells what stood against the
// better ones; nil where nothing did.
func Choose(dir string, userns bool) (best Driver, why error, err error) {
	if err := clearTries(dir); err != nil {
		return "", nil, err
	}
	why, err = try(dir, userns)
	if err != nil || why == nil {
		return Kernel, nil, err
	}
	if fuseWorks() {
		return Fuse, why, nil
	}
	return Copy, why, nil
}

const tryPrefix = "try-"

// clearTries takes away what somebody killed while trying has left.
func clearTries(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, tryPrefix+"*"))
	if err != nil {
		return err
	}
	for _, tmp := range left {
		if err := (Stack{Dir: tmp}).Unmount(sys.Kernel{}); err != nil {
			return err
		}
		if err := os.RemoveAll(tmp); err != nil {
			return fmt.Errorf("clear away: %w", err)
		}
	}
	return nil
}

// try makes a layer with a mark, mounts an overlay of it and takes it away again.
func try(dir string, userns bool) (refused, err error) {
	tmp, err := os.MkdirTemp(dir, tryPrefix)
	if err != nil {
		return nil, fmt.Errorf("try overlay: %w", err)
	}
	defer os.RemoveAll(tmp)
	lower := filepath.Join(tmp, "lower")
	hidden := filepath.Join(lower, "hidden")
	if err := os.MkdirAll(hidden, 0o755); err != nil {
		return nil, fmt.Errorf("try overlay: %w", err)
	}
	if refused := Hide(hidden, userns); refused != nil {
		return withoutPath(refused), nil
	}
	s := Stack{Driver: Kernel, Lower: []string{lower}, Dir: tmp, Userns: userns, Volatile: true}
	if _, refused := s.Mount(sys.Kernel{}, ""); refused != nil {
		return withoutPath(refused), nil
	}
	return nil, s.Unmount(sys.Kernel{})
}

// withoutPath keeps the call and the errno: the path that was tried says nothing.
func withoutPath(err error) error {
	var path *os.PathError
	var errno unix.Errno
	if errors.As(err, &path) && errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", path.Op, errno)
	}
	return err
}

// Hide marks a directory of a layer as one that hides what is below it, as the
// kernel's overlayfs reads it: overlayfs.rst. There are file systems (ramfs, an
// older kernel's tmpfs for an ordinary user) that can be stacked but not marked.
func Hide(dir string, userns bool) error {
	name := "trusted.overlay.opaque"
	if userns {
		name = "user.overlay.opaque"
	}
	if err := unix.Lsetxattr(dir, name, []byte("y"), 0); err != nil {
		return &os.PathError{Op: "setxattr " + name, Path: dir, Err: err}
	}
	return nil
}

// fuseWorks reports whether there is the program, and the device that it needs.
func fuseWorks() bool {
	if _, err := exec.LookPath(fuseProgram); err != nil {
		return false
	}
	return unix.Access("/dev/fuse", unix.R_OK|unix.W_OK) == nil
}

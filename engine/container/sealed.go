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

const memfdName = "learndocker" // shown in /proc/PID/maps

// Sealed returns a copy of this program that nobody can write, not even through
// /proc/PID/exe of a process that runs it: memfd_create(2), fcntl(2) F_ADD_SEALS.
func Sealed() (*os.File, error) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("copy own program: %w", err)
	}
	defer own.Close()
	if err := isStatic(own); err != nil {
		return nil, err
	}
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

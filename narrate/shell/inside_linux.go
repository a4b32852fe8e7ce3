package shell

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Descriptors that what runs inside is given: this program itself, which finds no
// file of its own there, and what the shell will say its errors to.
const (
	ownProgram = "/proc/self/fd/3"
	errorsTo   = 4
)

// Inside opens a shell in the namespaces of process pid: the image's own where
// it has one, otherwise this program's few commands (Peek).
func Inside(pid int, w prose.Words) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return errors.New("nsenter is not installed: apt-get install util-linux")
	}
	args, err := entering(pid)
	if err != nil {
		return err
	}
	args = append(args, "--", ownProgram, "peek")
	if _, err := os.Lstat(fmt.Sprintf("/proc/%d/root/bin/sh", pid)); err == nil {
		args = append(args, "/bin/sh")
		fmt.Println(w.Say("A shell inside the namespaces. exit comes back to the lesson."))
		if sameRoot(pid) {
			fmt.Println(w.Say("Until rootfs.pivot the files, and /proc with them, are still the host's: ps does not find itself there."))
		}
	} else {
		fmt.Println(w.Say("This image has no shell. These commands are learndocker's own, run inside the namespaces:"))
		fmt.Println("  " + commands)
	}
	own, err := sealedCopy()
	if err != nil {
		return err
	}
	defer own.Close()
	cmd := exec.Command(nsenter, args...)
	cmd.ExtraFiles = []*os.File{own, os.Stderr}
	// The terminal is the lesson's again before anyone could read what was said
	// by whatever did not come to the shell.
	var refused bytes.Buffer
	cmd.Stderr = &refused
	err = run(cmd, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
	if said := strings.TrimSpace(refused.String()); said != "" {
		return errors.New(strings.Join(strings.Fields(said), " "))
	}
	return err
}

// entering are nsenter's arguments for those namespaces of a process that are
// not ours.
func entering(pid int) ([]string, error) {
	args := []string{"--target", strconv.Itoa(pid)}
	for _, ns := range [][]string{
		// An ordinary user is mapped to root of the user namespace already. To
		// become that root once more nsenter would drop the groups, which one who
		// mapped himself may not: user_namespaces(7), /proc/PID/setgroups.
		{"user", "--user", "--preserve-credentials"},
		{"mnt", "--mount"}, {"uts", "--uts"}, {"ipc", "--ipc"}, {"net", "--net"}, {"pid", "--pid"}, {"cgroup", "--cgroup"},
	} {
		held := probe.Inode(filepath.Join("/proc", strconv.Itoa(pid), "ns", ns[0]))
		if held == 0 {
			return nil, notThere(pid)
		}
		if held != probe.Inode("/proc/self/ns/"+ns[0]) {
			args = append(args, ns[1:]...)
		}
	}
	return args, nil
}

// notThere says why a process's namespaces cannot be read.
func notThere(pid int) error {
	state := probe.Status(pid)["State"]
	switch {
	case state == "":
		return ErrGone
	case strings.HasPrefix(state, "Z"):
		return ErrZombie
	}
	return fmt.Errorf("process %d is not ours to enter", pid)
}

// Begin turns this process, inside, into the image's own shell, or into Peek
// where none is named.
func Begin(program string) error {
	if err := takeGroup(); err != nil {
		return err
	}
	before, err := unix.FcntlInt(os.Stderr.Fd(), unix.F_DUPFD_CLOEXEC, errorsTo+1)
	if err != nil {
		return fmt.Errorf("keep what errors go to: %w", err)
	}
	if err := unix.Dup3(errorsTo, int(os.Stderr.Fd()), 0); err != nil {
		return fmt.Errorf("give errors to the terminal: %w", err)
	}
	for fd := 3; fd <= errorsTo; fd++ {
		unix.CloseOnExec(fd)
	}
	if program == "" {
		return Peek(os.Stdin, os.Stdout)
	}
	err = unix.Exec(program, []string{program}, os.Environ())
	_ = unix.Dup3(before, int(os.Stderr.Fd()), 0) // it was open a moment ago
	return fmt.Errorf("run %s: %w", program, err)
}

// takeGroup makes a process group of our own and the terminal's foreground of
// it. Every group from outside has number 0 here, and a shell cannot give the
// terminal back to that: pid_namespaces(7), tcsetpgrp(3).
func takeGroup() error {
	if err := unix.Setpgid(0, 0); err != nil {
		return fmt.Errorf("make a process group: %w", err)
	}
	takeTerminal()
	return nil
}

// sameRoot reports whether the process still has our root directory.
func sameRoot(pid int) bool {
	var own, held unix.Stat_t
	return unix.Stat("/", &own) == nil && unix.Stat(fmt.Sprintf("/proc/%d/root", pid), &held) == nil && own.Dev == held.Dev && own.Ino == held.Ino
}

// sealedCopy is this program in memory: inside, its file is not to be found,
// and what runs there must not be able to write it.
func sealedCopy() (*os.File, error) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	fd, err := unix.MemfdCreate("learndocker", unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("copy own program: %w", err)
	}
	copied := os.NewFile(uintptr(fd), "learndocker")
	if _, err := io.Copy(copied, own); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
}

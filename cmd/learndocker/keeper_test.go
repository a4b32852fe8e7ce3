//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The test program under this variable is a keeper: it starts a command as
// somebody, adopts every process that descends from it (PR_SET_CHILD_SUBREAPER
// in prctl(2)) and ends when none of them is left. That it ends is therefore
// the kernel's own word that no process of the command's remains, under
// whatever name.
//
// keeperVar is the user's number, 0 for root. keeperTerminal gives the command
// its input as controlling terminal. keeperEtc is a directory whose files are
// shown in the place of those in /etc, to the command only.
const (
	keeperVar      = "LEARNDOCKER_TEST_KEEPER"
	keeperTerminal = "LEARNDOCKER_TEST_TERMINAL"
	keeperEtc      = "LEARNDOCKER_TEST_ETC"
)

const keeperPidFD = 3 // where the keeper says the command's number

// keep runs the keeper and returns the command's status as a shell has it.
func keep(command []string) int {
	status, err := kept(command)
	if err != nil {
		fmt.Fprintln(os.Stderr, "keeper:", err)
		return 125
	}
	return status
}

func kept(command []string) (int, error) {
	uid, err := strconv.Atoi(os.Getenv(keeperVar))
	if err != nil {
		return 0, err
	}
	if err := showEtc(os.Getenv(keeperEtc)); err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("adopt orphans: %w", err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: os.Getenv(keeperTerminal) != ""}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LEARNDOCKER_TEST_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	// The streams are the command's alone: it must be seen when it closes them.
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		f.Close()
	}
	said := os.NewFile(keeperPidFD, "pid")
	fmt.Fprintln(said, cmd.Process.Pid)
	said.Close()
	return reapAll(cmd.Process.Pid)
}

// reapAll waits for every child, born here or adopted, until there is none.
func reapAll(first int) (status int, err error) {
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err == syscall.ECHILD:
			return status, nil
		case err != nil:
			return status, err
		case pid == first && ws.Signaled():
			status = 128 + int(ws.Signal())
		case pid == first:
			status = ws.ExitStatus()
		}
	}
}

// showEtc mounts the directory's files over those of the same name. The keeper
// has a mount namespace of its own.
func showEtc(dir string) error {
	if dir == "" {
		return nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		target := filepath.Join("/etc", f.Name())
		if err := unix.Mount(filepath.Join(dir, f.Name()), target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show %s: %w", target, err)
		}
	}
	return nil
}

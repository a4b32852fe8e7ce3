//go:build linux

package pid1

import (
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReaperPath is where `docker run --init` puts this program into a container. It
// is process 1 there, starts the container's own program, hands every signal on
// to it, and reaps what is left to process 1, as tini does.
const ReaperPath = "/sbin/docker-init"

// reap runs the program whose arguments follow "--".
func reap(args []string) int {
	if len(args) < 2 || args[0] != "--" {
		return 125
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	program, err := lookPath(args[1], os.Environ())
	if err != nil {
		_, _ = os.Stderr.WriteString("[FATAL] " + strings.TrimPrefix(err.Error(), "exec: ") + "\n")
		return 127
	}
	child, err := os.StartProcess(program, args[1:], &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: childAttr(),
	})
	if err != nil {
		_, _ = os.Stderr.WriteString("[FATAL] " + err.Error() + "\n")
		return 126
	}
	for s := range signals {
		if s != unix.SIGCHLD {
			_ = child.Signal(s) // has ended: that is seen below
			continue
		}
		if status, ended := reapAll(child.Pid); ended {
			return status
		}
	}
	return 0
}

// childAttr gives the program a process group of its own, in the terminal's
// foreground where there is one.
func childAttr() *syscall.SysProcAttr {
	_, err := unix.IoctlGetTermios(0, unix.TCGETS)
	return &syscall.SysProcAttr{Setpgid: true, Foreground: err == nil, Ctty: 0}
}

// reapAll takes every ended child out of the process table and tells whether the
// one with that number was among them, and its status as a shell has it.
func reapAll(wanted int) (status int, ended bool) {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return status, ended
		}
		if pid != wanted {
			continue
		}
		if ended, status = true, ws.ExitStatus(); ws.Signaled() {
			status = 128 + int(ws.Signal())
		}
	}
}

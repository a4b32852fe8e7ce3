package narrate

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unread is how many bytes are in a pipe: TIOCINQ, or FIONREAD: ioctl_tty(2), pipe(7).
func unread(pipe *os.File) int {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0 // closed: it has been read to its end
	}
	n := 0
	err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if err != nil {
		return 0
	}
	return n
}

// standsStill reports whether every thread of a process waits for something, or
// has ended: proc_pid_stat(5). A stopped one waits, too.
func standsStill(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return true
	}
	for _, stat := range threads {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // has ended meanwhile
		}
		// The name is in parentheses and may hold any character, these too.
		_, state, _ := strings.Cut(string(data[bytes.LastIndexByte(data, ')')+1:]), " ")
		if strings.HasPrefix(state, "R") || strings.HasPrefix(state, "D") {
			return false
		}
	}
	return true
}

// ownGroup keeps ^C at the terminal for the narrator: it unwinds the others in
// order. Should the narrator be killed, its children are told to end.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// kill ends a child of ownGroup and everything in its group: a rootless daemon
// is two processes, the second of which would outlive the first.
func kill(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// awaitGroup waits until nobody is left in the group of a child that has ended;
// who has not gone in time is killed.
func awaitGroup(p *os.Process, patience time.Duration) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(-p.Pid, 0), syscall.ESRCH) {
			return
		}
	}
	_ = kill(p) // an error is a group that has just ended
}

// peer is the process at the other end of a unix socket: SO_PEERCRED in unix(7).
// 0 where it cannot be known.
func peer(conn net.Conn) (pid int) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // an error is a socket that has been closed: 0
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

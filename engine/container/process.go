//go:build linux

// Package container makes a process into a container: config.json, and the
// daemon's side of init's life. Package pid1 is the other side.
package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// Process is a container's first process.
type Process struct {
	PID     int
	process *os.Process
	socket  *os.File
	conn    *wire.Conn
	started time.Time
}

// spawnFlags are the namespaces made at once with the process. The cgroup
// namespace follows when the process has entered its group: its root is the
// group that one is in when it is made. See cgroup_namespaces(7).
const spawnFlags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

// Spawn starts init in new namespaces. It waits there for Run.
func Spawn(k sys.Kernel, program *os.File, stdio [3]*os.File) (*Process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket pair: %w", err)
	}
	socket, theirs := os.NewFile(uintptr(pair[0]), "init"), os.NewFile(uintptr(pair[1]), "daemon")
	defer theirs.Close()
	process, err := os.StartProcess(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), program.Fd()), []string{pid1.Name}, &os.ProcAttr{
		Dir: "/",
		// One processor and no collector: init lives for milliseconds, and a
		// container's pids limit may leave no room for more threads.
		Env:   []string{"GOMAXPROCS=1", "GOGC=off"},
		Files: []*os.File{stdio[0], stdio[1], stdio[2], theirs},
		Sys:   &syscall.SysProcAttr{Cloneflags: spawnFlags, Setsid: true},
	})
	k.Did("clone", err, sys.UnshareByHand(spawnFlags, "…"), strings.Join(append(sys.CloneFlags(spawnFlags), "SIGCHLD"), "|"))
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("start init in new namespaces: %w", err)
	}
	return &Process{PID: process.Pid, process: process, socket: socket, conn: wire.NewConn(socket, nil)}, nil
}

// Await returns when init waits for its setup: from then on it stands still.
func (p *Process) Await() error {
	packet, err := p.conn.Receive()
	if err != nil {
		return fmt.Errorf("wait for init: %w", err)
	}
	if !packet.Ready {
		return errors.New("wait for init: it said something else first")
	}
	return nil
}

// Describe reads the process's namespaces beside the daemon's own.
func (p *Process) Describe(container string) (stage.Namespaces, error) {
	fact := stage.Namespaces{Container: container, PID: p.PID, Flags: sys.CloneFlags(spawnFlags)}
	for _, ns := range []struct {
		name string
		flag uintptr
	}{
		{"mnt", unix.CLONE_NEWNS}, {"pid", unix.CLONE_NEWPID}, {"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC},
		{"net", unix.CLONE_NEWNET}, {"cgroup", unix.CLONE_NEWCGROUP}, {"user", unix.CLONE_NEWUSER},
	} {
		inode, err := sys.NamespaceInode(strconv.Itoa(p.PID), ns.name)
		if err != nil {
			return fact, err
		}
		host, err := sys.NamespaceInode("self", ns.name)
		if err != nil {
			return fact, err
		}
		fact.Namespaces = append(fact.Namespaces, stage.Namespace{
			Type: ns.name, Flag: sys.CloneFlags(ns.flag)[0], Inode: inode, Host: host, New: inode != host,
		})
	}
	return fact, nil
}

// Identity reads who the process's root is on the host: user_namespaces(7).
func (p *Process) Identity(rootless bool) (stage.UserMap, error) {
	fact := stage.UserMap{PID: p.PID, Rootless: rootless}
	uids, err := readMap(p.PID, "uid_map")
	if err != nil {
		return fact, err
	}
	gids, err := readMap(p.PID, "gid_map")
	fact.UIDMap, fact.GIDMap = uids, gids
	return fact, err
}

func readMap(pid int, name string) ([]stage.Mapping, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		return nil, fmt.Errorf("read id map: %w", err)
	}
	var maps []stage.Mapping
	for line := range strings.Lines(string(data)) {
		var m stage.Mapping
		if _, err := fmt.Sscan(line, &m.Inside, &m.Outside, &m.Count); err != nil {
			return nil, fmt.Errorf("read id map %q: %w", line, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

// Run lets init make itself into the container's program and returns when it
// has: when execve has closed init's end of the socket. Init's stops are shown
// to the trail's watcher as the daemon's own are. The error of an init that
// could not go on is a *wire.Failure.
func (p *Process) Run(ctx context.Context, trail *stage.Trail, s pid1.Setup) error {
	defer p.socket.Close()
	s.Watched = trail.Watched()
	setup, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode setup: %w", err)
	}
	if err := p.conn.Send(wire.Packet{Setup: setup}); err != nil {
		return fmt.Errorf("start init: %w", err)
	}
	for {
		packet, err := p.conn.Receive()
		switch {
		case errors.Is(err, io.EOF):
			p.started = time.Now()
			return nil
		case err != nil:
			return fmt.Errorf("listen to init: %w", err)
		case packet.Ready:
			continue // nobody watched, nobody waited for it
		case packet.Error != nil:
			return packet.Error
		case packet.Point == nil:
			return errors.New("listen to init: a packet without meaning")
		}
		trail.Add(packet.Point.Acts...)
		if err := trail.At(ctx, p.PID, packet.Point.Fact); err != nil {
			return err
		}
		if err := p.conn.Send(wire.Packet{Go: true}); err != nil {
			return fmt.Errorf("let init go on: %w", err)
		}
	}
}

// Kill ends the process, and with it every process of its PID namespace:
// pid_namespaces(7).
func (p *Process) Kill() { _ = p.process.Kill() } // an error is a process that has ended

// Signal sends a signal to the container's first process.
func (p *Process) Signal(s syscall.Signal) error { return p.process.Signal(s) }

// Wait waits until the process has ended and leaves it in the process table,
// a zombie, until Reap.
func (p *Process) Wait() (stage.Exit, error) {
	fact := stage.Exit{PID: p.PID}
	var info unix.Siginfo
	var usage unix.Rusage
	for {
		err := unix.Waitid(unix.P_PID, p.PID, &info, unix.WEXITED|unix.WNOWAIT, &usage)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fact, fmt.Errorf("wait for %d: %w", p.PID, err)
		}
	}
	code, status := childStatus(&info)
	fact.Status = status
	if code != cldExited {
		fact.Status, fact.Signal = 128+status, unix.SignalName(unix.Signal(status))
	}
	fact.UserUS = int64(usage.Utime.Sec)*1e6 + int64(usage.Utime.Usec)
	fact.SystemUS = int64(usage.Stime.Sec)*1e6 + int64(usage.Stime.Usec)
	fact.MaxRSS = int64(usage.Maxrss) << 10
	if !p.started.IsZero() {
		fact.WallUS = time.Since(p.started).Microseconds()
	}
	return fact, nil
}

const cldExited = 1 // CLD_EXITED of sigaction(2)

// childStatus reads si_code and si_status, for which unix.Siginfo has no
// names: signo, errno and code come first, then (aligned to a word) pid, uid
// and status.
func childStatus(info *unix.Siginfo) (code, status int) {
	words := (*[8]int32)(unsafe.Pointer(info))
	if unsafe.Sizeof(uintptr(0)) == 8 {
		return int(words[2]), int(words[6])
	}
	return int(words[2]), int(words[5])
}

// Reap takes the zombie out of the process table.
func (p *Process) Reap() error {
	_, err := p.process.Wait()
	return err
}

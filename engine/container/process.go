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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/hook"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// Process is a container's first process.
type Process struct {
	PID     int
	flags   uintptr  // namespaces made with it
	Joined  []string // flags of those that it has entered
	process *os.Process
	socket  *os.File
	conn    *wire.Conn
	started time.Time
}

// environmentOfInit: one processor and no collector. Init lives for
// milliseconds, and a container's pids limit may leave no room for more threads.
var environmentOfInit = []string{"GOMAXPROCS=1", "GOGC=off"}

// Launch says where and with what init starts.
type Launch struct {
	Program    *os.File // init's
	Stdio      [3]*os.File
	Further    []*os.File // from descriptor 4 on
	Namespaces []specs.LinuxNamespace
	Inside     *Process    // whose namespaces it enters, all of them: exec
	Users      specs.Linux // UIDMappings and GIDMappings of a new user namespace, TimeOffsets of a new time namespace
}

// FirstFurther is init's number of the first of Launch.Further.
const FirstFurther = 4

var flagsOf = map[specs.LinuxNamespaceType]uintptr{
	specs.UserNamespace: unix.CLONE_NEWUSER, specs.MountNamespace: unix.CLONE_NEWNS, specs.PIDNamespace: unix.CLONE_NEWPID,
	specs.UTSNamespace: unix.CLONE_NEWUTS, specs.IPCNamespace: unix.CLONE_NEWIPC, specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.CgroupNamespace: unix.CLONE_NEWCGROUP, specs.TimeNamespace: unix.CLONE_NEWTIME,
}

// made are the flags of the namespaces that are made at once with the process.
// The cgroup namespace follows when the process has entered its group: its root
// is the group that one is in when it is made. See cgroup_namespaces(7).
func (l Launch) made() uintptr {
	var flags uintptr
	for _, ns := range l.Namespaces {
		if ns.Path == "" && ns.Type != specs.CgroupNamespace && ns.Type != specs.TimeNamespace {
			flags |= flagsOf[ns.Type]
		}
	}
	return flags
}

func (l Launch) has(kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(l.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind && ns.Path == "" })
}

// Spawn starts init in its namespaces. It waits there for Run.
func Spawn(k sys.Kernel, l Launch) (*Process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket pair: %w", err)
	}
	socket, theirs := os.NewFile(uintptr(pair[0]), "init"), os.NewFile(uintptr(pair[1]), "daemon")
	defer theirs.Close()
	files := append([]*os.File{l.Stdio[0], l.Stdio[1], l.Stdio[2], theirs}, l.Further...)
	process, joined, err := l.start(k, files)
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("start init in its namespaces: %w", err)
	}
	return &Process{PID: process.Pid, flags: l.made(), Joined: joined, process: process, socket: socket, conn: wire.NewConn(socket, nil)}, nil
}

// start makes the process with one call where nothing is joined, and by way of
// an entering child otherwise.
func (l Launch) start(k sys.Kernel, files []*os.File) (process *os.Process, joined []string, err error) {
	joins, closeAll, err := l.joins()
	defer closeAll()
	if err != nil {
		return nil, nil, err
	}
	flags := l.made()
	if l.Inside != nil {
		one, err := l.Inside.namespaces()
		if err != nil {
			return nil, nil, err
		}
		defer unix.Close(one.fd)
		joins = append(joins, one)
	}
	if len(joins) > 0 || l.has(specs.TimeNamespace) || l.has(specs.UserNamespace) {
		for _, j := range joins {
			joined = append(joined, sys.CloneFlags(uintptr(j.flags))...)
		}
		process, err = l.enter(k, files, joins, flags)
		return process, joined, err
	}
	program := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), l.Program.Fd())
	attr := &os.ProcAttr{Dir: "/", Env: environmentOfInit, Files: files, Sys: &syscall.SysProcAttr{Cloneflags: flags, Setsid: true}}
	asParent(func() { process, err = os.StartProcess(program, []string{pid1.Name}, attr) })
	k.Did("clone", err, sys.UnshareByHand(flags, "…"), strings.Join(append(sys.CloneFlags(flags), "SIGCHLD"), "|"))
	return process, nil, err
}

func (l Launch) enter(k sys.Kernel, files []*os.File, joins []join, flags uintptr) (*os.Process, error) {
	offsets := ""
	if l.has(specs.TimeNamespace) {
		for clock, o := range l.Users.TimeOffsets { // time_namespaces(7)
			offsets += fmt.Sprintf("%s %d %d\n", clock, o.Secs, o.Nanosecs)
		}
	}
	var mapIDs func(int) error
	if l.has(specs.UserNamespace) {
		mapIDs = func(pid int) error { return writeMaps(k, pid, l.Users) }
	}
	pid, err := enter(l.Program, files, joins, flags, offsets, mapIDs)
	for _, j := range joins {
		k.Did("setns", err, "", strconv.Itoa(j.fd), strings.Join(sys.CloneFlags(uintptr(j.flags)), "|"))
	}
	k.Did("clone", err, sys.UnshareByHand(flags, "…"), strings.Join(append(sys.CloneFlags(flags), "CLONE_PARENT", "SIGCHLD"), "|"))
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

// joins opens the namespaces that are named by a path, that of users first: the
// rights in it are needed for the others.
func (l Launch) joins() (list []join, closeAll func(), err error) {
	var opened []*os.File
	closeAll = func() {
		for _, f := range opened {
			f.Close()
		}
	}
	for _, ns := range l.Namespaces {
		if ns.Path == "" {
			continue
		}
		f, err := os.Open(ns.Path)
		if err != nil {
			return nil, closeAll, fmt.Errorf("open namespace: %w", err)
		}
		opened = append(opened, f)
		if err := isNamespace(f, ns.Type); err != nil {
			return nil, closeAll, err
		}
		one := join{int(f.Fd()), int(flagsOf[ns.Type])}
		if ns.Type == specs.UserNamespace {
			list = slices.Insert(list, 0, one)
		} else {
			list = append(list, one)
		}
	}
	return list, closeAll, nil
}

// isNamespace holds that a file is a namespace of that kind: ioctl_ns(2).
func isNamespace(f *os.File, kind specs.LinuxNamespaceType) error {
	got, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil {
		return fmt.Errorf("%s is no namespace: %w", f.Name(), err)
	}
	if uintptr(got) != flagsOf[kind] {
		return fmt.Errorf("%s is no %s namespace", f.Name(), kind)
	}
	return nil
}

// namespaces are those of the process that are not ours, for one call of setns(2)
// with a descriptor of the process.
func (p *Process) namespaces() (join, error) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return join{}, fmt.Errorf("open process %d: %w", p.PID, err)
	}
	one := join{fd: fd}
	for name, flag := range namespaceFiles {
		theirs, err := sys.NamespaceInode(strconv.Itoa(p.PID), name)
		if err != nil {
			return one, errors.Join(err, unix.Close(fd))
		}
		ours, err := sys.NamespaceInode("self", name)
		if err != nil {
			return one, errors.Join(err, unix.Close(fd))
		}
		if theirs != ours {
			one.flags |= flag
		}
	}
	// All this was read of the process that the descriptor is of, if it still runs.
	if err := unix.PidfdSendSignal(fd, 0, nil, 0); err != nil {
		return one, errors.Join(fmt.Errorf("the container's first process has ended: %w", err), unix.Close(fd))
	}
	return one, nil
}

// namespaceFiles are the kinds by their names in /proc/PID/ns.
var namespaceFiles = map[string]int{
	"mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "uts": unix.CLONE_NEWUTS, "ipc": unix.CLONE_NEWIPC,
	"net": unix.CLONE_NEWNET, "cgroup": unix.CLONE_NEWCGROUP, "user": unix.CLONE_NEWUSER,
}

// writeMaps says whom the ids of a new user namespace are outside.
func writeMaps(k sys.Kernel, pid int, l specs.Linux) error {
	for _, m := range []struct {
		file string
		list []specs.LinuxIDMapping
	}{{"uid_map", l.UIDMappings}, {"gid_map", l.GIDMappings}} {
		var lines strings.Builder
		for _, line := range m.list {
			fmt.Fprintf(&lines, "%d %d %d\n", line.ContainerID, line.HostID, line.Size)
		}
		if err := k.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, m.file), lines.String()); err != nil {
			return fmt.Errorf("map ids: %w", err)
		}
	}
	return nil
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
	fact := stage.Namespaces{Container: container, PID: p.PID, Flags: sys.CloneFlags(p.flags)}
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
// has: when execve has closed init's end of the socket, or when init waits for
// its start (Setup.StartFD). Init's stops are shown to the trail's watcher as the
// daemon's own are. The error of an init that could not go on is a *wire.Failure.
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
		case packet.Waits:
			return nil
		case packet.Error != nil:
			return packet.Error
		}
		if err := p.answer(ctx, trail, s, packet); err != nil {
			return err
		}
	}
}

// answer does what init waits for.
func (p *Process) answer(ctx context.Context, trail *stage.Trail, s pid1.Setup, packet wire.Packet) error {
	switch {
	case packet.Ready:
		return nil // nobody watched, nobody waited for it
	case packet.Hooks != nil:
		if err := p.runHooks(s, packet.Hooks); err != nil {
			return errors.Join(err, p.conn.Send(wire.Packet{Abort: err.Error()}))
		}
	case packet.Point != nil:
		trail.Add(packet.Point.Acts...)
		if err := trail.At(ctx, p.PID, packet.Point.Fact); err != nil {
			return err
		}
	default:
		return errors.New("listen to init: a packet without meaning")
	}
	if err := p.conn.Send(wire.Packet{Go: true}); err != nil {
		return fmt.Errorf("let init go on: %w", err)
	}
	return nil
}

// runHooks runs the hooks that belong outside the container.
func (p *Process) runHooks(s pid1.Setup, names []string) error {
	state := s.State
	state.Pid = p.PID
	for _, name := range names {
		list := s.Spec.Hooks.CreateRuntime
		if name == "prestart" {
			//lint:ignore SA1019 config.md: a runtime must still run them
			list = s.Spec.Hooks.Prestart
		}
		if err := hook.Run(state, list); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Kill ends the process, and with it every process of its PID namespace:
// pid_namespaces(7).
func (p *Process) Kill() { _ = p.process.Kill() } // an error is a process that has ended

// KillGroup ends the process and those of its process group, which of a shell
// without a terminal are the programs that it has begun. The caller knows that
// the process has not been reaped: its number is still its own.
func (p *Process) KillGroup() {
	_ = syscall.Kill(-p.PID, syscall.SIGKILL) // an error: it has not come to setsid(2) yet, or all have ended
	p.Kill()
}

// Signal sends a signal to the container's first process.
func (p *Process) Signal(s syscall.Signal) error { return p.process.Signal(s) }

// Wait waits until the process has ended and leaves it in the process table,
// a zombie, until Reap.
func (p *Process) Wait() (stage.Exit, error) {
	fact := stage.Exit{PID: p.PID}
	var info unix.Siginfo
	var usage unix.Rusage
	p.awaitEnd()
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

// awaitEnd waits for the process's end on the runtime's poller: waitid(2) would
// keep a thread for each container. Where it cannot, waitid waits.
func (p *Process) awaitEnd() {
	fd, err := unix.PidfdOpen(p.PID, unix.PIDFD_NONBLOCK)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(fd uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return ready > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
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

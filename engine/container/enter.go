//go:build linux

package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/pid1"
)

// A process with threads, as every Go program is, cannot enter a user namespace,
// and no process can enter a PID namespace itself: its children do (setns(2)). So
// the daemon forks a child of one thread, which enters, and forks the init that is
// wanted from there:
//
//	daemon ── clone ──► entering child ── setns(2) … ── clone(CLONE_PARENT) ──► init
//	   ▲                     │ writes init's pid, ends
//	   └──── the parent of both ────────────────────────────────────────────────┘
//
// Between fork and execve the children make system calls and nothing else: of Go's
// runtime they have the memory but none of the other threads.

// entry is all that the children need. Nothing can be allocated there.
type entry struct {
	joins   []join
	offsets *byte // what to write to timens_offsets; nil for no time namespace
	length  uintptr
	flags   uintptr // namespaces to be made
	told    int     // where init's pid, or a negative errno, is written
	mapped  int     // init waits for a byte from here; -1 for no waiting
	beRoot  bool    // of the user namespace
	files   []int
	program int
	argv    []*byte
	envp    []*byte
	mask    uint64 // signals that are blocked at execve
}

// join is one call of setns(2): a namespace's descriptor, or a process's with
// several kinds (Linux 5.8).
type join struct {
	fd    int
	flags int
}

// highest is above every descriptor that init is given, so that none is
// overwritten while they are put in their places.
const highest = 64

var (
	timensPath = append([]byte("/proc/self/timens_offsets"), 0)
	rootPath   = append([]byte("/"), 0)
	noPath     = []byte{0}
)

// enter starts init with these files in namespaces that are joined or made.
// mapIDs, where not nil, is called with init's pid before init goes on.
func enter(program *os.File, files []*os.File, joins []join, made uintptr, offsets string, mapIDs func(pid int) error) (int, error) {
	e := &entry{joins: joins, flags: made, mapped: -1, beRoot: mapIDs != nil || slices.ContainsFunc(joins, func(j join) bool { return j.flags == unix.CLONE_NEWUSER })}
	defer e.close()
	if err := e.take(program, files); err != nil {
		return 0, err
	}
	if offsets != "" {
		data := []byte(offsets)
		e.offsets, e.length = &data[0], uintptr(len(data))
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer told.Close()
	e.told = int(tell.Fd())
	var goOn *os.File
	if mapIDs != nil {
		wait, w, err := os.Pipe()
		if err != nil {
			return 0, errors.Join(err, tell.Close())
		}
		defer wait.Close()
		defer w.Close()
		goOn, e.mapped = w, int(wait.Fd())
	}
	var child int
	var errno syscall.Errno
	asParent(func() { child, errno = e.fork() })
	tell.Close()
	if errno != 0 {
		return 0, fmt.Errorf("fork: %w", errno)
	}
	pid, err := readPID(told, child)
	if err != nil || goOn == nil {
		return pid, err
	}
	if err := mapIDs(pid); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		return 0, errors.Join(err, reap(pid))
	}
	_, err = goOn.Write([]byte{1})
	return pid, err
}

// readPID reads what the entering child has to say and sees it off.
func readPID(told *os.File, child int) (int, error) {
	var said [4]byte
	_, err := told.Read(said[:])
	err = errors.Join(err, reap(child))
	n := int32(binary.NativeEndian.Uint32(said[:]))
	switch {
	case n < 0:
		return 0, fmt.Errorf("enter namespaces: %w", unix.Errno(-n))
	case err != nil || n == 0:
		return 0, errors.Join(errors.New("enter namespaces: the child has died"), err)
	}
	return int(n), nil
}

func reap(pid int) error {
	for {
		_, err := unix.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// take copies the descriptors to high numbers and makes execve's arguments.
func (e *entry) take(program *os.File, files []*os.File) error {
	for _, f := range append(slices.Clone(files), program) {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, highest)
		runtime.KeepAlive(f)
		if err != nil {
			return fmt.Errorf("copy descriptor: %w", err)
		}
		e.files = append(e.files, fd)
	}
	e.program, e.files = e.files[len(files)], e.files[:len(files)]
	var err error
	if e.argv, err = syscall.SlicePtrFromStrings([]string{pid1.Name}); err != nil {
		return err
	}
	e.envp, err = syscall.SlicePtrFromStrings(environmentOfInit)
	return err
}

func (e *entry) close() {
	for _, fd := range append(e.files, e.program) {
		if fd >= highest {
			unix.Close(fd)
		}
	}
}

// fork makes the entering child, on a thread that the caller has locked. No signal
// may come to it: Go's handlers need the threads that it has not.
func (e *entry) fork() (pid int, errno syscall.Errno) {
	all := ^uint64(0)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&e.mask)), 8, 0, 0)
	n, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if n == 0 && errno == 0 {
		e.inChild()
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&e.mask)), 0, 8, 0, 0)
	return int(n), errno
}

// inChild never returns.
//
//go:nosplit
//go:norace
func (e *entry) inChild() {
	errno := e.enterAll()
	var pid uintptr
	if errno == 0 {
		pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, e.flags|unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	}
	if errno == 0 && pid == 0 {
		e.becomeInit()
	}
	said := int32(pid)
	if errno != 0 {
		said = -int32(errno)
	}
	syscall.RawSyscall(unix.SYS_WRITE, uintptr(e.told), uintptr(unsafe.Pointer(&said)), 4)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func (e *entry) enterAll() syscall.Errno {
	for i := range e.joins {
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETNS, uintptr(e.joins[i].fd), uintptr(e.joins[i].flags), 0); errno != 0 {
			return errno
		}
	}
	if e.offsets == nil {
		return 0
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_NEWTIME, 0, 0); errno != 0 {
		return errno
	}
	dir := unix.AT_FDCWD
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&timensPath[0])), unix.O_WRONLY, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(e.offsets)), e.length)
	syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// becomeInit never returns.
//
//go:nosplit
//go:norace
func (e *entry) becomeInit() {
	var b byte
	if e.mapped >= 0 {
		syscall.RawSyscall(unix.SYS_READ, uintptr(e.mapped), uintptr(unsafe.Pointer(&b)), 1)
	}
	if e.beRoot {
		syscall.RawSyscall(unix.SYS_SETGID, 0, 0, 0)
		syscall.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
	}
	syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	syscall.RawSyscall(unix.SYS_CHDIR, uintptr(unsafe.Pointer(&rootPath[0])), 0, 0)
	for i := range e.files {
		syscall.RawSyscall(unix.SYS_DUP3, uintptr(e.files[i]), uintptr(i), 0)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&e.mask)), 0, 8, 0, 0)
	syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(e.program), uintptr(unsafe.Pointer(&noPath[0])),
		uintptr(unsafe.Pointer(&e.argv[0])), uintptr(unsafe.Pointer(&e.envp[0])), unix.AT_EMPTY_PATH, 0)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 125, 0, 0)
	}
}

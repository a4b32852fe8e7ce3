package process

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// greeter prints a line a second, and says good-bye when it is told to end.
func greeter(c *applet.Call) error {
	told := make(chan os.Signal, 1)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := signals.Catch(told, sig); err != nil {
			return err
		}
	}
	return tick(c, told)
}

// deaf does the same and installs no handler. As PID 1 it is then never sent
// what it could be sent: the kernel drops signals whose default is to end.
func deaf(c *applet.Call) error { return tick(c, nil) }

func tick(c *applet.Call, told <-chan os.Signal) error {
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(c.Out, "tick %d (pid %d)\n", n, os.Getpid()); err != nil {
			return err
		}
		select {
		case sig := <-told:
			_, err := fmt.Fprintf(c.Out, "got SIG%s, bye\n", signals.Name(sig.(syscall.Signal)))
			return err
		case <-time.After(time.Second):
		}
	}
}

// work is what a forked child does.
type work int

const (
	pause  work = iota // waits for a signal that ends it
	spin               // computes
	orphan             // makes a child of its own and ends before it
)

// fork is fork(2): the child goes on alone, with this one thread, and does its
// work without ever coming back.
func fork(w work) (int, error) {
	runtime.LockOSThread() // whose end the child is told: prctl(2)
	pid, errno := forkRaw(w)
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}

// forkRaw and all that it calls may do nothing but call the kernel: in the
// child no memory is to be had, the stack cannot grow, no other goroutine runs.
//
//go:nosplit
//go:norace
func forkRaw(w work) (uintptr, syscall.Errno) {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	status := uintptr(0)
	switch w {
	case pause, spin:
		unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
		for n := uint(1); w == spin && n != 0; n += 2 { // never 0: it stays odd
		}
		for {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	case orphan:
		self, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
		child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			status = 1
			break
		}
		for parent := self; child == 0 && parent == self; {
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			parent, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	}
}

// orphans leaves N processes (1) behind whose parent has ended: the kernel
// gives them to PID 1, and they end at once. Where PID 1 does not wait for its
// children they stay as zombies.
func orphans(c *applet.Call) error {
	n, err := count(c.Args, 1)
	if err != nil {
		return err
	}
	for range n {
		pid, err := fork(orphan)
		if err != nil {
			return fmt.Errorf("fork: %s", applet.Message(err))
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return err
		}
		if status.ExitStatus() != 0 {
			return fmt.Errorf("process %d could not fork", pid)
		}
		fmt.Fprintf(c.Out, "process %d has ended, and its child is an orphan\n", pid)
	}
	return nil
}

func count(args []string, otherwise int) (int, error) {
	if len(args) == 0 {
		return otherwise, nil
	}
	n := 0
	if _, err := fmt.Sscan(args[0], &n); err != nil || n < 0 {
		return 0, applet.Usage("%q is no number", args[0])
	}
	return n, nil
}

// stress uses what limits are about: --memory SIZE is taken and written to,
// --cpu N processes compute, --procs N processes sleep, --seconds S (0: until
// it is ended). It tells what it has got before it holds it.
func stress(c *applet.Call) error {
	f, err := c.Flags("m:c:p:t:", "memory=m", "cpu=c", "procs=p", "seconds=t")
	if err != nil {
		return err
	}
	memory, err := applet.Bytes(f.Value("m", "0"))
	if err != nil {
		return err
	}
	var numbers [3]int
	for i, name := range []string{"c", "p", "t"} {
		if numbers[i], err = f.Int(name, 0); err != nil {
			return err
		}
	}
	if memory == 0 && numbers[0] == 0 && numbers[1] == 0 {
		return applet.Usage("stress [--memory SIZE] [--cpu N] [--procs N] [--seconds S]")
	}
	debug.SetGCPercent(-1) // only what was asked for
	var children []int
	defer func() { endAll(children) }()
	for i := range numbers[0] + numbers[1] {
		w := pause
		if i < numbers[0] {
			w = spin
		}
		pid, err := fork(w)
		if err != nil {
			return fmt.Errorf("fork %d of %d: %s", i+1, numbers[0]+numbers[1], applet.Message(err))
		}
		children = append(children, pid)
	}
	if len(children) > 0 {
		fmt.Fprintf(c.Out, "%d processes compute, %d sleep: %s\n", numbers[0], numbers[1], strings.Trim(fmt.Sprint(children), "[]"))
	}
	held, err := take(c, memory)
	if err != nil {
		return err
	}
	if numbers[2] == 0 {
		numbers[2] = 1 << 30
	}
	time.Sleep(time.Duration(numbers[2]) * time.Second)
	runtime.KeepAlive(held)
	return nil
}

// take maps memory and writes to each page of it: memory that was never
// written to is not counted.
func take(c *applet.Call, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if size > 1<<62 || int64(int(size)) != size {
		return nil, fmt.Errorf("%d bytes are beyond what can be addressed", size)
	}
	held, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("take %s: %s", applet.Human(size), applet.Message(err))
	}
	for at := 0; at < len(held); at += 4096 {
		held[at] = 1
	}
	_, err = fmt.Fprintf(c.Out, "%sB taken and written to\n", applet.Human(size))
	return held, err
}

func endAll(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // may have been ended by others
		_, _ = syscall.Wait4(pid, nil, 0, nil)
	}
}

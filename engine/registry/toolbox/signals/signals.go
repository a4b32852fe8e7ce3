// Package signals gives the toolbox the manners of a C program. The Go runtime
// catches every signal it can, before main; the kernel then delivers to PID 1
// what it drops for a program that installs nothing. Here the runtime's
// handlers are taken away at the start, and put back for one signal at a time.
package signals

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is the kernel's struct sigaction, whatever the architecture: its first
// word is the handler, and all zeros are the default.
type action [64]byte

const (
	setSize = 8 // bytes of the kernel's sigset_t
	last    = 64
)

// ofRuntime are the handlers that the Go runtime had installed.
var ofRuntime = reset()

// reset takes them away. What was ignored when the program began stays so, as
// nohup and shells have it; but for SIGTTOU, which a shell with job control
// cannot help handing down.
func reset() map[syscall.Signal]action {
	was := map[syscall.Signal]action{}
	for sig := syscall.Signal(1); sig <= last; sig++ {
		var a action
		if sigaction(sig, nil, &a) != nil {
			continue // the numbers that the C library keeps for itself
		}
		if handler(a) == ignored && sig != syscall.SIGTTOU {
			continue
		}
		was[sig] = a
		_ = sigaction(sig, &action{}, nil) // refused for SIGKILL and SIGSTOP
	}
	return was
}

const ignored = 1 // SIG_IGN

func handler(a action) uintptr { return *(*uintptr)(unsafe.Pointer(&a)) }

func sigaction(sig syscall.Signal, to, was *action) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(was)), setSize, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Catch sends the signal to the channel from now on.
func Catch(to chan<- os.Signal, sig syscall.Signal) error {
	signal.Notify(to, sig)
	a, ok := ofRuntime[sig]
	if !ok {
		return nil // was ignored at the start, and POSIX wants that kept
	}
	if handler(a) == 0 {
		return nil // the runtime installs its handler with the first Notify
	}
	return sigaction(sig, &a, nil)
}

// Ignore drops the signal from now on.
func Ignore(sig syscall.Signal) error {
	var a action
	*(*uintptr)(unsafe.Pointer(&a)) = ignored
	return sigaction(sig, &a, nil)
}

// Default has the kernel do with the signal what it does.
func Default(sig syscall.Signal) error { return sigaction(sig, &action{}, nil) }

// Parse reads a signal by number or name, with SIG in front or not.
func Parse(text string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= last {
		return syscall.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("%s: unknown signal", text)
}

// Name is the signal's without SIG, or its number.
func Name(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

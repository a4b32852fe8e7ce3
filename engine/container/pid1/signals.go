//go:build linux

package pid1

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// lastSignal is the kernel's _NSIG: signal(7).
const lastSignal = 64

// heedSignals lets no signal stay ignored. execve(2) keeps what is ignored, and
// whoever has started the daemon may ignore some, as nohup(1) and systemd do; the
// container's program is to begin as it would anywhere.
func heedSignals() {
	const ignored = 1 // SIG_IGN
	for signal := uintptr(1); signal <= lastSignal; signal++ {
		// struct sigaction begins with the handler; a zero one is the default, SIG_DFL.
		var before, fresh [8]uintptr
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, signal, 0, uintptr(unsafe.Pointer(&before)), 8, 0, 0)
		if errno == 0 && before[0] == ignored {
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&fresh)), 0, 8, 0, 0)
		}
	}
}

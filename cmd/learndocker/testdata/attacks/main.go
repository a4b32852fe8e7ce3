//go:build linux

// Attacks is run inside a container: it asks the kernel for what a container
// must not get, and prints one line for each: its name, and the error.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is one system call with its arguments.
type call struct {
	name   string
	number uintptr
	args   [6]uintptr
}

func main() {
	here := uintptr(unsafe.Pointer(unsafe.StringData("/\x00"))) //nolint:gosec // a path for the kernel
	for _, c := range []call{
		{"keyctl", unix.SYS_KEYCTL, [6]uintptr{0, 0xfffffffd}},
		{"add_key", unix.SYS_ADD_KEY, [6]uintptr{here, here, here, 1, 0xfffffffd}},
		{"request_key", unix.SYS_REQUEST_KEY, [6]uintptr{here, here}},
		{"unshare user", unix.SYS_UNSHARE, [6]uintptr{unix.CLONE_NEWUSER}},
		{"unshare mount", unix.SYS_UNSHARE, [6]uintptr{unix.CLONE_NEWNS}},
		{"unshare cgroup", unix.SYS_UNSHARE, [6]uintptr{unix.CLONE_NEWCGROUP}},
		{"clone3", unix.SYS_CLONE3, [6]uintptr{}},
		{"setns", unix.SYS_SETNS, [6]uintptr{0, 0}},
		{"mount", unix.SYS_MOUNT, [6]uintptr{here, here, here}},
		{"umount2", unix.SYS_UMOUNT2, [6]uintptr{here, unix.MNT_DETACH}},
		{"pivot_root", unix.SYS_PIVOT_ROOT, [6]uintptr{here, here}},
		{"open_tree", unix.SYS_OPEN_TREE, [6]uintptr{^uintptr(99), here, unix.OPEN_TREE_CLONE}},
		{"move_mount", unix.SYS_MOVE_MOUNT, [6]uintptr{}},
		{"fsopen", unix.SYS_FSOPEN, [6]uintptr{here}},
		{"mount_setattr", unix.SYS_MOUNT_SETATTR, [6]uintptr{}},
		{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, [6]uintptr{}}, // what "shocker" used
		{"bpf", unix.SYS_BPF, [6]uintptr{}},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, [6]uintptr{}},
		{"userfaultfd", unix.SYS_USERFAULTFD, [6]uintptr{}},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uintptr{}},
		{"kexec_load", unix.SYS_KEXEC_LOAD, [6]uintptr{}},
		{"init_module", unix.SYS_INIT_MODULE, [6]uintptr{}},
		{"finit_module", unix.SYS_FINIT_MODULE, [6]uintptr{}},
		{"delete_module", unix.SYS_DELETE_MODULE, [6]uintptr{here}},
		{"reboot", unix.SYS_REBOOT, [6]uintptr{}},
		{"swapon", unix.SYS_SWAPON, [6]uintptr{here}},
		{"swapoff", unix.SYS_SWAPOFF, [6]uintptr{here}},
		{"acct", unix.SYS_ACCT, [6]uintptr{here}},
		{"quotactl", unix.SYS_QUOTACTL, [6]uintptr{}},
		{"settimeofday", unix.SYS_SETTIMEOFDAY, [6]uintptr{}},
		{"syslog", unix.SYS_SYSLOG, [6]uintptr{10}},
		{"personality of another kind", unix.SYS_PERSONALITY, [6]uintptr{0x0040000}},
		{"socket AF_ALG", unix.SYS_SOCKET, [6]uintptr{unix.AF_ALG, unix.SOCK_SEQPACKET}},
		{"socket AF_VSOCK", unix.SYS_SOCKET, [6]uintptr{unix.AF_VSOCK, unix.SOCK_STREAM}},
	} {
		_, _, errno := syscall.RawSyscall6(c.number, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		tell(c.name, errno, errno == 0)
	}
	for _, path := range []string{
		"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/kcore", "/proc/keys", "/proc/timer_list",
		"/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs", "/proc/self/exe",
	} {
		write(path)
	}
}

// write tries to change what the file says.
func write(path string) {
	fd, err := unix.Open(path, unix.O_WRONLY, 0)
	if err == nil {
		var same unix.Stat_t // a masked path is /dev/null, which may be written
		if unix.Fstat(fd, &same) == nil && same.Rdev == unix.Mkdev(1, 3) {
			fmt.Printf("write %s: masked\n", path)
			return
		}
	}
	tell("write "+path, err, err == nil)
}

func tell(name string, err error, done bool) {
	if done {
		fmt.Printf("%s: DONE\n", name)
		return
	}
	if errno, ok := err.(syscall.Errno); ok {
		fmt.Printf("%s: %s\n", name, unix.ErrnoName(errno))
		return
	}
	fmt.Fprintln(os.Stderr, name, err)
}

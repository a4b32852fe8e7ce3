package sys

import "golang.org/x/sys/unix"

// The calls without the suffix take 16-bit ids on this machine: setresuid(2).
const (
	setresuidTrap = unix.SYS_SETRESUID32
	setresgidTrap = unix.SYS_SETRESGID32
	setgroupsTrap = unix.SYS_SETGROUPS32
)

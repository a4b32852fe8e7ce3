//go:build linux && !386

package sys

import "golang.org/x/sys/unix"

const (
	setresuidTrap = unix.SYS_SETRESUID
	setresgidTrap = unix.SYS_SETRESGID
	setgroupsTrap = unix.SYS_SETGROUPS
)

//go:build linux

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func setgroups(groups []int) error {
	ids := make([]uint32, len(groups)+1) // never empty: its address is taken
	for i, g := range groups {
		ids[i] = uint32(g)
	}
	_, _, errno := unix.RawSyscall(setgroupsTrap, uintptr(len(groups)), uintptr(unsafe.Pointer(&ids[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

//go:build linux

package sys

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

type flag struct {
	bit    uintptr
	name   string
	option string // of mount(8) or unshare(1)
}

var mountFlags = []flag{
	{unix.MS_RDONLY, "MS_RDONLY", "ro"},
	{unix.MS_NOSUID, "MS_NOSUID", "nosuid"},
	{unix.MS_NODEV, "MS_NODEV", "nodev"},
	{unix.MS_NOEXEC, "MS_NOEXEC", "noexec"},
	{unix.MS_REMOUNT, "MS_REMOUNT", "remount"},
	{unix.MS_NOATIME, "MS_NOATIME", "noatime"},
	{unix.MS_NODIRATIME, "MS_NODIRATIME", "nodiratime"},
	{unix.MS_BIND, "MS_BIND", "bind"},
	{unix.MS_REC, "MS_REC", ""},
	{unix.MS_PRIVATE, "MS_PRIVATE", ""},
	{unix.MS_SLAVE, "MS_SLAVE", ""},
	{unix.MS_RELATIME, "MS_RELATIME", "relatime"},
	{unix.MS_STRICTATIME, "MS_STRICTATIME", "strictatime"},
}

// MountFlags names the flags of mount(2): "MS_BIND|MS_REC", "0" for none.
func MountFlags(flags uintptr) string {
	var names []string
	for _, f := range mountFlags {
		if flags&f.bit != 0 {
			names = append(names, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		names = append(names, fmt.Sprintf("%#x", flags))
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}

func mountByHand(source, target, fstype string, flags uintptr, data string) string {
	recursive := flags&unix.MS_REC != 0
	switch {
	case flags&unix.MS_PRIVATE != 0:
		return "mount --make-" + map[bool]string{true: "r"}[recursive] + "private " + shell(target)
	case flags&unix.MS_SLAVE != 0:
		return "mount --make-" + map[bool]string{true: "r"}[recursive] + "slave " + shell(target)
	}
	var options []string
	for _, f := range mountFlags {
		if flags&f.bit != 0 && f.option != "" {
			if f.option == "bind" && recursive {
				f.option = "rbind"
			}
			options = append(options, f.option)
		}
	}
	if data != "" {
		options = append(options, data)
	}
	line := "mount"
	if fstype != "" && flags&unix.MS_BIND == 0 {
		line += " -t " + shell(fstype)
	}
	if len(options) > 0 {
		line += " -o " + shell(strings.Join(options, ","))
	}
	if source != "" {
		line += " " + shell(source)
	}
	return line + " " + shell(target)
}

var cloneFlags = []flag{
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER", "--user"},
	{unix.CLONE_NEWNS, "CLONE_NEWNS", "--mount"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID", "--pid --fork"},
	{unix.CLONE_NEWUTS, "CLONE_NEWUTS", "--uts"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC", "--ipc"},
	{unix.CLONE_NEWNET, "CLONE_NEWNET", "--net"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP", "--cgroup"},
}

// CloneFlags names the namespace flags of clone(2) and unshare(2).
func CloneFlags(flags uintptr) []string {
	var names []string
	for _, f := range cloneFlags {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return names
}

// unshareOptions writes namespace flags as options of unshare(1).
func unshareOptions(flags uintptr) string {
	var s string
	for _, f := range cloneFlags {
		if flags&f.bit != 0 {
			s += " " + f.option
		}
	}
	return s
}

// UnshareByHand is the command line that makes the same namespaces.
func UnshareByHand(flags uintptr, command string) string {
	return "unshare" + unshareOptions(flags) + " " + command
}

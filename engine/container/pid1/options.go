//go:build linux

package pid1

import (
	"strings"

	"golang.org/x/sys/unix"
)

// mountOptions are the options of a mount, parted by the system call that takes
// them: OCI runtime specification, config.md, "Linux mount options".
type mountOptions struct {
	flags       uintptr   // of mount(2)
	cleared     uintptr   // flags that are to be off
	propagation []uintptr // each for a call of its own
	recursive   uint64    // attributes of mount_setattr(2) for the whole tree
	data        []string
}

var setFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
	"sync": unix.MS_SYNCHRONOUS, "dirsync": unix.MS_DIRSYNC, "remount": unix.MS_REMOUNT, "mand": unix.MS_MANDLOCK,
	"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME,
	"lazytime": unix.MS_LAZYTIME, "silent": unix.MS_SILENT, "iversion": unix.MS_I_VERSION, "nosymfollow": unix.MS_NOSYMFOLLOW,
	"bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "defaults": 0,
}

var clearFlags = map[string]uintptr{
	"rw": unix.MS_RDONLY, "suid": unix.MS_NOSUID, "dev": unix.MS_NODEV, "exec": unix.MS_NOEXEC, "async": unix.MS_SYNCHRONOUS,
	"nomand": unix.MS_MANDLOCK, "atime": unix.MS_NOATIME, "diratime": unix.MS_NODIRATIME, "norelatime": unix.MS_RELATIME,
	"nostrictatime": unix.MS_STRICTATIME, "loud": unix.MS_SILENT, "noiversion": unix.MS_I_VERSION, "symfollow": unix.MS_NOSYMFOLLOW,
	"nolazytime": unix.MS_LAZYTIME,
}

var propagations = map[string]uintptr{
	"private": unix.MS_PRIVATE, "shared": unix.MS_SHARED, "slave": unix.MS_SLAVE, "unbindable": unix.MS_UNBINDABLE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC, "rshared": unix.MS_SHARED | unix.MS_REC,
	"rslave": unix.MS_SLAVE | unix.MS_REC, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

var recursives = map[string]uint64{
	"rro": unix.MOUNT_ATTR_RDONLY, "rnosuid": unix.MOUNT_ATTR_NOSUID, "rnodev": unix.MOUNT_ATTR_NODEV, "rnoexec": unix.MOUNT_ATTR_NOEXEC,
	"rnodiratime": unix.MOUNT_ATTR_NODIRATIME, "rnoatime": unix.MOUNT_ATTR_NOATIME, "rnosymfollow": unix.MOUNT_ATTR_NOSYMFOLLOW,
}

func parseOptions(options []string) mountOptions {
	var o mountOptions
	for _, name := range options {
		if f, ok := setFlags[name]; ok {
			o.flags, o.cleared = o.flags|f, o.cleared&^f
		} else if f, ok := clearFlags[name]; ok {
			o.flags, o.cleared = o.flags&^f, o.cleared|f
		} else if f, ok := propagations[name]; ok {
			o.propagation = append(o.propagation, f)
		} else if f, ok := recursives[name]; ok {
			o.recursive |= f
		} else if name != "" && !strings.HasPrefix(name, "idmap") && name != "ridmap" {
			o.data = append(o.data, name)
		}
	}
	return o
}

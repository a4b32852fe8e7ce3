//go:build linux

// Package sys wraps the system calls that make a container, one thin function
// for each, and writes each down as an act with its arguments and result.
// Nothing is added to what the kernel is asked: an act is what strace would
// show, and a test holds the two against each other.
package sys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

// Kernel makes system calls for one operation. The zero Kernel makes them
// without keeping acts.
type Kernel struct {
	Trail *stage.Trail
	By    string // who asks, where that is not the daemon: "init"
}

// Did writes down an act that was made elsewhere: by a library (netlink) or by
// the Go runtime (clone).
func (k Kernel) Did(call string, err error, hand string, args ...string) {
	if !k.Trail.Watched() {
		return
	}
	k.Trail.Add(stage.Act{Call: call, Args: args, Result: result(err), By: k.By, Hand: hand})
}

func result(err error) string {
	if err == nil {
		return "0"
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	return err.Error()
}

// failure names the call, its object and the errno, as os.PathError does.
func failure(call, object string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: call, Path: object, Err: err}
}

// Mount mounts source on target: mount(2).
func (k Kernel) Mount(source, target, fstype string, flags uintptr, data string) error {
	err := unix.Mount(source, target, fstype, flags, data)
	if k.Trail.Watched() {
		k.Did("mount", err, mountByHand(source, target, fstype, flags, data),
			Quote(source), Quote(target), Quote(fstype), MountFlags(flags), Quote(data))
	}
	return failure("mount", target, err)
}

// Unmount takes the topmost mount off target: umount2(2).
func (k Kernel) Unmount(target string, flags int) error {
	err := unix.Unmount(target, flags)
	if k.Trail.Watched() {
		hand := "umount " + shell(target)
		name := "0"
		if flags&unix.MNT_DETACH != 0 {
			hand, name = "umount -l "+shell(target), "MNT_DETACH"
		}
		k.Did("umount2", err, hand, Quote(target), name)
	}
	return failure("umount2", target, err)
}

// PivotRoot makes newRoot the root of the mount namespace and hangs the old
// root on putOld: pivot_root(2).
func (k Kernel) PivotRoot(newRoot, putOld string) error {
	err := unix.PivotRoot(newRoot, putOld)
	k.Did("pivot_root", err, "pivot_root "+shell(newRoot)+" "+shell(putOld), Quote(newRoot), Quote(putOld))
	return failure("pivot_root", newRoot, err)
}

// Chdir changes the working directory: chdir(2).
func (k Kernel) Chdir(dir string) error {
	err := unix.Chdir(dir)
	k.Did("chdir", err, "cd "+shell(dir), Quote(dir))
	return failure("chdir", dir, err)
}

// Sethostname names the machine in this UTS namespace: sethostname(2).
func (k Kernel) Sethostname(name string) error {
	err := unix.Sethostname([]byte(name))
	k.Did("sethostname", err, "hostname "+shell(name), Quote(name), strconv.Itoa(len(name)))
	return failure("sethostname", name, err)
}

// Setdomainname sets the NIS domain of this UTS namespace: setdomainname(2).
func (k Kernel) Setdomainname(name string) error {
	err := unix.Setdomainname([]byte(name))
	k.Did("setdomainname", err, "domainname "+shell(name), Quote(name), strconv.Itoa(len(name)))
	return failure("setdomainname", name, err)
}

// Chroot makes dir the root of this process alone: chroot(2).
func (k Kernel) Chroot(dir string) error {
	err := unix.Chroot(dir)
	k.Did("chroot", err, "chroot "+shell(dir), Quote(dir))
	return failure("chroot", dir, err)
}

// MountSetattr changes attributes of a whole tree of mounts: mount_setattr(2).
func (k Kernel) MountSetattr(target string, flags uint, attr *unix.MountAttr) error {
	err := unix.MountSetattr(unix.AT_FDCWD, target, flags, attr)
	k.Did("mount_setattr", err, "", "AT_FDCWD", Quote(target), fmt.Sprintf("%#x", flags), fmt.Sprintf("{attr_set=%#x}", attr.Attr_set))
	return failure("mount_setattr", target, err)
}

// OpenTree takes a copy of a tree of mounts that hangs nowhere yet: open_tree(2).
func (k Kernel) OpenTree(path string, flags uint) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, flags)
	k.Did("open_tree", err, "", "AT_FDCWD", Quote(path), fmt.Sprintf("%#x", flags))
	return fd, failure("open_tree", path, err)
}

// Prlimit sets a limit of this process: prlimit(2). name is the resource's.
func (k Kernel) Prlimit(resource int, name string, soft, hard uint64) error {
	err := unix.Prlimit(0, resource, &unix.Rlimit{Cur: soft, Max: hard}, nil)
	k.Did("prlimit64", err, "", "0", name, fmt.Sprintf("{rlim_cur=%d, rlim_max=%d}", soft, hard), "NULL")
	return failure("prlimit64", name, err)
}

// Unshare puts the calling thread into new namespaces: unshare(2).
func (k Kernel) Unshare(flags uintptr) error {
	err := unix.Unshare(int(flags))
	k.Did("unshare", err, "unshare"+unshareOptions(flags), strings.Join(CloneFlags(flags), "|"))
	return failure("unshare", strings.Join(CloneFlags(flags), "|"), err)
}

// Mkdir makes one directory: mkdir(2).
func (k Kernel) Mkdir(path string, mode uint32) error {
	err := unix.Mkdir(path, mode)
	k.Did("mkdir", err, "mkdir "+shell(path), Quote(path), octal(mode))
	return failure("mkdir", path, err)
}

// MkdirAll makes path and what is missing above it.
func (k Kernel) MkdirAll(path string, mode uint32) error {
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return nil
		}
		return failure("mkdir", path, unix.ENOTDIR)
	}
	if parent := filepath.Dir(path); parent != path {
		if err := k.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := k.Mkdir(path, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

// Rmdir removes one empty directory: rmdir(2).
func (k Kernel) Rmdir(path string) error {
	err := unix.Rmdir(path)
	k.Did("rmdir", err, "rmdir "+shell(path), Quote(path))
	return failure("rmdir", path, err)
}

// Symlink makes path a symbolic link to target: symlink(2).
func (k Kernel) Symlink(target, path string) error {
	err := unix.Symlink(target, path)
	k.Did("symlink", err, "ln -s "+shell(target)+" "+shell(path), Quote(target), Quote(path))
	return failure("symlink", path, err)
}

// Mknod makes a device node or a fifo: mknod(2).
func (k Kernel) Mknod(path string, mode uint32, major, minor uint32) error {
	err := unix.Mknod(path, mode, int(unix.Mkdev(major, minor)))
	k.Did("mknod", err, fmt.Sprintf("mknod -m %04o %s c %d %d", mode&0o7777, shell(path), major, minor),
		Quote(path), "S_IFCHR|"+octal(mode&0o7777), fmt.Sprintf("makedev(%d, %d)", major, minor))
	return failure("mknod", path, err)
}

// WriteFile writes value to an existing control file (cgroup, /proc) with a
// single write(2), as the kernel wants it.
func (k Kernel) WriteFile(path, value string) error {
	err := writeOnce(path, value)
	k.Did("write", err, "echo "+shell(value)+" > "+shell(path), Quote(path), Quote(value))
	return failure("write", path, err)
}

func writeOnce(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// Rename moves a finished file or directory to its name: rename(2).
func (k Kernel) Rename(from, to string) error {
	err := unix.Rename(from, to)
	k.Did("rename", err, "mv "+shell(from)+" "+shell(to), Quote(from), Quote(to))
	return failure("rename", to, err)
}

// Prctl calls prctl(2) with one argument; name and shown say both in words.
func (k Kernel) Prctl(option int, arg uintptr, name, shown string) error {
	err := unix.Prctl(option, arg, 0, 0, 0)
	k.Did("prctl", err, "", name, shown)
	return failure("prctl", name, err)
}

// Setgroups sets the supplementary groups: setgroups(2).
func (k Kernel) Setgroups(groups []int) error {
	// The raw call changes this thread only. Go's own wrapper would change
	// all threads, for which it must be able to signal them; execve drops the
	// others anyway.
	err := setgroups(groups)
	k.Did("setgroups", err, "", strconv.Itoa(len(groups)), fmt.Sprint(groups))
	return failure("setgroups", fmt.Sprint(groups), err)
}

// Setresgid sets the real, effective and saved group: setresgid(2).
func (k Kernel) Setresgid(gid int) error {
	err := rawID(setresgidTrap, gid)
	id := strconv.Itoa(gid)
	k.Did("setresgid", err, "", id, id, id)
	return failure("setresgid", id, err)
}

// Setresuid sets the real, effective and saved user: setresuid(2).
func (k Kernel) Setresuid(uid int) error {
	err := rawID(setresuidTrap, uid)
	id := strconv.Itoa(uid)
	k.Did("setresuid", err, "", id, id, id)
	return failure("setresuid", id, err)
}

func rawID(trap uintptr, id int) error {
	_, _, errno := unix.RawSyscall(trap, uintptr(id), uintptr(id), uintptr(id))
	if errno != 0 {
		return errno
	}
	return nil
}

// Quote writes s as a C string, as strace does.
func Quote(s string) string { return strconv.Quote(s) }

func octal(mode uint32) string { return fmt.Sprintf("0%o", mode) }

// shell quotes s for a shell where it needs quoting.
func shell(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=,@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

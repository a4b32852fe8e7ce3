//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// own are the mounts that are never to land elsewhere: what the container, and
// the engine, think of as the kernel's own answers would be somebody's files.
var own = []string{"/proc", "/sys", "/dev"}

// target finds, or makes, the place to mount on. An image may have put a link
// there: one that leads elsewhere, even inside the root, is refused for /proc,
// /sys and /dev, and followed inside the root for others (CVE-2019-19921,
// CVE-2023-27561, CVE-2026-41579).
func (p *initProcess) target(m specs.Mount) (name string, done func(), err error) {
	done = func() {}
	root := p.Spec.Root.Path
	want := filepath.Join(root, m.Destination)
	got, err := joinIn(root, m.Destination)
	if err != nil {
		return "", done, err
	}
	if got != want && slices.ContainsFunc(own, func(o string) bool { return m.Destination == o || strings.HasPrefix(m.Destination, o+"/") }) {
		return "", done, fmt.Errorf("the image has a link there, to %s", strings.TrimPrefix(got, root))
	}
	if isBind(m) && !isDir(m.Source) {
		err = p.makeFile(got)
	} else {
		err = p.kernel.MkdirAll(got, 0o755) // follows no link: there is none
	}
	if err != nil || !p.isOthers(m.Destination) {
		return got, done, err
	}
	return p.pin(root, m.Destination)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func (p *initProcess) makeFile(file string) error {
	if err := p.kernel.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	fd, err := unix.Open(file, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	p.kernel.Did("openat", err, "touch "+file, sys.Quote(file), "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC", "0644")
	if err != nil {
		return &os.PathError{Op: "open", Path: file, Err: err}
	}
	return unix.Close(fd)
}

// isOthers reports whether the place lies in what another container may be
// changing at this moment: in a volume or a directory of the host.
func (p *initProcess) isOthers(destination string) bool {
	return slices.ContainsFunc(p.Spec.Mounts, func(m specs.Mount) bool {
		at := path.Clean(m.Destination)
		return isBind(m) && at != path.Clean(destination) && strings.HasPrefix(path.Clean(destination)+"/", at+"/")
	})
}

// pin opens the place and names it by its descriptor: whatever becomes of the
// path meanwhile, the mount lands there (CVE-2021-30465).
func (p *initProcess) pin(root, destination string) (name string, done func(), err error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", func() {}, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, strings.TrimPrefix(path.Clean("/"+destination), "/"), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	p.kernel.Did("openat2", err, "", fmt.Sprint(dir), sys.Quote(destination), "{flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}")
	if err != nil {
		return "", func() {}, &os.PathError{Op: "open", Path: destination, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), func() { unix.Close(fd) }, nil
}

const maxLinks = 40 // the kernel's own bound: path_resolution(7)

// joinIn follows links as a process inside root would, also those whose target
// is not there yet, and returns a path without any. Before the pivot a path
// that is not resolved so could lead anywhere on the host.
func joinIn(root, name string) (string, error) {
	at, rest := "/", name
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := path.Join(at, part) // ".." stops at the root
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			at = next // is no link, or is not there
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = to + "/" + rest
	}
	return filepath.Join(root, at), nil
}

// bindMapped mounts the source with its owners' ids mapped: mount_setattr(2),
// "ID-mapped mounts". The map is that of a user namespace, made for it.
func (p *initProcess) bindMapped(m specs.Mount, target string, o mountOptions) error {
	how := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if o.flags&unix.MS_REC != 0 {
		how |= unix.AT_RECURSIVE
	}
	tree, err := p.kernel.OpenTree(m.Source, how)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	users, err := mappedNamespace(m.UIDMappings, m.GIDMappings)
	if err != nil {
		return err
	}
	defer unix.Close(users)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users)}
	flags := uint(unix.AT_EMPTY_PATH)
	if slices.Contains(m.Options, "ridmap") {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(tree, "", flags, &attr); err != nil {
		return fmt.Errorf("map ids of mount %s: %w", m.Source, err)
	}
	err = unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
	p.kernel.Did("move_mount", err, "", fmt.Sprint(tree), `""`, "AT_FDCWD", sys.Quote(target), "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_SYMLINKS")
	return err
}

// mappedNamespace makes a user namespace with these maps and returns a
// descriptor of it. Only a process can make one: a child that waits to be ended.
func mappedNamespace(uids, gids []specs.LinuxIDMapping) (int, error) {
	child, err := os.StartProcess("/proc/self/exe", []string{"learndocker-idmap"}, &os.ProcAttr{Sys: idmapAttr(uids, gids)})
	if err != nil {
		return -1, fmt.Errorf("make user namespace for a mount: %w", err)
	}
	defer func() {
		_ = child.Kill() // it stands still
		_, _ = child.Wait()
	}()
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/user", child.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, errors.Join(errors.New("open user namespace for a mount"), err)
	}
	return fd, nil
}

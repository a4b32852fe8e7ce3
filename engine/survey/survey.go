//go:build linux

// Package survey finds out what the engine can do on this machine by doing it:
// a user namespace, the namespaces and mounts of a container, stacked layers, a
// control group, a seccomp filter, a bridge. It guesses only where trying would
// change the machine. What it makes is gone afterwards; it holds no prose.
//
//	doctor                 learndocker survey             the same, in new namespaces
//	  │ LookOutside            │                                │
//	  │ ── starts ────────────►│ (rootless.Enter)               │
//	  │                        │ LookInside: places, cgroup …   │
//	  │                        │ ── starts ────────────────────►│ LookWithin: mounts
//	  │ ◄─────────── Survey, as JSON                            │
package survey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/api"
)

// Place is a directory to look at; it need not exist.
type Place struct {
	Use string // api.PlaceData, api.PlaceLessons
	Dir string
}

// Try is the report of something that was tried.
func Try(err error) api.Trial {
	if err == nil {
		return api.Trial{OK: true}
	}
	t := api.Trial{Error: err.Error()}
	var errno unix.Errno
	if errors.As(err, &errno) {
		t.Errno = unix.ErrnoName(errno)
	}
	return t
}

// Where says where the daemon would work.
type Where struct {
	Places       []Place
	Others       []string // directories that are tried where one of the places does not do, until one does
	CgroupParent string   // what rootless.Enter tells; "" where no group is delegated
}

// LookInside tries what the daemon does. It is called in a process that is what
// the daemon would be. within is the command line by which this program calls
// LookWithin and prints what that returns, as JSON.
func LookInside(w Where, within ...string) (*api.Inside, error) {
	ids, err := idsOf("/proc/self/uid_map")
	if err != nil {
		return nil, err
	}
	s := &api.Inside{UserNamespace: ids != allIDs, IDs: ids, Seccomp: trySeccomp(), Network: tryNetwork(), Fuse: tryFuse()}
	if s.Cgroup, err = tryCgroup(w.CgroupParent, s.UserNamespace); err != nil {
		return nil, err
	}
	s.Places = lookAtAll(w.Places, w.Others, s.UserNamespace)
	_, s.Nested = tryWithin(unix.CLONE_NEWUSER, within)
	s.Mounts, s.Namespaces = tryWithin(containerFlags, within)
	return s, nil
}

// containerFlags are the namespaces of a container: clone(2).
const containerFlags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

// tryWithin starts this program in new namespaces and returns what it found
// there.
func tryWithin(flags uintptr, command []string) (map[string]api.Trial, api.Trial) {
	var out, said bytes.Buffer
	cmd := exec.Command("/proc/self/exe", command...)
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWNS == 0 {
		command = nil // there is nothing that it could mount
	}
	if err := cmd.Start(); err != nil {
		return nil, Try(fmt.Errorf("clone: %w", errors.Unwrap(err)))
	}
	if command == nil {
		_ = cmd.Process.Kill() // that it could be started was the question
		_ = cmd.Wait()
		return nil, api.Trial{OK: true}
	}
	if err := cmd.Wait(); err != nil {
		return nil, Try(fmt.Errorf("start in new namespaces: %w: %s", err, said.String()))
	}
	mounts := map[string]api.Trial{}
	if err := json.Unmarshal(out.Bytes(), &mounts); err != nil {
		return nil, Try(fmt.Errorf("start in new namespaces: %w", err))
	}
	return mounts, api.Trial{OK: true}
}

// mounted are the file systems that every container gets, in the order of its
// config.json.
var mounted = []struct {
	kind, target, options string
	flags                 uintptr
}{
	{"proc", "/proc", "", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV},
	{"tmpfs", "/dev", "mode=755,size=65536k", unix.MS_NOSUID | unix.MS_STRICTATIME},
	{"sysfs", "/sys", "", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV | unix.MS_RDONLY},
}

// inDev are those below /dev, which is a new tmpfs by then.
var inDev = []struct{ kind, target, options string }{
	{"devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620"},
	{"mqueue", "/dev/mqueue", ""},
}

// LookWithin mounts what a container's init mounts, over this machine's own in
// a mount namespace that ends with this process.
func LookWithin() (map[string]api.Trial, error) {
	if os.Getpid() != 1 {
		return nil, errors.New("look within: this is no PID namespace of its own")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	found := map[string]api.Trial{}
	try := func(kind, target string, flags uintptr, options string) {
		err := unix.Mount(kind, target, kind, flags, options)
		if err != nil {
			err = &os.PathError{Op: "mount " + kind, Path: target, Err: err}
		}
		found[kind] = Try(err)
	}
	for _, m := range mounted {
		try(m.kind, m.target, m.flags, m.options)
	}
	if !found["tmpfs"].OK {
		return found, nil
	}
	for _, m := range inDev {
		if err := os.Mkdir(m.target, 0o755); err != nil {
			return nil, err
		}
		try(m.kind, m.target, unix.MS_NOSUID|unix.MS_NOEXEC, m.options)
	}
	return found, nil
}

// apart runs f on a thread that has unshared what flags say. The thread ends
// with f, and so does what f made there.
func apart(flags int, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the runtime ends the thread
		if err := unix.Unshare(flags); err != nil {
			done <- fmt.Errorf("unshare: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

func tryFuse() api.Trial {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return Try(err)
	}
	return Try(f.Close())
}

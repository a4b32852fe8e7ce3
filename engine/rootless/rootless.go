//go:build linux

// Package rootless lets an ordinary user's daemon be root in a user namespace
// of its own, from which on it does the same work by the same code.
//
//	learndocker daemon              the same, in the namespace
//	  │  clone(CLONE_NEWUSER|NEWNS) ──►│ waits, as nobody
//	  │  newuidmap, newgidmap          │
//	  │ ── mapped ────────────────────►│ becomes its root, starts the daemon
//
// With subordinate ids (subuid(5)) and the helpers newuidmap(1) and
// newgidmap(1) the namespace has 65536 ids and more; without, one.
package rootless

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/capability"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// marker tells the child which of its descriptors to wait on.
const marker = "LEARNDOCKER_ROOTLESS_FD"

// ErrNoUserNamespace is the error of a machine that lets ordinary users make none.
var ErrNoUserNamespace = errors.New("this machine does not let us make a user namespace")

// Needed reports whether this process cannot do the daemon's work and has not
// been started by Enter: it is an ordinary user's, or root's in a container that
// was left without the rights.
func Needed() bool { return os.Getenv(marker) == "" && (os.Geteuid() != 0 || !mighty()) }

// might are the capabilities without which containers cannot be made.
var might = []capability.Cap{
	capability.CAP_SYS_ADMIN, capability.CAP_NET_ADMIN, capability.CAP_SYS_CHROOT, capability.CAP_MKNOD, capability.CAP_KILL,
	capability.CAP_CHOWN, capability.CAP_DAC_OVERRIDE, capability.CAP_FOWNER, capability.CAP_SETUID, capability.CAP_SETGID, capability.CAP_SETPCAP,
}

func mighty() bool {
	own, err := capability.NewPid2(0)
	if err != nil || own.Load() != nil {
		return true // cannot be known: what is missing will show
	}
	return !slices.ContainsFunc(might, func(c capability.Cap) bool { return !own.Get(capability.EFFECTIVE, c) })
}

// Enter runs this program again as root of a new user namespace, with the
// arguments that args makes, and returns its exit status when it ends. Signals
// are passed on. args is told the control group that the system has handed to
// this user, as a path below the hierarchy's root; "" where there is none.
func Enter(args func(cgroupParent string) []string) (int, error) {
	groups, err := delegate()
	defer groups.leave()
	if err != nil {
		return 1, err
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	defer tell.Close()
	child := exec.Command("/proc/self/exe", args(groups.Parent())...)
	child.Args[0] = os.Args[0]
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{ready}
	child.Env = append(os.Environ(), marker+"=3")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGTERM,
		// Until its id is mapped the child is nobody, and execve would take a
		// nobody's capabilities away. Ambient ones stay: capabilities(7).
		AmbientCaps: allCapabilities(),
	}
	if err := child.Start(); err != nil {
		return 1, fmt.Errorf("%w: %s%w", ErrNoUserNamespace, refusal(), err)
	}
	ready.Close()
	if err := mapIDs(child.Process.Pid); err != nil {
		killed := child.Process.Kill()
		_ = child.Wait() // it was killed, of course
		return 1, errors.Join(fmt.Errorf("map ids: %w", err), killed)
	}
	if _, err := tell.WriteString("mapped"); err != nil {
		return 1, err
	}
	tell.Close()
	return await(child)
}

// refusal names the setting of the kernel that keeps ordinary users from making
// user namespaces, where it is one: user_namespaces(7); the second is Debian's.
func refusal() string {
	for _, setting := range []string{"user/max_user_namespaces", "kernel/unprivileged_userns_clone"} {
		value, err := os.ReadFile("/proc/sys/" + setting)
		if err == nil && strings.TrimSpace(string(value)) == "0" {
			return strings.ReplaceAll(setting, "/", ".") + " is 0: "
		}
	}
	return ""
}

func await(child *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		for s := range signals {
			_ = child.Process.Signal(s) // an error is a child that has ended
		}
	}()
	err := child.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func allCapabilities() []uintptr {
	var caps []uintptr
	supported, err := capability.ListSupported()
	if err != nil {
		return nil
	}
	for _, c := range supported {
		caps = append(caps, uintptr(c))
	}
	return caps
}

// Settle is the child's side: it waits until its ids are mapped and becomes
// root. In a process that Enter did not start it does nothing.
func Settle() error {
	fd, err := strconv.Atoi(os.Getenv(marker))
	if err != nil {
		return nil
	}
	ready := os.NewFile(uintptr(fd), "ready")
	defer ready.Close()
	if word, err := io.ReadAll(ready); err != nil || string(word) != "mapped" {
		return errors.New("enter user namespace: the parent gave up")
	}
	if err := errors.Join(unix.Setresgid(0, 0, 0), unix.Setresuid(0, 0, 0)); err != nil {
		return fmt.Errorf("become root of the user namespace: %w", err)
	}
	// What the host mounts later is seen here, what we mount stays ours.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	nameProcess()
	return nil
}

// nameProcess gives this process the program's name, by which whoever lists
// processes knows it. The kernel has named it after what Enter executed, which
// is /proc/self/exe. A name is no reason to fail.
func nameProcess() {
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
}

// mapIDs gives the child our own id as 0 and, where there are helpers and
// subordinate ids, those from 1 on.
func mapIDs(pid int) error {
	uids, gids := subordinate()
	_, errU := exec.LookPath("newuidmap")
	_, errG := exec.LookPath("newgidmap")
	if len(uids) == 0 || len(gids) == 0 || errU != nil || errG != nil {
		return mapSingle(pid)
	}
	if err := helper("newuidmap", pid, os.Getuid(), uids); err != nil {
		// With no_new_privs, or mounted nosuid, the helper may map no more than
		// we may: one id will do.
		if errSingle := mapSingle(pid); errSingle != nil {
			return errors.Join(err, errSingle)
		}
		return nil
	}
	return helper("newgidmap", pid, os.Getgid(), gids)
}

func subordinate() (uids, gids []user.SubID) {
	me, err := user.CurrentUser()
	if err != nil {
		return nil, nil
	}
	mine := func(s user.SubID) bool { return s.Name == me.Name || s.Name == strconv.Itoa(me.Uid) }
	uids, _ = user.ParseSubIDFileFilter("/etc/subuid", mine) // no file, no ids
	gids, _ = user.ParseSubIDFileFilter("/etc/subgid", mine)
	return uids, gids
}

func helper(name string, pid, own int, ranges []user.SubID) error {
	args := []string{strconv.Itoa(pid), "0", strconv.Itoa(own), "1"}
	next := int64(1)
	for _, r := range slices.Compact(ranges) {
		args = append(args, strconv.FormatInt(next, 10), strconv.FormatInt(r.SubID, 10), strconv.FormatInt(r.Count, 10))
		next += r.Count
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

func mapSingle(pid int) error {
	proc := fmt.Sprintf("/proc/%d/", pid)
	// Without this the kernel accepts no gid map from an ordinary user, lest
	// dropping a group gain access: user_namespaces(7).
	if err := os.WriteFile(proc+"setgroups", []byte("deny"), 0); err != nil {
		return err
	}
	if err := os.WriteFile(proc+"uid_map", fmt.Appendf(nil, "0 %d 1\n", os.Getuid()), 0); err != nil {
		return err
	}
	return os.WriteFile(proc+"gid_map", fmt.Appendf(nil, "0 %d 1\n", os.Getgid()), 0)
}

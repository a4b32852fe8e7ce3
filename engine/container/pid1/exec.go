//go:build linux

package pid1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/moby/sys/capability"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/caps"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// dropPrivileges cuts down what the process may ask of the kernel. The order
// is the kernel's: a filter may be installed only with CAP_SYS_ADMIN or
// no_new_privs, so the capabilities go last.
func (p *initProcess) dropPrivileges() (stage.Fact, error) {
	wanted := p.Spec.Process.Capabilities.Bounding
	who, err := p.identity()
	if err != nil {
		return nil, err
	}
	if err := p.dropBounding(wanted); err != nil {
		return nil, err
	}
	if p.Spec.Process.NoNewPrivileges {
		if err := p.kernel.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS", "1"); err != nil {
			return nil, err
		}
	}
	if err := p.installFilter(); err != nil {
		return nil, err
	}
	if err := p.becomeUser(who); err != nil {
		return nil, err
	}
	if err := p.setCapabilities(caps.Mask(wanted)); err != nil {
		return nil, err
	}
	// Die with the daemon, again: a change of ids has cleared it (prctl(2)).
	if err := p.kernel.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), "PR_SET_PDEATHSIG", "SIGKILL"); err != nil {
		return nil, err
	}
	return stage.Dropped{
		Capabilities: wanted, Mask: fmt.Sprintf("%016x", caps.Mask(wanted)), NoNewPrivs: p.Spec.Process.NoNewPrivileges,
		Seccomp: len(p.Filter) > 0, Instructions: len(p.Filter) / 8, Allowed: p.Allowed, UID: who.Uid, GID: who.Gid,
	}, nil
}

// maxPasswd bounds what is read of the image's /etc/passwd and /etc/group, in bytes.
const maxPasswd = 1 << 20

// identity looks the user up in the image's own files. It is called after the
// pivot, so that a link in /etc leads nowhere else.
func (p *initProcess) identity() (*user.ExecUser, error) {
	passwd, closePasswd := openBounded("/etc/passwd")
	defer closePasswd()
	group, closeGroup := openBounded("/etc/group")
	defer closeGroup()
	who, err := user.GetExecUser(p.Spec.Process.User.Username, &user.ExecUser{Home: "/"}, passwd, group)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", p.Spec.Process.User.Username, err)
	}
	if !slices.ContainsFunc(p.Spec.Process.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		p.Spec.Process.Env = append(p.Spec.Process.Env, "HOME="+who.Home)
	}
	return who, nil
}

func openBounded(name string) (io.Reader, func() error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a fifo is not waited for
	if err != nil {
		return nil, func() error { return nil } // images need not have these files
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, f.Close
	}
	return io.LimitReader(f, maxPasswd), f.Close
}

func (p *initProcess) dropBounding(keep []string) error {
	supported, err := capability.ListSupported()
	if err != nil {
		return fmt.Errorf("list capabilities: %w", err)
	}
	for _, c := range supported {
		name := caps.Name(c)
		if slices.Contains(keep, name) {
			continue
		}
		if err := p.kernel.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), "PR_CAPBSET_DROP", name); err != nil {
			return err
		}
	}
	return nil
}

// installFilter loads the seccomp program for this thread: seccomp(2).
func (p *initProcess) installFilter() error {
	if len(p.Filter) == 0 {
		return nil
	}
	program := unix.SockFprog{Len: uint16(len(p.Filter) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&p.Filter[0]))}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(p.Filter)
	var err error
	if errno != 0 {
		err = errno
	}
	p.kernel.Did("seccomp", err, "", "SECCOMP_SET_MODE_FILTER", "0", fmt.Sprintf("{len=%d}", program.Len))
	if err != nil {
		return fmt.Errorf("install seccomp filter: %w", err)
	}
	return nil
}

func (p *initProcess) becomeUser(who *user.ExecUser) error {
	// Without this, root's capabilities would go with its id, before capset
	// has said which are to stay.
	if err := p.kernel.Prctl(unix.PR_SET_KEEPCAPS, 1, "PR_SET_KEEPCAPS", "1"); err != nil {
		return err
	}
	if !p.NoSetgroups {
		if err := p.kernel.Setgroups(who.Sgids); err != nil {
			return err
		}
	}
	if err := p.kernel.Setresgid(who.Gid); err != nil {
		return err
	}
	if err := p.kernel.Setresuid(who.Uid); err != nil {
		return err
	}
	return p.kernel.Prctl(unix.PR_SET_KEEPCAPS, 0, "PR_SET_KEEPCAPS", "0")
}

// setCapabilities calls capset(2): effective and permitted to mask, inheritable
// to none.
func (p *initProcess) setCapabilities(mask uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	low, high := uint32(mask), uint32(mask>>32)
	data := [2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	err := unix.Capset(&header, &data[0])
	if p.trail.Watched() {
		set := fmt.Sprintf("%#x", mask)
		p.kernel.Did("capset", err, "capsh --drop=…", "effective="+set, "permitted="+set, "inheritable=0")
	}
	if err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	return nil
}

// exec turns the process into the container's program. It returns only if it
// could not: with status 127 where there is no such program, 126 where it
// cannot be run.
func (p *initProcess) exec() error {
	args, env := p.Spec.Process.Args, p.Spec.Process.Env
	program, err := lookPath(args[0], env)
	if err != nil {
		return err
	}
	if err := refuseOwnBinary(program); err != nil {
		return err
	}
	p.kernel.Trail.Add(stage.Act{
		Call: "execve", By: "init", Result: "?",
		Args: []string{sys.Quote(program), quoteAll(args), fmt.Sprintf("/* %d vars */", len(env))},
	})
	fact := stage.Exec{Path: program, Argv: args, Env: env, CWD: p.Spec.Process.Cwd, UID: unix.Getuid(), GID: unix.Getgid()}
	if err := p.trail.At(context.Background(), os.Getpid(), fact); err != nil {
		return err
	}
	// Whatever is open beyond the three streams ends here, ours by its flag,
	// and anything that slipped in by this (CVE-2024-21626).
	_ = unix.CloseRange(3, ^uint(0)>>1&0xffffffff, unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11
	err = unix.Exec(program, args, env)
	return &wire.Failure{Message: fmt.Sprintf("exec: %q: %s", args[0], err), Status: statusOf(err)}
}

func statusOf(err error) int {
	if errors.Is(err, unix.ENOENT) {
		return 127
	}
	return 126
}

// lookPath finds the program as execvp(3) does, in the container's PATH.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if err := executable(name); err != nil {
			return "", &wire.Failure{Message: fmt.Sprintf("exec: %q: stat %s: %s", name, name, err), Status: statusOf(err)}
		}
		return name, nil
	}
	status, why := 127, "executable file not found in $PATH"
	for _, dir := range filepath.SplitList(pathOf(env)) {
		candidate := filepath.Join("/", dir, name)
		err := executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if errors.Is(err, unix.EACCES) {
			status, why = 126, err.Error()
		}
	}
	return "", &wire.Failure{Message: fmt.Sprintf("exec: %q: %s", name, why), Status: status}
}

func pathOf(env []string) string {
	for _, e := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			return value
		}
	}
	return ""
}

func executable(name string) error {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.EISDIR
	}
	if st.Mode&0o111 == 0 {
		return unix.EACCES
	}
	return nil
}

// refuseOwnBinary: a program that is a link to /proc/self/exe would run, and
// could then try to write, the engine itself (CVE-2019-5736). Init runs from a
// sealed copy that cannot be written; there is no honest use of it either.
func refuseOwnBinary(program string) error {
	var own, wanted unix.Stat_t
	if unix.Stat("/proc/self/exe", &own) != nil || unix.Stat(program, &wanted) != nil {
		return nil // execve will tell
	}
	if own.Dev == wanted.Dev && own.Ino == wanted.Ino {
		return &wire.Failure{Message: fmt.Sprintf("exec: %q: permission denied: it is the engine's own program", program), Status: 126}
	}
	return nil
}

func quoteAll(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = sys.Quote(a)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

//go:build linux

package pid1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/hook"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

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
	starter, err := p.awaitStart()
	if err != nil {
		return err
	}
	if p.Spec.Hooks != nil {
		err = p.runHooks("startContainer", p.Spec.Hooks.StartContainer)
	}
	if err == nil {
		// Whatever is open beyond the three streams ends here, ours by its flag,
		// and anything that slipped in by this (CVE-2024-21626).
		_ = unix.CloseRange(3, ^uint(0)>>1&0xffffffff, unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11
		heedSignals()
		err = unix.Exec(program, args, env)
	}
	failure := &wire.Failure{Message: fmt.Sprintf("exec: %q: %s", args[0], err), Status: statusOf(err)}
	if starter >= 0 {
		_, _ = unix.Write(starter, []byte(failure.Message)) // if nobody listens there is nobody to tell
	}
	return failure
}

// awaitStart waits until somebody connects to the start's socket. The connection
// ends with execve, or brings the reason why there was none.
func (p *initProcess) awaitStart() (int, error) {
	if p.StartFD == 0 {
		return -1, nil
	}
	unix.CloseOnExec(p.StartFD)
	if err := p.conn.Send(wire.Packet{Waits: true}); err != nil {
		return -1, err
	}
	for {
		conn, _, err := unix.Accept4(p.StartFD, unix.SOCK_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			return conn, err
		}
	}
}

// runHooks runs hooks that belong inside the container's namespaces.
func (p *initProcess) runHooks(name string, hooks []specs.Hook) error {
	if len(hooks) == 0 {
		return nil
	}
	state := p.State
	state.Pid = os.Getpid()
	if err := hook.Run(state, hooks); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
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
		if err := executable(name); errors.Is(err, unix.EACCES) {
			return "", &wire.Failure{Message: fmt.Sprintf("exec: %q: %s", name, err), Status: 126}
		} else if err != nil {
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
// could then try to write, the engine itself (CVE-2019-5736). Init runs from what
// cannot be written; there is no honest use of it either. The same file by another
// mount is no such link: learndocker may be run in a container.
func refuseOwnBinary(program string) error {
	var own, wanted unix.Statx_t
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	if unix.Statx(unix.AT_FDCWD, "/proc/self/exe", 0, mask, &own) != nil || unix.Statx(unix.AT_FDCWD, program, 0, mask, &wanted) != nil {
		return nil // execve will tell
	}
	if own.Dev_major == wanted.Dev_major && own.Dev_minor == wanted.Dev_minor && own.Ino == wanted.Ino && own.Mnt_id == wanted.Mnt_id {
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

package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// become replaces this process by a program. 127 is one that is not there, 126
// one that cannot be run.
func become(c *applet.Call, command, environment []string) error {
	if os.Getenv("PATH") == "" {
		if err := os.Setenv("PATH", "/bin:/usr/bin"); err != nil { // for the search: the program's is environment
			return err
		}
	}
	path, err := exec.LookPath(command[0])
	if err == nil || errors.Is(err, exec.ErrDot) {
		err = syscall.Exec(path, command, environment)
	}
	c.Warn(fmt.Errorf("%s: %s", command[0], applet.Message(cause(err))))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return applet.Status(127)
	}
	return applet.Status(126)
}

// cause is the kernel's reason.
func cause(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return syscall.ENOENT
	case errors.As(err, &errno):
		return errno
	}
	return err
}

// env changes the environment: env [-i] [-u NAME] [NAME=VALUE]… [COMMAND …].
func env(c *applet.Call) error {
	f, err := c.Flags("+iu:")
	if err != nil {
		return err
	}
	if f.Has("i") {
		os.Clearenv()
	}
	for _, name := range f.All("u") {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	for len(f.Args) > 0 && strings.Contains(f.Args[0], "=") {
		name, value, _ := strings.Cut(f.Args[0], "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
		f.Args = f.Args[1:]
	}
	if len(f.Args) > 0 {
		return become(c, f.Args, os.Environ())
	}
	for _, pair := range os.Environ() {
		fmt.Fprintln(c.Out, pair)
	}
	return nil
}

func chroot(c *applet.Call) error {
	if len(c.Args) == 0 {
		return applet.Usage("chroot DIRECTORY [COMMAND …]")
	}
	if err := unix.Chroot(c.Args[0]); err != nil {
		return &fs.PathError{Op: "chroot", Path: "cannot change root directory to " + c.Args[0], Err: err}
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	command := c.Args[1:]
	if len(command) == 0 {
		command = []string{"/bin/sh", "-i"}
	}
	return become(c, command, os.Environ())
}

// unshare starts a program in new namespaces. A thread of a Go program cannot
// leave its namespaces by itself, so the kernel makes the new ones with the
// child: clone(2).
func unshare(c *applet.Call) error {
	f, err := c.Flags("+muinpUCTfr", "mount=m", "uts=u", "ipc=i", "net=n", "pid=p", "user=U", "cgroup=C", "time=T", "fork=f", "map-root-user=r", "mount-proc")
	if err != nil {
		return err
	}
	attributes := &syscall.SysProcAttr{}
	for flag, bit := range map[string]uintptr{"m": unix.CLONE_NEWNS, "u": unix.CLONE_NEWUTS, "i": unix.CLONE_NEWIPC, "n": unix.CLONE_NEWNET, "p": unix.CLONE_NEWPID, "U": unix.CLONE_NEWUSER, "C": unix.CLONE_NEWCGROUP} {
		if f.Has(flag) {
			attributes.Cloneflags |= bit
		}
	}
	if f.Has("T") {
		return applet.Usage("time namespaces are not supported here")
	}
	if f.Has("r") {
		attributes.Cloneflags |= unix.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if f.Has("mount-proc") {
		attributes.Cloneflags |= unix.CLONE_NEWNS
	}
	command := f.Args
	if len(command) == 0 {
		command = []string{"/bin/sh"}
	}
	if attributes.Cloneflags&unix.CLONE_NEWNS != 0 {
		// The new mounts must not reach the old namespace.
		setup := "mount --make-rprivate none / && "
		if f.Has("mount-proc") {
			setup += "mount -t proc proc /proc && "
		}
		command = append([]string{"/bin/sh", "-c", setup + `exec "$@"`, "sh"}, command...)
	}
	return inNew(c, command, attributes)
}

// inNew runs the command and hands its status on.
func inNew(c *applet.Call, command []string, attributes *syscall.SysProcAttr) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attributes
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		if status := ended.Sys().(syscall.WaitStatus); status.Signaled() {
			return applet.Status(128 + int(status.Signal()))
		}
		return applet.Status(ended.ExitCode())
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		c.Warn(fmt.Errorf("%s: %s", command[0], applet.Message(syscall.ENOENT)))
		return applet.Status(127)
	case err != nil:
		return fmt.Errorf("%s", applet.Message(cause(err)))
	}
	return nil
}

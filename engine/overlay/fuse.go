//go:build linux

package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"

	"github.com/learndocker/learndocker/engine/sys"
)

// fusePatience is how long fuse-overlayfs may take to mount.
const fusePatience = 10 * time.Second

// mountFuse starts fuse-overlayfs, which serves the mount until it is taken
// apart. It is a child of ours and dies with us.
func (s Stack) mountFuse(k sys.Kernel, options string) error {
	var said bytes.Buffer
	cmd := exec.Command(fuseProgram, "-f", "-o", options, s.Merged())
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	child := sys.Kernel{Trail: k.Trail, By: fuseProgram}
	child.Did("execve", err, fuseProgram+" -o "+options+" "+s.Merged(), sys.Quote(cmd.Path), fmt.Sprintf("%q", cmd.Args))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(fusePatience); ; time.Sleep(time.Millisecond) {
		if mounted, err := mountinfo.Mounted(s.Merged()); err != nil || mounted {
			return err
		}
		select {
		case err := <-ended:
			return fmt.Errorf("%s: %w: %s", fuseProgram, errors.Join(err), strings.TrimSpace(said.String()))
		default:
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s: did not mount within %s", fuseProgram, fusePatience), cmd.Process.Kill())
		}
	}
}

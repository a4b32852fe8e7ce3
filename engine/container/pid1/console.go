//go:build linux

package pid1

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// openConsole makes a terminal in the container's own /dev/pts, makes it the
// three streams and the controlling terminal, and sends its other end out over
// the console's socket: pty(7), unix(7) SCM_RIGHTS.
func (p *initProcess) openConsole() error {
	if p.ConsoleFD == 0 {
		return nil
	}
	unix.CloseOnExec(p.ConsoleFD)
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	p.kernel.Did("openat", err, "", sys.Quote("/dev/ptmx"), "O_RDWR|O_NOCTTY|O_CLOEXEC")
	if err != nil {
		return fmt.Errorf("make terminal: %w", &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err})
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock terminal: %w", err)
	}
	slave, err := peerOf(master)
	if err != nil {
		return err
	}
	defer unix.Close(slave)
	if size := p.Spec.Process.ConsoleSize; size != nil {
		if err := unix.IoctlSetWinsize(slave, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}); err != nil {
			return fmt.Errorf("set size of terminal: %w", err)
		}
	}
	if err := p.showConsole(master, slave); err != nil {
		return err
	}
	if err := unix.Sendmsg(p.ConsoleFD, []byte("/dev/ptmx"), unix.UnixRights(master), nil, 0); err != nil {
		return fmt.Errorf("send terminal: %w", err)
	}
	for fd := range 3 {
		if err := unix.Dup3(slave, fd, 0); err != nil {
			return fmt.Errorf("make terminal the streams: %w", err)
		}
	}
	if err := unix.IoctlSetInt(0, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("make terminal the controlling one: %w", err)
	}
	return nil
}

// peerOf opens the terminal's other end. By its number it would be looked for
// under /dev/pts, where others may have put something else: ioctl_tty(2).
func peerOf(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, fmt.Errorf("open terminal: %w", errno)
	}
	return int(fd), nil
}

// showConsole mounts the terminal on /dev/console, where programs look for the
// container's own. An exec's is another.
func (p *initProcess) showConsole(master, slave int) error {
	var st unix.Stat_t
	if err := unix.Fstat(slave, &st); err != nil {
		return fmt.Errorf("look at terminal: %w", err)
	}
	if p.Inside || !exists("/dev") {
		return nil
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("number of terminal: %w", err)
	}
	fd, err := unix.Open("/dev/console", unix.O_CREAT|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o620)
	if err == nil {
		unix.Close(fd)
	}
	if err := p.kernel.Mount(fmt.Sprintf("/dev/pts/%d", number), "/dev/console", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return isNode("/dev/console", uint64(st.Rdev))
}

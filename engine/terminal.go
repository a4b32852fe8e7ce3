//go:build linux

package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// terminal is our end of a container's terminal.
type terminal struct {
	mu     sync.Mutex
	master *os.File
}

func (t *terminal) set(master *os.File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.master = master
}

func (t *terminal) close() { t.set(nil) } // whoever reads it closes the file

// consolePair makes the socket over which init sends the terminal.
func consolePair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make console's socket: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "console"), os.NewFile(uintptr(pair[1]), "console"), nil
}

// receiveTerminal waits for the terminal: SCM_RIGHTS in unix(7).
func receiveTerminal(socket *os.File) (*os.File, error) {
	name, rights := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	for {
		_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), name, rights, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("receive terminal: %w", err)
		}
		messages, err := unix.ParseSocketControlMessage(rights[:n])
		if err != nil || len(messages) != 1 {
			return nil, errors.New("receive terminal: init has sent none")
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			return nil, errors.New("receive terminal: init has sent none")
		}
		if err := unix.SetNonblock(fds[0], true); err != nil { // so that a reader can be ended
			return nil, err
		}
		return os.NewFile(uintptr(fds[0]), "terminal"), nil
	}
}

// resize tells the terminal its size in characters; the kernel tells its
// processes by SIGWINCH.
func (t *terminal) resize(height, width uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.master == nil {
		return nil
	}
	raw, err := t.master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
	})
	return errors.Join(err, failed)
}

// input is the terminal as a container's input. To close it is no end of it:
// that takes a ^D.
type input struct{ *os.File }

func (input) Close() error { return nil }

// DetachKeys ends an input, as with an error of its own, when certain keys are
// typed in it. What is typed of them is held back until it is clear.
type DetachKeys struct {
	From io.Reader
	Keys []byte

	held int // of Keys
	rest []byte
	err  error
}

// DefaultDetachKeys are ^P^Q.
var DefaultDetachKeys = []byte{16, 17}

func (d *DetachKeys) Read(p []byte) (int, error) {
	for len(d.rest) == 0 && d.err == nil {
		buf := make([]byte, max(len(p)-len(d.Keys), 1))
		n, err := d.From.Read(buf)
		d.err = err
		d.look(buf[:n])
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

// look passes on what is not the keys.
func (d *DetachKeys) look(typed []byte) {
	for _, b := range typed {
		if b == d.Keys[d.held] {
			if d.held++; d.held == len(d.Keys) {
				d.err = errDetached
				return
			}
			continue
		}
		d.rest = append(append(d.rest, d.Keys[:d.held]...), b)
		d.held = 0
		if b == d.Keys[0] {
			d.rest, d.held = d.rest[:len(d.rest)-1], 1
		}
	}
}

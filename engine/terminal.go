//go:build linux

package engine

import (
	"errors"
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

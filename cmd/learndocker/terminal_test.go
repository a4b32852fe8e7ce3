//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// terminal is a program on a pseudo-terminal, and a person before it: pty(7).
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	own  *os.File // the person's side
	mark int      // what has been shown before the last key

	mu    sync.Mutex
	shown []byte
	ended bool
}

// openTerminal starts the program on a terminal of 100 columns and 40 lines.
func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	return openTerminalOf(t, cmd, 100, 40)
}

func openTerminalOf(t *testing.T, cmd *exec.Cmd, columns, rows uint16) *terminal {
	t.Helper()
	own, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(own.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		unix.IoctlSetPointerInt(int(own.Fd()), unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(int(own.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: cmd, own: own}
	go term.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // one that has ended
		_ = cmd.Wait()
		own.Close()
	})
	return term
}

func (x *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := x.own.Read(buf)
		x.mu.Lock()
		x.shown = append(x.shown, buf[:n]...)
		x.ended = err != nil // EIO: nobody holds the other side any more
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// screen is what stands there of what was shown since the last key, as text.
func (x *terminal) screen() (text string, ended bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	fresh := string(x.shown[x.mark:])
	if i := strings.LastIndex(fresh, "\x1b[H\x1b[2J"); i >= 0 {
		fresh = fresh[i:]
	}
	return ansi.Strip(fresh), x.ended
}

// expect waits until all these stand on the screen, and returns it.
func (x *terminal) expect(wanted ...string) string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, ended := x.screen()
		missing := ""
		for _, w := range wanted {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return text
		}
		if ended || time.Now().After(deadline) {
			x.t.Fatalf("%q does not come (ended: %v); on the screen:\n%s", missing, ended, text)
		}
	}
}

// press presses keys; what was shown before does not count any more.
func (x *terminal) press(keys string) {
	x.t.Helper()
	x.mu.Lock()
	x.mark = len(x.shown)
	x.mu.Unlock()
	if _, err := x.own.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program's end and returns its status and all that it has
// shown.
func (x *terminal) end() (status int, shown string) {
	x.t.Helper()
	done := make(chan struct{})
	go func() {
		_ = x.cmd.Wait() // the status tells
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		text, _ := x.screen()
		x.t.Fatalf("it does not end; on the screen:\n%s", text)
	}
	for {
		if _, ended := x.screen(); ended {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cmd.ProcessState.ExitCode(), string(x.shown)
}

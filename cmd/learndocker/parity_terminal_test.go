//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// pairOf makes a pseudo-terminal: the person's side and the program's, pty(7).
func pairOf(size [2]uint16) (own, theirs *os.File, err error) {
	own, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(own.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(own.Fd()), unix.TIOCSPTLCK, 0), setSize(own, size))
	if err == nil {
		theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		own.Close()
		return nil, nil, err
	}
	return own, theirs, nil
}

func setSize(f *os.File, size [2]uint16) error {
	return unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: size[0], Col: size[1]})
}

// shownText collects what a program writes on its terminal.
type shownText struct {
	mu    sync.Mutex
	text  []byte
	mark  int // what was shown before the last key
	ended chan struct{}
}

func (s *shownText) read(own *os.File) {
	defer close(s.ended)
	buf := make([]byte, 4096)
	for {
		n, err := own.Read(buf)
		s.mu.Lock()
		s.text = append(s.text, buf[:n]...)
		s.mu.Unlock()
		if err != nil {
			return // EIO: nobody holds the other side any more
		}
	}
}

func (s *shownText) since(mark int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(ansi.Strip(string(s.text[mark:])), "\r", "")
}

// playTerminal runs the command on a terminal, with the row's person before it.
// Both outputs are one there.
func playTerminal(ctx context.Context, cmd *exec.Cmd, r *row) outcome {
	own, theirs, err := pairOf(r.terminal)
	if err != nil {
		return outcome{stderr: err.Error(), status: -1}
	}
	defer own.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return outcome{stderr: err.Error(), status: -1}
	}
	shown := &shownText{ended: make(chan struct{})}
	go shown.read(own)
	said := ""
	for _, step := range r.steps {
		if err := shown.take(ctx, own, step); err != nil {
			said += "[" + err.Error() + "]"
			_ = cmd.Cancel() // the rest would wait in vain
			break
		}
	}
	err = cmd.Wait()
	<-shown.ended
	return ended(ctx, err, onePrompt(shown.since(0)), said)
}

// onePrompt takes prompts away that busybox writes anew when the size changes:
// how often the client sets it depends on who was first.
func onePrompt(text string) string {
	for _, prompt := range []string{"/ # ", "/var # "} {
		for strings.Contains(text, prompt+prompt) {
			text = strings.ReplaceAll(text, prompt+prompt, prompt)
		}
	}
	return text
}

// take does one step of a person.
func (s *shownText) take(ctx context.Context, own *os.File, step terminalStep) error {
	switch step.what {
	case "size":
		return setSize(own, step.size)
	case "pause": // for what shows nothing on the screen
		time.Sleep(300 * time.Millisecond)
		return nil
	case "type":
		s.mu.Lock()
		s.mark = len(s.text)
		s.mu.Unlock()
		_, err := own.WriteString(step.text)
		return err
	}
	for !strings.Contains(s.since(s.mark), step.text) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%q does not come", step.text)
		case <-s.ended:
			if strings.Contains(s.since(s.mark), step.text) {
				return nil
			}
			return fmt.Errorf("%q did not come before the end", step.text)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// typist types to a shell that has a terminal.
type typist struct {
	t    *testing.T
	ptmx *os.File
	cmd  *exec.Cmd
	seen chan string
	text string // that has come since the last expect
}

func openShell(t *testing.T, args ...string) *typist {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(ptmx.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 99}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	p := build(t)
	x := &typist{t: t, ptmx: ptmx, seen: make(chan string, 1000)}
	x.cmd = exec.CommandContext(t.Context(), filepath.Join(p.bin, "sh"), args...)
	x.cmd.Dir = "/"
	x.cmd.Env = []string{"PATH=" + p.bin, "HOME=/root", "PS1=\\$ "}
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = tty, tty, tty
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.seen)
		buf := make([]byte, 4096)
		for {
			n, err := ptmx.Read(buf)
			if err != nil {
				return // EIO: nobody has it open any more
			}
			x.seen <- string(buf[:n])
		}
	}()
	return x
}

// expect waits for each text in turn.
func (x *typist) expect(texts ...string) {
	x.t.Helper()
	patience := time.After(time.Minute)
	for _, want := range texts {
		for !strings.Contains(x.text, want) {
			select {
			case more, ok := <-x.seen:
				if !ok {
					x.t.Fatalf("the shell has ended; %q did not come, but %q", want, x.text)
				}
				x.text += escapes.ReplaceAllString(more, "")
			case <-patience:
				x.t.Fatalf("%q did not come, but %q", want, x.text)
			}
		}
		_, x.text, _ = strings.Cut(x.text, want)
	}
}

// escapes move the cursor, and redraw.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

func (x *typist) press(keys string) {
	x.t.Helper()
	if _, err := x.ptmx.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// TestInteractive types to a shell: the line editor, ^C and ^Z, jobs.
func TestInteractive(t *testing.T) {
	x := openShell(t)
	x.expect("$ ")
	x.press("echo $((40+2)) $-\r")
	x.expect("\n42 ", "im", "$ ")
	x.press("stty size; tty\r")
	x.expect("\n33 99\r\n/dev/pts/", "$ ")
	x.press("echo half a line\x03") // ^C leaves it
	x.expect("^C\r\n", "$ ")
	x.press("echo $?\r")
	x.expect("\n130\r\n", "$ ")
	x.press("sleep 100\r")
	x.expect("\n")
	x.await("sleep")
	x.press("\x03")
	x.expect("^C", "$ ")
	x.press("echo $?\r")
	x.expect("\n130\r\n", "$ ")
	x.press("sleep 200\r")
	x.await("sleep")
	x.press("\x1a") // ^Z
	x.expect("[1]+  Stopped", "sleep 200", "$ ")
	x.press("jobs; bg; jobs\r")
	x.expect("[1]+  Stopped", "[1] sleep 200", "[1]+  Running", "$ ")
	x.press("kill %1; wait; echo\r")
	x.expect("$ ")
	x.press("cat\r")
	x.await("cat")
	x.press("typed\r\x04")
	x.expect("typed\r\ntyped\r\n", "$ ")
	x.press("if true\r")
	x.expect("> ")
	x.press("then echo two$((1+1)) lines; fi\r")
	x.expect("\ntwo2 lines\r\n", "$ ")
	x.press("echo loo''ps; while :; do :; done\r")
	x.expect("\nloops\r\n")
	x.press("\x03")
	x.expect("^C", "$ ")
	x.press("\x1b[A\x1b[A\x1b[A\x1b[A\r") // up: history
	x.await("cat")
	x.press("\x04")
	x.expect("$ ")
	x.press("ech\t tabbed\r")
	x.expect("\ntabbed\r\n", "$ ")
	x.press("nosuch\r")
	x.expect("nosuch: not found", "$ ")
	x.press("(\r")
	x.expect("> ")
	x.press(")\r")
	x.expect("syntax error", "$ ")
	x.press("exec nosuch\r")
	x.expect("not found", "$ ")
	x.press("(exit 4)\r")
	x.expect("$ ")
	x.press("\x04") // the end of input
	_ = x.cmd.Wait()
	if got := x.cmd.ProcessState.ExitCode(); got != 4 {
		t.Errorf("status %d, want the last command's", got)
	}
}

// await waits until a program of that name has the terminal.
func (x *typist) await(name string) {
	x.t.Helper()
	for range 3000 {
		if group, err := unix.IoctlGetInt(int(x.ptmx.Fd()), unix.TIOCGPGRP); err == nil {
			comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", group))
			if err == nil && string(comm) == name+"\n" {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	x.t.Fatalf("%s did not come to the foreground", name)
}

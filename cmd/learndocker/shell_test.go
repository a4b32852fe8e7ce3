//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// atTerminal runs learndocker at a terminal as root, or as a user who has no
// entry anywhere and so one id in his namespaces.
func atTerminal(t *testing.T, uid int, args ...string) *terminal {
	t.Helper()
	needRoot(t)
	need(t, "setpriv", "util-linux")
	dir := shortDir(t)
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	id := strconv.Itoa(uid)
	line := append([]string{"--reuid=" + id, "--regid=" + id, "--clear-groups", program(t)}, args...)
	cmd := exec.Command("setpriv", line...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir, "TERM=xterm", "LANG=C")
	return openTerminal(t, cmd)
}

// stepTo goes on to a stop of hello-world.
func stepTo(x *terminal, from, to int) {
	x.t.Helper()
	for n := from + 1; n <= to; n++ {
		x.press("n")
		x.expect(fmt.Sprintf("━━ %d/24 ", n), "q quit")
	}
}

// TestShellInside: key i opens a shell that answers, for root and for a user who
// could map no id but his own; where there is nothing to enter it says so, and
// what is typed after that is the lesson's.
func TestShellInside(t *testing.T) {
	for name, uid := range map[string]int{"root": 0, "user": learnerUID} {
		t.Run(name, func(t *testing.T) {
			x := atTerminal(t, uid, "lesson", "hello-world", "--step")
			x.expect("What docker run hello-world really does", "q quit")
			stepTo(x, 0, 1)
			x.press("l")
			x.press("d") // the processes
			if text := x.expect("narrator", "client", "daemon"); strings.Count(text, "learndocker") != 3 {
				t.Errorf("not all three are called learndocker:\n%s", text)
			}
			x.press("q")
			x.expect("━━ 1/24 ")
			stepTo(x, 1, 14)
			x.press("i")
			x.expect("A shell inside the namespaces.", "the files, and /proc with them, are still the host's")
			x.press("echo inside-$((40+2)); false\r")
			x.expect("inside-42")
			x.press("exit\r")
			x.expect("━━ 14/24 ", "i inside")
			stepTo(x, 14, 20)
			x.press("i")
			x.expect("This image has no shell", "inside:/#")
			x.press("id; hostname ; nano\r")
			x.expect("uid=0 gid=0", "nano: not one of the commands here, which are: ls")
			x.press("exit\r")
			x.expect("━━ 20/24 ")
			stepTo(x, 20, 22)
			x.press("i")
			x.expect("the program has ended: its namespaces cannot be entered any more", "━━ 22/24 ")
			stepTo(x, 22, 23)
			x.press("i")
			x.expect("the daemon is held here, no container's process", "━━ 23/24 ")
			x.press("q")
			status, shown := x.end()
			if status != 0 || !strings.Contains(shown, "The lesson was ended before its end. Everything is unwound") {
				t.Errorf("status %d\n%s", status, shown[max(len(shown)-200, 0):])
			}
			for _, bad := range []string{"setgroups", "Cannot set tty process group", "nsenter:"} {
				if strings.Contains(shown, bad) {
					t.Errorf("%q was said", bad)
				}
			}
		})
	}
}

// TestShellRefused: where the shell does not come, the reason stands in the
// lesson's own line.
func TestShellRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/nsenter", []byte("#!/bin/sh\necho 'nsenter: no such luck' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	x := atTerminal(t, 0, "lesson", "hello-world", "--step")
	x.expect("What docker run hello-world really does", "q quit")
	stepTo(x, 0, 14)
	x.press("i")
	x.expect("━━ 14/24 ", "nsenter: no such luck")
	x.press("q")
	x.end()
}

//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// replayed shows the recording of hello-world on a small terminal.
func replayed(t *testing.T, flags ...string) *terminal {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"replay", "hello-world"}, flags...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "LANG=C", "PATH=/nonexistent")
	x := openTerminalOf(t, cmd, 80, 24)
	x.expect("What docker run hello-world really does", "q quit")
	return x
}

// TestPagerIsLeft: a long panel is paged through forth and back, and every key
// that means enough leads back to the step, not out of the lesson.
func TestPagerIsLeft(t *testing.T) {
	x := replayed(t, "--step")
	stepTo(x, 0, 18)
	open := func() (lines int) {
		x.press("l")
		x.expect("Look at", "acts")
		x.press("a")
		_, of, _ := strings.Cut(x.expect("lines 1–23 of "), "lines 1–23 of ")
		if _, err := fmt.Sscan(of, &lines); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	for _, leave := range []string{"q", "\x1b", "\x03"} {
		open()
		x.press("n")
		x.expect("lines 24–46 of ")
		x.press("\x1b[5~") // page up
		x.expect("lines 1–23 of ")
		x.press("\x1b[B") // down
		x.expect("lines 2–24 of ")
		x.press("b")
		x.expect("lines 1–23 of ")
		x.press(leave)
		x.expect("━━ 18/24 ", "q quit")
	}
	for range (open() + 22) / 23 { // past the end
		x.press(" ")
	}
	x.expect("━━ 18/24 ", "q quit")
	x.press("\x04")
	x.expect("^D ends a shell; the lesson is ended by q")
	x.press("q")
	if status, _ := x.end(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestDetailOnASmallScreen: a page that has no more, but not the room for all of
// it, does not say that there is nothing.
func TestDetailOnASmallScreen(t *testing.T) {
	x := replayed(t, "--step")
	stepTo(x, 0, 14)
	x.press("d")
	x.expect("not all of it has room here: l a")
	x.press("q")
	x.end()
}

// TestPaceTakesKeys: what goes on by itself can be led, and stopped.
func TestPaceTakesKeys(t *testing.T) {
	x := replayed(t, "--pace", "1h")
	x.expect("a pause")
	x.press("n")
	x.expect("━━ 1/24 ", "a pause")
	x.press(" ")
	x.expect("━━ 2/24 ")
	x.press("b")
	x.expect("━━ 1/24 ", "paused; a goes on by itself again")
	x.press("a")
	x.expect("it goes on by itself, every 1h0m0s")
	x.press("a")
	x.expect("paused")
	x.press("q")
	if status, _ := x.end(); status != 0 {
		t.Errorf("status %d", status)
	}

	alone := exec.Command(program(t), "replay", "hello-world", "--pace", "1ms")
	alone.Env = append(os.Environ(), "TERM=xterm", "LANG=C")
	status, shown := openTerminalOf(t, alone, 80, 24).end()
	if status != 0 || !strings.Contains(shown, "━━ 24/24 ") || !strings.HasSuffix(strings.TrimSpace(shown), "Next:  learndocker replay run-again --step") {
		t.Errorf("by itself: status %d\n%s", status, shown[max(len(shown)-300, 0):])
	}
}

// TestAddressesOnTheScreen: the page's and the class's stand there whole until
// the first key, and so does why the browser did not open.
func TestAddressesOnTheScreen(t *testing.T) {
	x := replayed(t, "--step", "--share", "127.0.0.1:0", "--open")
	x.expect("the page: http://127.0.0.1:", "#token=", "the class: http://127.0.0.1:", "the browser did not open: ")
	x.press("n")
	if text := x.expect("━━ 1/24 ", "q quit"); strings.Contains(text, "#token=") {
		t.Errorf("the address stays:\n%s", text)
	}
	x.press("?")
	x.expect("the page: http://127.0.0.1:", "the class: ")
	x.press("q")
	x.expect("━━ 1/24 ")
	x.press("q")
	x.end()
}

// TestWatchLetsGo: whoever quits watching takes nothing from the client that is
// held: it goes on, and so do those after it.
func TestWatchLetsGo(t *testing.T) {
	d := startDaemon(t)
	cmd := exec.Command(program(t), "watch", "--step")
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "TERM=xterm", "LANG=C")
	x := openTerminalOf(t, cmd, 80, 24)
	x.expect("waiting for a client", "docker run hello-world", "q quits")
	ended := make(chan outcome, 1)
	go func() { ended <- d.run("run", "--rm", "hello-world") }()
	x.expect("api.request", "q quit")
	x.press("n")
	x.expect("image.lookup", "q quit")
	x.press("?")
	x.expect("quit: the daemon is let go, and works on unwatched")
	x.press("q")
	x.expect("image.lookup")
	x.press("q")
	if status, shown := x.end(); status != 0 || !strings.Contains(shown, "The daemon is let go, and works on unwatched.") {
		t.Errorf("watch: status %d\n%s", status, shown[max(len(shown)-300, 0):])
	}
	if o := receive(t, "the end of run", ended); o.status != 0 || !strings.Contains(o.stdout, "Hello from learndocker!") {
		t.Errorf("the client that was held: status %d, %s", o.status, o.stderr)
	}
	d.run("run", "--rm", "hello-world").must(t)
}

package narrate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// half starts a group whose first process ends at once and leaves another.
func half(t *testing.T, script string) *os.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", "("+script+") & exit 0")
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); err != nil {
		t.Fatalf("the other half is not there: %v", err)
	}
	return cmd.Process
}

// TestAwaitGroup waits for a daemon's other half that still unwinds, and ends
// one that does not.
func TestAwaitGroup(t *testing.T) {
	done := filepath.Join(t.TempDir(), "done")
	awaitGroup(half(t, "sleep 0.5; echo >"+done), time.Minute)
	if _, err := os.Stat(done); err != nil {
		t.Errorf("it did not wait: %v", err)
	}
	stays := half(t, "trap '' TERM; while :; do sleep 1000; done")
	awaitGroup(stays, 50*time.Millisecond)
	for deadline := time.Now().Add(time.Minute); !errors.Is(syscall.Kill(-stays.Pid, 0), syscall.ESRCH); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			_ = kill(stays)
			t.Fatal("it did not end the one that stays")
		}
	}
}

// TestStandsStill tells a process that waits from one that has something to do.
func TestStandsStill(t *testing.T) {
	for script, want := range map[string]bool{"while :; do :; done": false, "read line": true} {
		cmd := exec.Command("sh", "-c", script)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); standsStill(cmd.Process.Pid) != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%q stands still: %v, want %v", script, !want, want)
				break
			}
		}
		_ = cmd.Process.Kill() // may have ended by itself
		in.Close()
		_ = cmd.Wait() // killed
	}
}

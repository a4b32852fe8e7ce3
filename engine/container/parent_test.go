//go:build linux

package container

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestParentStays ends the thread that has asked for a process: the process, which
// dies with its parent, must go on.
func TestParentStays(t *testing.T) {
	made := make(chan *os.Process, 1)
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and no unlocking: the thread ends here
		asParent(func() {
			p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
			made <- p
			failed <- err
		})
	}()
	p := <-made
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = p.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		t.Error("the process has died with a thread that was not its parent")
	case <-time.After(300 * time.Millisecond):
	}
	_ = p.Kill() // one that has died
	<-ended
}

//go:build linux

package container

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestParentStays ends the threads that have asked for processes: these, which die
// with their parent, must go on. There are several, for the main thread never ends.
func TestParentStays(t *testing.T) {
	for range 4 {
		made := make(chan *os.Process)
		go func() {
			runtime.LockOSThread() // and no unlocking: the thread ends here
			asParent(func() {
				p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
				if err != nil {
					t.Error(err)
				}
				made <- p
			})
		}()
		p := <-made
		if p == nil {
			return
		}
		ended := make(chan struct{})
		go func() {
			_, _ = p.Wait()
			close(ended)
		}()
		select {
		case <-ended:
			t.Error("the process has died with a thread that was not its parent")
		case <-time.After(100 * time.Millisecond):
		}
		_ = p.Kill() // one that has died
		<-ended
	}
}

//go:build linux

package engine

import (
	"context"
	"strconv"
	"time"

	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/stage"
)

// made says whom kill is to end.
func (x *Exec) made(p *container.Process) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.process = p
	if x.killed {
		p.KillGroup()
	}
}

// kill ends the program and what it has begun, also one that is only being made.
func (x *Exec) kill() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.killed = true
	if x.process != nil {
		x.process.KillGroup()
	}
}

// finish waits for the program's end. Whatever it has left running belongs to
// the container, and may hold the output open: that is not waited for for ever.
func (r *execRun) finish() {
	exit, err := r.process.Wait()
	if err != nil {
		exit.Status = 255
	}
	r.awaitOutput()
	r.x.terminal.close()
	if r.settled != nil && r.IsWatched() {
		<-r.settled
	}
	c := r.x.Container
	fact := stage.ExecExited{ID: r.x.ID, Container: c.record.ID, PID: exit.PID, Init: c.Snapshot().State.Pid, Status: exit.Status, Signal: exit.Signal}
	_ = r.trail.At(context.Background(), exit.PID, fact) // the program has ended, whatever the watcher says
	r.close(exit.Status)
	r.tell(c.Snapshot(), "exec_die", map[string]string{"execID": r.x.ID, "exitCode": strconv.Itoa(exit.Status)})
	close(r.x.ended) // what follows from its end is told after it
}

// lateOutput is how long output is waited for when its program has ended.
const lateOutput = 2 * time.Second

func (r *execRun) awaitOutput() {
	done := make(chan struct{})
	go func() {
		r.output()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(lateOutput):
	}
}

// close reaps the process and ends its streams.
func (r *execRun) close(status int) {
	r.x.mu.Lock()
	r.x.process = nil // from here on its number may be another's
	r.x.mu.Unlock()
	if r.process != nil {
		_ = r.process.Reap()
	}
	if r.console != nil {
		r.console.Close()
	}
	x := r.x
	x.mu.Lock()
	x.state.Running, x.state.ExitCode, x.state.Finished = false, &status, time.Now()
	x.mu.Unlock()
	x.streams.end()
}

// abandon takes an exec apart that never began.
func (r *execRun) abandon(err error) {
	if r.process != nil {
		r.process.Kill()
	}
	r.close(max(failureStatus(err), 126)) // Docker's: what cannot be begun cannot be run
	close(r.x.ended)
}

// execError puts init's failure into Docker's words.
func execError(err error) error {
	failure := failureOf(err)
	if failure == nil {
		return err
	}
	if failure.Bare {
		return errorOf(ErrInvalid, "%s", failure.Message)
	}
	return errorOf(ErrInvalid, "OCI runtime exec failed: exec failed: unable to start container process: %s: unknown", failure.Message)
}

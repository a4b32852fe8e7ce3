package narrate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is a child of the narrator's.
type process struct {
	*exec.Cmd
	ended chan struct{} // closed after Wait
	err   error
}

func start(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// end asks the process to end, and after a while makes it.
func (p *process) end(patience time.Duration) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := terminate(p.Process); errors.Is(err, os.ErrProcessDone) {
		<-p.ended
		return nil
	} else if err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
	}
	if err := kill(p.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return fmt.Errorf("%s did not end within %s and was killed", filepath.Base(p.Path), patience)
}

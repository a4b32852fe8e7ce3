package narrate

import (
	"errors"
	"io"
	"os/exec"
	"sync"
)

// ErrNoReader is the error of input that nobody reads.
var ErrNoReader = errors.New("no command reads input now")

// input is what is typed to the client, from whichever control.
type input struct {
	mu   sync.Mutex
	pipe io.WriteCloser
}

// open makes the input of a command that is about to start. That of the command
// before has ended with it.
func (i *input) open(cmd *exec.Cmd) error {
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pipe = pipe
	return nil
}

func (i *input) write(text string, end bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pipe == nil {
		return ErrNoReader
	}
	_, err := io.WriteString(i.pipe, text)
	if end {
		err = errors.Join(err, i.pipe.Close())
		i.pipe = nil
	}
	if err != nil {
		return ErrNoReader
	}
	return nil
}

// Package shell opens shells beside and inside a held process.
package shell

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/learndocker/learndocker/narrate/prose"
)

// Why there is nothing to enter at a stop.
var (
	ErrNothingHeld = errors.New("the daemon is held here, no container's process; i works from namespace.create to process.exec")
	ErrZombie      = errors.New("the program has ended: its namespaces cannot be entered any more; s shows what is left")
	ErrGone        = errors.New("the held process has gone")
)

// Host opens the user's shell on this machine, and greets in the learner's
// words; $HELD is the held process.
func Host(pid int, env []string, w prose.Words) error {
	program := os.Getenv("SHELL")
	if program == "" {
		program = "/bin/sh"
	}
	fmt.Println(w.Sayf("A shell on this machine. $HELD is the held process, %d. exit comes back to the lesson.", pid))
	return run(exec.Command(program), append(env, "HELD="+strconv.Itoa(pid)))
}

func run(cmd *exec.Cmd, env []string) error {
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	cmd.Env = append(os.Environ(), env...)
	err := cmd.Run()
	takeTerminal()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // the last command's status is not ours
	}
	return err
}

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

// ErrNothingHeld is the error of a stop at which no container's process exists.
var ErrNothingHeld = errors.New("no container's process is held here; step on to namespace.create")

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
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	err := cmd.Run()
	takeTerminal()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // the last command's status is not ours
	}
	return err
}

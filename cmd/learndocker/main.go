// Learndocker teaches containers by running one for real and holding it still.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/docker"
	"github.com/learndocker/learndocker/narrate"
)

// version is set by the linker: -X main.version=….
var version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRoot().ExecuteContext(ctx)
	stop()
	os.Exit(report(err))
}

// exitError is an error that chooses the exit status; without a cause it is
// silent.
type exitError struct {
	status int
	cause  error
}

func (e exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.cause.Error()
}

func (e exitError) Unwrap() error { return e.cause }

// report prints what went wrong, and what to type next, and returns the exit
// status.
func report(err error) int {
	if err == nil {
		return 0
	}
	status := 1
	var exit exitError
	if errors.As(err, &exit) {
		status, err = exit.status, exit.cause
	}
	var failed *docker.Failure
	prefix := "learndocker: "
	if errors.As(err, &failed) { // its words are docker's, whole
		prefix, status, err = "", failed.Status, failed.Cause
	}
	if err == nil {
		return status
	}
	// A registry, an image or a lesson may have a say in it.
	fmt.Fprintln(os.Stderr, prefix+narrate.Printable(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintln(os.Stderr, h)
	}
	return status
}

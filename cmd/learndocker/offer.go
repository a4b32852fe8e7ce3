package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/lesson"
)

// notLive is the error of a lesson that cannot run live on this machine.
type notLive struct {
	lesson   string
	recorded bool // it has a bundled recording
	cause    error
}

func (e notLive) Error() string { return e.cause.Error() }
func (e notLive) Unwrap() error { return e.cause }

func (e notLive) hint() string {
	hint := "What this machine lacks, and the mend:  learndocker doctor"
	if e.recorded {
		hint += "\nIts recording plays everywhere:         learndocker replay " + e.lesson + " --step"
	}
	return hint
}

// orRecording offers the recording of a lesson that cannot run live: at a
// terminal it asks, elsewhere the error's hint names the command.
func orRecording(ctx context.Context, f *showFlags, l *lesson.Lesson, err error) error {
	if !errors.Is(err, narrate.ErrCannotRun) {
		return err
	}
	_, statErr := fs.Stat(lessons.Files, "recordings/"+l.ID+".jsonl")
	refused := notLive{lesson: l.ID, recorded: statErr == nil, cause: err}
	if !refused.recorded || !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return refused
	}
	fmt.Fprintln(os.Stderr, "learndocker:", err)
	fmt.Fprintln(os.Stderr, "What this machine lacks, and the mend:  learndocker doctor")
	fmt.Fprint(os.Stderr, "Play its recording instead? [Y/n] ")
	answer, readErr := bufio.NewReader(os.Stdin).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); readErr != nil || word != "" && word != "y" && word != "yes" {
		return exitError{status: 1}
	}
	recording, err := readRecording(l.ID)
	if err != nil {
		return err
	}
	f.script = "" // what was not so, was not so elsewhere
	return f.show(ctx, narrate.NewReplay(recording), nil)
}

//go:build !linux || noengine

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/doctor"
	"github.com/learndocker/learndocker/narrate/lesson"
)

// learn adds the commands that make learndocker more than a docker. Without
// Linux there is no engine; recordings play everywhere. The commands that need
// it are there all the same, and say so.
func learn(root *cobra.Command, s *settings) {
	root.Long = `learndocker shows containers from the inside, held still at every stage. The
engine that runs them needs Linux; what it has recorded plays here.

Start here:  learndocker replay hello-world --step`
	addLearn(root, newLesson(s), newReplay(), newSite(),
		needsEngine("watch", "Narrate whatever a client does to a running daemon (Linux only)"),
		needsEngine("daemon", "Run the daemon in the foreground (Linux only)"),
		newDoctor(s))
}

type lessonFlags struct{ showFlags }

// declare takes the flags of a live lesson too, so that a line from a book does
// not stumble over them.
func (f *lessonFlags) declare(flags *pflag.FlagSet) {
	f.showFlags.declare(flags)
	flags.Bool("hub", false, "of a live lesson: pull from Docker Hub")
	flags.String("docker", "", "of a live lesson: the docker `COMMAND` that is the client")
}

func (f *lessonFlags) run(context.Context, *lesson.Lesson) error { return noEngine() }

// noEngine is the error of whatever needs the engine.
func noEngine() error {
	return fmt.Errorf("%w: %s", narrate.ErrCannotRun, doctor.Elsewhere(runtime.GOOS, os.Args[0]).Points[0].Meaning)
}

func needsEngine(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short,
		DisableFlagParsing: true, // whatever the flags, the answer is the same
		RunE: func(*cobra.Command, []string) error {
			return notLive{lesson: "hello-world", recorded: true, cause: noEngineFor(name)}
		},
	}
}

func noEngineFor(name string) error {
	return fmt.Errorf("%s: %s", name, doctor.Elsewhere(runtime.GOOS, os.Args[0]).Points[0].Meaning)
}

func newLessonCheck() *cobra.Command {
	return needsEngine("check", "Prove lessons: run them and evaluate every claim (Linux only)")
}

func examine(context.Context, string) (doctor.Diagnosis, error) {
	return doctor.Elsewhere(runtime.GOOS, os.Args[0]), nil
}

func engineHint(error) string { return "" }

// noDaemonHint is for whoever asks a daemon that is not there.
const noDaemonHint = "A daemon runs on Linux; -H names one. How to get a Linux:  learndocker doctor"

//go:build !linux

package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate/lesson"
)

// learn adds the commands that make learndocker more than a docker. Without
// Linux there is no engine; recordings play everywhere.
func learn(root *cobra.Command, s *settings) {
	addLearn(root, newLesson(s), newReplay(), newSite())
}

type lessonFlags struct{ showFlags }

func (f *lessonFlags) declare(flags *pflag.FlagSet) { f.showFlags.declare(flags) }

func (f *lessonFlags) run(_ context.Context, l *lesson.Lesson) error { return notHere(l.ID) }

func notHere(id string) error {
	return errors.New("containers are made by Linux, and this is " + runtime.GOOS + ". Play the recording:  learndocker replay " + id + " --step")
}

func newLessonCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Prove lessons: run them and evaluate every claim",
		RunE: func(*cobra.Command, []string) error { return notHere("hello-world") },
	}
}

//go:build linux && !noengine

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/engine/rootless"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/doctor"
	"github.com/learndocker/learndocker/narrate/lesson"
)

// lessonFlags are those of a live lesson.
type lessonFlags struct {
	showFlags
	hub    bool
	docker string
}

func (f *lessonFlags) declare(flags *pflag.FlagSet) {
	f.showFlags.declare(flags)
	flags.BoolVar(&f.hub, "hub", false, "pull from Docker Hub, not from the bundled registry")
	flags.StringVar(&f.docker, "docker", "", "let this docker `COMMAND` be the client")
}

func (f *lessonFlags) run(ctx context.Context, l *lesson.Lesson) error {
	if err := runsHere(ctx, l); err != nil {
		return err
	}
	live, err := f.live(l)
	if err != nil {
		return err
	}
	return f.show(ctx, live, nil)
}

// runsHere asks a survey of this machine whether the lessons can run live.
func runsHere(ctx context.Context, all ...*lesson.Lesson) error {
	d, err := examine(ctx, "")
	if err != nil {
		return ctx.Err() // a survey that breaks off refuses no lesson: the engine says itself what it meets
	}
	for _, l := range all {
		if lacks := d.Lacks(l.Needs); len(lacks) > 0 {
			return cannotRun(l, lacks)
		}
	}
	return nil
}

func (f *lessonFlags) live(l *lesson.Lesson) (*narrate.Live, error) {
	library, err := openLibrary()
	if err != nil {
		return nil, err
	}
	wrong, err := narrate.CheckWords([]*lesson.Lesson{l}, library, false)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 { // better now than in the middle of the lesson
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return narrate.NewLive(l, library, narrate.Options{Program: program, Docker: f.docker, Hub: f.hub, Version: version, Language: language, Rootless: rootless.Needed(), Input: f.web.wanted()})
}

// cannotRun says in a line or two what keeps the lesson from running here.
func cannotRun(l *lesson.Lesson, lacks []doctor.Point) error {
	p := lacks[0]
	if p.State == doctor.Missing {
		return fmt.Errorf("%w: %s", narrate.ErrCannotRun, p.Meaning)
	}
	return fmt.Errorf("%w: lesson %s needs more than this (%s): %s", narrate.ErrCannotRun, l.ID, p.Name, p.Meaning)
}

func newLessonCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME|FILE.yaml...]",
		Short: "Prove lessons: run them and evaluate every claim",
		RunE: func(c *cobra.Command, args []string) error {
			all := len(args) == 0
			if all {
				var err error
				if args, err = lessonNames(); err != nil {
					return err
				}
			}
			wrong, err := checkLessons(c.Context(), args, all)
			if err != nil {
				return err
			}
			for _, w := range wrong {
				fmt.Println(w)
			}
			if len(wrong) > 0 {
				return exitError{1, errors.New("not everything in the lesson is so on this machine")}
			}
			return nil
		},
	}
}

// checkLessons checks the words of all, then runs each.
func checkLessons(ctx context.Context, names []string, all bool) ([]string, error) {
	library, err := openLibrary()
	if err != nil {
		return nil, err
	}
	var parsed []*lesson.Lesson
	for _, name := range names {
		l, err := readLesson(name)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, l)
	}
	wrong, err := narrate.CheckWords(parsed, library, all)
	if err != nil || len(wrong) > 0 {
		return wrong, err
	}
	if err := runsHere(ctx, parsed...); err != nil {
		return nil, err
	}
	for _, l := range parsed {
		found, claims, err := checkLesson(ctx, l)
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", l.ID, err)
		}
		fmt.Printf("%s: %s, %s, %s, %d not so\n", l.ID, count(l.Stops(), "stop"), count(claims, "claim"), count(l.Expectations(), "expectation"), len(found))
		wrong = append(wrong, found...)
	}
	return wrong, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checkLesson runs a lesson to its end and collects what was claimed and is
// not so.
func checkLesson(ctx context.Context, l *lesson.Lesson) (wrong []string, claims int, err error) {
	live, err := (&lessonFlags{}).live(l)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	for {
		step, err := live.Next(ctx)
		if errors.Is(err, io.EOF) {
			return wrong, claims, nil
		}
		if err != nil {
			return wrong, claims, err
		}
		claims += len(step.Claims)
		for _, w := range step.False() {
			wrong = append(wrong, fmt.Sprintf("%s: step %d, %s: not so: %s", l.ID, step.N, step.Stage(), w))
		}
	}
}

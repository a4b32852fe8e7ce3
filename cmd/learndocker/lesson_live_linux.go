package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate"
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
	live, err := f.live(l)
	if err != nil {
		return err
	}
	return f.show(ctx, live, nil)
}

func (f *lessonFlags) live(l *lesson.Lesson) (*narrate.Live, error) {
	library, err := openLibrary()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return narrate.NewLive(l, library, narrate.Options{Program: program, Docker: f.docker, Hub: f.hub, Version: version, Language: language})
}

func newLessonCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME|FILE.yaml...]",
		Short: "Prove lessons: run them and evaluate every claim",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				var err error
				if args, err = lessonNames(); err != nil {
					return err
				}
			}
			var failed bool
			for _, name := range args {
				l, err := readLesson(name)
				if err != nil {
					return err
				}
				wrong, claims, err := checkLesson(c.Context(), l)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				for _, w := range wrong {
					fmt.Println(w)
				}
				failed = failed || len(wrong) > 0
				fmt.Printf("%s: %d stops, %d claims, %d not so\n", name, l.Stops(), claims, len(wrong))
			}
			if failed {
				return exitError{1, errors.New("not everything in the lesson is so on this machine")}
			}
			return nil
		},
	}
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

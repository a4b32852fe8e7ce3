package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
)

func newReplay() *cobra.Command {
	f := &showFlags{}
	c := &cobra.Command{
		Use:   "replay FILE|LESSON",
		Short: "Play a lesson from a recording: no root, no Linux needed",
		Example: `  learndocker replay hello-world --step
  learndocker replay mine.jsonl --transcript post.md --front-matter jekyll
  learndocker replay hello-world --transcript by-hand.sh`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			recording, err := readRecording(args[0])
			if err != nil {
				return err
			}
			if f.transcript.file != "" && f.record == "" && !c.Flags().Changed("step") && !c.Flags().Changed("pace") {
				return f.write(recording) // whoever only writes need not watch
			}
			return f.show(c.Context(), narrate.NewReplay(recording), nil)
		},
	}
	f.declare(c.Flags())
	return c
}

// write writes a recording's transcript without playing it.
func (f *showFlags) write(r *narrate.Recording) error {
	if err := f.check(narrate.NewReplay(r)); err != nil {
		return err
	}
	words, err := f.language.words(r.Header)
	if err != nil {
		return err
	}
	return f.transcript.write(r.Header, r.Steps, words)
}

// readRecording reads a file, or the bundled recording of a lesson.
func readRecording(name string) (*narrate.Recording, error) {
	var from fs.File
	from, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		from, err = lessons.Files.Open("recordings/" + name + ".jsonl")
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("no recording %q: neither a file nor a lesson of that name; learndocker lesson list names the lessons", name)
	}
	if err != nil {
		return nil, err
	}
	defer from.Close()
	recording, err := narrate.ReadRecording(from)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return recording, nil
}

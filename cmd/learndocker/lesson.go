package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/prose"
)

func newLesson(s *settings) *cobra.Command {
	f := &lessonFlags{}
	c := &cobra.Command{
		Use:   "lesson NAME|FILE.yaml",
		Short: "Run a lesson live: a real container, held still at every stage",
		Example: `  learndocker lesson hello-world --step
  learndocker lesson hello-world --transcript post.md --front-matter hugo
  learndocker lesson my-own.yaml`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one lesson; learndocker lesson list names them (an address for the page goes with an equals sign: --web=127.0.0.1:7000)")
			}
			l, err := readLesson(args[0])
			if err != nil {
				return err
			}
			f.script = args[0]
			return orRecording(c.Context(), &f.showFlags, l, f.run(c.Context(), l))
		},
	}
	f.declare(c.Flags())
	c.AddCommand(newLessonList(), newLessonCheck())
	return c
}

func newLessonList() *cobra.Command {
	f := &languageFlag{}
	c := &cobra.Command{
		Use:   "list",
		Short: "List the bundled lessons",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names, err := lessonNames()
			if err != nil {
				return err
			}
			original, err := openLibrary()
			if err != nil {
				return err
			}
			chosen, err := f.choose(original.Languages())
			if err != nil {
				return err
			}
			table := newTable()
			fmt.Fprintln(table, "LESSON\tSTOPS\tABOUT")
			for _, n := range names {
				l, err := readLesson(n)
				if err != nil {
					return err
				}
				title := ""
				if l.Page != "" {
					page, err := original.In(chosen).Page(l.Page)
					if errors.Is(err, prose.ErrNoPage) {
						page, err = original.Page(l.Page) // not translated yet
					}
					if err != nil {
						return fmt.Errorf("lesson %s: %w", n, err)
					}
					title = strings.ReplaceAll(page.Title, "`", "")
				}
				fmt.Fprintf(table, "%s\t%d\t%s\n", l.ID, l.Stops(), title)
			}
			return table.Flush()
		},
	}
	f.declare(c.Flags())
	return c
}

func lessonNames() ([]string, error) {
	files, err := fs.Glob(lessons.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	return names, nil
}

func readLesson(name string) (*lesson.Lesson, error) {
	file, data, err := readLessonFile(name, lessons.Files)
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		if err != nil {
			return nil, fmt.Errorf("read lesson: %w", err)
		}
		return lesson.Parse(file, data)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		names, listErr := lessonNames()
		if listErr != nil {
			return nil, listErr
		}
		return nil, fmt.Errorf("no lesson %q; there is: %s. Your own lesson is named by its file: learndocker lesson ./mine.yaml", name, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, err
	}
	return lesson.Parse(file, data)
}

// newTable aligns columns as the docker command does.
func newTable() *tabwriter.Writer { return tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0) }

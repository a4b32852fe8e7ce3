//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/transcript"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenTranscript runs the lesson and holds its transcript against the one
// that was looked at. The file is the machine's kind's: root or not, and which
// cgroup version.
func TestGoldenTranscript(t *testing.T) {
	header, steps := runLesson(t, "hello-world")
	who := "root"
	if header.Rootless {
		who = "user"
	}
	kind := who + "." + strings.ReplaceAll(header.Machine.Cgroup, " ", "-")
	for _, format := range []string{"md", "sh"} {
		name := "hello-world." + kind + "." + format
		got := transcribe(t, format, header, steps, transcript.Options{Stable: true, Name: "hello-world." + format})[0].Data
		holdAgainst(t, filepath.Join("testdata", "golden", name), got)
	}
}

// holdAgainst compares with a golden file, or rewrites it.
func holdAgainst(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nno transcript was looked at for this kind of machine; make golden writes one", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the transcript is not the one that was looked at (-want +got):\n%s\nif it is right: make golden", diff)
	}
}

// transcribe writes steps down in the named format.
func transcribe(t *testing.T, format string, h narrate.Header, steps []*narrate.Step, o transcript.Options) []transcript.File {
	t.Helper()
	f, err := transcript.Choose(format, o.Name)
	if err != nil {
		t.Fatal(err)
	}
	files, err := transcript.Files(f, h, steps, o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// runLesson runs a lesson to its end and returns its steps.
func runLesson(t *testing.T, name string) (narrate.Header, []*narrate.Step) {
	t.Helper()
	return followLesson(t, name, func(narrate.Header, *narrate.Step) {})
}

// followLesson does so, and shows each step while the engine is held at it.
func followLesson(t *testing.T, name string, at func(narrate.Header, *narrate.Step)) (narrate.Header, []*narrate.Step) {
	t.Helper()
	l, err := readLesson(name)
	if err != nil {
		t.Fatal(err)
	}
	library, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	live, err := narrate.NewLive(l, library, narrate.Options{Program: program(t), Version: version, Language: language})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := live.Close(); err != nil {
			t.Error(err)
		}
	}()
	var steps []*narrate.Step
	for {
		step, err := live.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return live.Header(), steps
		}
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
		at(live.Header(), step)
	}
}

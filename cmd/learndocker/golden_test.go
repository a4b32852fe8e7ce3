//go:build linux

package main

import (
	"bytes"
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

// TestGoldenTranscript runs each lesson and holds its transcript against the
// one that was looked at. The file is the machine's kind's: root or not, and
// which cgroup version.
func TestGoldenTranscript(t *testing.T) {
	names, err := lessonNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { goldenTranscript(t, name) })
	}
}

func goldenTranscript(t *testing.T, name string) {
	header, steps := runLesson(t, name)
	var b bytes.Buffer
	if err := transcript.Markdown(&b, header, steps, transcript.Options{FrontMatter: "none", Stable: true}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	who := "root"
	if header.Rootless {
		who = "user"
	}
	file := filepath.Join("testdata", "golden", name+"."+who+"."+strings.ReplaceAll(header.Machine.Cgroup, " ", "-")+".md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nno transcript was looked at for this kind of machine; make golden writes one", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the transcript is not the one that was looked at (-want +got):\n%s\nif it is right: make golden", diff)
	}
}

// runLesson runs a bundled lesson to its end and returns its steps.
func runLesson(t *testing.T, name string) (narrate.Header, []*narrate.Step) {
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
	}
}

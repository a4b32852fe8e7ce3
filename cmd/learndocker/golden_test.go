//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learndocker/learndocker/engine/stage"
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
	var steps []*narrate.Step
	header := runLesson(t, name, func(s *narrate.Step) { steps = append(steps, s) })
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

// TestWhatIsOffered types each command that a step offers, while it is held.
func TestWhatIsOffered(t *testing.T) {
	for _, tool := range [][2]string{{"curl", "curl"}, {"jq", "jq"}, {"ip", "iproute2"}, {"findmnt", "util-linux"}, {"nsenter", "util-linux"}} {
		need(t, tool[0], tool[1])
	}
	names, err := lessonNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			typed := 0
			runLesson(t, name, func(s *narrate.Step) {
				for _, try := range s.Try {
					said, err := exec.Command("sh", "-c", try.Run).CombinedOutput()
					typed++
					gone := s.Stage() == stage.ContainerRemove && try.Why == "nothing"
					if (err != nil) != gone || (len(said) == 0) {
						t.Errorf("step %d: %s: %v\n%s", s.N, try.Run, err, said)
					}
				}
			})
			if typed == 0 {
				t.Error("the lesson offers nothing to try")
			}
		})
	}
}

// runLesson runs a bundled lesson to its end; each step is shown to see while
// it is held.
func runLesson(t *testing.T, name string, see func(*narrate.Step)) narrate.Header {
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
	for {
		step, err := live.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return live.Header()
		}
		if err != nil {
			t.Fatal(err)
		}
		see(step)
	}
}

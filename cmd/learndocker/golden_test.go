//go:build linux

package main

import (
	"flag"
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
	header, steps := runLesson(t, name)
	who := "root"
	if header.Rootless {
		who = "user"
	}
	kind := who + "." + strings.ReplaceAll(header.Machine.Cgroup, " ", "-")
	formats := []string{"md"}
	if name == "hello-world" { // a script makes one container
		formats = append(formats, "sh")
	}
	for _, format := range formats {
		got := transcribe(t, format, header, steps, transcript.Options{Stable: true, Name: name + "." + format})[0].Data
		holdAgainst(t, filepath.Join("testdata", "golden", name+"."+kind+"."+format), got)
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
			followLesson(t, name, func(_ narrate.Header, s *narrate.Step) {
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

// runLesson runs a bundled lesson to its end and returns its steps.
func runLesson(t *testing.T, name string) (narrate.Header, []*narrate.Step) {
	t.Helper()
	return followLesson(t, name, func(narrate.Header, *narrate.Step) {})
}

// followLesson does so, and shows each step while the engine is held at it.
func followLesson(t *testing.T, name string, at func(narrate.Header, *narrate.Step)) (header narrate.Header, steps []*narrate.Step) {
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
		step := next(t, live)
		if step == nil {
			return live.Header(), steps
		}
		steps = append(steps, step)
		at(live.Header(), step)
	}
}

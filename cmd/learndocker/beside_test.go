//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// TestLessonsBesideEachOther runs ten lessons at once, of root and of an
// ordinary user, beside a running daemon whose clients are watched. All end
// well, what each one shows is its own, and nothing is left.
func TestLessonsBesideEachOther(t *testing.T) {
	d := startDaemon(t)
	watcher := newCell(t, asRoot)
	watched := filepath.Join(d.dir, "watched.jsonl")
	watcher.start(nil, []string{"DOCKER_HOST=" + d.host}, "watch", "--record", watched, "--step")
	rootless := ordinaryUser(t, true)
	var lessons []*cell
	for i := range 10 {
		who := asRoot
		if i%3 == 2 {
			who = rootless
		}
		c := newCell(t, who)
		c.start(nil, nil, "lesson", "hello-world", "--record", filepath.Join(c.home(), "own.jsonl"), "--step")
		lessons = append(lessons, c)
	}
	// Half of them stand still while the others and the daemon's clients run.
	for i, c := range lessons {
		if i%2 == 0 {
			c.press(slices.Repeat([]string{"n"}, 18)...)
			c.await(19)
			c.note()
		} else {
			c.stdin.Close() // runs through
		}
	}
	watcher.stdin.Close() // lets everything go on
	ended := make(chan int)
	go func() { ended <- watcher.finish() }()
	for range 3 {
		if o := d.run("run", "--rm", "hello-world"); o.status != 0 {
			t.Errorf("a client of the daemon: status %d: %s", o.status, o.stderr)
		}
	}
	if err := syscall.Kill(watcher.pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := receive(t, "the end of the watcher", ended); status != 130 {
		t.Errorf("watch: status %d, want 130: %s", status, watcher.stderr.String())
	}
	var group sync.WaitGroup
	for _, c := range lessons {
		group.Go(func() {
			c.stdin.Close()
			if status := c.finish(); status != 0 {
				t.Errorf("a lesson: status %d: %s", status, c.stderr.String())
			}
		})
	}
	group.Wait()
	var told []evidence
	told = append(told, readEvidence(t, watched))
	for _, c := range lessons {
		file := filepath.Join(c.home(), "own.jsonl")
		told = append(told, readEvidence(t, file))
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		c.left(true)
	}
	checkOwn(t, told)
}

// evidence is what a recording shows, by what can belong to one only.
type evidence struct {
	file string
	text string
	own  map[string]bool // container ids, pids
}

// readEvidence reads a recording: it is whole, and all that it says was so.
func readEvidence(t *testing.T, file string) evidence {
	t.Helper()
	rec, err := readRecording(file)
	if err != nil {
		t.Fatal(err)
	}
	e := evidence{file: file, own: map[string]bool{}}
	for _, s := range rec.Steps {
		for _, wrong := range s.False() {
			t.Errorf("%s: step %d, %s: not so: %s", file, s.N, s.Stage(), wrong)
		}
		if s.Point == nil {
			continue
		}
		// The machine's mounts are everybody's: until its pivot a container sees
		// the others' too, and the kernel says so.
		s.Probe.Mounts = nil
		s.Panels = slices.DeleteFunc(s.Panels, func(p narrate.Panel) bool { return p.Kind == "mounts" })
		e.text += string(toJSON(t, s))
		if f, ok := s.Point.Fact.(stage.Created); ok {
			e.own[f.ID] = true
		}
		for _, p := range s.Probe.Processes {
			if p.Role == narrate.BoxDaemon || p.Role == narrate.BoxContainer {
				e.own[fmt.Sprintf(`"pid":%d,`, p.PID)] = true
			}
		}
	}
	if len(e.own) < 3 {
		t.Errorf("%s: its own are only %v", file, e.own)
	}
	return e
}

// checkOwn wants nothing of one recording in another.
func checkOwn(t *testing.T, told []evidence) {
	t.Helper()
	for i, a := range told {
		for j, b := range told {
			for own := range a.own {
				if i != j && strings.Contains(b.text, own) {
					t.Errorf("%s is of %s and stands in %s", own, a.file, b.file)
				}
			}
		}
	}
}

package term

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
)

// recorded are the steps of all bundled lessons.
func recorded(t *testing.T) []*narrate.Step {
	t.Helper()
	files, err := fs.Glob(lessons.Files, "recordings/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var steps []*narrate.Step
	for _, file := range files {
		data, err := fs.ReadFile(lessons.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := narrate.ReadRecording(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, r.Steps...)
	}
	return steps
}

func TestOneStepFitsOneScreen(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 40}, {140, 40}, {60, 20}} {
		r := Renderer{Width: size[0], Height: size[1]}
		for _, step := range recorded(t) {
			lines := r.Step(step)
			if len(lines) > size[1] {
				t.Errorf("%dx%d, step %d: %d lines", size[0], size[1], step.N, len(lines))
			}
			for _, line := range lines {
				if n := cells(strings.TrimPrefix(line, Continued)); n > size[0] {
					t.Errorf("%dx%d, step %d: a line of %d cells: %q", size[0], size[1], step.N, n, line)
				}
			}
		}
	}
}

// TestNothingSaidIsCut: on the screen that the lesson is made for, prose and
// claims stand whole.
func TestNothingSaidIsCut(t *testing.T) {
	r := Renderer{Width: 100, Height: 40}
	for _, step := range recorded(t) {
		shown := strings.Join(strings.Fields(strings.Join(r.Step(step), " ")), " ")
		said := markdown(step.Prose, 1<<20, newStyle(false))
		for _, c := range step.Claims {
			said = append(said, inlineMarkdown(c.Say, newStyle(false)))
		}
		for _, text := range said {
			if text = strings.Join(strings.Fields(text), " "); !strings.Contains(shown, text) && !strings.Contains(text, "/") {
				t.Errorf("%s, step %d: cut: %q", step.Title, step.N, text)
			}
		}
	}
}

// TestEvidenceShrinksBeforeItGoes: where there is little room, tables give up
// rows; each is still there.
func TestEvidenceShrinksBeforeItGoes(t *testing.T) {
	r := Renderer{Width: 100, Height: 40}
	for _, step := range recorded(t) {
		shown := strings.Join(r.Step(step), "\n")
		if len(step.Output) > 0 && step.Kind == narrate.KindStop && !strings.Contains(shown, "── the client writes") {
			t.Errorf("step %d: the client's output is not shown", step.N)
		}
		for _, kind := range step.Show {
			if p, ok := step.Panel(kind); ok && !strings.Contains(shown, cut("── "+step.Brief(p).Title, 60)) {
				t.Errorf("%s, step %d: panel %s is not shown", step.Title, step.N, kind)
			}
		}
	}
}

func TestPlainTextHasNoEscapes(t *testing.T) {
	for _, step := range recorded(t) {
		if text := strings.Join(Renderer{Width: 100}.Step(step), "\n"); strings.ContainsRune(text, '\x1b') {
			t.Errorf("step %d has an escape sequence", step.N)
		}
		colored := strings.Join(Renderer{Width: 100, Color: true}.Step(step), "\n")
		if !strings.Contains(colored, "\x1b[") {
			t.Errorf("step %d has no colour", step.N)
		}
	}
}

func TestWhatAContainerWritesSteersNothing(t *testing.T) {
	step := &narrate.Step{Kind: narrate.KindEnd, Output: []narrate.Line{{Stream: "stdout", Text: "a\x1b[2Jb\x07\u009b31mc\td"}}}
	text := strings.Join(Renderer{Width: 80}.Step(step), "\n")
	if strings.ContainsAny(text, "\x1b\x07\u009b") || !strings.Contains(text, "a[2Jb31mc d") {
		t.Errorf("%q", text)
	}
}

func TestPredictionMeetsMeasurement(t *testing.T) {
	var step *narrate.Step
	for _, s := range recorded(t) {
		if len(s.Outcomes) > 0 {
			step = s
			break
		}
	}
	truth := step.Outcomes[0].Measured
	for answer, want := range map[string]string{"": "Measured: ", truth: "You predicted it: ", "pull": "You predicted: "} {
		r := Renderer{Width: 100, Answers: func(narrate.Question) string { return answer }}
		if text := strings.Join(r.Step(step), " "); !strings.Contains(text, want) {
			t.Errorf("answer %q: want %q in %q", answer, want, text)
		}
	}
}

// TestHeadingOfARecording keeps the command where there is not room for all that
// is known of a recording.
func TestHeadingOfARecording(t *testing.T) {
	step := &narrate.Step{Kind: narrate.KindStop, N: 23, Of: 24, Command: "docker ps -a"}
	for width, want := range map[int][]string{
		120: {"recorded 2026-11-22, Linux 6.18, cgroup v1 hybrid ", "$ docker ps -a "},
		60:  {"recorded 2026-11-22 ", "$ docker ps -a "},
		40:  {"recorded 2026-11-22 "},
	} {
		head := Renderer{Width: width, Height: 24, Replay: "2026-11-22, Linux 6.18, cgroup v1 hybrid"}.Step(step)[0]
		for _, w := range want {
			if !strings.Contains(head, w) || strings.Contains(head, "…") {
				t.Errorf("%d columns: no %q in %q", width, w, head)
			}
		}
	}
}

// TestProseBeforeTables: on a small screen no sentence of the prose is cut while
// a second table has room.
func TestProseBeforeTables(t *testing.T) {
	r := Renderer{Width: 80, Height: 23}
	for _, step := range recorded(t) {
		lines := r.Step(step)
		shown := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		prose := strings.Join(strings.Fields(strings.Join(markdown(step.Prose, 1<<20, newStyle(false)), " ")), " ")
		tables := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "── ") && !strings.Contains(line, "try in a second terminal") {
				tables++
			}
		}
		if !strings.Contains(shown, prose) && !strings.Contains(prose, "/") && tables > 1 {
			t.Errorf("%s, step %d: prose is cut beside %d tables", step.Title, step.N, tables)
		}
	}
}

// TestWholePanelsFit: a panel that is looked at by itself is cut nowhere, and no
// line of it is wider than the screen.
func TestWholePanelsFit(t *testing.T) {
	for _, width := range []int{60, 80, 100} {
		r := Renderer{Width: width}
		for _, step := range recorded(t) {
			for _, p := range step.Panels {
				lines := r.Whole(p, width)
				all := strings.Join(strings.Fields(strings.Join(lines, "")), "")
				for _, line := range lines {
					if n := cells(line); n > width {
						t.Errorf("%s, step %d, %s: a line of %d cells at %d: %q", step.Title, step.N, p.Kind, n, width, line)
					}
				}
				for _, row := range p.Rows {
					for _, cell := range row.Cells[:1] {
						if want := strings.Join(strings.Fields(printable(cell)), ""); !strings.Contains(all, want) {
							t.Errorf("%s, step %d, %s at %d: %q is cut", step.Title, step.N, p.Kind, width, cell)
						}
					}
				}
			}
		}
	}
}

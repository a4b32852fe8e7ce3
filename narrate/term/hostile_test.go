package term

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
)

// FuzzRender shows whatever recording can be read, on screens of several sizes:
// no line of it steers the terminal.
func FuzzRender(f *testing.F) {
	data, err := fs.ReadFile(lessons.Files, "recordings/hello-world.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	f.Add(bytes.Join(lines[:2], nil), 80, 24)
	f.Add([]byte(`{"learndocker-recording":1}`+"\n"+`{"kind":"end","title":"\u001b[2J","prose":"x\n- y\n\n    z","panels":[{"kind":"acts","head":["a","b"],"rows":[{"cells":["a\n"]}]}],"show":["acts"],"try":[{"run":"a\nb"}],"command":"a\nb"}`+"\n"), 20, 6)
	f.Fuzz(func(t *testing.T, data []byte, width, height int) {
		r, err := narrate.ReadRecording(bytes.NewReader(data))
		if err != nil {
			return
		}
		width, height = min(max(width, 20), 160), min(max(height, 0), 60)
		for _, s := range r.Steps {
			show := Renderer{Width: width, Height: height, More: true}
			lines := show.Step(s)
			for _, p := range s.Panels {
				lines = append(lines, show.Whole(p, width)...)
			}
			for _, line := range lines {
				line = strings.TrimPrefix(line, Continued)
				if got := narrate.Printable(line); got != line || strings.Contains(line, "\n") {
					t.Errorf("a line that steers: %q", line)
				}
			}
		}
	})
}

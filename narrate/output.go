package narrate

import (
	"fmt"
	"strings"
)

// A container may write for ever, and nobody takes its output out of the
// narrator before the next stop. So what is kept is bounded.
const (
	maxKept  = 64 << 10 // bytes of each stream, the last ones, that expressions see
	maxLines = 1000     // of a step: half of them the first, half the last
	maxLine  = 4 << 10  // bytes of a line
)

// tail is the end of a stream.
type tail struct {
	kept []byte
	cut  bool // the stream had a beginning that is not kept
}

func (t *tail) add(line string) {
	t.kept = append(append(t.kept, line...), '\n')
	if len(t.kept) > 2*maxKept { // now and then, not for each line
		t.kept, t.cut = append([]byte(nil), t.kept[len(t.kept)-maxKept:]...), true
	}
}

// String returns it in whole lines, but for one that is too long by itself.
func (t *tail) String() string {
	beyond := max(len(t.kept)-maxKept, 0)
	text := string(t.kept[beyond:])
	if _, whole, _ := strings.Cut(text, "\n"); whole != "" && (t.cut || beyond > 0) {
		return whole
	}
	return text
}

// lines are what the client wrote since the step before.
type lines struct {
	first, last []Line // last holds up to twice what is shown of it
	all         int
}

func (l *lines) add(line Line) {
	if len(line.Text) > maxLine {
		line.Text = strings.ToValidUTF8(line.Text[:maxLine], "") + " …"
	}
	l.all++
	if len(l.first) < maxLines/2 {
		l.first = append(l.first, line)
		return
	}
	l.last = append(l.last, line)
	if len(l.last) > maxLines { // now and then, not for each line
		l.last = append([]Line(nil), l.last[len(l.last)-maxLines/2:]...)
	}
}

// take empties the lines. What was left out is told in its place.
func (l *lines) take() []Line {
	shown, last := l.first, l.last[max(len(l.last)-maxLines/2, 0):]
	if left := l.all - len(shown) - len(last); left > 0 {
		shown = append(shown, Line{last[0].Stream, fmt.Sprintf("… %d lines left out", left)})
	}
	*l = lines{}
	return append(shown, last...)
}

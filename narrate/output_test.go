package narrate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/probe"
)

// TestOutputIsBounded writes more than can be kept: the beginning and the end
// of a step's lines stay, with a word between them, and the end of each stream.
func TestOutputIsBounded(t *testing.T) {
	b := newBuilder(nil, 0)
	const all = 100_000
	for n := range all {
		b.wrote("stdout", fmt.Sprint("line ", n))
	}
	b.wrote("stderr", strings.Repeat("x", 2*maxKept))
	if held := cap(b.stdout.kept) + cap(b.stderr.kept); held > 8*maxKept {
		t.Errorf("%d bytes of the streams are held", held)
	}
	if held := cap(b.lines.first) + cap(b.lines.last); held > 4*maxLines {
		t.Errorf("%d lines are held", held)
	}
	got := b.takeLines()
	if len(got) != maxLines+1 {
		t.Fatalf("%d lines of %d are kept", len(got), maxLines)
	}
	if first, last := got[0].Text, got[maxLines-1].Text; first != "line 0" || last != fmt.Sprint("line ", all-1) {
		t.Errorf("the first is %q, the last of stdout %q", first, last)
	}
	if said := got[maxLines/2].Text; said != fmt.Sprintf("… %d lines left out", all+1-maxLines) {
		t.Errorf("between them is %q", said)
	}
	if long := got[maxLines].Text; len(long) > maxLine+len(" …") || !strings.HasSuffix(long, "x …") {
		t.Errorf("a long line has %d bytes", len(long))
	}
	env := b.env(stage.Point{}, probe.Snapshot{})
	stdout, stderr := env["stdout"].(string), env["stderr"].(string)
	if len(stdout) > maxKept || !strings.HasPrefix(stdout, "line ") || !strings.HasSuffix(stdout, fmt.Sprintf("line %d\n", all-1)) {
		t.Errorf("of stdout %d bytes are kept: %.20q", len(stdout), stdout)
	}
	if len(stderr) > maxKept || len(stderr) < maxKept/2 {
		t.Errorf("of stderr %d bytes are kept", len(stderr))
	}
	if more := b.takeLines(); len(more) != 0 {
		t.Errorf("taken twice: %v", more)
	}
	b.wrote("stdout", "one")
	if got := b.takeLines(); len(got) != 1 || got[0] != (Line{"stdout", "one"}) {
		t.Errorf("then: %v", got)
	}
}

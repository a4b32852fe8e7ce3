package narrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"
)

const (
	headLine = `{"learndocker-recording":1,"lesson":"x","title":"T"}` + "\n"
	stepLine = `{"kind":"stop","n":1,"of":1,"point":{"seq":1,"pid":2,"stage":"image.lookup","fact":{"asked":"x"}},"edge":{},"title":"T","prose":"P","probe":{}}` + "\n"
)

// TestBadRecordings: what is no recording is refused with its line.
func TestBadRecordings(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "the recording is empty"},
		{"rubbish", "\x00\xff\x1b[2J\n", "line 1: this is no learndocker recording"},
		{"a line without end", strings.Repeat("x", maxStepLine+1), "line 1: longer than"},
		{"another format", `{"learndocker-recording":99}` + "\n" + stepLine, "line 1: a recording of format 99"},
		{"a header of a wrong kind", `{"learndocker-recording":"one"}` + "\n", "line 1: this is no"},
		{"no steps", headLine, "has no steps"},
		{"an empty line", headLine + "\n" + stepLine, "line 2: unexpected end"},
		{"a step that is no JSON", headLine + stepLine + "{oops}\n" + stepLine, "line 3: invalid character"},
		{"a step of a wrong kind", headLine + `{"kind":7}` + "\n", "line 2: json: cannot unmarshal number"},
		{"null", headLine + "null\n", `line 2: unknown kind of step ""`},
		{"a kind that is unknown", headLine + `{"kind":"\u001b[2J"}` + "\n", "line 2: unknown kind"},
		{"a stop without a point", headLine + `{"kind":"stop"}` + "\n", "line 2: a stop without a point"},
		{"a stage that is unknown", headLine + strings.Replace(stepLine, "image.lookup", "image.lokup", 1), "line 2: "},
		{"a fact of a wrong kind", headLine + strings.Replace(stepLine, `{"asked":"x"}`, `[1]`, 1), "line 2: "},
		{"a row without cells", headLine + strings.Replace(stepLine, `"edge"`, `"panels":[{"kind":"acts","rows":[{"cells":[]}]}],"edge"`, 1), `line 2: panel "acts", row 1: 0 cells`},
		{"panels by the dozen", headLine + strings.Replace(stepLine, `"edge"`, `"panels":[`+strings.TrimSuffix(strings.Repeat(`{"kind":"x"},`, 40), ",")+`],"edge"`, 1), "line 2: 40 panels"},
		{"a date that is none", strings.Replace(headLine, `"lesson"`, `"made":"soon","lesson"`, 1) + stepLine, "line 1: this is no"},
		{"nested deeply", headLine + `{"kind":` + deep + "\n", "line 2: "},
		{"steps by the thousand", headLine + strings.Repeat(`{"kind":"end"}`+"\n", maxSteps+1), fmt.Sprintf("line %d: more than", maxSteps+2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadRecording(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %.300v, want %q", err, c.want)
			}
		})
	}
	t.Run("without end", func(t *testing.T) {
		line := `{"kind":"end","prose":"` + strings.Repeat("x", 1<<20) + `"}` + "\n"
		_, err := ReadRecording(io.MultiReader(strings.NewReader(headLine), &again{text: line}))
		if err == nil || !strings.Contains(err.Error(), "more than 67108864 bytes") {
			t.Errorf("error %.300v", err)
		}
	})
}

// again is a text for ever.
type again struct {
	text string
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.text[a.at:])
	a.at = (a.at + n) % len(a.text)
	return n, nil
}

// TestCutRecording: a recording that was cut short, at whichever byte of its
// last line, is replayed up to there, and the end says so with the line.
func TestCutRecording(t *testing.T) {
	for cut := range len(stepLine) - 1 {
		r, err := ReadRecording(strings.NewReader(headLine + stepLine + stepLine[:cut]))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		replay := NewReplay(r)
		if _, err := replay.Next(t.Context()); err != nil {
			t.Errorf("cut at %d: the first step: %v", cut, err)
		}
		_, err = replay.Next(t.Context())
		if cut == 0 && !errors.Is(err, io.EOF) || cut > 0 && (!errors.Is(err, ErrCut) || !strings.Contains(err.Error(), "line 3: ")) {
			t.Errorf("cut at %d: the end: %v", cut, err)
		}
	}
	r, err := ReadRecording(strings.NewReader(headLine + strings.TrimSuffix(stepLine, "\n")))
	if err != nil || len(r.Steps) != 1 || r.Cut != 0 {
		t.Errorf("only the line's end missing: %v", err)
	}
}

// TestHostileText: no text of a recording would steer a terminal, in whichever
// field it stands.
func TestHostileText(t *testing.T) {
	const evil = `a\u001b[2J\u0007\u0000\u009b31m\u202eb\rc\u007f`
	text := headLine + stepLine
	text = strings.ReplaceAll(text, `"T"`, `"`+evil+`"`)
	text = strings.ReplaceAll(text, `"x"`, `"`+evil+`"`)
	text = strings.Replace(text, `"prose":"P"`, strings.ReplaceAll(`"prose":"E","more":"E","command":"E","claims":[{"say":"E","holds":true}],"show":["E"],
		"panels":[{"kind":"E","title":"E","head":["E"],"rows":[{"cells":["E","E"]}]}],"output":[{"stream":"E","text":"E"}],"try":[{"run":"E","why":"E"}],
		"question":{"id":"E","question":"E","choices":[{"key":"E","text":"E"}]},"outcomes":[{"question":{"id":"E","question":"E"},"measured":"E","why":"E"}],
		"failed":["E"],"dataRoot":"E"`, "E", evil), 1)
	text = strings.ReplaceAll(text, "\n\t\t", "")
	text = strings.Replace(text, `"edge":{}`, `"edge":{"from":"`+evil+`","to":"`+evil+`"}`, 1)
	text = strings.Replace(text, `"probe":{}`, `"probe":{"status":{"`+evil+`":"`+evil+`"}}`, 1)
	r, err := ReadRecording(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v %+v %+v %+v", r.Header, *r.Steps[0], *r.Steps[0].Point, *r.Steps[0].Question)
	for _, c := range all {
		if unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) {
			t.Fatalf("%U is left in %q", c, all)
		}
	}
	if r.Steps[0].Prose != "a[2J31mbc" || r.Steps[0].Probe.Status["a[2J31mbc"] != "a[2J31mbc" {
		t.Errorf("the rest of the text is gone too: %q, %v", r.Steps[0].Prose, r.Steps[0].Probe.Status)
	}
	if _, err := NewReplay(r).Next(context.Background()); err != nil {
		t.Error(err)
	}
}

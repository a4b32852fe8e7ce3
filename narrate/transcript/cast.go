package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/term"
)

// The terminal of a film, in cells.
const castColumns, castRows = 120, 40

// castHeader2 and castHeader3 are the first lines of an asciicast:
// https://docs.asciinema.org/manual/asciicast/v2/ and …/v3/.
type castHeader2 struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Title     string            `json:"title"`
	Env       map[string]string `json:"env"`
}

type castHeader3 struct {
	Version   int      `json:"version"`
	Term      castTerm `json:"term"`
	Timestamp int64    `json:"timestamp,omitempty"`
	Title     string   `json:"title"`
	Tags      []string `json:"tags,omitempty"`
}

type castTerm struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type"`
}

// film is an asciicast being written.
type film struct {
	version int
	encoder *json.Encoder
	err     error
	at      float64 // seconds since the beginning, of the last event
	pause   float64 // seconds that the last step is to stay
}

// castFile writes what a learner sees in a terminal, at a pace at which it can
// be read, with a marker at each step.
func castFile(version int) func(*work) ([]File, error) {
	return func(w *work) ([]File, error) {
		var b bytes.Buffer
		f := &film{version: version, encoder: json.NewEncoder(&b)}
		f.encoder.SetEscapeHTML(false)
		f.header(w)
		for i, s := range w.steps {
			f.step(w, s, i)
		}
		// The last picture stays: a player clears nothing by itself.
		f.event(f.pause, "o", "\x1b[?25h\r\n")
		if version == 3 {
			f.event(0, "x", "0")
		}
		return w.single(b.Bytes()), f.err
	}
}

func (f *film) encode(v any) {
	if f.err == nil {
		f.err = f.encoder.Encode(v)
	}
}

func (f *film) header(w *work) {
	title, made := plainText(w.title())+" · learndocker", int64(0)
	if !w.header.Made.IsZero() {
		made = w.header.Made.Unix()
	}
	if f.version == 2 {
		f.encode(castHeader2{2, castColumns, castRows, made, title, map[string]string{"TERM": "xterm-256color"}})
		return
	}
	f.encode(castHeader3{3, castTerm{castColumns, castRows, "xterm-256color"}, made, title, tags})
}

// event writes what happens so many seconds after the event before. Version 2
// counts from the beginning, version 3 from the event before.
func (f *film) event(after float64, code, data string) {
	f.at += after
	when := f.at
	if f.version == 3 {
		when = after
	}
	f.encode([]any{math.Round(when*1000) / 1000, code, data})
}

func (f *film) step(w *work, s *narrate.Step, i int) {
	r := term.Renderer{Words: w.words, Width: castColumns, Height: castRows - 1, Color: true, More: w.detail() == "full", Lesson: w.header.Lesson, Replay: f.recorded(w)}
	lines := r.Step(s)
	screen := strings.Join(lines, "\r\n")
	label := s.Title
	if s.Kind == narrate.KindStop {
		label = fmt.Sprintf("%d. %s", s.N, s.Title)
	}
	f.event(f.pause, "m", plainText(label))
	hide := ""
	if i == 0 {
		hide = "\x1b[?25l"
	}
	f.event(0.05, "o", hide+"\x1b[H\x1b[2J\x1b[3J"+strings.ReplaceAll(screen, term.Continued, ""))
	f.pause = readingTime(s)
}

// recorded marks the film as one.
func (f *film) recorded(w *work) string {
	if w.header.Made.IsZero() {
		return "—" // a stable film has no day, but is a recording all the same
	}
	return w.header.Made.Format(w.words.Say(day))
}

// readingTime is how long a step stays, in seconds: a quick reader takes in
// five words of prose in a second, and tables at a glance.
func readingTime(s *narrate.Step) float64 {
	words := len(strings.Fields(s.Prose))
	letters := utf8.RuneCountInString(s.Prose)
	for _, c := range s.Claims {
		words += len(strings.Fields(c.Say))
		letters += utf8.RuneCountInString(c.Say)
	}
	seconds := math.Max(float64(words)/5, float64(letters)/28) + float64(len(s.Show)) + 2
	return math.Min(math.Max(seconds, 4), 20)
}

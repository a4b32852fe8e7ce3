package narrate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/learndocker/learndocker/narrate/probe"
)

// RecordingFormat is the version of the recording's form.
const RecordingFormat = 1

// maxStepLine bounds one line of a recording, in bytes.
const maxStepLine = 8 << 20

// Header is a recording's first line: what it is of, and where it was made.
type Header struct {
	Format   int        `json:"learndocker-recording"`
	Lesson   string     `json:"lesson"`
	Title    string     `json:"title"`
	Language string     `json:"language"` // of the steps' own words
	Made     time.Time  `json:"made"`
	Version  string     `json:"version"`
	Machine  probe.Boot `json:"machine"`
	Rootless bool       `json:"rootless"`

	Languages []string          `json:"languages,omitempty"` // in which it is told, the steps' own first; none is that one only
	Titles    map[string]string `json:"titles,omitempty"`    // in the others
}

// Recording is a session's steps.
type Recording struct {
	Header Header
	Steps  []*Step
}

// Recorder writes a recording as JSON Lines, a step as soon as it is known: one
// that is cut short can be replayed up to there.
type Recorder struct{ encoder *json.Encoder }

// NewRecorder writes the header.
func NewRecorder(w io.Writer, h Header) (*Recorder, error) {
	r := &Recorder{json.NewEncoder(w)}
	r.encoder.SetEscapeHTML(false)
	return r, r.encoder.Encode(h)
}

// Step writes one step.
func (r *Recorder) Step(s *Step) error { return r.encoder.Encode(s) }

// ReadRecording reads a recording. Its errors name the line.
func ReadRecording(from io.Reader) (*Recording, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 64<<10), maxStepLine)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the recording is empty"), lines.Err())
	}
	rec := &Recording{}
	if err := json.Unmarshal(lines.Bytes(), &rec.Header); err != nil || rec.Header.Format == 0 {
		return nil, errors.New("line 1: this is no learndocker recording")
	}
	if rec.Header.Format != RecordingFormat {
		return nil, fmt.Errorf("line 1: a recording of format %d; this learndocker reads format %d", rec.Header.Format, RecordingFormat)
	}
	for n := 2; lines.Scan(); n++ {
		s := &Step{}
		if err := json.Unmarshal(lines.Bytes(), s); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := s.valid(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rec.Steps = append(rec.Steps, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(rec.Steps)+2, err)
	}
	if len(rec.Steps) == 0 {
		return nil, errors.New("the recording has no steps")
	}
	return rec, nil
}

func (s *Step) valid() error {
	switch s.Kind {
	case KindIntro, KindEnd:
		return nil
	case KindStop:
		if s.Point == nil {
			return errors.New("a stop without a point")
		}
		return nil
	}
	return fmt.Errorf("unknown kind of step %q", s.Kind)
}

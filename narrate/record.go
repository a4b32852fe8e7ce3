package narrate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/learndocker/learndocker/narrate/probe"
)

// RecordingFormat is the version of the recording's form.
const RecordingFormat = 1

// Bounds on a recording: one line in bytes, all of it in bytes, its steps. The
// bundled ones have some hundred kilobytes and steps by the dozen.
const (
	maxStepLine  = 8 << 20
	maxRecording = 64 << 20
	maxSteps     = 10_000
)

// ErrCut is the error at the end of a recording that was cut short.
var ErrCut = errors.New("the recording is cut short here")

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
	Cut    int // line at which it was cut short; 0 where it is whole
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

// ReadRecording reads a recording. Its errors name the line. A last line that
// was not written to its end is no error: the steps before it can be replayed.
func ReadRecording(from io.Reader) (*Recording, error) {
	all := &io.LimitedReader{R: from, N: maxRecording + 1}
	lines := &lineReader{r: bufio.NewReaderSize(all, 64<<10)}
	rec := &Recording{}
	header, whole, err := lines.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the recording is empty")
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(header, &rec.Header); err != nil || rec.Header.Format == 0 {
		return nil, errors.New("line 1: this is no learndocker recording")
	}
	if rec.Header.Format != RecordingFormat {
		return nil, fmt.Errorf("line 1: a recording of format %d; this learndocker reads format %d", rec.Header.Format, RecordingFormat)
	}
	cleanValue(reflect.ValueOf(&rec.Header).Elem())
	for whole {
		var line []byte
		line, whole, err = lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if all.N <= 0 {
			err = fmt.Errorf("line %d: the recording has more than %d bytes", lines.n, maxRecording)
		}
		if err != nil {
			return nil, err
		}
		s, err := readStep(line)
		if err != nil && !whole {
			rec.Cut = lines.n
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", lines.n, err)
		}
		if rec.Steps = append(rec.Steps, s); len(rec.Steps) > maxSteps {
			return nil, fmt.Errorf("line %d: more than %d steps", lines.n, maxSteps)
		}
	}
	if len(rec.Steps) == 0 {
		return nil, errors.New("the recording has no steps")
	}
	return rec, nil
}

func readStep(line []byte) (*Step, error) {
	s := &Step{}
	if err := json.Unmarshal(line, s); err != nil {
		return nil, err
	}
	if err := s.valid(); err != nil {
		return nil, err
	}
	s.clean()
	return s, nil
}

// lineReader reads lines up to a bound, and tells whether a line has its end.
type lineReader struct {
	r *bufio.Reader
	n int // of the line that was read last
}

func (l *lineReader) next() (line []byte, whole bool, err error) {
	l.n++
	for {
		part, err := l.r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxStepLine {
			return nil, false, fmt.Errorf("line %d: longer than %d bytes", l.n, maxStepLine)
		}
		switch {
		case err == nil:
			return line[:len(line)-1], true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, false, nil
		case errors.Is(err, io.EOF):
			return nil, false, err
		default:
			return nil, false, fmt.Errorf("line %d: %w", l.n, err)
		}
	}
}

// valid refuses what renderers could not make sense of.
func (s *Step) valid() error {
	switch s.Kind {
	case KindIntro, KindEnd:
	case KindStop:
		if s.Point == nil {
			return errors.New("a stop without a point")
		}
	default:
		return fmt.Errorf("unknown kind of step %q", s.Kind)
	}
	if len(s.Panels) > maxPanels {
		return fmt.Errorf("%d panels, at most %d are shown", len(s.Panels), maxPanels)
	}
	for _, p := range s.Panels {
		for i, r := range p.Rows {
			if len(r.Cells) == 0 || len(r.Cells) > maxCells {
				return fmt.Errorf("panel %q, row %d: %d cells, want 1 to %d", p.Kind, i+1, len(r.Cells), maxCells)
			}
		}
		if len(p.Head) > maxCells {
			return fmt.Errorf("panel %q: %d columns, at most %d are shown", p.Kind, len(p.Head), maxCells)
		}
	}
	return nil
}

// Bounds on what a step shows: panels have letters as keys, tables few columns.
const (
	maxPanels = 24
	maxCells  = 16
)

package narrate

import (
	"context"
	"errors"
	"io"
)

// Session leads through a source's steps: forward as far as there is something
// new, back and forward through what was seen. Controls share it; one at a
// time calls its methods.
type Session struct {
	source   Source
	seen     []*Step
	cursor   int // index into seen
	ended    bool
	answers  map[*Question]string
	watchers []func(*Step) error
}

// NewSession begins before the first step.
func NewSession(s Source) *Session {
	return &Session{source: s, cursor: -1, answers: map[*Question]string{}}
}

// Header says what is played.
func (s *Session) Header() Header { return s.source.Header() }

// Replayed reports whether this is a recording.
func (s *Session) Replayed() bool {
	_, ok := s.source.(*Replay)
	return ok
}

// OnStep has f called with each new step: recorders and transcripts.
func (s *Session) OnStep(f func(*Step) error) { s.watchers = append(s.watchers, f) }

// Step is the step that is shown; nil before the first.
func (s *Session) Step() *Step {
	if s.cursor < 0 {
		return nil
	}
	return s.seen[s.cursor]
}

// AtLatest reports whether the shown step is the one at which the engine is held.
func (s *Session) AtLatest() bool { return s.cursor == len(s.seen)-1 }

// Seen are the steps so far.
func (s *Session) Seen() []*Step { return s.seen[:len(s.seen):len(s.seen)] }

// Next goes on: to a step seen before, or, at the latest, lets the engine go on
// to a new one. io.EOF is the end.
func (s *Session) Next(ctx context.Context) (*Step, error) {
	if !s.AtLatest() {
		s.cursor++
		return s.Step(), nil
	}
	if s.ended {
		return nil, io.EOF
	}
	step, err := s.source.Next(ctx)
	if errors.Is(err, io.EOF) {
		s.ended = true
	}
	if err != nil {
		return nil, err
	}
	s.seen = append(s.seen, step)
	s.cursor = len(s.seen) - 1
	for _, f := range s.watchers {
		if err := f(step); err != nil {
			return nil, err
		}
	}
	return step, nil
}

// Back goes to the step before; it reports whether there is one. The engine
// stays where it is.
func (s *Session) Back() bool {
	if s.cursor <= 0 {
		return false
	}
	s.cursor--
	return true
}

// Forward goes towards the latest step without going past it.
func (s *Session) Forward() bool {
	if s.AtLatest() {
		return false
	}
	s.cursor++
	return true
}

// Answer keeps the learner's prediction for the shown step's question.
func (s *Session) Answer(key string) {
	if step := s.Step(); step != nil && step.Question != nil {
		s.answers[step.Question] = key
	}
}

// Answered is the learner's prediction for a question of a step seen; "" if
// there was none.
func (s *Session) Answered(q Question) string {
	for _, step := range s.seen {
		if step.asks(q) {
			return s.answers[step.Question]
		}
	}
	return ""
}

// Close unwinds the source.
func (s *Session) Close() error { return s.source.Close() }

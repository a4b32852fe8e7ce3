package narrate

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Session leads through a source's steps: forward as far as there is something
// new, back and forward through what was seen. Several controls can share it,
// a terminal and a page: each sees at once what another does.
type Session struct {
	source   Source
	watchers []func(*Step) error

	moving sync.Mutex // held while the source is asked for a step

	mu      sync.Mutex
	seen    []*Step
	cursor  int // index into seen
	waiting bool
	ended   bool
	err     error
	answers map[*Question]string
	changed chan struct{} // closed and replaced at each change
}

// NewSession begins before the first step.
func NewSession(s Source) *Session {
	return &Session{source: s, cursor: -1, answers: map[*Question]string{}, changed: make(chan struct{})}
}

// Header says what is played.
func (s *Session) Header() Header { return s.source.Header() }

// Replayed reports whether this is a recording.
func (s *Session) Replayed() bool {
	_, ok := s.source.(*Replay)
	return ok
}

// OnStep has f called with each new step: recorders and transcripts. It is
// called before the session begins.
func (s *Session) OnStep(f func(*Step) error) { s.watchers = append(s.watchers, f) }

// View is what a session shows at one moment.
type View struct {
	Seen    []*Step         // the steps so far
	Cursor  int             // index of the shown step; -1 before the first
	Waiting bool            // the engine has been let go and the next step has not come
	Ended   bool            // there is no next step
	Err     error           // why the engine did not come to its next step
	Changed <-chan struct{} // closed when this is no longer so
}

// View returns the session as it is now.
func (s *Session) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return View{Seen: s.seen[:len(s.seen):len(s.seen)], Cursor: s.cursor, Waiting: s.waiting, Ended: s.ended, Err: s.err, Changed: s.changed}
}

// change makes a change and tells those who wait for one.
func (s *Session) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Step is the step that is shown; nil before the first.
func (s *Session) Step() *Step {
	v := s.View()
	if v.Cursor < 0 {
		return nil
	}
	return v.Seen[v.Cursor]
}

// AtLatest reports whether the shown step is the one at which the engine is held.
func (s *Session) AtLatest() bool {
	v := s.View()
	return v.Cursor == len(v.Seen)-1
}

// Seen are the steps so far.
func (s *Session) Seen() []*Step { return s.View().Seen }

// Next goes on: to a step seen before, or, at the latest, lets the engine go on
// to a new one. io.EOF is the end. Of two who ask at once the second gets the
// step that the first has asked for.
func (s *Session) Next(ctx context.Context) (*Step, error) {
	before := s.View()
	s.moving.Lock()
	defer s.moving.Unlock()
	now := s.View()
	if len(now.Seen) > len(before.Seen) {
		return now.Seen[len(now.Seen)-1], nil
	}
	if s.Forward() {
		return s.Step(), nil
	}
	if now.Ended {
		return nil, io.EOF
	}
	s.change(func() { s.waiting = true })
	step, err := s.source.Next(ctx)
	s.change(func() {
		s.waiting = false
		s.ended, s.err = errors.Is(err, io.EOF), nil
		if err != nil && !s.ended {
			s.err = err
		}
		if err == nil {
			s.seen = append(s.seen, step)
			s.cursor = len(s.seen) - 1
		}
	})
	if err != nil {
		return nil, err
	}
	for _, f := range s.watchers {
		if err := f(step); err != nil {
			return nil, err
		}
	}
	return step, nil
}

// Back goes to the step before; it reports whether there is one. The engine
// stays where it is.
func (s *Session) Back() bool { return s.GoTo(s.View().Cursor - 1) }

// Forward goes towards the latest step without going past it.
func (s *Session) Forward() bool { return s.GoTo(s.View().Cursor + 1) }

// GoTo shows a step seen before, by its index; it reports whether there is one.
func (s *Session) GoTo(index int) bool {
	ok := false
	s.change(func() {
		if ok = index >= 0 && index < len(s.seen); ok {
			s.cursor = index
		}
	})
	return ok
}

// Answer keeps the learner's prediction for the shown step's question.
func (s *Session) Answer(key string) {
	step := s.Step()
	if step == nil || step.Question == nil {
		return
	}
	s.change(func() { s.answers[step.Question] = key })
}

// Answered is the learner's prediction for a question of a step seen; "" if
// there was none.
func (s *Session) Answered(q Question) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range s.seen {
		if step.asks(q) {
			return s.answers[step.Question]
		}
	}
	return ""
}

// Close unwinds the source.
func (s *Session) Close() error { return s.source.Close() }

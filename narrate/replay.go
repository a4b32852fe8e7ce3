package narrate

import (
	"context"
	"fmt"
	"io"
)

// Replay yields a recording's steps.
type Replay struct {
	recording *Recording
	next      int
}

// NewReplay replays a recording from its first step.
func NewReplay(r *Recording) *Replay { return &Replay{recording: r} }

// Header says where the recording was made.
func (r *Replay) Header() Header { return r.recording.Header }

// LastStop is the number of the recording's last stop.
func (r *Replay) LastStop() int {
	last := 0
	for _, s := range r.recording.Steps {
		if s.Kind != KindEnd {
			last = max(last, s.N)
		}
	}
	return last
}

// Next yields the next step; ErrCut, with the line, where there should be more.
func (r *Replay) Next(ctx context.Context) (*Step, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.next == len(r.recording.Steps) {
		if r.recording.Cut > 0 {
			return nil, fmt.Errorf("line %d: %w", r.recording.Cut, ErrCut)
		}
		return nil, io.EOF
	}
	r.next++
	return r.recording.Steps[r.next-1], nil
}

// Close has nothing to unwind.
func (r *Replay) Close() error { return nil }

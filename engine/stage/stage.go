// Package stage lets a watcher hold the engine still at a named point.
//
// It carries facts, never prose: the words belong to whoever watches. An
// operation that nobody watches pays one nil check for each stop and each act.
package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// Name names a place in the engine's work where it can be held. Names are for
// ever: lessons refer to them.
type Name string

// A Fact is the typed truth about one stop.
type Fact interface{ Stage() Name }

// An Act is one system call (or one file write) that the engine made. Call and
// Args are written as in section 2 of the manual pages, constants by name.
type Act struct {
	Call   string   `json:"call"`           // "mount"
	Args   []string `json:"args"`           // [`"overlay"`, `"/…/merged"`, `"overlay"`, "0", `"lowerdir=…"`]
	Result string   `json:"result"`         // "0", "3", or the errno's name: "EPERM"
	By     string   `json:"by,omitempty"`   // "init" where not the daemon itself asked the kernel
	Hand   string   `json:"hand,omitempty"` // the shell line that does the same by hand, where there is one
}

func (a Act) String() string {
	s := a.Call + "("
	for i, arg := range a.Args {
		if i > 0 {
			s += ", "
		}
		s += arg
	}
	return s + ") = " + a.Result
}

// A Point is one stop.
type Point struct {
	Seq  uint64 // counts up for each watcher, from 1
	PID  int    // the held process, as the host numbers it
	Fact Fact
	Acts []Act // what the engine asked of the kernel since the point before
	Lost int   // acts beyond MaxActs that were counted but not kept
}

// A Watcher is shown every Point. The engine does not move until At returns;
// At's error becomes the operation's error and unwinds it.
//
// The engine calls At from several goroutines, but never while it holds a lock
// or has a half-written file.
type Watcher interface {
	At(context.Context, Point) error
}

// MaxActs bounds the acts kept between two points: unpacking a large layer
// makes a hundred thousand.
const MaxActs = 400

// A Trail is the watched side of one operation: it keeps the acts since the
// last point and shows each point to the watcher. The nil Trail is an
// operation that nobody watches: it keeps nothing and never stops.
type Trail struct {
	watcher Watcher

	mu   sync.Mutex
	acts []Act
	lost int
}

// NewTrail returns the trail of one operation watched by w; nil for nil.
func NewTrail(w Watcher) *Trail {
	if w == nil {
		return nil
	}
	return &Trail{watcher: w}
}

// Watched reports whether anyone is shown this operation.
func (t *Trail) Watched() bool { return t != nil }

// Add keeps an act for the next point.
func (t *Trail) Add(acts ...Act) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range acts {
		if len(t.acts) == MaxActs {
			t.lost++
			continue
		}
		t.acts = append(t.acts, a)
	}
}

// At holds the process pid at fact until the watcher lets go of it.
func (t *Trail) At(ctx context.Context, pid int, fact Fact) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	p := Point{PID: pid, Fact: fact, Acts: t.acts, Lost: t.lost}
	t.acts, t.lost = nil, 0
	t.mu.Unlock()
	if err := t.watcher.At(ctx, p); err != nil {
		return fmt.Errorf("held at %s: %w", fact.Stage(), err)
	}
	return nil
}

type pointJSON struct {
	Seq   uint64          `json:"seq"`
	PID   int             `json:"pid"`
	Stage Name            `json:"stage"`
	Fact  json.RawMessage `json:"fact"`
	Acts  []Act           `json:"acts,omitempty"`
	Lost  int             `json:"lost,omitempty"`
}

// MarshalJSON writes the point with its stage's name, by which the fact is
// read back.
func (p Point) MarshalJSON() ([]byte, error) {
	fact, err := json.Marshal(p.Fact)
	if err != nil {
		return nil, fmt.Errorf("encode fact of %s: %w", p.Fact.Stage(), err)
	}
	return json.Marshal(pointJSON{p.Seq, p.PID, p.Fact.Stage(), fact, p.Acts, p.Lost})
}

// UnmarshalJSON decodes the fact by its stage's name; a stage that this
// program does not know is an error.
func (p *Point) UnmarshalJSON(data []byte) error {
	var raw pointJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	fact, err := Decode(raw.Stage, raw.Fact)
	if err != nil {
		return err
	}
	*p = Point{raw.Seq, raw.PID, fact, raw.Acts, raw.Lost}
	return nil
}

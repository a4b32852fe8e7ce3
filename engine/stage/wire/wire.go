// Package wire carries stops across processes: from the container's init to
// the daemon over an inherited socket pair, and from the daemon to a narrator
// over an upgraded HTTP connection. Both speak the same JSON Lines:
//
//	held process                      whoever holds it
//	     │ ── {"ready":true} ───────────►  │  init only: it exists and waits
//	     │ ── {"point":{…}} ────────────►  │  the process does not move
//	     │ ◄── {"go":true} ──────────────  │  on it goes
//	     │ ◄── {"abort":"reason"} ───────  │  or: it unwinds
//	     │ ── {"hooks":[…]} ────────────►  │  init only: it waits until they have run
//	     │ ── {"waits":true} ───────────►  │  init only: for whoever starts it, by another way
//	     │ ◄── {"free":true} ────────────  │  at any time: nothing is held from here on
//	     │ ── {"error":{…}} ────────────►  │  the last word of one that could not go on
//
// A closed connection means abort to the held side; to the other side it means
// that the process went on where nobody can follow (execve) or is dead.
package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/learndocker/learndocker/engine/stage"
)

// MaxPacket bounds one line, in bytes. The largest fact (an OCI config.json
// with its seccomp profile, or a request's body) stays far below.
const MaxPacket = 4 << 20

// ErrAborted is the error of an operation whose watcher refused to let it go
// on, or went away.
var ErrAborted = errors.New("aborted by the watcher")

// errBroken is the error of a connection over which nothing more can be sent.
var errBroken = errors.New("send packet")

// Failure is the last word of a held process that cannot go on.
type Failure struct {
	Message string `json:"message"`
	Status  int    `json:"status"`         // exit status that the container gets: 125, 126 or 127
	Bare    bool   `json:"bare,omitempty"` // the user's own mistake, not the runtime's failure: it stands for itself
}

func (f *Failure) Error() string { return f.Message }

// Packet is one line; exactly one of its fields is set.
type Packet struct {
	Point *stage.Point    `json:"point,omitempty"`
	Go    bool            `json:"go,omitempty"`
	Abort string          `json:"abort,omitempty"`
	Free  bool            `json:"free,omitempty"` // the watcher leaves, and lets everything go on
	Error *Failure        `json:"error,omitempty"`
	Ready bool            `json:"ready,omitempty"` // from init only: it waits for its setup
	Setup json.RawMessage `json:"setup,omitempty"` // to init only: what to make of itself
	Waits bool            `json:"waits,omitempty"` // from init only: all is made, it waits for its start
	Hooks []string        `json:"hooks,omitempty"` // from init only: these are to be run now, outside
}

// Conn sends and receives packets. Sends may come from several goroutines,
// receives from one.
type Conn struct {
	r  *bufio.Reader
	mu sync.Mutex
	w  io.Writer
}

// NewConn speaks over rw. A bufio.Reader in br that has already read ahead is
// used as it is.
func NewConn(rw io.ReadWriter, br *bufio.Reader) *Conn {
	if br == nil {
		br = bufio.NewReader(rw)
	}
	return &Conn{r: br, w: rw}
}

// Send writes one packet.
func (c *Conn) Send(p Packet) error {
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode packet: %w", err)
	}
	if len(line) >= MaxPacket {
		return fmt.Errorf("send packet: %d bytes, the bound is %d", len(line), MaxPacket)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return nil
}

// Receive reads one packet; io.EOF when the other side has gone.
func (c *Conn) Receive() (Packet, error) {
	var p Packet
	line, err := readLine(c.r)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(line, &p); err != nil {
		return p, fmt.Errorf("decode packet: %w", err)
	}
	return p, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxPacket {
			return nil, fmt.Errorf("receive packet: longer than %d bytes", MaxPacket)
		}
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Holder is the held side: a stage.Watcher that shows each point to the other
// end and waits for its word. Points from several goroutines queue up.
type Holder struct {
	conn *Conn
	turn chan struct{} // holds one token; whoever has it owns the conversation
	seq  uint64
	gone chan struct{}
	once sync.Once
	word chan Packet
	asks atomic.Bool // a point has been shown and the word on it has not come
	free atomic.Bool // the watcher has left in peace: set before gone is closed
}

// NewHolder starts to listen for the other end's words. One who speaks out of
// turn, twice on one point or before any, has lost his place: he is left, as one
// who sends what is no packet.
func NewHolder(conn *Conn) *Holder {
	h := &Holder{conn: conn, turn: make(chan struct{}, 1), gone: make(chan struct{}), word: make(chan Packet)}
	h.turn <- struct{}{}
	go h.listen()
	return h
}

func (h *Holder) listen() {
	defer h.Leave()
	for {
		p, err := h.conn.Receive()
		if err == nil && p.Free {
			h.free.Store(true)
			return
		}
		if err != nil || !h.asks.CompareAndSwap(true, false) {
			return
		}
		select {
		case h.word <- p:
		case <-h.gone:
			return
		}
	}
}

// Gone is closed when the other end has left.
func (h *Holder) Gone() <-chan struct{} { return h.gone }

// Leave ends the conversation: whatever is held or comes to a point aborts,
// unless the watcher has let everything go.
func (h *Holder) Leave() { h.once.Do(func() { close(h.gone) }) }

// left is what comes of a point where the watcher has left.
func (h *Holder) left() error {
	if h.free.Load() {
		return nil
	}
	return ErrAborted
}

// At shows the point and waits for the word.
func (h *Holder) At(ctx context.Context, p stage.Point) error {
	select {
	case <-h.turn:
		defer func() { h.turn <- struct{}{} }()
	case <-h.gone:
		return h.left()
	case <-ctx.Done():
		return ctx.Err()
	}
	h.seq++
	p.Seq = h.seq
	h.asks.Store(true)
	if err := h.conn.Send(Packet{Point: &p}); err != nil {
		if errors.Is(err, errBroken) {
			<-h.gone // a last word may have come before
			if h.left() == nil {
				return nil
			}
		}
		return errors.Join(ErrAborted, err)
	}
	select {
	case word := <-h.word:
		if word.Go {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrAborted, word.Abort)
	case <-h.gone:
		return h.left()
	}
}

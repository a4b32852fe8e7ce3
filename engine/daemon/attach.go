//go:build linux

package daemon

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/logs"
)

// gate is a connection that may be written to only once its header is out.
type gate struct {
	net.Conn
	open chan struct{}
	mu   sync.Mutex
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock() // two streams, one connection
	defer g.mu.Unlock()
	if g.Conn == nil {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(p)
}

// hurrySeconds is how long a client that does not read may keep a killed
// container from its end.
const hurrySeconds = 3

// hurry gives a client that does not read a while to do so.
func (g *gate) hurry() {
	<-g.open
	if g.Conn != nil {
		_ = g.Conn.SetWriteDeadline(time.Now().Add(hurrySeconds * time.Second)) // an error is a client that has gone
	}
}

// attachment is a client's side of the streams of a container or an exec.
type attachment struct {
	engine.Attachment
	gate     *gate
	input    *io.PipeReader // what the client sends
	feed     *io.PipeWriter
	terminal bool
}

// wants are the streams that a client asks for.
type wants struct {
	stdin, stdout, stderr bool
	terminal              bool // one stream, without frames
	keys                  []byte
}

func newAttachment(w wants) *attachment {
	a := &attachment{gate: &gate{open: make(chan struct{})}, terminal: w.terminal}
	a.input, a.feed = io.Pipe()
	a.Hurry = a.gate.hurry
	if w.terminal {
		if w.stdout || w.stderr {
			a.Stdout = a.gate
		}
		if w.stdin {
			a.Stdin = &engine.DetachKeys{From: a.input, Keys: w.keys}
		}
		return a
	}
	if w.stdout {
		a.Stdout = api.FrameWriter{W: a.gate, Stream: api.Stdout}
	}
	if w.stderr {
		a.Stderr = api.FrameWriter{W: a.gate, Stream: api.Stderr}
	}
	if w.stdin {
		a.Stdin = a.input
	}
	return a
}

// lingerSeconds is how long a client may take to close its end of an
// attachment.
const lingerSeconds = 10

// serve takes the connection over and lets the streams flow until ended, or until
// the client has gone: leave is called then.
func (a *attachment) serve(x *exchange, first func() error, ended <-chan struct{}, leave func()) error {
	kind := framedType(x.r)
	if a.terminal {
		kind = api.RawStream
	}
	conn, r, err := x.upgrade(kind)
	if err != nil {
		close(a.gate.open)
		leave()
		return errors.Join(err, a.feed.Close())
	}
	defer conn.Close()
	a.gate.Conn = conn
	if first != nil {
		err = first()
	}
	close(a.gate.open)
	if err != nil {
		leave()
		return nil // the client has been told, over the stream
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, err := io.Copy(a.feed, r) // to the client's end of input
		a.feed.Close()
		if err != nil && a.Stdin != nil {
			leave()
		}
		_, _ = io.Copy(io.Discard, r) // what the program did not read
	}()
	if a.Stdin == nil {
		go func() { _, _ = io.Copy(io.Discard, a.input) }()
	}
	<-ended
	a.input.Close()
	// To close a connection with input that was not read is to reset it: the
	// client would find an error where it looks for the output's end.
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(lingerSeconds * time.Second))
		<-drained
	}
	return nil
}

func attachContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	s := c.Snapshot()
	if s.State.Paused {
		return engine.ErrorOf(engine.ErrConflict, "Container %s is paused, unpause the container before attach", s.ID)
	}
	keys, err := parseKeys(query.Get("detachKeys"))
	if err != nil {
		return badRequest{err}
	}
	w := wants{
		stdin: isTrue(query.Get("stdin")), stdout: isTrue(query.Get("stdout")), stderr: isTrue(query.Get("stderr")),
		terminal: s.Config.Tty, keys: keys,
	}
	a := newAttachment(w)
	var first func() error
	if isTrue(query.Get("logs")) {
		first = func() error { return past(x, c, w, a.gate.Conn) }
		if !isTrue(query.Get("stream")) {
			done := make(chan struct{})
			close(done)
			return a.serve(x, first, done, func() {})
		}
	}
	// Attached before the answer is out: the client's next request is start,
	// and the first byte must not be missed.
	ended, leave := c.Attach(a.Attachment)
	x.tellAttach(s, "attach")
	return a.serve(x, first, ended, leave)
}

// past writes what has been written so far.
func past(x *exchange, c *engine.Container, w wants, to io.Writer) error {
	out := writers(w.terminal, to)
	return c.Logs(x.r.Context(), logs.Wish{Stdout: w.stdout, Stderr: w.stderr, Tail: -1}, func(e logs.Entry) error {
		_, err := io.WriteString(out[e.Stream], e.Text)
		return err
	})
}

// writers are where the streams go: into frames, or, of a terminal, as they are.
func writers(terminal bool, to io.Writer) map[string]io.Writer {
	if terminal {
		return map[string]io.Writer{"stdout": to, "stderr": to}
	}
	return map[string]io.Writer{"stdout": api.FrameWriter{W: to, Stream: api.Stdout}, "stderr": api.FrameWriter{W: to, Stream: api.Stderr}}
}

func resizeContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	height, width, err := x.size()
	if err != nil {
		return err
	}
	if err := c.Resize(height, width); err != nil {
		return err
	}
	x.TellResize(c, height, width)
	return x.json(http.StatusOK, nil)
}

// size reads a terminal's, in characters.
func (x *exchange) size() (height, width uint16, err error) {
	for name, to := range map[string]*uint16{"h": &height, "w": &width} {
		n, err := x.wholeNumber(name, 0)
		if err != nil {
			return 0, 0, err
		}
		if n < 0 || n > 1<<16-1 {
			return 0, 0, badRequest{errors.New("a terminal's size is between 0 and 65535")}
		}
		*to = uint16(n)
	}
	return height, width, nil
}

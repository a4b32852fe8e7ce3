//go:build linux

package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/learndocker/learndocker/engine/logs"
)

// Attachment is a client's end of a container's streams; nil ones are not
// attached. Of a terminal there is one stream, Stdout.
type Attachment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Hurry is called when the program is killed: a writer that blocks must soon
	// give up. nil for one that never blocks.
	Hurry func()
}

// attached is one client's attachment. Its channel is closed when there is
// nothing more for it.
type attached struct {
	Attachment
	done chan struct{}
	once sync.Once
}

func (a *attached) end() { a.once.Do(func() { close(a.done) }) }

// streams passes one run's output to whoever is attached, and keeps it. The
// container never waits for a client that has gone; it does wait for one that is
// slow.
type streams struct {
	once bool      // its input ends with the first client's: StdinOnce
	log  *logs.Log // nil where nothing is kept

	mu       sync.Mutex
	attached []*attached
	stdin    io.WriteCloser // the container's input, while it runs
	ended    bool
}

// attach adds a client. Its input is passed on by a goroutine of its own.
func (s *streams) attach(a Attachment) *attached {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &attached{Attachment: a, done: make(chan struct{})}
	if s.ended {
		one.end()
		return one
	}
	s.attached = append(s.attached, one)
	if s.stdin != nil {
		s.feed(one)
	}
	return one
}

// detach lets a client go; the container runs on.
func (s *streams) detach(a *attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.attached {
		if other == a {
			s.attached = append(s.attached[:i:i], s.attached[i+1:]...)
			break
		}
	}
	a.end()
}

// errDetached is the end of an input whose client wants to leave.
var errDetached = errors.New("detached")

// feed passes a client's input on. The caller holds the lock.
func (s *streams) feed(a *attached) {
	if a.Stdin == nil {
		return
	}
	to := s.stdin
	go func() {
		_, err := io.Copy(to, a.Stdin) // an error is a container or a client that has gone
		if errors.Is(err, errDetached) {
			s.detach(a)
			return
		}
		if s.once {
			_ = to.Close()
		}
	}()
}

// stdio are the container's ends of its three streams.
type stdio struct {
	files       [3]*os.File
	stdin       *os.File // our ends
	out, errOut *os.File
}

func (o *stdio) closeTheirs() {
	for _, f := range o.files {
		if f != nil {
			f.Close()
		}
	}
}

// open makes pipes. Without a stdin to attach, input is /dev/null; a terminal
// takes the place of all three, for which /dev/null only holds the places.
func (s *streams) open(withStdin, terminal bool) (*stdio, error) {
	o := &stdio{}
	var err error
	pipe := func(r, w **os.File) {
		if err == nil {
			*r, *w, err = os.Pipe()
		}
	}
	null := func(f **os.File) {
		if err == nil {
			*f, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
		}
	}
	switch {
	case terminal:
		null(&o.files[0])
		null(&o.files[1])
		null(&o.files[2])
	default:
		if withStdin {
			pipe(&o.files[0], &o.stdin)
		} else {
			null(&o.files[0])
		}
		pipe(&o.out, &o.files[1])
		pipe(&o.errOut, &o.files[2])
	}
	if err != nil {
		o.closeTheirs()
		for _, f := range []*os.File{o.stdin, o.out, o.errOut} {
			if f != nil {
				f.Close()
			}
		}
		return nil, fmt.Errorf("make streams: %w", err)
	}
	return o, nil
}

// begin passes everything on until the container's ends are closed. wait returns
// at the output's end.
func (s *streams) begin(o *stdio) (wait func()) {
	if o.stdin != nil {
		s.takeInput(o.stdin)
	}
	var group sync.WaitGroup
	for _, each := range []struct {
		from *os.File
		name string
		pick func(*attached) *io.Writer
	}{
		{o.out, "stdout", func(a *attached) *io.Writer { return &a.Stdout }},
		{o.errOut, "stderr", func(a *attached) *io.Writer { return &a.Stderr }},
	} {
		if each.from != nil {
			group.Go(func() { s.pass(each.from, each.name, each.pick) })
		}
	}
	return group.Wait
}

// takeInput lets the clients' input go to the container.
func (s *streams) takeInput(to io.WriteCloser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stdin = to
	for _, a := range s.attached {
		s.feed(a)
	}
}

// hurry tells the attached that the program is being killed. One that ends by
// itself is another matter: its reader may be a pager, and take hours.
func (s *streams) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.attached {
		if a.Hurry != nil {
			go a.Hurry()
		}
	}
}

// pass reads to the end, which of a terminal is EIO: its last process has gone.
func (s *streams) pass(from *os.File, name string, pick func(*attached) *io.Writer) {
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			s.tell(name, buf[:n], pick)
		}
		if err != nil {
			return
		}
	}
}

func (s *streams) tell(name string, p []byte, pick func(*attached) *io.Writer) {
	if s.log != nil {
		_ = s.log.Write(name, p) // a full disk does not keep the output from its readers
	}
	s.mu.Lock()
	attached := s.attached
	s.mu.Unlock()
	for _, a := range attached {
		to := pick(a)
		if *to == nil {
			continue
		}
		if _, err := (*to).Write(p); err != nil {
			*to = nil // that client has gone
		}
	}
}

// end tells the attached that output has ended.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.stdin != nil {
		_ = s.stdin.Close() // may have been closed by its feeder
	}
	if s.log != nil {
		_ = s.log.End()
	}
	for _, a := range s.attached {
		a.end()
	}
	s.attached = nil
}

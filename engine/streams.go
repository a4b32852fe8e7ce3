//go:build linux

package engine

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// Attachment is a client's end of a container's streams; nil ones are not
// attached.
type Attachment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Hurry is called when the program is killed: a writer that blocks must soon
	// give up. nil for one that never blocks.
	Hurry func()
}

// streams passes one run's output to whoever is attached. The container never
// waits for a client that has gone; it does wait for one that is slow.
type streams struct {
	mu       sync.Mutex
	attached []*Attachment
	stdin    *os.File      // write end of the container's input, while it runs
	waiting  []io.Reader   // inputs attached before the run
	done     chan struct{} // closed when output has ended
}

func newStreams() *streams { return &streams{done: make(chan struct{})} }

func (s *streams) attach(a Attachment) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attached = append(s.attached, &a)
	if a.Stdin != nil {
		if s.stdin == nil {
			s.waiting = append(s.waiting, a.Stdin)
		} else {
			go feed(s.stdin, a.Stdin)
		}
	}
	return s.done
}

func feed(to *os.File, from io.Reader) {
	_, _ = io.Copy(to, from) // an error is a container or a client that has gone
	_ = to.Close()
}

// open makes the container's ends of the three streams. Without a stdin to
// attach, input is /dev/null.
func (s *streams) open(withStdin bool) (stdio [3]*os.File, copyOut func() (wait func()), err error) {
	var opened []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			opened = append(opened, r, w)
		}
		return r, w
	}
	var stdin *os.File
	if withStdin {
		stdio[0], stdin = pipe()
	} else {
		stdio[0], err = os.Open(os.DevNull)
		opened = append(opened, stdio[0])
	}
	stdout, out := pipe()
	stderr, errOut := pipe()
	stdio[1], stdio[2] = out, errOut
	if err != nil {
		for _, f := range opened {
			f.Close()
		}
		return stdio, nil, fmt.Errorf("make streams: %w", err)
	}
	s.feedStdin(stdin)
	return stdio, func() func() { return s.copyOut(stdout, stderr) }, nil
}

func (s *streams) feedStdin(stdin *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stdin = stdin
	for _, r := range s.waiting {
		go feed(stdin, r)
	}
	s.waiting = nil
}

// copyOut copies until the container's ends are closed.
func (s *streams) copyOut(stdout, stderr *os.File) (wait func()) {
	var group sync.WaitGroup
	group.Go(func() { s.pass(stdout, func(a *Attachment) *io.Writer { return &a.Stdout }) })
	group.Go(func() { s.pass(stderr, func(a *Attachment) *io.Writer { return &a.Stderr }) })
	return group.Wait
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

func (s *streams) pass(from *os.File, pick func(*Attachment) *io.Writer) {
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		s.mu.Lock()
		attached := s.attached
		s.mu.Unlock()
		for _, a := range attached {
			to := pick(a)
			if *to == nil || n == 0 {
				continue
			}
			if _, err := (*to).Write(buf[:n]); err != nil {
				*to = nil // that client has gone
			}
		}
		if err != nil {
			return
		}
	}
}

// end tells the attached that output has ended.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stdin != nil {
		_ = s.stdin.Close() // may have been closed by its feeder
	}
	close(s.done)
}

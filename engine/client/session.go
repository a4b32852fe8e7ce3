package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"golang.org/x/term"
)

// Streams are the terminal, or whatever stands in for it.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool // Err is one
}

// ErrNoTerminal is the error of a container with a terminal whose input would
// come from something else.
var ErrNoTerminal = errors.New("the input device is not a TTY" + mintty)

// CheckTerminal fails where a container's terminal is to be fed from no
// terminal: its line editing would have nobody to talk to.
func (s Streams) CheckTerminal(stdin, tty bool) error {
	if _, ok := terminalOf(s.In); stdin && tty && !ok {
		return ErrNoTerminal
	}
	return nil
}

// Size is that of the terminal that output goes to, 0 by 0 for none.
func (s Streams) Size() Size {
	fd, ok := terminalOf(s.Out)
	if !ok {
		return Size{}
	}
	width, height, err := term.GetSize(fd)
	if err != nil {
		return Size{}
	}
	return Size{uint(height), uint(width)}
}

// OutIsTerminal reports whether output goes to a terminal.
func (s Streams) OutIsTerminal() bool { _, ok := terminalOf(s.Out); return ok }

// InIsTerminal reports whether input comes from a terminal.
func (s Streams) InIsTerminal() bool { _, ok := terminalOf(s.In); return ok }

// terminalOf is the descriptor of a stream that is a terminal.
func terminalOf(stream any) (int, bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// session is a connection to a program's streams, and whoever sits before it.
type session struct {
	conn       net.Conn
	output     *bufio.Reader
	streams    Streams
	stdin      bool // input is passed on
	quiet      bool // no output is attached
	tty        bool
	detachKeys string
}

// run passes input and output on until the output ends, the user detaches
// (ErrDetached) or ctx ends. A terminal is raw meanwhile, and as before
// whatever happens.
func (s *session) run(ctx context.Context) error {
	restore, err := s.makeRaw()
	if err != nil {
		return fmt.Errorf("unable to set IO streams as raw terminal: %w", err)
	}
	defer restore()
	outputDone, inputDone := make(chan error, 1), make(chan error, 1)
	if !s.quiet {
		go func() {
			defer restore() // a panic, too, is to be read on a sane terminal
			outputDone <- s.copyOutput()
		}()
	}
	go func() {
		defer restore()
		inputDone <- s.copyInput()
	}()
	for {
		select {
		case err := <-outputDone:
			return err
		case err := <-inputDone:
			if errors.Is(err, ErrDetached) {
				return err
			}
			if s.quiet {
				return nil
			}
			inputDone = nil // output goes on
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// makeRaw makes the input's terminal raw, where the program has one: every key
// is the program's. What it returns may be called more than once.
func (s *session) makeRaw() (restore func(), err error) {
	fd, ok := terminalOf(s.streams.In)
	if !ok || !s.tty || !s.stdin {
		return func() {}, nil
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { _ = term.Restore(fd, before) }), nil
}

func (s *session) copyOutput() error {
	var err error
	if s.tty {
		_, err = io.Copy(s.streams.Out, s.output)
	} else {
		_, err = stdcopy.StdCopy(s.streams.Out, s.streams.Err, s.output)
	}
	return err
}

// copyInput passes input on and tells its end by closing half the connection.
func (s *session) copyInput() error {
	if s.stdin {
		in := s.streams.In
		if s.tty {
			keys, err := DetachKeys(s.detachKeys)
			if err != nil {
				keys = defaultDetachKeys
				fmt.Fprintf(s.streams.Err, "invalid detach escape keys, using default: %s\r\n", err)
			}
			in = &detachReader{in: in, keys: keys}
		}
		if _, err := io.Copy(s.conn, in); errors.Is(err, ErrDetached) {
			return err
		} // another error is a program that has ended
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return nil
}

// resizes is how often a size is sent anew to a program that does not run yet.
const resizes = 10

// followSize tells the size of the terminal, now and whenever it changes,
// until the returned function is called.
func (s Streams) followSize(ctx context.Context, resize func(context.Context, Size) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	send := func() error {
		if size := s.Size(); size != (Size{}) {
			return resize(ctx, size)
		}
		return nil
	}
	if send() != nil {
		go s.retrySize(ctx, send)
	}
	changed, release := sizeChanges(ctx)
	go func() {
		defer release()
		for last := s.Size(); ; {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			if now := s.Size(); now != last || runtime.GOOS != "windows" { // there, only a clock tells
				last = now
				_ = send() // a program that has ended
			}
		}
	}()
	return cancel
}

func (s Streams) retrySize(ctx context.Context, send func() error) {
	for i := range resizes {
		select {
		case <-time.After(time.Duration(i+1) * 10 * time.Millisecond):
		case <-ctx.Done():
			return
		}
		if send() == nil {
			return
		}
	}
	if ctx.Err() == nil {
		fmt.Fprintln(s.Err, "failed to resize tty, using default size")
	}
}

// Package applet is what the commands of the toolbox share: how one is called,
// how it reads its flags, and how its errors are told.
package applet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Call is one call of a command.
type Call struct {
	Name string   // as it was called
	Args []string // without the name
	In   io.Reader
	Out  io.Writer
	Err  io.Writer
}

// Func is a command. What it returns is told on Err by Run.
type Func func(*Call) error

// Status ends a command with that exit status, and says nothing.
type Status int

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ErrUsage is a call that the command does not understand.
var ErrUsage = errors.New("usage")

// Usage is an ErrUsage with its reason.
func Usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUsage}, args...)...)
}

// FD is an open file by its number. No finaliser closes it, as one of an
// os.File would.
type FD int

func (f FD) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: "stdin", Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (f FD) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Write(int(f), p[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, &fs.PathError{Op: "write", Path: "write error", Err: err}
		}
		done += n
	}
	return done, nil
}

// IsTerminal reports whether the stream is one.
func IsTerminal(stream any) bool {
	f, ok := stream.(FD)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f), unix.TCGETS)
	return err == nil
}

// Run calls a command on the three open files, and returns its exit status.
// Output is collected, unless somebody may be watching it come.
func Run(f Func, name string, args []string, in, out, errs int) int {
	c := &Call{Name: name, Args: args, In: FD(in), Out: FD(out), Err: FD(errs)}
	var pending *bufio.Writer
	if !IsTerminal(FD(out)) && !unbuffered(name) {
		pending = bufio.NewWriterSize(FD(out), 1<<15)
		c.Out = pending
	}
	err := f(c)
	if pending != nil {
		if flushed := pending.Flush(); err == nil {
			err = flushed
		}
	}
	return c.tell(err)
}

// unbuffered are commands whose output is waited for line by line.
func unbuffered(name string) bool {
	switch name {
	case "cat", "tee", "greeter", "deaf", "orphans", "stress", "ping", "nc", "httpd", "tail", "dd", "yes":
		return true
	}
	return false
}

// tell writes the error and turns it into a status.
func (c *Call) tell(err error) int {
	var status Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(c.Err, "%s: %s\n", c.Name, Message(err))
	if errors.Is(err, ErrUsage) {
		return 2
	}
	return 1
}

// Warn tells an error that does not end the command.
func (c *Call) Warn(err error) { fmt.Fprintf(c.Err, "%s: %s\n", c.Name, Message(err)) }

// Message is the error as other systems' commands tell it.
func Message(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	var errno syscall.Errno
	switch {
	case errors.As(err, &path):
		return path.Path + ": " + Message(path.Err)
	case errors.As(err, &link):
		return link.New + ": " + Message(link.Err)
	case errors.As(err, &errno):
		text := errno.Error()
		first, size := utf8.DecodeRuneInString(text)
		return strings.Replace(err.Error(), text, string(unicode.ToUpper(first))+text[size:], 1)
	}
	return err.Error()
}

// Each calls f for each operand, warns where it fails, and goes on.
func (c *Call) Each(operands []string, f func(string) error) error {
	failed := false
	for _, name := range operands {
		if err := f(name); err != nil {
			c.Warn(err)
			failed = true
		}
	}
	if failed {
		return Status(1)
	}
	return nil
}

// Open opens an input; "-" is the command's own.
func (c *Call) Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.In), nil
	}
	return os.Open(name)
}

// Inputs calls f for each file, or for the command's own input where none is
// named.
func (c *Call) Inputs(names []string, f func(name string, r io.Reader) error) error {
	if len(names) == 0 {
		names = []string{"-"}
	}
	return c.Each(names, func(name string) error {
		r, err := c.Open(name)
		if err != nil {
			return err
		}
		defer r.Close()
		return f(name, r)
	})
}

// Lines calls f for each line, without its newline, until f says no.
func Lines(r io.Reader, f func(string) bool) error {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line != "" && !f(strings.TrimSuffix(line, "\n")) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// own is where the shell keeps its files: above all that a redirection can name.
const own = maxFD

// pipe makes one of which no program knows unless it is given an end.
func pipe() (r, w int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("pipe: %w", err)
	}
	if r, err = aside(ends[0]); err != nil {
		closeFD(ends[1])
		return -1, -1, err
	}
	if w, err = aside(ends[1]); err != nil {
		closeFD(r)
		return -1, -1, err
	}
	return r, w, nil
}

// aside moves a file to a number of the shell's own.
func aside(file int) (int, error) {
	moved, err := unix.FcntlInt(uintptr(file), unix.F_DUPFD_CLOEXEC, own)
	closeFD(file)
	return moved, err
}

func closeFD(file int) { _ = unix.Close(file) } // what it refuses is closed too: close(2)

// redirect applies redirections, in their order, and returns what takes them
// back.
func (s *Shell) redirect(list []*syntax.Redirect) (restore func(), err error) {
	before := s.files
	var opened []int
	restore = func() {
		s.files = before
		for _, file := range opened {
			closeFD(file)
		}
	}
	for _, r := range list {
		file, isNew, n, err := s.open(r)
		if err != nil {
			return restore, err
		}
		if isNew {
			opened = append(opened, file)
		}
		s.files[n] = file
	}
	return restore, nil
}

// open does one redirection: file becomes the shell's n.
func (s *Shell) open(r *syntax.Redirect) (file int, isNew bool, n int, err error) {
	switch r.Op {
	case syntax.RdrOut, syntax.RdrClob, syntax.AppOut, syntax.DplOut:
		n = 1
	}
	if r.N != nil {
		if n, err = strconv.Atoi(r.N.Value); err != nil || n >= maxFD {
			return 0, false, 0, fmt.Errorf("%s: bad file descriptor", r.N.Value)
		}
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		word := r.Hdoc
		if r.Op == syntax.DashHdoc {
			word = withoutTabs(word)
		}
		text, err := s.document(word)
		if err != nil {
			return 0, false, 0, err
		}
		file, err = here(text)
		return file, true, n, err
	}
	word, err := expand.Literal(s.config(), r.Word)
	if err != nil {
		return 0, false, 0, err
	}
	if r.Op == syntax.DplIn || r.Op == syntax.DplOut {
		file, err = s.duplicate(word)
		return file, false, n, err
	}
	modes := map[syntax.RedirOperator]int{
		syntax.RdrIn: unix.O_RDONLY, syntax.RdrInOut: unix.O_RDWR | unix.O_CREAT,
		syntax.RdrOut: unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC, syntax.RdrClob: unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC,
		syntax.AppOut: unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND,
	}
	mode, ok := modes[r.Op]
	if !ok {
		return 0, false, 0, fmt.Errorf("%s: not supported", r.Op)
	}
	if r.Op == syntax.RdrOut && s.options['C'] {
		mode |= unix.O_EXCL
	}
	file, err = openFile(word, mode)
	return file, true, n, err
}

func openFile(name string, mode int) (int, error) {
	for {
		file, err := unix.Open(name, mode|unix.O_CLOEXEC, 0o666)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return -1, &fs.PathError{Op: "open", Path: verb(mode) + name, Err: err}
		}
		return aside(file)
	}
}

// verb is what could not be done, as ash tells it.
func verb(mode int) string {
	if mode&unix.O_CREAT != 0 {
		return "can't create "
	}
	return "can't open "
}

// drop closes files that the shell has no more: whoever reads from the other end
// of one waits for that. The first three numbers stay taken, or the next file
// that the runtime opens would be standard output.
func (s *Shell) drop(before [maxFD]int) {
	for _, file := range before {
		if file < 0 || slices.Contains(s.files[:], file) {
			continue
		}
		if file > 2 {
			closeFD(file)
			continue
		}
		if null, err := openFile("/dev/null", unix.O_RDWR); err == nil {
			_ = unix.Dup3(null, file, unix.O_CLOEXEC) // else it is left open
			closeFD(null)
		}
	}
}

func (s *Shell) duplicate(word string) (int, error) {
	if word == "-" {
		return -1, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 || n >= maxFD || s.files[n] < 0 {
		return 0, fmt.Errorf("%s: Bad file descriptor", word)
	}
	return s.files[n], nil
}

// here is a file in memory with a here-document's text.
func here(text string) (int, error) {
	file, err := unix.MemfdCreate("here-document", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("here-document: %w", err)
	}
	_, err = applet.FD(file).Write([]byte(text))
	if _, wrong := unix.Seek(file, 0, 0); err == nil {
		err = wrong
	}
	if err != nil {
		closeFD(file)
		return -1, err
	}
	return aside(file)
}

// given are the files for a program, at the numbers that it will know them by.
func (s *Shell) given(in, out int) []uintptr {
	files := s.files
	files[0], files[1] = in, out
	last := 3
	for n := 3; n < maxFD; n++ {
		if files[n] >= 0 {
			last = n + 1
		}
	}
	var list []uintptr
	for _, file := range files[:last] {
		list = append(list, uintptr(file)) // -1 is closed: syscall.ProcAttr
	}
	return list
}

// settle puts the files where a program looks for them, in this process. First
// all are copied aside, so that none is written over before it is moved.
func (s *Shell) settle() error {
	var copies [maxFD]int
	for n, file := range s.files {
		copies[n] = -1
		if file < 0 {
			continue
		}
		moved, err := unix.FcntlInt(uintptr(file), unix.F_DUPFD_CLOEXEC, own)
		if err != nil {
			return err
		}
		copies[n] = moved
	}
	var errs []error
	for n, file := range copies {
		if file < 0 {
			if n < 3 {
				closeFD(n)
			}
			continue
		}
		errs = append(errs, unix.Dup3(file, n, 0))
	}
	return errors.Join(errs...)
}

// withoutTabs takes those in front of each line away, as <<- has it; but not
// those that an expansion brings.
func withoutTabs(word *syntax.Word) *syntax.Word {
	if word == nil {
		return nil
	}
	copied := *word
	copied.Parts = nil
	starts := true // a line
	for _, part := range word.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			starts = false
			copied.Parts = append(copied.Parts, part)
			continue
		}
		var b strings.Builder
		for line := range strings.Lines(lit.Value) {
			if starts {
				line = strings.TrimLeft(line, "\t")
			}
			b.WriteString(line)
			starts = strings.HasSuffix(line, "\n")
		}
		trimmed := *lit
		trimmed.Value = b.String()
		copied.Parts = append(copied.Parts, &trimmed)
	}
	return &copied
}

//go:build linux

package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Wish says which lines are wanted.
type Wish struct {
	Stdout, Stderr bool
	Since, Until   time.Time // zero for no bound
	Tail           int       // the last lines; below 0 for all
	Follow         bool
}

// maxObject bounds one line of the file, in bytes: a text of maxLine, each byte
// escaped, and what is around it.
const maxObject = 8 * maxLine

func (w Wish) wants(e Entry) bool {
	switch {
	case e.Stream == "stdout" && !w.Stdout, e.Stream == "stderr" && !w.Stderr:
		return false
	case !w.Since.IsZero() && e.Time.Before(w.Since):
		return false
	}
	return w.Until.IsZero() || !e.Time.After(w.Until)
}

// Read reads a container's log: older files first, then, where log is not nil
// and it is wished, what is still to come. say's error ends it.
func Read(ctx context.Context, path string, log *Log, w Wish, say func(Entry) error) error {
	kept := &last{most: w.Tail, say: say}
	for _, older := range slices.Backward(olderFiles(path)) {
		if err := readAll(ctx, older, w, kept.add); err != nil {
			return err
		}
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return kept.flush()
	}
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	lines := &lineReader{file: file}
	defer func() { lines.file.Close() }() // it may be another by then
	if err := each(ctx, lines, w, kept.add); err != nil {
		return err
	}
	if err := kept.flush(); err != nil || !w.Follow || log == nil {
		return err
	}
	return follow(ctx, path, lines, log, w, say)
}

func olderFiles(path string) []string {
	var files []string
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.%d", path, n)
		if _, err := os.Stat(name); err != nil {
			return files
		}
		files = append(files, name)
	}
}

func readAll(ctx context.Context, path string, w Wish, say func(Entry) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer file.Close()
	return each(ctx, &lineReader{file: file}, w, say)
}

// lineReader reads whole lines. What follows the last line's end is kept: it may
// be half of what is being written.
type lineReader struct {
	file *os.File
	rest []byte
}

// next returns a line; none at the end of what is there.
func (r *lineReader) next() ([]byte, error) {
	for {
		if at := bytes.IndexByte(r.rest, '\n') + 1; at > 0 {
			line := r.rest[:at]
			r.rest = r.rest[at:]
			return line, nil
		}
		if len(r.rest) > maxObject {
			return nil, fmt.Errorf("read log %s: a line of more than %d bytes", r.file.Name(), maxObject)
		}
		piece := make([]byte, 32<<10)
		n, err := r.file.Read(piece)
		r.rest = append(r.rest, piece[:n]...)
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read log: %w", err)
		}
	}
}

// moved goes on to the file that has taken this one's place, where one has.
func (r *lineReader) moved(path string) (bool, error) {
	own, err := r.file.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(path)
	if err != nil || os.SameFile(own, now) {
		return false, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	r.file.Close()
	r.file, r.rest = file, nil
	return true, nil
}

// each reads to the end of what is there.
func each(ctx context.Context, lines *lineReader, w Wish, say func(Entry) error) error {
	for ctx.Err() == nil {
		line, err := lines.next()
		if line == nil || err != nil {
			return err
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil || !w.wants(e) { // of a daemon that was killed, perhaps
			continue
		}
		if err := say(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func follow(ctx context.Context, path string, lines *lineReader, log *Log, w Wish, say func(Entry) error) error {
	var late <-chan time.Time
	if !w.Until.IsZero() {
		late = time.After(time.Until(w.Until))
	}
	for {
		grew, more := log.growth() // before the look, lest something is missed
		err := each(ctx, lines, w, say)
		for moved := err == nil; moved && err == nil; {
			if moved, err = lines.moved(path); moved && err == nil {
				err = each(ctx, lines, w, say)
			}
		}
		if err != nil || !more {
			return err
		}
		select {
		case <-grew:
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// last passes on the last entries only, or all.
type last struct {
	most int
	kept []Entry
	say  func(Entry) error
}

func (l *last) add(e Entry) error {
	if l.most < 0 {
		return l.say(e)
	}
	l.kept = append(l.kept, e)
	if len(l.kept) > 2*l.most+1 { // now and then, not for each line
		l.kept = slices.Clone(l.kept[len(l.kept)-l.most:])
	}
	return nil
}

func (l *last) flush() error {
	if l.most < 0 {
		return nil
	}
	for _, e := range l.kept[max(len(l.kept)-l.most, 0):] {
		if err := l.say(e); err != nil {
			return err
		}
	}
	return nil
}

//go:build linux

// Package logs keeps what containers write, in the files and the format of
// Docker's json-file driver: one JSON object for each line.
package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// maxLine is the longest text of one object, in bytes; longer lines are parted.
const maxLine = 16 << 10

// Entry is a line, with its end, or a part of one without.
type Entry struct {
	Text   string    `json:"log"`
	Stream string    `json:"stream"` // "stdout", "stderr"
	Time   time.Time `json:"time"`
}

// Log is the file of one container. Its methods may be called from several
// goroutines. A line is kept when it has been handed to the kernel: the daemon's
// death does not lose it.
type Log struct {
	path string
	max  int64 // bytes of a file, beyond which a new one is begun; 0 is no bound
	kept int   // files, this one and older ones

	mu   sync.Mutex
	file *os.File
	size int64
	part map[string][]byte // of a line that has not ended, by stream
	grew chan struct{}     // closed when the file has grown or ended
	done bool
}

// Open opens a container's log, or begins one. max and kept bound it as the
// driver's options max-size and max-file do.
func Open(path string, max int64, kept int) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Log{path: path, max: max, kept: kept, file: file, size: info.Size(), part: map[string][]byte{}, grew: make(chan struct{})}, nil
}

// Write takes what a stream brought and keeps the lines that have ended.
func (l *Log) Write(stream string, p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now().UTC()
	data := append(l.part[stream], p...)
	for {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 && len(data) < maxLine {
			l.part[stream] = data
			return nil
		}
		if end == 0 || end > maxLine {
			end = maxLine
		}
		if err := l.keep(Entry{string(data[:end]), stream, now}); err != nil {
			return err
		}
		data = data[end:]
	}
}

// End keeps what did not end with a line's end and tells the readers that
// nothing follows. The log may be opened again, for the next run.
func (l *Log) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil
	}
	var errs []error
	for _, stream := range []string{"stdout", "stderr"} {
		if rest := l.part[stream]; len(rest) > 0 {
			errs = append(errs, l.keep(Entry{string(rest), stream, time.Now().UTC()}))
		}
	}
	l.done = true
	close(l.grew)
	return errors.Join(append(errs, l.file.Close())...)
}

// keep appends one object. The caller holds the lock.
func (l *Log) keep(e Entry) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return err
	}
	if l.max > 0 && l.size > 0 && l.size+int64(line.Len()) > l.max {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("begin new log: %w", err)
		}
	}
	n, err := l.file.Write(line.Bytes())
	l.size += int64(n)
	close(l.grew)
	l.grew = make(chan struct{})
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// rotate moves the files on, the oldest away.
func (l *Log) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	for n := l.kept - 1; n > 0; n-- {
		from := l.older(n - 1)
		if err := os.Rename(from, l.older(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	l.file, l.size = file, 0
	return nil
}

func (l *Log) older(n int) string {
	if n == 0 {
		return l.path
	}
	return fmt.Sprintf("%s.%d", l.path, n)
}

// growth returns a channel that is closed when more has come, and whether more
// may come at all.
func (l *Log) growth() (<-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grew, !l.done
}

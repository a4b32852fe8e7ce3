package term

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// lineReader reads keys in the background, so that the end of the session's
// context ends a wait for one. It reads only when a key is wanted: a shell that
// has the terminal meanwhile gets all of it.
type lineReader struct {
	in    *os.File
	lines *bufio.Reader
	want  chan bool // whether single keys are read
	got   chan input
	busy  bool     // a key has been asked for and not been taken
	kept  []string // keys pressed while something else was waited for
	ahead []byte   // typed faster than keys were taken
}

type input struct {
	key string
	err error
}

func newLineReader(in *os.File) *lineReader {
	r := &lineReader{in: in, lines: bufio.NewReader(in), want: make(chan bool), got: make(chan input, 1)}
	go r.serve()
	return r
}

func (r *lineReader) serve() {
	for single := range r.want {
		if single {
			key, err := r.readKey()
			r.got <- input{key, err}
			continue
		}
		line, err := r.lines.ReadString('\n')
		if line != "" {
			err = nil
		}
		r.got <- input{strings.TrimSpace(line), err}
	}
}

// read asks for a key, unless one is asked for already, and returns where it
// will come.
func (r *lineReader) read(single bool) <-chan input {
	if !r.busy {
		r.want <- single
		r.busy = true
	}
	return r.got
}

// readKey reads one key press. Of keys that come at once the others are kept.
func (r *lineReader) readKey() (string, error) {
	for len(r.ahead) == 0 {
		buf := make([]byte, 64)
		n, err := r.in.Read(buf)
		if err != nil {
			return "", err
		}
		r.ahead = buf[:n]
	}
	key, size := firstKey(r.ahead)
	r.ahead = r.ahead[size:]
	return key, nil
}

// escapes are the keys that send more than one character.
var escapes = map[string]string{
	"\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "\x1b[C": "right", "\x1bOC": "right", "\x1b[D": "left", "\x1bOD": "left",
	"\x1b[5~": "pageup", "\x1b[6~": "pagedown",
}

// firstKey is the first key of what was typed, and its length in bytes. An
// escape sequence comes in one piece; one that is no key here takes along what
// came with it.
func firstKey(typed []byte) (key string, size int) {
	if typed[0] == '\x1b' {
		for sequence, key := range escapes {
			if bytes.HasPrefix(typed, []byte(sequence)) {
				return key, len(sequence)
			}
		}
		return "esc", len(typed)
	}
	switch typed[0] {
	case '\x03':
		return "ctrl-c", 1
	case '\x04':
		return "ctrl-d", 1
	case '\r', '\n':
		return "n", 1
	}
	_, size = utf8.DecodeRune(typed)
	return string(typed[:size]), size
}

// key waits for a key, or for a line where there is no terminal. When input
// that is no terminal ends, the rest runs through. turn is when the step that is
// shown has had its time.
func (c *Controls) key(ctx context.Context, turn <-chan time.Time) (string, error) {
	r := c.lines
	if len(r.kept) > 0 {
		key := r.kept[0]
		r.kept = r.kept[1:]
		return key, nil
	}
	select {
	case got := <-r.read(c.screen):
		r.busy = false
		if got.err == io.EOF && !c.screen {
			c.alone = true
			return "n", nil
		}
		return got.key, got.err
	case <-turn:
		return onward, nil
	case <-c.resize:
		return resized, nil
	case <-c.view.Changed: // somebody else leads too: a page
		return resized, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Keys that nobody pressed: what is to be shown has changed, and the shown step
// has had its time.
const (
	resized = "resized"
	onward  = "onward"
)

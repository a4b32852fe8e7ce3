package client

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrDetached is the error of a session that the user has left by its keys,
// while the container goes on.
var ErrDetached = errors.New("read escape sequence")

// defaultDetachKeys are ^P^Q.
const defaultDetachKeys = "\x10\x11"

// DetachKeys reads a sequence of keys as people write it, "ctrl-p,ctrl-q":
// single characters, DEL, and ctrl- with a letter or one of @ [ \ ] ^ _.
func DetachKeys(written string) (string, error) {
	if written == "" {
		return defaultDetachKeys, nil
	}
	var keys []byte
	for _, key := range strings.Split(written, ",") {
		control, isControl := strings.CutPrefix(key, "ctrl-")
		switch {
		case len(key) == 1:
			keys = append(keys, key[0])
		case key == "DEL":
			keys = append(keys, 127)
		case isControl && len(control) == 1 && strings.Contains("@abcdefghijklmnopqrstuvwxyz[\\]^_", control):
			keys = append(keys, control[0]&0x1f)
		default:
			return "", fmt.Errorf("Unknown character: '%s'", key)
		}
	}
	return string(keys), nil
}

// detachReader passes input on until the keys come, which it keeps back, and
// then fails with ErrDetached. Keys that turn out to be something else are
// passed on late.
type detachReader struct {
	in    io.Reader
	keys  string
	held  int    // so many of the keys have come
	ready []byte // input that waits for room
	err   error
}

func (d *detachReader) Read(p []byte) (int, error) {
	for len(d.ready) == 0 && d.err == nil {
		buf := make([]byte, max(len(p), 1))
		n, err := d.in.Read(buf)
		d.err = err
		d.take(buf[:n])
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	if n == 0 {
		return 0, d.err
	}
	return n, nil
}

func (d *detachReader) take(input []byte) {
	for _, b := range input {
		switch {
		case b == d.keys[d.held]:
			d.held++
		case b == d.keys[0]:
			d.ready = append(d.ready, d.keys[:d.held]...)
			d.held = 1
		default:
			d.ready = append(append(d.ready, d.keys[:d.held]...), b)
			d.held = 0
		}
		if d.held == len(d.keys) {
			d.err = ErrDetached
			return
		}
	}
	if d.err != nil { // nothing comes any more
		d.ready = append(d.ready, d.keys[:d.held]...)
	}
}

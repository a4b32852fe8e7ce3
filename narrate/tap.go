package narrate

import (
	"io"
	"os"
	"sync/atomic"
)

// tap is one of the client's pipes. It knows whether something is on its way
// from the client to the narrator: on a slow machine that can take a while.
type tap struct {
	pipe    io.Reader
	waiting atomic.Bool // for the client to write
}

func (t *tap) Read(p []byte) (int, error) {
	t.waiting.Store(true)
	n, err := t.pipe.Read(p)
	t.waiting.Store(err != nil) // nothing comes after the end
	return n, err
}

// dry reports that all that the client has written has been read and told.
func (t *tap) dry() bool {
	file, ok := t.pipe.(*os.File)
	return t.waiting.Load() && (!ok || unread(file) == 0)
}

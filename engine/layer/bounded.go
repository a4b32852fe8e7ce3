//go:build linux

package layer

import (
	"fmt"
	"io"
)

// Plain decompresses an archive that somebody sends, of a size that nobody has
// promised. It ends early where more comes out than what has come in so far can
// honestly hold, or more than a layer may.
func Plain(r io.Reader, b Bounds) (io.ReadCloser, error) {
	in := &metered{r: r}
	plain, err := Decompress(in)
	if err != nil {
		return nil, err
	}
	return &bounded{ReadCloser: plain, in: in, bounds: b.orDefault()}, nil
}

type metered struct {
	r io.Reader
	n int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

type bounded struct {
	io.ReadCloser
	in     *metered
	out    int64
	bounds Bounds
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.out += int64(n); b.out > b.bounds.bytes(b.in.n) {
		return 0, fmt.Errorf("more than %d bytes, which is more than the %d that came can honestly hold", b.bounds.bytes(b.in.n), b.in.n)
	}
	return n, err
}

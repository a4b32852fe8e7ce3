//go:build linux

// Package layer turns an image layer, a tar archive, into a directory that
// overlayfs can stack.
//
// An archive is not trusted. Every path is resolved inside the target by the
// kernel (openat2 with RESOLVE_IN_ROOT), so that no entry, however its
// predecessors prepared the ground with links, touches anything outside it.
//
// See the OCI image specification, layer.md, and the kernel's overlayfs.rst.
package layer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Bounds on one layer, far above what real images hold. A layer may grow to
// MaxGrowth times its blob, and in any case to FloorBytes: a small blob of zeros
// is honest, a small blob that fills the disk is not.
const (
	MaxBytes   = 32 << 30 // of the uncompressed archive, and of the files in it
	FloorBytes = 1 << 30
	MaxGrowth  = 200
	MaxEntries = 4 << 20

	MaxDirNames = 64 << 20 // bytes of the names of directories, which are kept to the end

	entryBytes = 64 << 10 // what an entry counts for in looking at the disk, be it empty
)

// Store keeps unpacked layers, each once, by diffID.
type Store struct {
	dir      string
	singleID bool
	userns   bool
	marks    marks
	bounds   Bounds

	mu    sync.Mutex
	busy  map[digest.Digest]chan struct{}
	sizes map[digest.Digest]int64
}

// Options tell what the daemon may do with files.
type Options struct {
	UserNamespace bool // attributes of overlayfs are user.overlay.*, not trusted.overlay.*
	SingleID      bool // there is one id to give files to: all belong to root
	Plain         bool // deletions are files named .wh.NAME: overlayfs's own marks cannot be made
	Bounds        Bounds
}

// Bounds on one layer; a zero field is the constant of its name.
type Bounds struct {
	MaxBytes, FloorBytes int64
	MaxEntries           int
	MaxDirNames          int
}

func (b Bounds) orDefault() Bounds {
	if b.MaxBytes == 0 {
		b.MaxBytes = MaxBytes
	}
	if b.FloorBytes == 0 {
		b.FloorBytes = FloorBytes
	}
	if b.MaxEntries == 0 {
		b.MaxEntries = MaxEntries
	}
	if b.MaxDirNames == 0 {
		b.MaxDirNames = MaxDirNames
	}
	return b
}

// bytes is what a layer may hold whose blob has that size.
func (b Bounds) bytes(blob int64) int64 {
	if blob > b.MaxBytes/MaxGrowth {
		return b.MaxBytes
	}
	return min(max(blob*MaxGrowth, b.FloorBytes), b.MaxBytes)
}

// Open opens the store in dir and clears away what was not finished.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make layer store: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "unpack-*"))
	if err != nil {
		return nil, err
	}
	for _, d := range left {
		if err := os.RemoveAll(d); err != nil {
			return nil, fmt.Errorf("clear unfinished layer: %w", err)
		}
	}
	var m marks = plainMarks{}
	if !o.Plain {
		m = newOverlayMarks(o.UserNamespace)
	}
	return &Store{dir: dir, singleID: o.SingleID, userns: o.UserNamespace, marks: m, bounds: o.Bounds.orDefault(), busy: map[digest.Digest]chan struct{}{}, sizes: map[digest.Digest]int64{}}, nil
}

// Dir is where the layer of that diffID is, or will be. The name is cut short
// because the kernel takes mount options of one page at most.
func (s *Store) Dir(diffID digest.Digest) string { return filepath.Join(s.dir, diffID.Encoded()[:32]) }

// Has reports whether the layer is unpacked.
func (s *Store) Has(diffID digest.Digest) bool {
	info, err := os.Stat(s.Dir(diffID))
	return err == nil && info.IsDir()
}

// Opaque reports whether the layer hides all layers below it. The kernel heeds
// the mark in every directory but a layer's root: those below must be left out.
func (s *Store) Opaque(diffID digest.Digest) bool {
	return s.marks.isOpaque(s.Dir(diffID))
}

// Remove removes an unpacked layer.
func (s *Store) Remove(diffID digest.Digest) error {
	s.mu.Lock()
	delete(s.sizes, diffID)
	s.mu.Unlock()
	return os.RemoveAll(s.Dir(diffID))
}

// Unpack unpacks a layer from its blob, of size bytes, unless it is there
// already. The directory gets its name only when it is whole and its diffID is
// verified. It ends early where the layer outgrows its bounds, or the disk's.
func (s *Store) Unpack(k sys.Kernel, blob io.Reader, size int64, blobDigest, diffID digest.Digest) (stage.Unpacked, error) {
	release := s.claim(diffID)
	defer release()
	fact := stage.Unpacked{Digest: blobDigest.String(), DiffID: diffID.String(), Dir: s.Dir(diffID)}
	if s.Has(diffID) {
		fact.Shared = true
		return fact, nil
	}
	tmp, err := os.MkdirTemp(s.dir, "unpack-")
	if err != nil {
		return fact, fmt.Errorf("unpack layer: %w", err)
	}
	defer os.RemoveAll(tmp)
	k.Did("mkdir", nil, "mkdir "+tmp, sys.Quote(tmp), "0700")
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fact, err
	}
	if err := s.extract(k, blob, size, tmp, &fact); err != nil {
		return fact, fmt.Errorf("unpack layer %s: %w", blobDigest, err)
	}
	if fact.Hashed != fact.DiffID {
		return fact, fmt.Errorf("unpack layer %s: the archive has diffID %s, the image's config promises %s", blobDigest, fact.Hashed, fact.DiffID)
	}
	return fact, k.Rename(tmp, fact.Dir)
}

// claim makes two pulls of the same layer take turns.
func (s *Store) claim(id digest.Digest) (release func()) {
	for {
		s.mu.Lock()
		done, taken := s.busy[id]
		if !taken {
			mine := make(chan struct{})
			s.busy[id] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, id)
				s.mu.Unlock()
				close(mine)
			}
		}
		s.mu.Unlock()
		<-done
	}
}

func (s *Store) extract(k sys.Kernel, blob io.Reader, size int64, dir string, fact *stage.Unpacked) error {
	plain, err := Decompress(blob)
	if err != nil {
		return err
	}
	defer plain.Close()
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	hash := digest.SHA256.Digester()
	most, room := s.bounds.bytes(size), &sys.Room{Path: dir}
	counted := &counter{r: io.TeeReader(plain, hash.Hash()), most: most, of: "archive"}
	x := extractor{kernel: k, dir: dir, root: root, singleID: s.singleID, userns: s.userns, marks: s.marks, maxDirNames: s.bounds.MaxDirNames, written: counter{most: most, of: "files", room: room}}
	archive := tar.NewReader(counted)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if fact.Entries++; fact.Entries > s.bounds.MaxEntries {
			return fmt.Errorf("more than %d entries", s.bounds.MaxEntries)
		}
		if err := room.Use(entryBytes); err != nil {
			return err
		}
		entry, err := x.entry(h, archive)
		if err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
		if len(fact.First) < stage.MaxEntries {
			fact.First = append(fact.First, entry)
		}
	}
	// What follows the archive's end belongs to the diffID.
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	fact.Bytes, fact.Hashed = counted.n, hash.Digest().String()
	return x.finish()
}

// counter counts and bounds what is read.
type counter struct {
	r       io.Reader
	n, most int64
	of      string    // what is counted
	room    *sys.Room // taken up by it; nil for none
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); c.n > c.most {
		return 0, fmt.Errorf("more than %d bytes of %s, which is more than its blob can honestly hold", c.most, c.of)
	}
	if c.room == nil {
		return n, err
	}
	if full := c.room.Use(int64(n)); full != nil {
		return n, full
	}
	return n, err
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	bzipMagic = []byte("BZh")
	xzMagic   = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// IsGzip and IsZstd tell a compression from the first bytes.
func IsGzip(head []byte) bool { return bytes.HasPrefix(head, gzipMagic) }

// IsZstd is IsGzip's like.
func IsZstd(head []byte) bool { return bytes.HasPrefix(head, zstdMagic) }

// Decompress tells the compression from the first bytes: media types lie.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(len(xzMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read layer: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return gzip.NewReader(br)
	case bytes.HasPrefix(head, zstdMagic):
		d, err := zstd.NewReader(br, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(head, bzipMagic):
		return io.NopCloser(bzip2.NewReader(br)), nil
	case bytes.HasPrefix(head, xzMagic):
		x, err := newXZ(br)
		return io.NopCloser(x), err
	}
	return io.NopCloser(br), nil
}

package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/sys"
)

// Staged is a blob on its way into the store: its bytes are on disk, its digest
// is known, nothing leads to it.
type Staged struct {
	Digest digest.Digest
	Size   int64
	path   string
}

// Stage takes what write writes. It ends early where the disk fills up.
func (s *Store) Stage(write func(io.Writer) error) (Staged, error) {
	tmp, err := os.CreateTemp(s.ingestDir(), "staged-")
	if err != nil {
		return Staged{}, fmt.Errorf("stage blob: %w", err)
	}
	hash, n := digest.SHA256.Digester(), counted(0)
	err = write(io.MultiWriter(&sys.Room{Path: tmp.Name()}, tmp, hash.Hash(), &n))
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return Staged{}, errors.Join(err, os.Remove(tmp.Name()))
	}
	return Staged{Digest: hash.Digest(), Size: int64(n), path: tmp.Name()}, nil
}

type counted int64

func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

// OpenStaged opens a staged blob for reading, be it adopted by now.
func (s *Store) OpenStaged(g Staged) (*os.File, error) {
	f, err := os.Open(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.Open(g.Digest)
	}
	return f, err
}

// Discard removes a staged blob; one that was adopted stays where it is.
func (g Staged) Discard() { _ = os.Remove(g.path) } // the next start clears what stays

// Adopt gives a staged blob its name in the store, synced.
func (s *Store) Adopt(k sys.Kernel, g Staged) error {
	path, err := s.BlobPath(g.Digest)
	if err != nil {
		return err
	}
	if s.Has(v1.Descriptor{Digest: g.Digest, Size: g.Size}) {
		return nil
	}
	f, err := os.Open(g.path)
	if err != nil {
		return fmt.Errorf("store blob %s: %w", g.Digest, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("store blob %s: %w", g.Digest, err)
	}
	return k.Rename(g.path, path)
}

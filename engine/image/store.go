// Package image keeps images as an OCI image layout on disk, which other tools
// (skopeo, umoci) can read. A name points to a manifest only when everything
// that the manifest names has been stored and synced, so that a pull that is
// killed leaves a layout that still verifies.
//
// See the OCI image specification, image-layout.md.
package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/sys"
)

// maxDocument bounds a manifest or config that is read into memory, in bytes.
const maxDocument = 4 << 20

// Store is one OCI image layout. Its methods may be called from several
// goroutines; several processes may only read.
type Store struct {
	dir string
	mu  sync.Mutex // guards index.json

	holds Holds
}

// Open opens the layout in dir, makes it where there is none, and clears away
// what a killed pull left.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	for _, d := range []string{s.blobDir(), s.ingestDir()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make image store: %w", err)
		}
	}
	if err := s.clearIngest(); err != nil {
		return nil, err
	}
	layout := filepath.Join(dir, v1.ImageLayoutFile)
	if _, err := os.Stat(layout); err == nil {
		return s, nil
	}
	if err := s.writeIndex(sys.Kernel{}, v1.Index{}); err != nil {
		return nil, err
	}
	return s, s.replace(sys.Kernel{}, layout, v1.ImageLayout{Version: v1.ImageLayoutVersion})
}

func (s *Store) clearIngest() error {
	left, err := filepath.Glob(filepath.Join(s.ingestDir(), "*"))
	if err != nil {
		return err
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("clear unfinished download: %w", err)
		}
	}
	return nil
}

// Dir is the layout's directory.
func (s *Store) Dir() string       { return s.dir }
func (s *Store) blobDir() string   { return filepath.Join(s.dir, v1.ImageBlobsDir, "sha256") }
func (s *Store) ingestDir() string { return filepath.Join(s.dir, "ingest") }

// IndexPath is where the names are kept.
func (s *Store) IndexPath() string { return filepath.Join(s.dir, v1.ImageIndexFile) }

// BlobPath is where the blob of that digest is kept; only sha256 is spoken.
func (s *Store) BlobPath(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("digest %q: %w", d, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return "", fmt.Errorf("digest %q: only sha256 is supported", d)
	}
	return filepath.Join(s.blobDir(), d.Encoded()), nil
}

// Has reports whether the blob is there with that size. Documents, without which
// nothing works, are read whole: a damaged one is not there, so that pulling the
// image again mends it.
func (s *Store) Has(desc v1.Descriptor) bool {
	path, err := s.BlobPath(desc.Digest)
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != desc.Size {
		return false
	}
	if desc.Size > maxDocument {
		return true
	}
	data, err := os.ReadFile(path)
	return err == nil && digest.FromBytes(data) == desc.Digest
}

// Ingest stores a blob under its digest and returns the digest that the bytes
// really have. Bytes that do not match the descriptor's digest or size are not
// kept.
func (s *Store) Ingest(k sys.Kernel, desc v1.Descriptor, from io.Reader) (digest.Digest, error) {
	path, err := s.BlobPath(desc.Digest)
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(s.ingestDir(), desc.Digest.Encoded()[:12]+"-")
	if err != nil {
		return "", fmt.Errorf("store blob: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	defer tmp.Close()
	hash := digest.SHA256.Digester()
	n, err := io.Copy(io.MultiWriter(&sys.Room{Path: tmp.Name()}, tmp, hash.Hash()), io.LimitReader(from, desc.Size+1))
	if err != nil {
		return "", fmt.Errorf("store blob %s: %w", desc.Digest, err)
	}
	computed := hash.Digest()
	if n != desc.Size {
		return computed, fmt.Errorf("blob %s: got %d bytes or more, %d were promised", desc.Digest, n, desc.Size)
	}
	if computed != desc.Digest {
		return computed, fmt.Errorf("blob %s: the bytes that came have digest %s", desc.Digest, computed)
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync()); err != nil {
		return computed, fmt.Errorf("store blob %s: %w", desc.Digest, err)
	}
	return computed, k.Rename(tmp.Name(), path)
}

// Open opens a blob for reading.
func (s *Store) Open(d digest.Digest) (*os.File, error) {
	path, err := s.BlobPath(d)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Document reads a manifest or a config whole, as it was stored.
func (s *Store) Document(d digest.Digest) ([]byte, error) {
	f, err := s.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("document %s: more than %d bytes", d, maxDocument)
	}
	if digest.FromBytes(data) != d {
		return nil, fmt.Errorf("document %s: damaged on disk, its bytes have digest %s; pull the image again", d, digest.FromBytes(data))
	}
	return data, nil
}

func (s *Store) readDocument(d digest.Digest, into any) error {
	data, err := s.Document(d)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (s *Store) readIndex() (v1.Index, error) {
	var index v1.Index
	data, err := os.ReadFile(s.IndexPath())
	if err != nil {
		return index, fmt.Errorf("read image store: %w", err)
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return index, fmt.Errorf("read image store %s: %w", s.IndexPath(), err)
	}
	return index, nil
}

func (s *Store) writeIndex(k sys.Kernel, index v1.Index) error {
	index.Versioned = specs.Versioned{SchemaVersion: 2}
	index.MediaType = v1.MediaTypeImageIndex
	if index.Manifests == nil {
		index.Manifests = []v1.Descriptor{}
	}
	return s.replace(k, s.IndexPath(), index)
}

// replace puts a document in place of another so that a reader, or a crash,
// sees the old or the new one, whole.
func (s *Store) replace(k sys.Kernel, path string, document any) error {
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(s.ingestDir(), filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("write image store: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync()); err != nil {
		return fmt.Errorf("write image store: %w", err)
	}
	return k.Rename(tmp.Name(), path)
}

// Hold keeps a blob that no image leads to yet from being swept.
func (s *Store) Hold(d digest.Digest) (release func()) { return s.holds.Hold(d.String()) }

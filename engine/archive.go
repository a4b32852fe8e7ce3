//go:build linux

package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/layer"
)

// Bounds on an archive of images, far above what real ones hold.
const (
	maxArchiveFiles    = 20_000
	maxArchiveDocument = 4 << 20 // bytes of one JSON document
	maxArchiveLinks    = 10      // that follow one another
)

// imageArchive is an archive of images, taken apart. Its files are kept by number,
// never under their own names: no name can lead anywhere.
type imageArchive struct {
	store *image.Store
	files map[string]image.Staged
	links map[string]string // to names in the archive
	bytes int64
	count int
}

// readArchive takes an archive apart into staged blobs, compressed or not.
func (e *Engine) readArchive(ctx context.Context, from io.Reader) (a *imageArchive, err error) {
	a = &imageArchive{store: e.images, files: map[string]image.Staged{}, links: map[string]string{}}
	defer func() {
		if err != nil {
			a.discard()
		}
	}()
	plain, err := layer.Plain(from, layer.Bounds{})
	if err != nil {
		return a, errorOf(ErrInvalid, "%s", err)
	}
	defer plain.Close()
	archive := tar.NewReader(plain)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return a, errorOf(ErrInvalid, "read archive: %s", err)
		}
		if a.count++; a.count > maxArchiveFiles {
			return a, errorOf(ErrInvalid, "read archive: more than %d files", maxArchiveFiles)
		}
		if err := ctx.Err(); err != nil {
			return a, err
		}
		if err := a.member(h, archive); err != nil {
			return a, fmt.Errorf("read archive: %q: %w", h.Name, err)
		}
	}
}

func (a *imageArchive) member(h *tar.Header, content io.Reader) error {
	name := clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		staged, err := a.store.Stage(func(w io.Writer) error {
			_, err := io.Copy(w, content)
			return err
		})
		if err != nil {
			return err
		}
		if had, twice := a.files[name]; twice {
			had.Discard()
		}
		a.files[name], a.bytes = staged, a.bytes+staged.Size
		delete(a.links, name)
	case tar.TypeSymlink: // older dockers save a layer once, and links to it
		a.links[name] = clean(path.Join(path.Dir(name), h.Linkname))
	case tar.TypeLink:
		a.links[name] = clean(h.Linkname)
	}
	return nil
}

// clean makes a name of one in an archive: "." and ".." go, and stop at the top.
func clean(name string) string { return path.Clean("/" + name)[1:] }

func (a *imageArchive) discard() {
	for _, f := range a.files {
		f.Discard()
	}
}

// file finds a file by its name; through links, which lead to files of the
// archive only.
func (a *imageArchive) file(name string) (image.Staged, bool) {
	name = clean(name)
	for range maxArchiveLinks {
		if f, ok := a.files[name]; ok {
			return f, true
		}
		to, ok := a.links[name]
		if !ok {
			break
		}
		name = to
	}
	return image.Staged{}, false
}

// blob finds a file that is named by its digest, and has it.
func (a *imageArchive) blob(d digest.Digest) (image.Staged, error) {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return image.Staged{}, errorOf(ErrInvalid, "the archive names a blob by %q, which is no sha256 digest", d)
	}
	f, ok := a.file("blobs/sha256/" + d.Encoded())
	if !ok {
		return f, errorOf(ErrInvalid, "the archive lacks the blob %s", d)
	}
	if f.Digest != d {
		return f, errorOf(ErrInvalid, "blob %s: the bytes in the archive have digest %s", d, f.Digest)
	}
	return f, nil
}

// read reads a document of the archive whole.
func (a *imageArchive) read(f image.Staged) ([]byte, error) {
	if f.Size > maxArchiveDocument {
		return nil, errorOf(ErrInvalid, "a document of the archive has %d bytes, at most %d are read", f.Size, maxArchiveDocument)
	}
	from, err := a.store.OpenStaged(f)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	return io.ReadAll(from)
}

// decode reads a document of the archive as JSON.
func (a *imageArchive) decode(name string, into any) error {
	f, ok := a.file(name)
	if !ok {
		return errorOf(ErrInvalid, "the archive has no %s", name)
	}
	data, err := a.read(f)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errorOf(ErrInvalid, "%s of the archive: %s", name, err)
	}
	return nil
}

package registry

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
)

// madeAt is the time on everything bundled, so that digests are the same on
// every machine.
var madeAt = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// recipe says what a bundled image holds, for one architecture. Without layers
// it is not there for that one.
type recipe struct {
	layers  []layer
	command []string
	labels  map[string]string
}

// layer is one layer of a recipe: what it is for, as the image's history tells
// it, and its files in order, or all of it packed already.
type layer struct {
	made   string
	files  []file
	packed v1.Layer
}

// file is a regular file, a directory where the name ends in a slash, or a link.
// One with a whiteout's name deletes: OCI image specification, layer.md.
type file struct {
	name string
	mode int64
	data []byte
	link string
	id   int // of its user and group
}

// bundledImage is one that the registry serves: its name below library/, and
// what it is on each architecture.
type bundledImage struct {
	name string
	of   func(*machine) recipe
}

func bundled() []bundledImage {
	return []bundledImage{{"hello-world", hello}, {"guestbook", guestbook}, {"toolbox", toolbox}}
}

// newCompressor makes the one that packs all layers. Its version is pinned in
// go.mod; the standard library's output, and with it the digest, may change
// with each release of Go.
func newCompressor() (*gzip.Writer, error) { return gzip.NewWriterLevel(nil, gzip.BestCompression) }

// multiPlatform is the image for every architecture that it is there for,
// behind one index.
func multiPlatform(of func(*machine) recipe, z *gzip.Writer) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, m := range machines() {
		r := of(m)
		if len(r.layers) == 0 {
			continue
		}
		img, err := r.image(m.arch, z)
		if err != nil {
			return nil, fmt.Errorf("for %s: %w", m.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: m.arch}},
		})
	}
	return index, nil
}

func (r recipe) image(arch string, z *gzip.Writer) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range r.layers {
		packed, err := l.pack(z)
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:   packed,
			History: v1.History{Created: v1.Time{Time: madeAt}, CreatedBy: l.made},
		})
		if err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created, config.OS, config.Architecture = v1.Time{Time: madeAt}, "linux", arch
	config.Config = v1.Config{Cmd: r.command, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, WorkingDir: "/", Labels: r.labels}
	return mutate.ConfigFile(img, config)
}

// archive writes the layer's files as a tar.
func (l layer) archive() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range l.files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Uid: f.id, Gid: f.id, ModTime: madeAt, Format: tar.FormatUSTAR}
		switch {
		case f.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.link
		case strings.HasSuffix(f.name, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// pack is the layer as the registry has it.
func (l layer) pack(z *gzip.Writer) (v1.Layer, error) {
	if l.packed != nil {
		return l.packed, nil
	}
	packed, diffID, err := l.compress(z)
	return knownLayer{static.NewLayer(packed, types.OCILayer), diffID}, err
}

// compress packs the layer and tells the digest of what is inside.
func (l layer) compress(z *gzip.Writer) ([]byte, v1.Hash, error) {
	archive, err := l.archive()
	if err != nil {
		return nil, v1.Hash{}, err
	}
	diffID := v1.Hash{Algorithm: "sha256", Hex: digest.FromBytes(archive).Encoded()}
	var packed bytes.Buffer
	z.Reset(&packed)
	if _, err := z.Write(archive); err != nil {
		return nil, v1.Hash{}, err
	}
	if err := z.Close(); err != nil {
		return nil, v1.Hash{}, err
	}
	return packed.Bytes(), diffID, nil
}

// knownLayer is a compressed layer whose diffID is known: a static layer takes
// its bytes for the archive itself.
type knownLayer struct {
	v1.Layer
	diffID v1.Hash
}

func (l knownLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

func (l knownLayer) Uncompressed() (io.ReadCloser, error) {
	packed, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	return gzip.NewReader(packed)
}

package registry

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
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

// helloText is what the container prints: Docker's four steps in this
// project's words, each true of every run.
const helloText = `
Hello from learndocker!
This text was written by a process in a container, on this machine (%s).

For you to read it, four things happened:
 1. The client sent requests to the daemon, over the daemon's socket.
 2. The daemon looked for the image "hello-world" in its store; had it not
    been there, it would have pulled it from a registry first.
 3. The daemon made a container from that image. Its one program, /hello,
    made one system call to write what you are reading.
 4. The daemon passed the container's output on to the client, and the
    client wrote it to your terminal.

To see each of these held still:
 $ learndocker lesson hello-world --step

`

// HelloIndex is the multi-platform hello-world.
func HelloIndex() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, m := range machines {
		img, err := helloImage(m)
		if err != nil {
			return nil, fmt.Errorf("make hello-world for %s: %w", m.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: m.arch}},
		})
	}
	return index, nil
}

func helloImage(m machine) (v1.Image, error) {
	layer, diffID, err := helloLayer(m)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   knownLayer{layer, diffID},
		History: v1.History{Created: v1.Time{Time: madeAt}, CreatedBy: "COPY hello /"},
	})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created, config.OS, config.Architecture = v1.Time{Time: madeAt}, "linux", m.arch
	config.Config = v1.Config{Cmd: []string{"/hello"}, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, WorkingDir: "/"}
	return mutate.ConfigFile(img, config)
}

func helloLayer(m machine) (v1.Layer, v1.Hash, error) {
	program := helloELF(m, fmt.Sprintf(helloText, m.arch))
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(program)), ModTime: madeAt, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, v1.Hash{}, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, v1.Hash{}, err
	}
	if err := w.Close(); err != nil {
		return nil, v1.Hash{}, err
	}
	diffID := v1.Hash{Algorithm: "sha256", Hex: digest.FromBytes(archive.Bytes()).Encoded()}
	var packed bytes.Buffer
	// This compressor's version is pinned in go.mod; the standard library's
	// output, and with it the digest, may change with each release of Go.
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	if _, err := z.Write(archive.Bytes()); err != nil {
		return nil, v1.Hash{}, err
	}
	if err := z.Close(); err != nil {
		return nil, v1.Hash{}, err
	}
	return static.NewLayer(packed.Bytes(), types.OCILayer), diffID, nil
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

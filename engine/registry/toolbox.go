package registry

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
)

//go:generate go run -C ../.. ./cmd/internal/toolbox

// toolboxRecord tells of the layers with the toolbox's program what their bytes
// do not: see ToolboxRecord.
//
//go:embed image/toolbox.json
var toolboxRecord []byte

// ToolboxRecord is what is written down beside the toolbox's layers when they
// are made.
type ToolboxRecord struct {
	Go      string                   `json:"go"`      // whose compiler they are from
	Sources digest.Digest            `json:"sources"` // of all files of the program's
	Layers  map[string]PackedToolbox `json:"layers"`  // by architecture
}

// PackedToolbox tells of a layer what takes long to compute.
type PackedToolbox struct {
	Digest v1.Hash `json:"digest"`
	DiffID v1.Hash `json:"diffID"`
}

// PackToolbox packs the program, and the links by which it is called, as the
// layer that this package has embedded for each architecture. The layer is
// gzip: dockerd pulls zstd since version 23 only. It is packed beforehand,
// because that takes longer than a daemon's whole start.
func PackToolbox(program []byte, commands []string) ([]byte, PackedToolbox, error) {
	z, err := newCompressor()
	if err != nil {
		return nil, PackedToolbox{}, err
	}
	files := []file{{name: "bin/", mode: 0o755}, {name: "bin/toolbox", mode: 0o755, data: program}}
	for _, name := range slices.Sorted(slices.Values(commands)) {
		files = append(files, file{name: "bin/" + name, mode: 0o777, link: "toolbox"})
	}
	packed, diffID, err := layer{files: files}.compress(z)
	if err != nil {
		return nil, PackedToolbox{}, err
	}
	blob, _, err := v1.SHA256(bytes.NewReader(packed))
	return packed, PackedToolbox{blob, diffID}, err
}

// toolbox is a small userland: one program under many names, whose sources are
// in the directory toolbox. Each learndocker carries its own architecture's.
func toolbox(m *machine) recipe {
	if m.arch != runtime.GOARCH {
		return recipe{}
	}
	return toolboxOf(m.arch, toolboxPacked)
}

func toolboxOf(arch, packed string) recipe {
	if packed == "" {
		return recipe{}
	}
	programs := embeddedLayer{packed, packedToolbox(arch)}
	return recipe{
		layers: []layer{
			{made: "COPY etc home root tmp var /", files: toolboxBase()},
			{made: "COPY bin /bin", packed: programs},
			{made: "COPY www /www", files: []file{{name: "www/", mode: 0o755}, {name: "www/index.html", mode: 0o644, data: []byte(toolboxPage)}}},
		},
		command: []string{"sh"},
		labels: map[string]string{
			"org.opencontainers.image.title":       "toolbox",
			"org.opencontainers.image.description": "A small userland for learndocker's lessons",
			"org.opencontainers.image.created":     madeAt.Format(time.RFC3339),
			"org.opencontainers.image.source":      "https://github.com/learndocker/learndocker",
			"org.opencontainers.image.vendor":      "learndocker",
		},
	}
}

// packedToolbox reads the record.
func packedToolbox(arch string) PackedToolbox {
	var record ToolboxRecord
	if err := json.Unmarshal(toolboxRecord, &record); err != nil {
		panic(fmt.Sprintf("image/toolbox.json is not what make generate writes: %v", err))
	}
	return record.Layers[arch]
}

// embeddedLayer is a layer in the program itself, of which nothing is computed.
type embeddedLayer struct {
	packed string
	known  PackedToolbox
}

func (l embeddedLayer) Digest() (v1.Hash, error)            { return l.known.Digest, nil }
func (l embeddedLayer) DiffID() (v1.Hash, error)            { return l.known.DiffID, nil }
func (l embeddedLayer) Size() (int64, error)                { return int64(len(l.packed)), nil }
func (l embeddedLayer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

func (l embeddedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(l.packed)), nil
}

func (l embeddedLayer) Uncompressed() (io.ReadCloser, error) {
	return gzip.NewReader(strings.NewReader(l.packed))
}

// blobs are the registry's: those that were pushed, and the toolbox's layer,
// which is served from where it is.
type blobs struct {
	pushed
	embedded embeddedLayer
}

// pushed is what the server's own store of blobs does.
type pushed interface {
	server.BlobHandler
	server.BlobStatHandler
	server.BlobPutHandler
}

func newBlobs() server.BlobHandler {
	memory := server.NewInMemoryBlobHandler()
	own, ok := memory.(pushed)
	if !ok || toolboxPacked == "" {
		return memory
	}
	return blobs{own, embeddedLayer{toolboxPacked, packedToolbox(runtime.GOARCH)}}
}

func (b blobs) Get(ctx context.Context, repo string, h v1.Hash) (io.ReadCloser, error) {
	if h == b.embedded.known.Digest {
		return b.embedded.Compressed()
	}
	return b.pushed.Get(ctx, repo, h)
}

func (b blobs) Stat(ctx context.Context, repo string, h v1.Hash) (int64, error) {
	if h == b.embedded.known.Digest {
		return b.embedded.Size()
	}
	return b.pushed.Stat(ctx, repo, h)
}

// learner is the ordinary user's number, and the group's.
const learner = 1000

func toolboxBase() []file {
	return []file{
		{name: "dev/", mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\ntty:x:5:\nnogroup:x:65534:\nlearner:x:1000:\n")},
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/root:/bin/sh\n" +
			"nobody:x:65534:65534:nobody:/:/bin/false\nlearner:x:1000:1000:learner:/home/learner:/bin/sh\n")},
		{name: "home/", mode: 0o755},
		{name: "home/learner/", mode: 0o755, id: learner},
		{name: "proc/", mode: 0o555},
		{name: "root/", mode: 0o700},
		{name: "sys/", mode: 0o555},
		{name: "tmp/", mode: 0o1777},
		{name: "var/", mode: 0o755},
		{name: "var/log/", mode: 0o755},
		{name: "var/tmp/", mode: 0o1777},
	}
}

// toolboxPage is what httpd -h /www serves.
const toolboxPage = `<!doctype html>
<title>toolbox</title>
<h1>It works</h1>
<p>This page was served by a container.</p>
`

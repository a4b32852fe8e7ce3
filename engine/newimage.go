//go:build linux

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/stage"
)

// making is an image under construction.
type making struct {
	*Engine
	held holding // what is made stays until the image leads to it
}

// newLayer is a layer that was made here.
type newLayer struct {
	v1.Descriptor
	diffID digest.Digest
	bytes  int64 // of its archive
}

// layer stores the archive that write writes as a layer's blob, compressed.
func (m *making) layer(write func(io.Writer) error) (newLayer, error) {
	hash, n := digest.SHA256.Digester(), counter(0)
	staged, err := m.images.Stage(func(out io.Writer) error {
		z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if err := write(io.MultiWriter(z, hash.Hash(), &n)); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return newLayer{}, err
	}
	defer staged.Discard()
	m.held.add(m.images.Hold(staged.Digest))
	l := newLayer{v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Digest: staged.Digest, Size: staged.Size}, hash.Digest(), int64(n)}
	return l, m.images.Adopt(m.kernel(), staged)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// unpack unpacks one layer of an image, of that place from 0, from its blob.
func (m *making) unpack(ctx context.Context, desc v1.Descriptor, diffIDs []digest.Digest, place int) (stage.Unpacked, error) {
	m.held.add(m.holdLayer(diffIDs[place]))
	blob, err := m.images.Open(desc.Digest)
	if err != nil {
		return stage.Unpacked{}, err
	}
	defer blob.Close()
	fact, err := m.layers.Unpack(m.kernel(), &metered{ctx: ctx, r: blob, tell: func(int64) {}}, desc.Size, desc.Digest, diffIDs[place])
	if err != nil || !m.IsWatched() {
		return fact, err
	}
	fact.Number = place + 1
	if fact.Changes, err = m.layers.Changes(diffIDs[place], diffIDs[:place]); err != nil {
		return fact, err
	}
	return fact, m.At(ctx, fact)
}

// document stores JSON as a blob.
func (m *making) document(mediaType string, v any) (v1.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return m.raw(mediaType, data)
}

func (m *making) raw(mediaType string, data []byte) (v1.Descriptor, error) {
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	m.held.add(m.images.Hold(desc.Digest))
	if m.images.Has(desc) {
		return desc, nil
	}
	_, err := m.images.Ingest(m.kernel(), desc, bytes.NewReader(data))
	return desc, err
}

// image stores config and manifest of layers that are there, and keeps the image.
func (m *making) image(config image.Config, layers []v1.Descriptor, parent digest.Digest) (image.Image, error) {
	c, err := m.document(v1.MediaTypeImageConfig, config)
	if err != nil {
		return image.Image{}, fmt.Errorf("store config: %w", err)
	}
	return m.ofManifest(c, layers, parent)
}

func (m *making) ofManifest(config v1.Descriptor, layers []v1.Descriptor, parent digest.Digest) (image.Image, error) {
	manifest, err := m.document(v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	if err != nil {
		return image.Image{}, fmt.Errorf("store manifest: %w", err)
	}
	if err := m.images.Add(m.kernel(), manifest, parent); err != nil {
		return image.Image{}, err
	}
	return m.images.Find(config.Digest.String())
}

//go:build linux

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/pull"
	"github.com/learndocker/learndocker/engine/stage"
)

// LoadRequest says how to load an archive of images.
type LoadRequest struct {
	Quiet    bool   // no progress, only what was loaded
	Platform string // of an image that the archive has for several; "" is this machine's
}

// found is one image of an archive.
type found struct {
	names    []string
	manifest image.Staged // where the archive has it
	hasOCI   bool
	config   image.Staged
	layers   []image.Staged
}

// Load brings the images of an archive into the store: of docker save, old and
// new, or an OCI image layout.
func (e *Engine) Load(ctx context.Context, q LoadRequest, from io.Reader, say func(jsonstream.Message)) error {
	a, err := e.readArchive(ctx, from)
	if err != nil {
		return err
	}
	defer a.discard()
	all, err := a.images(q.Platform)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errorOf(ErrInvalid, "the archive holds no image")
	}
	for _, each := range all {
		l := &loading{making: making{Engine: e}, found: each, archive: a, quiet: q.Quiet, say: say}
		l.fact.Files, l.fact.Bytes = a.count, a.bytes
		err := l.load(ctx)
		l.held.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// loading is one image of an archive on its way into the store.
type loading struct {
	making
	found
	archive *imageArchive
	quiet   bool
	say     func(jsonstream.Message)
	named   []reference.Named
	parsed  image.Config
	fact    stage.Loaded
}

func (l *loading) load(ctx context.Context) error {
	if err := l.readNames(); err != nil {
		return err
	}
	if err := l.readConfig(); err != nil {
		return err
	}
	config, err := l.adopt(l.config, v1.MediaTypeImageConfig)
	if err != nil {
		return err
	}
	var layers []v1.Descriptor
	for i := range l.layers {
		desc, err := l.layer(ctx, i)
		if err != nil {
			return err
		}
		layers = append(layers, desc)
		l.fact.Layers = append(l.fact.Layers, stage.Layer{Digest: desc.Digest.String(), Size: desc.Size, MediaType: desc.MediaType})
	}
	img, err := l.keep(config, layers)
	if err != nil {
		return err
	}
	l.fact.ID, l.fact.Manifest = img.ID.String(), img.Manifest.Digest.String()
	return l.nameAll(ctx, img)
}

// readNames refuses what is no name before anything is kept.
func (l *loading) readNames() error {
	for _, n := range l.names {
		named, err := image.ParseName(n)
		if err != nil {
			return errorOf(ErrInvalid, "the archive names an image %q: %s", n, err)
		}
		l.named = append(l.named, named)
		l.fact.Names = append(l.fact.Names, reference.FamiliarString(named))
	}
	return nil
}

// readConfig holds the config against what the archive has.
func (l *loading) readConfig() error {
	raw, err := l.archive.read(l.config)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &l.parsed); err != nil {
		return errorOf(ErrInvalid, "image config %s: %s", l.config.Digest, err)
	}
	if got, want := len(l.parsed.RootFS.DiffIDs), len(l.layers); got != want {
		return errorOf(ErrInvalid, "image config %s: %d diffIDs for %d layers", l.config.Digest, got, want)
	}
	if len(l.layers) > pull.MaxLayers {
		return errorOf(ErrInvalid, "image config %s: %d layers, at most %d can be stacked", l.config.Digest, len(l.layers), pull.MaxLayers)
	}
	for _, id := range l.parsed.RootFS.DiffIDs {
		if err := id.Validate(); err != nil || id.Algorithm() != digest.SHA256 {
			return errorOf(ErrInvalid, "image config %s: diffID %q is no sha256 digest", l.config.Digest, id)
		}
	}
	if os := l.parsed.OS; os != "" && os != "linux" {
		return errorOf(ErrInvalid, "cannot load %s image on linux", os)
	}
	return nil
}

func (l *loading) adopt(f image.Staged, mediaType string) (v1.Descriptor, error) {
	l.held.add(l.images.Hold(f.Digest))
	return v1.Descriptor{MediaType: mediaType, Digest: f.Digest, Size: f.Size}, l.images.Adopt(l.kernel(), f)
}

// layer brings the image's layer of that place, from 0, into the stores.
func (l *loading) layer(ctx context.Context, place int) (v1.Descriptor, error) {
	kind, err := l.mediaType(l.layers[place])
	if err != nil {
		return v1.Descriptor{}, err
	}
	ids := l.parsed.RootFS.DiffIDs
	had := l.making.layers.Has(ids[place])
	desc, err := l.adopt(l.layers[place], kind)
	if err != nil {
		return desc, err
	}
	if _, err := l.unpack(ctx, desc, ids, place); err != nil {
		return desc, err
	}
	if !l.quiet && !had {
		l.say(jsonstream.Message{ID: short(ids[place]), Status: "Loading layer", Progress: &jsonstream.Progress{Current: desc.Size, Total: desc.Size}})
	}
	return desc, nil
}

// mediaType tells a layer's compression from its bytes.
func (l *loading) mediaType(f image.Staged) (string, error) {
	from, err := l.images.OpenStaged(f)
	if err != nil {
		return "", err
	}
	defer from.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch {
	case layer.IsGzip(head[:n]):
		return v1.MediaTypeImageLayerGzip, nil
	case layer.IsZstd(head[:n]):
		return v1.MediaTypeImageLayerZstd, nil
	}
	return v1.MediaTypeImageLayer, nil
}

// keep stores the manifest, the archive's own where it has one for these layers.
func (l *loading) keep(config v1.Descriptor, layers []v1.Descriptor) (image.Image, error) {
	l.fact.Format = "docker"
	if !l.hasOCI {
		return l.ofManifest(config, layers, "")
	}
	raw, err := l.archive.read(l.manifest)
	if err != nil {
		return image.Image{}, err
	}
	m, err := pull.ParseManifest(raw)
	if err != nil {
		return image.Image{}, errorOf(ErrInvalid, "manifest of the archive: %s", err)
	}
	same := slices.EqualFunc(m.Layers, layers, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest && a.Size == b.Size })
	if !same || m.Config.Digest != config.Digest {
		return l.ofManifest(config, layers, "") // manifest.json names other files for the same image
	}
	l.fact.Format = "oci"
	kind := m.MediaType
	if kind == "" {
		kind = v1.MediaTypeImageManifest
	}
	desc, err := l.raw(kind, raw)
	if err != nil {
		return image.Image{}, err
	}
	if err := l.images.Add(l.kernel(), desc, ""); err != nil {
		return image.Image{}, err
	}
	return l.images.Find(config.Digest.String())
}

// nameAll gives the image its names and tells of it in Docker's words.
func (l *loading) nameAll(ctx context.Context, img image.Image) error {
	l.tellImage("load", img.ID.String(), img.ID.String())
	if err := l.At(ctx, l.fact); err != nil {
		return err
	}
	for _, name := range l.named {
		familiar := reference.FamiliarString(name)
		if old, err := l.images.Look(name.String()); err == nil && old.ID != img.ID && old.Damage == nil {
			l.stream(fmt.Sprintf("The image %s already exists, renaming the old one with ID %s to empty string\n", familiar, old.ID))
		}
		updated, err := l.images.Tag(l.kernel(), name, img.Manifest, "")
		if err != nil {
			return err
		}
		err = l.At(ctx, stage.Tagged{
			Reference: name.String(), Familiar: familiar, Digest: img.Manifest.Digest.String(), ID: img.ID.String(), Index: l.images.IndexPath(), Updated: updated,
		})
		if err != nil {
			return err
		}
		l.stream("Loaded image: " + familiar + "\n")
	}
	if len(l.named) == 0 {
		l.stream("Loaded image ID: " + img.ID.String() + "\n")
	}
	return nil
}

func (l *loading) stream(text string) { l.say(jsonstream.Message{Stream: text}) }

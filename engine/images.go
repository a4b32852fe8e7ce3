//go:build linux

package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/stage"
)

// lookup looks for an image in the store.
func (e *Engine) lookup(ctx context.Context, asked string) (image.Image, error) {
	fact := stage.Lookup{Asked: asked, Familiar: image.Familiar(asked), Store: e.images.Dir()}
	if named, err := image.ParseName(asked); err == nil {
		fact.Reference = named.String()
	}
	found, err := e.images.Find(asked)
	if err != nil && !errors.Is(err, image.ErrNotFound) {
		return found, err
	}
	fact.Found, fact.ID = err == nil, found.ID.String()
	if e.IsWatched() {
		all, err := e.images.List()
		if err != nil {
			return found, err
		}
		fact.Images = len(all)
		if err := e.At(ctx, fact); err != nil {
			return found, err
		}
	}
	if !fact.Found {
		return found, errorOf(ErrNotFound, "No such image: %s", fact.Familiar)
	}
	return found, nil
}

// Images lists the store's images. Those that are damaged on disk are among
// them and say so.
func (e *Engine) Images() ([]image.Image, error) { return e.images.List() }

// Image finds an image by name or id, without a stop.
func (e *Engine) Image(asked string) (image.Image, error) {
	img, err := e.images.Find(asked)
	return img, imageError(err, asked)
}

// imageError puts "not found" into Docker's words.
func imageError(err error, asked string) error {
	if errors.Is(err, image.ErrNotFound) {
		return errorOf(ErrNotFound, "No such image: %s", image.Familiar(asked))
	}
	return err
}

// TagImage gives an image one more name.
func (e *Engine) TagImage(ctx context.Context, asked, repository, tag string) error {
	name, err := newName(repository, tag)
	if err != nil {
		return err
	}
	img, err := e.Image(asked)
	if err != nil {
		return err
	}
	return e.nameImage(ctx, img, name)
}

// newName reads a name that is to be given: a digest cannot be.
func newName(repository, tag string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		return nil, errorOf(ErrInvalid, "invalid reference format: %s", err)
	}
	if _, digested := named.(reference.Digested); digested {
		return nil, errorOf(ErrInvalid, "refusing to create a tag with a digest reference")
	}
	if tag == "" {
		return reference.TagNameOnly(named), nil
	}
	tagged, err := reference.WithTag(reference.TrimNamed(named), tag)
	if err != nil {
		return nil, errorOf(ErrInvalid, "%s", err)
	}
	return tagged, nil
}

// nameImage points a name to an image by hand and shows it.
func (e *Engine) nameImage(ctx context.Context, img image.Image, name reference.Named) error {
	updated, err := e.images.Tag(e.kernel(), name, img.Manifest, "")
	if err != nil {
		return err
	}
	if err := e.images.Touch(e.kernel(), img.Manifest.Digest, time.Now()); err != nil {
		return err
	}
	e.tellImage("tag", img.ID.String(), reference.FamiliarString(name))
	return e.At(ctx, stage.Tagged{
		Reference: name.String(), Familiar: reference.FamiliarString(name), Digest: img.Manifest.Digest.String(),
		ID: img.ID.String(), Index: e.images.IndexPath(), Updated: updated,
	})
}

// HistoryItem is one step by which an image was made.
type HistoryItem struct {
	ID        string // of the image that the step made; "<missing>" where it is not here
	Created   time.Time
	CreatedBy string
	Comment   string
	Tags      []string
	Size      int64 // of its layer, in bytes
}

// History tells how an image was made, the last step first.
func (e *Engine) History(asked string) ([]HistoryItem, error) {
	img, err := e.Image(asked)
	if err != nil {
		return nil, err
	}
	var items []HistoryItem
	layers := img.Config.RootFS.DiffIDs
	for _, h := range img.Config.History {
		item := HistoryItem{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			item.Created = *h.Created
		}
		if !h.EmptyLayer && len(layers) > 0 {
			if item.Size, err = e.layers.Size(layers[0]); err != nil {
				return nil, err
			}
			layers = layers[1:]
		}
		items = append(items, item)
	}
	slices.Reverse(items)
	for i := range items { // as far as the images that it was made from are here
		items[i].ID, items[i].Tags = img.ID.String(), img.Tags()
		if img.Parent == "" {
			break
		}
		if img, err = e.images.Find(img.Parent.String()); err != nil {
			break
		}
	}
	return items, nil
}

// ImageSize is what an image's layers take unpacked, in bytes. A layer that is
// not unpacked counts for nothing.
func (e *Engine) ImageSize(img image.Image) int64 {
	var n int64
	for _, id := range img.Config.RootFS.DiffIDs {
		size, err := e.layers.Size(id)
		if err == nil {
			n += size
		}
	}
	return n
}

// ImageLayers are the directories of an image's layers, the topmost first.
func (e *Engine) ImageLayers(img image.Image) []string {
	var dirs []string
	for _, id := range slices.Backward(img.Config.RootFS.DiffIDs) {
		dirs = append(dirs, e.layers.Dir(id))
	}
	return dirs
}

// holding is what one operation holds.
type holding struct{ releases []func() }

func (h *holding) add(release func()) { h.releases = append(h.releases, release) }

func (h *holding) release() {
	for _, r := range h.releases {
		r()
	}
	h.releases = nil
}

// holdLayer keeps an unpacked layer that no image leads to yet from being swept.
func (c *core) holdLayer(diffID digest.Digest) (release func()) {
	return c.layerHolds.Hold(c.layers.Dir(diffID))
}

// SharedSizes are, for each image, how much of it others have as well, in bytes.
func (e *Engine) SharedSizes(all []image.Image) map[digest.Digest]int64 {
	users := map[digest.Digest]int{}
	for _, img := range all {
		for _, id := range distinct(img.ChainIDs()) {
			users[id]++
		}
	}
	shared := map[digest.Digest]int64{}
	for _, img := range all {
		shared[img.ID] = 0
		for i, id := range img.ChainIDs() {
			if size, err := e.layers.Size(img.Config.RootFS.DiffIDs[i]); err == nil && users[id] > 1 {
				shared[img.ID] += size
			}
		}
	}
	return shared
}

// LayersSize is what the unpacked layers of all images take, each once, in bytes.
func (e *Engine) LayersSize(all []image.Image) int64 {
	var ids []digest.Digest
	for _, img := range all {
		ids = append(ids, img.Config.RootFS.DiffIDs...)
	}
	var n int64
	for _, id := range distinct(ids) {
		if size, err := e.layers.Size(id); err == nil {
			n += size
		}
	}
	return n
}

func distinct(ids []digest.Digest) []digest.Digest {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

//go:build linux

package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/image"
)

// Deletion is one thing that removing an image did, as Docker reports it.
type Deletion struct {
	Untagged string `json:"Untagged,omitempty"`
	Deleted  string `json:"Deleted,omitempty"`
}

// Removal is what removing images did.
type Removal struct {
	Done  []Deletion
	Freed int64 // bytes of unpacked layers
}

// ImageRemoval says what to remove and how.
type ImageRemoval struct {
	Asked string // name or id
	Force bool   // in spite of stopped containers and several names
	Prune bool   // with the images without a name that it was made from
}

// RemoveImage takes a name away, and with the last name the image. The rules are
// Docker's: a name goes by itself while others are left; an id takes the names
// along where they are all of one repository.
func (e *Engine) RemoveImage(q ImageRemoval) (Removal, error) {
	e.removing.Lock()
	defer e.removing.Unlock()
	r := remover{Engine: e, force: q.Force}
	err := r.remove(q)
	return r.done, err
}

// remover is one removal under way.
type remover struct {
	*Engine
	force bool
	done  Removal
}

func (r *remover) remove(q ImageRemoval) error {
	img, err := r.images.Look(q.Asked)
	if err != nil {
		return imageError(err, q.Asked)
	}
	quiet := false
	switch {
	case !isID(img.ID, q.Asked):
		left, err := r.untagOne(img, q.Asked)
		if err != nil || len(left) > 0 {
			return err
		}
		quiet = true
	case ofOneRepository(img.References()):
		if err := r.inConflict(img, false); err != nil {
			return err
		}
		for _, name := range img.References() {
			if err := r.untag(img.ID, name); err != nil {
				return err
			}
		}
	}
	return r.delete(img.ID, q.Prune, quiet)
}

func isID(id digest.Digest, asked string) bool {
	return asked != "" && (strings.HasPrefix(id.String(), asked) || strings.HasPrefix(id.Encoded(), asked))
}

// ofOneRepository reports whether removing all of the names surprises nobody:
// there is one tag at most, and what registries know it by is of that repository.
func ofOneRepository(names []string) bool {
	if len(names) <= 1 {
		return true
	}
	single, digested := "", map[string]bool{}
	for _, n := range names {
		named, err := reference.ParseNormalizedNamed(n)
		if err != nil {
			return false
		}
		if _, is := named.(reference.Digested); is {
			digested[named.Name()] = true
			continue
		}
		if single != "" {
			return false
		}
		single = named.Name()
	}
	return len(digested) == 1 && (single == "" || digested[single])
}

// untagOne takes the name that was asked for away, and with the last tag of its
// repository what registries know it by. It returns the names that are left.
func (r *remover) untagOne(img image.Image, asked string) (left []string, err error) {
	name, err := image.ParseName(asked)
	if err != nil {
		return nil, err
	}
	if !r.force && ofOneRepository(img.References()) {
		if c := r.usedBy(img.ID, false); c != nil {
			return nil, errorOf(ErrConflict, "conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s", asked, c.ID[:12], short(img.ID))
		}
	}
	if err := r.untag(img.ID, name.String()); err != nil {
		return nil, err
	}
	for _, n := range img.References() {
		if n != name.String() {
			left = append(left, n)
		}
	}
	if _, digested := name.(reference.Digested); digested {
		return left, nil
	}
	ofRepository := func(n string) bool {
		p, err := reference.ParseNormalizedNamed(n)
		return err == nil && p.Name() == name.Name()
	}
	if slices.ContainsFunc(img.Tags(), func(n string) bool { return n != name.String() && ofRepository(n) }) {
		return left, nil
	}
	for _, n := range slices.Clone(left) {
		if ofRepository(n) {
			if err := r.untag(img.ID, n); err != nil {
				return nil, err
			}
			left = slices.DeleteFunc(left, func(l string) bool { return l == n })
		}
	}
	return left, nil
}

func (r *remover) untag(id digest.Digest, name string) error {
	if err := r.images.Untag(r.kernel(), name); err != nil {
		return err
	}
	r.done.Done = append(r.done.Done, Deletion{Untagged: image.Familiar(name)})
	r.tellImage("untag", id.String(), id.String())
	return nil
}

// delete removes the image itself. Of one that may not be removed, and that has
// just lost a name, nothing is said where quiet.
func (r *remover) delete(id digest.Digest, prune, quiet bool) error {
	img, err := r.images.Look(id.String())
	if err != nil {
		return err
	}
	if err := r.inConflict(img, true); err != nil {
		if quiet && (!img.Dangling() || r.usedBy(id, false) != nil || r.hasChildren(id)) {
			return nil
		}
		return err
	}
	for _, name := range img.References() {
		if err := r.untag(img.ID, name); err != nil {
			return err
		}
	}
	if err := r.images.Remove(r.kernel(), img); err != nil {
		return err
	}
	if _, err := r.images.Sweep(); err != nil {
		return err
	}
	r.done.Done = append(r.done.Done, Deletion{Deleted: img.ID.String()})
	r.tellImage("delete", img.ID.String(), img.ID.String())
	if err := r.sweepLayers(img); err != nil {
		return err
	}
	if !prune || img.Parent == "" {
		return nil
	}
	parent, err := r.images.Look(img.Parent.String())
	if err != nil || !parent.Dangling() {
		return nil // is not here, or somebody has named it
	}
	r.force = false
	return r.delete(parent.ID, true, true)
}

// inConflict tells what stands against removing an image. names says whether
// several names do.
func (r *remover) inConflict(img image.Image, names bool) error {
	conflict := func(how, format string, args ...any) error {
		return errorOf(ErrConflict, "conflict: unable to delete %s (%s) - %s", short(img.ID), how, fmt.Sprintf(format, args...))
	}
	children, err := r.children(img.ID)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		return conflict("cannot be forced", "image has dependent child images")
	}
	if c := r.usedBy(img.ID, true); c != nil {
		return conflict("cannot be forced", "image is being used by running container %s", c.ID[:12])
	}
	if r.force {
		return nil
	}
	if names && len(img.References()) > 0 {
		return conflict("must be forced", "image is referenced in multiple repositories")
	}
	if c := r.usedBy(img.ID, false); c != nil {
		return conflict("must be forced", "image is being used by stopped container %s", c.ID[:12])
	}
	return nil
}

// usedBy finds a container made from the image; nil for none.
func (r *remover) usedBy(id digest.Digest, running bool) *Record {
	for _, c := range r.all() {
		s := c.Snapshot()
		if s.ImageID == id.String() && (s.State.Running || !running) {
			return &s
		}
	}
	return nil
}

func (r *remover) hasChildren(id digest.Digest) bool {
	children, err := r.children(id)
	return err == nil && len(children) > 0
}

// children are the images made from this one, here.
func (e *Engine) children(id digest.Digest) ([]digest.Digest, error) {
	images, err := e.images.List()
	if err != nil {
		return nil, err
	}
	var list []digest.Digest
	for _, img := range images {
		if img.Parent == id {
			list = append(list, img.ID)
		}
	}
	return list, nil
}

// sweepLayers removes the image's unpacked layers that no other image and no
// container needs, the topmost first.
func (r *remover) sweepLayers(img image.Image) error {
	needed := map[string]bool{}
	images, err := r.images.List()
	if err != nil {
		return err
	}
	for _, other := range images {
		for _, id := range other.Config.RootFS.DiffIDs {
			needed[r.layers.Dir(id)] = true
		}
	}
	for _, c := range r.all() {
		for _, dir := range c.Snapshot().Lower {
			needed[dir] = true
		}
	}
	chain := img.ChainIDs()
	for i, id := range slices.Backward(img.Config.RootFS.DiffIDs) {
		dir := r.layers.Dir(id)
		if needed[dir] {
			continue
		}
		needed[dir] = true // an image may have a layer twice
		size, err := r.layers.Size(id)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		removed, err := r.layerHolds.IfFree(dir, func() error { return r.layers.Remove(id) })
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove layer: %w", err)
		}
		if removed {
			r.done.Done, r.done.Freed = append(r.done.Done, Deletion{Deleted: chain[i].String()}), r.done.Freed+size
		}
	}
	return nil
}

// PruneImages removes images that no container uses: those without a name, or,
// where all is true, all that keep lets pass. What cannot be removed stays.
func (e *Engine) PruneImages(all bool, keep func(image.Image) bool) (Removal, error) {
	images, err := e.images.List()
	if err != nil {
		return Removal{}, err
	}
	var total Removal
	for _, img := range images {
		children, err := e.children(img.ID)
		if err != nil {
			return total, err
		}
		if keep(img) || len(img.References()) == 0 && len(children) > 0 || !all && !img.Dangling() {
			continue
		}
		asked := img.References()
		if len(asked) == 0 {
			asked = []string{img.ID.Encoded()}
		}
		for _, name := range asked {
			done, err := e.RemoveImage(ImageRemoval{Asked: name, Prune: true})
			if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
				return total, err
			}
			total.Done, total.Freed = append(total.Done, done.Done...), total.Freed+done.Freed
		}
	}
	return total, nil
}

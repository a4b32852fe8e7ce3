package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/sys"
)

// What index.json records of an image beside its name.
const (
	// PulledAnnotation is the digest that the name resolved to at the registry:
	// the index's, where there was one.
	PulledAnnotation = "com.github.learndocker.pulled-digest"
	// ParentAnnotation is the id of the image that this one was made from.
	ParentAnnotation = "com.github.learndocker.parent"
	// TaggedAnnotation is when it was given a name by hand.
	TaggedAnnotation = "com.github.learndocker.tagged"
)

// ErrNotFound is the error of a name or id that the store does not hold.
var ErrNotFound = errors.New("no such image")

// Tag points name to the manifest, and to nothing else from then on. It
// reports whether that changed anything. pulled is what the name resolved to at
// a registry; "" where the image was not pulled. An image that the name leaves
// stays, without a name.
func (s *Store) Tag(k sys.Kernel, name reference.Named, manifest v1.Descriptor, pulled digest.Digest) (bool, error) {
	changed := false
	err := s.change(k, func(index *v1.Index) error {
		changed = setName(index, name.String(), manifest, pulled)
		return nil
	})
	return changed, err
}

func setName(index *v1.Index, name string, manifest v1.Descriptor, pulled digest.Digest) (changed bool) {
	had := slices.IndexFunc(index.Manifests, func(d v1.Descriptor) bool { return refName(d) == name })
	if had >= 0 && index.Manifests[had].Digest == manifest.Digest {
		if pulled != "" {
			index.Manifests[had].Annotations[PulledAnnotation] = pulled.String()
		}
		return false
	}
	entry := manifest
	entry.Annotations = kept(index, manifest.Digest)
	entry.Annotations[v1.AnnotationRefName] = name
	if pulled != "" {
		entry.Annotations[PulledAnnotation] = pulled.String()
	}
	if had >= 0 {
		loseName(index, had)
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == manifest.Digest && refName(d) == "" })
	index.Manifests = append(index.Manifests, entry)
	return true
}

// kept are the annotations that belong to an image, not to one of its names.
func kept(index *v1.Index, manifest digest.Digest) map[string]string {
	all := map[string]string{}
	for _, d := range index.Manifests {
		if d.Digest != manifest {
			continue
		}
		for _, name := range []string{ParentAnnotation, TaggedAnnotation} {
			if v := d.Annotations[name]; v != "" {
				all[name] = v
			}
		}
	}
	return all
}

// loseName takes the name off an entry. The last entry of an image stays.
func loseName(index *v1.Index, at int) {
	entry := index.Manifests[at]
	others := slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == entry.Digest && refName(d) != refName(entry) })
	if others {
		index.Manifests = slices.Delete(index.Manifests, at, at+1)
		return
	}
	entry.Annotations = kept(index, entry.Digest)
	index.Manifests[at] = entry
}

// Add keeps an image that has no name yet. parent is the image it was made from,
// or "".
func (s *Store) Add(k sys.Kernel, manifest v1.Descriptor, parent digest.Digest) error {
	return s.change(k, func(index *v1.Index) error {
		if slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest == manifest.Digest }) {
			return nil
		}
		manifest.Annotations = map[string]string{}
		if parent != "" {
			manifest.Annotations[ParentAnnotation] = parent.String()
		}
		index.Manifests = append(index.Manifests, manifest)
		return nil
	})
}

// Touch notes that the image of that manifest was given a name by hand.
func (s *Store) Touch(k sys.Kernel, manifest digest.Digest, at time.Time) error {
	return s.change(k, func(index *v1.Index) error {
		for i, d := range index.Manifests {
			if d.Digest == manifest {
				index.Manifests[i].Annotations = annotated(d, TaggedAnnotation, at.UTC().Format(time.RFC3339Nano))
			}
		}
		return nil
	})
}

func annotated(d v1.Descriptor, name, value string) map[string]string {
	all := map[string]string{name: value}
	for k, v := range d.Annotations {
		if k != name {
			all[k] = v
		}
	}
	return all
}

// Untag takes a name away: a tag, or what a registry knows the image by. The
// image itself stays.
func (s *Store) Untag(k sys.Kernel, name string) error {
	return s.change(k, func(index *v1.Index) error {
		if had := slices.IndexFunc(index.Manifests, func(d v1.Descriptor) bool { return refName(d) == name }); had >= 0 {
			loseName(index, had)
		}
		for _, d := range index.Manifests {
			if pulledName(d) == name {
				delete(d.Annotations, PulledAnnotation)
			}
		}
		return nil
	})
}

// Remove takes an image away, with all of its names. Its blobs are left to Sweep.
func (s *Store) Remove(k sys.Kernel, img Image) error {
	images, err := s.List()
	if err != nil {
		return err
	}
	return s.change(k, func(index *v1.Index) error {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool {
			return slices.ContainsFunc(images, func(i Image) bool { return i.ID == img.ID && slices.Contains(i.manifests, d.Digest) })
		})
		return nil
	})
}

// change changes index.json, one at a time.
func (s *Store) change(k sys.Kernel, edit func(*v1.Index) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	index, err := s.readIndex()
	if err != nil {
		return err
	}
	if err := edit(&index); err != nil {
		return err
	}
	return s.writeIndex(k, index)
}

func refName(d v1.Descriptor) string { return d.Annotations[v1.AnnotationRefName] }

// pulledName is what the registry knows an entry's image by; "" where none does.
func pulledName(d v1.Descriptor) string {
	pulled, repo := d.Annotations[PulledAnnotation], repository(refName(d))
	if pulled == "" || repo == "" {
		return ""
	}
	return repo + "@" + pulled
}

// List returns every image, names gathered. One that is damaged on disk is
// among them, and says so.
func (s *Store) List() ([]Image, error) {
	s.mu.Lock()
	index, err := s.readIndex()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, desc := range index.Manifests {
		had := slices.IndexFunc(images, func(i Image) bool { return slices.Contains(i.manifests, desc.Digest) })
		if had < 0 {
			img := s.load(desc)
			had = slices.IndexFunc(images, func(i Image) bool { return i.ID == img.ID })
			if had < 0 {
				images, had = append(images, img), len(images)
			}
			for _, l := range img.Layers {
				images[had].blobs = append(images[had].blobs, l.Digest)
			}
		}
		images[had].gather(desc)
	}
	return images, nil
}

// gather adds what one entry of the index says of the image.
func (i *Image) gather(d v1.Descriptor) {
	if !slices.Contains(i.manifests, d.Digest) {
		i.manifests = append(i.manifests, d.Digest)
	}
	if name := refName(d); name != "" {
		i.Names = append(i.Names, name)
	}
	if name := pulledName(d); name != "" && !slices.Contains(i.Digests, name) {
		i.Digests = append(i.Digests, name)
	}
	if i.Pulled == "" {
		i.Pulled = digest.Digest(d.Annotations[PulledAnnotation])
	}
	if i.Parent == "" {
		i.Parent = digest.Digest(d.Annotations[ParentAnnotation])
	}
	if at, err := time.Parse(time.RFC3339Nano, d.Annotations[TaggedAnnotation]); err == nil && at.After(i.Tagged) {
		i.Tagged = at
	}
}

// load reads an image's documents.
func (s *Store) load(desc v1.Descriptor) Image {
	img := Image{ID: desc.Digest, Manifest: desc, manifests: []digest.Digest{desc.Digest}}
	var m v1.Manifest
	if err := s.readDocument(desc.Digest, &m); err != nil {
		img.Damage = fmt.Errorf("read manifest: %w", err)
		return img
	}
	img.ID, img.Layers = m.Config.Digest, m.Layers
	if err := s.readDocument(m.Config.Digest, &img.Config); err != nil {
		img.Config, img.Damage = Config{}, fmt.Errorf("read config: %w", err)
	}
	return img
}

// Find looks an image up by name, by id or by the id's first digits.
func (s *Store) Find(asked string) (Image, error) {
	img, err := s.Look(asked)
	if err == nil && img.Damage != nil {
		return Image{}, img.Damage
	}
	return img, err
}

// Look is like Find, and also finds an image that is damaged.
func (s *Store) Look(asked string) (Image, error) {
	images, err := s.List()
	if err != nil {
		return Image{}, err
	}
	// An id that is written out wins over a name, as in Docker.
	for _, img := range images {
		if asked == img.ID.String() || asked == img.ID.Encoded() {
			return img, nil
		}
	}
	if name, err := ParseName(asked); err == nil {
		for _, img := range images {
			if img.answersTo(name) {
				return img, nil
			}
		}
	}
	var found []Image
	for _, img := range images {
		if IsPrefix(img.ID, asked) {
			found = append(found, img)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Image{}, fmt.Errorf("%w: %s", ErrNotFound, Familiar(asked))
}

// IsPrefix reports whether the id begins with the digits asked for.
func IsPrefix(id digest.Digest, asked string) bool {
	return len(asked) >= 4 && strings.HasPrefix(id.Encoded(), strings.TrimPrefix(asked, "sha256:"))
}

// Sweep removes the blobs that no image leads to, but for those that somebody
// holds, and returns their digests.
func (s *Store) Sweep() ([]digest.Digest, error) {
	images, err := s.List()
	if err != nil {
		return nil, err
	}
	led := map[string]bool{}
	for _, img := range images {
		led[img.ID.Encoded()] = true
		for _, d := range img.manifests {
			led[d.Encoded()] = true
		}
		for _, d := range img.blobs {
			led[d.Encoded()] = true
		}
	}
	entries, err := os.ReadDir(s.blobDir())
	if err != nil {
		return nil, err
	}
	var gone []digest.Digest
	for _, e := range entries {
		d := digest.NewDigestFromEncoded(digest.SHA256, e.Name())
		if led[e.Name()] {
			continue
		}
		removed, err := s.holds.IfFree(d.String(), func() error { return os.Remove(filepath.Join(s.blobDir(), e.Name())) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return gone, err
		}
		if removed {
			gone = append(gone, d)
		}
	}
	return gone, nil
}

//go:build linux

package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/stage"
)

// savedImage is one image of an archive, and the names that it goes by there.
type savedImage struct {
	image.Image
	names []reference.NamedTagged
}

// Saving is an archive of images that is ready to be written.
type Saving struct {
	*Engine
	images []savedImage
	held   holding
}

// Save prepares an archive of images, by names or ids. A name without a tag is all
// tags of that repository. The archive is both an OCI image layout and what
// docker load has always read. Release lets the images go again.
func (e *Engine) Save(asked []string) (*Saving, error) {
	s := &Saving{Engine: e}
	for _, name := range asked {
		if err := s.add(name); err != nil {
			s.Release()
			return nil, err
		}
	}
	return s, nil
}

// Release lets go of the images' blobs, which stay as long as they are saved.
func (s *Saving) Release() { s.held.release() }

func (s *Saving) add(asked string) error {
	all, err := s.Engine.images.List()
	if err != nil {
		return err
	}
	if named, err := reference.ParseNormalizedNamed(asked); err == nil && reference.IsNameOnly(named) {
		any := false
		for _, img := range all {
			for _, tag := range tagsOf(img, named) {
				any = true
				if err := s.put(img, tag); err != nil {
					return err
				}
			}
		}
		if any {
			return nil
		}
	}
	img, err := s.Image(asked)
	if errors.Is(err, ErrNotFound) {
		return notToSave(asked)
	}
	if err != nil {
		return err
	}
	name, err := image.ParseName(asked)
	if tagged, is := name.(reference.NamedTagged); err == nil && is && slices.Contains(img.Names, name.String()) {
		return s.put(img, tagged)
	}
	return s.put(img, nil)
}

// notToSave is Docker's answer where there is nothing to save, a name's and an
// image's.
func notToSave(asked string) error {
	named, err := reference.ParseNormalizedNamed(asked)
	if err == nil && !reference.IsNameOnly(named) {
		return errorOf(ErrNotFound, "reference does not exist")
	}
	return errorOf(ErrNotFound, "No such image: %s", asked)
}

// tagsOf are the image's tags in a repository.
func tagsOf(img image.Image, repository reference.Named) []reference.NamedTagged {
	var list []reference.NamedTagged
	for _, n := range img.Tags() {
		named, err := reference.ParseNormalizedNamed(n)
		if tagged, is := named.(reference.NamedTagged); err == nil && is && named.Name() == repository.Name() {
			list = append(list, tagged)
		}
	}
	return list
}

func (s *Saving) put(img image.Image, name reference.NamedTagged) error {
	if img.Damage != nil {
		return img.Damage
	}
	at := slices.IndexFunc(s.images, func(o savedImage) bool { return o.ID == img.ID })
	if at < 0 {
		s.images, at = append(s.images, savedImage{Image: img}), len(s.images)
		for _, d := range blobsOf(img) {
			s.held.add(s.Engine.images.Hold(d))
		}
	}
	if name != nil {
		s.images[at].names = append(s.images[at].names, name)
	}
	return nil
}

// blobsOf are the digests of all that the image consists of.
func blobsOf(img image.Image) []digest.Digest {
	list := []digest.Digest{img.Manifest.Digest, img.ID}
	for _, l := range img.Layers {
		list = append(list, l.Digest)
	}
	return list
}

// Write writes the archive.
func (s *Saving) Write(ctx context.Context, out io.Writer) error {
	w := &archiveWriter{tar.NewWriter(interrupted{ctx, out}), map[digest.Digest]bool{}, 0}
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		if err := w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
			return err
		}
	}
	for _, img := range s.images {
		for _, d := range blobsOf(img.Image) {
			if err := w.blob(s.Engine.images, d); err != nil {
				return err
			}
		}
	}
	documents := []struct {
		name string
		v    any
	}{
		{v1.ImageIndexFile, s.index()}, {"manifest.json", s.list()}, {v1.ImageLayoutFile, v1.ImageLayout{Version: v1.ImageLayoutVersion}}, {"repositories", s.repositories()},
	}
	for _, d := range documents {
		data, err := json.Marshal(d.v)
		if err != nil {
			return err
		}
		if d.name == "repositories" && string(data) == "{}" {
			continue
		}
		if err := w.file(d.name, data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	fact := stage.Saved{Blobs: len(w.written), Bytes: w.bytes}
	for _, img := range s.images {
		fact.IDs = append(fact.IDs, img.ID.String())
		s.tellImage("save", img.ID.String(), img.ID.String())
		for _, n := range img.names {
			fact.Names = append(fact.Names, reference.FamiliarString(n))
		}
		if len(img.names) == 0 {
			fact.Names = append(fact.Names, short(img.ID))
		}
	}
	return s.At(ctx, fact)
}

// index is the OCI layout's list.
func (s *Saving) index() v1.Index {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
	for _, img := range s.images {
		desc := v1.Descriptor{MediaType: img.Manifest.MediaType, Digest: img.Manifest.Digest, Size: img.Manifest.Size}
		if len(img.names) == 0 {
			index.Manifests = append(index.Manifests, desc)
		}
		for _, n := range img.names {
			desc.Annotations = map[string]string{imageNameAnnotation: n.String(), v1.AnnotationRefName: n.Tag()}
			index.Manifests = append(index.Manifests, desc)
		}
	}
	return index
}

// listed is one image of Docker's manifest.json.
type listed struct {
	Config       string
	RepoTags     []string
	Layers       []string
	LayerSources map[digest.Digest]v1.Descriptor `json:",omitempty"`
}

func (s *Saving) list() []listed {
	list := []listed{}
	for _, img := range s.images {
		one := listed{Config: blobName(img.ID), RepoTags: []string{}, Layers: []string{}, LayerSources: map[digest.Digest]v1.Descriptor{}}
		for _, n := range img.names {
			one.RepoTags = append(one.RepoTags, reference.FamiliarString(n))
		}
		for i, l := range img.Layers {
			one.Layers = append(one.Layers, blobName(l.Digest))
			if i < len(img.Config.RootFS.DiffIDs) {
				one.LayerSources[img.Config.RootFS.DiffIDs[i]] = v1.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
			}
		}
		list = append(list, one)
	}
	return list
}

// repositories is the list of the oldest dockers: name → tag → topmost layer.
func (s *Saving) repositories() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, img := range s.images {
		if len(img.Layers) == 0 {
			continue
		}
		for _, n := range img.names {
			name := reference.FamiliarName(n)
			if all[name] == nil {
				all[name] = map[string]string{}
			}
			all[name][n.Tag()] = img.Layers[len(img.Layers)-1].Digest.Encoded()
		}
	}
	return all
}

func blobName(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

// archiveWriter writes each blob once.
type archiveWriter struct {
	*tar.Writer
	written map[digest.Digest]bool
	bytes   int64
}

func (w *archiveWriter) blob(store *image.Store, d digest.Digest) error {
	if w.written[d] {
		return nil
	}
	w.written[d] = true
	f, err := store.Open(d)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.bytes += info.Size()
	if err := w.header(blobName(d), info.Size()); err != nil {
		return err
	}
	hash := digest.SHA256.Digester()
	if _, err := io.Copy(io.MultiWriter(w, hash.Hash()), f); err != nil {
		return err
	}
	if hash.Digest() != d {
		return errors.New("blob " + d.String() + ": damaged on disk; pull the image again")
	}
	return nil
}

func (w *archiveWriter) file(name string, data []byte) error {
	if err := w.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

func (w *archiveWriter) header(name string, size int64) error {
	return w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
}

//go:build linux

package engine

import (
	"encoding/json"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/pull"
)

// images finds what the archive holds: by manifest.json, Docker's own list, or
// where there is none by index.json, the OCI layout's.
func (a *imageArchive) images(platform string) ([]found, error) {
	if _, ok := a.file("manifest.json"); !ok {
		if _, ok := a.file(v1.ImageIndexFile); !ok {
			return nil, errorOf(ErrInvalid, "the archive has neither manifest.json nor index.json: it is none of docker save, and no OCI image layout")
		}
		return a.ociImages(platform)
	}
	var list []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := a.decode("manifest.json", &list); err != nil {
		return nil, err
	}
	manifests := a.manifests()
	var all []found
	for _, m := range list {
		config, ok := a.file(m.Config)
		if !ok {
			return nil, errorOf(ErrInvalid, "the archive has no %s, which its manifest.json names", m.Config)
		}
		one := found{names: m.RepoTags, config: config}
		for _, name := range m.Layers {
			l, ok := a.file(name)
			if !ok {
				return nil, errorOf(ErrInvalid, "the archive has no %s, which its manifest.json names", name)
			}
			one.layers = append(one.layers, l)
		}
		one.manifest, one.hasOCI = manifests[config.Digest]
		all = append(all, one)
	}
	return all, nil
}

// manifests are the OCI manifests of the archive that are whole, by their configs.
func (a *imageArchive) manifests() map[digest.Digest]image.Staged {
	all := map[digest.Digest]image.Staged{}
	var index v1.Index
	if a.decode(v1.ImageIndexFile, &index) != nil {
		return all
	}
	for _, d := range index.Manifests {
		one, err := a.ociImage(d)
		if err == nil {
			all[one.config.Digest] = one.manifest
		}
	}
	return all
}

// ociImage reads one manifest and finds what it names.
func (a *imageArchive) ociImage(d v1.Descriptor) (found, error) {
	one := found{hasOCI: true}
	var err error
	if one.manifest, err = a.blob(d.Digest); err != nil {
		return one, err
	}
	raw, err := a.read(one.manifest)
	if err != nil {
		return one, err
	}
	m, err := pull.ParseManifest(raw)
	if err != nil {
		return one, errorOf(ErrInvalid, "manifest %s of the archive: %s", d.Digest, err)
	}
	if one.config, err = a.blob(m.Config.Digest); err != nil {
		return one, err
	}
	for _, l := range m.Layers {
		blob, err := a.blob(l.Digest)
		if err != nil {
			return one, err
		}
		one.layers = append(one.layers, blob)
	}
	return one, nil
}

// imageNameAnnotation is where containerd, and Docker after it, writes the whole
// name; org.opencontainers.image.ref.name often is the tag only.
const imageNameAnnotation = "io.containerd.image.name"

func (a *imageArchive) ociImages(platform string) ([]found, error) {
	var index v1.Index
	if err := a.decode(v1.ImageIndexFile, &index); err != nil {
		return nil, err
	}
	var all []found
	for _, d := range index.Manifests {
		leaf, err := a.choose(d, platform)
		if err != nil {
			return nil, err
		}
		one, err := a.ociImage(leaf)
		if err != nil {
			return nil, err
		}
		name := d.Annotations[imageNameAnnotation]
		if ref := d.Annotations[v1.AnnotationRefName]; name == "" && isWholeName(ref) {
			name = ref
		}
		if name != "" {
			one.names = []string{name}
		}
		all = append(all, one)
	}
	return all, nil
}

// isWholeName tells "app:1" from "1".
func isWholeName(ref string) bool {
	named, err := reference.ParseNormalizedNamed(ref)
	return err == nil && !reference.IsNameOnly(named)
}

// choose finds the manifest for a platform where an entry is an index itself.
func (a *imageArchive) choose(d v1.Descriptor, platform string) (v1.Descriptor, error) {
	if d.MediaType != v1.MediaTypeImageIndex && d.MediaType != "application/vnd.docker.distribution.manifest.list.v2+json" {
		return d, nil
	}
	want, err := platformOf(platform)
	if err != nil {
		return d, err
	}
	f, err := a.blob(d.Digest)
	if err != nil {
		return d, err
	}
	raw, err := a.read(f)
	if err != nil {
		return d, err
	}
	var inner v1.Index
	if err := json.Unmarshal(raw, &inner); err != nil {
		return d, errorOf(ErrInvalid, "index %s of the archive: %s", d.Digest, err)
	}
	for _, m := range inner.Manifests {
		if p := m.Platform; p != nil && p.OS == want.OS && p.Architecture == want.Architecture && (want.Variant == "" || want.Variant == p.Variant) {
			return m, nil
		}
	}
	return d, errorOf(ErrInvalid, "the archive has no image for %s/%s", want.OS, want.Architecture)
}

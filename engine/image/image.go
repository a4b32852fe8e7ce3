package image

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is one image of the store.
type Image struct {
	ID        digest.Digest // of the config, which is what Docker calls the image's id
	Manifest  v1.Descriptor
	Pulled    digest.Digest // what the name resolved to at the registry; "" for an image that was made here
	Names     []string      // canonical: "docker.io/library/hello-world:latest"
	Digests   []string      // canonical, what registries know it by: "docker.io/library/hello-world@sha256:…"
	Parent    digest.Digest // id of the image that it was made from, here
	Tagged    time.Time     // when it was last given a name by hand
	Config    Config
	Layers    []v1.Descriptor
	manifests []digest.Digest // all that have this config
	blobs     []digest.Digest // layers of all of them

	Damage error // why it cannot be read; then only ID, Manifest and the names are known
}

// Config is an image's config: the OCI image specification's, with what Docker
// adds to it.
type Config struct {
	dockerspec.DockerOCIImage
	// What Docker notes of how an image was made, in its own words.
	Comment         string          `json:"comment,omitempty"`
	DockerVersion   string          `json:"docker_version,omitempty"`
	Container       string          `json:"container,omitempty"`
	ContainerConfig json.RawMessage `json:"container_config,omitempty"`
}

// References are all names of the image: tags, and what registries know it by.
func (i Image) References() []string {
	all := slices.Clone(i.Names)
	for _, d := range i.Digests {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	slices.Sort(all) // Docker's order
	return all
}

// Tags are the names that carry a tag.
func (i Image) Tags() []string {
	return slices.DeleteFunc(slices.Sorted(slices.Values(i.Names)), isDigested)
}

// Dangling reports whether no tag leads to the image.
func (i Image) Dangling() bool { return len(i.Tags()) == 0 }

func isDigested(name string) bool {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return false
	}
	_, is := named.(reference.Digested)
	return is
}

// ChainIDs name the image's stacks of layers, the lowest first: the OCI image
// specification's config.md, "Layer ChainID".
func (i Image) ChainIDs() []digest.Digest {
	var chain []digest.Digest
	for n, diffID := range i.Config.RootFS.DiffIDs {
		id := diffID
		if n > 0 {
			id = digest.FromString(chain[n-1].String() + " " + diffID.String())
		}
		chain = append(chain, id)
	}
	return chain
}

// answersTo reports whether the image has that name.
func (i Image) answersTo(name reference.Named) bool {
	if slices.Contains(i.Names, name.String()) || slices.Contains(i.Digests, name.String()) {
		return true
	}
	wanted, ok := name.(reference.Digested)
	if !ok || wanted.Digest() != i.Manifest.Digest {
		return false
	}
	return slices.ContainsFunc(i.Names, func(n string) bool { return repository(n) == name.Name() })
}

// repository is a name without its tag or digest.
func repository(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	return named.Name()
}

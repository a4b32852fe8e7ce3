package pull

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ParseManifest reads an image manifest and refuses what could mislead: one
// that is an index as well (CVE-2021-41190), digests that are none, sizes out
// of bounds.
func ParseManifest(raw []byte) (v1.Manifest, error) {
	var m v1.Manifest
	var alsoIndex struct {
		Manifests json.RawMessage `json:"manifests"`
	}
	for _, into := range []any{&m, &alsoIndex} {
		if err := json.Unmarshal(raw, into); err != nil {
			return m, err
		}
	}
	if alsoIndex.Manifests != nil {
		return m, errors.New("it is a manifest and an index at once")
	}
	if len(m.Layers) > MaxLayers {
		return m, fmt.Errorf("%d layers, at most %d can be stacked", len(m.Layers), MaxLayers)
	}
	if err := checkDescriptor(m.Config, maxConfig); err != nil {
		return m, fmt.Errorf("config: %w", err)
	}
	for i, l := range m.Layers {
		if err := checkDescriptor(l, maxBlob); err != nil {
			return m, fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return m, nil
}

func checkDescriptor(d v1.Descriptor, most int64) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", d.Digest, err)
	}
	if d.Size < 0 || d.Size > most {
		return fmt.Errorf("size %d: the bound is %d bytes", d.Size, most)
	}
	return nil
}

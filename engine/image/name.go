package image

import (
	"fmt"

	"github.com/distribution/reference"
)

// ParseName reads an image's name as Docker does: "hello-world" means
// "docker.io/library/hello-world:latest". A name with both tag and digest
// keeps the digest.
func ParseName(s string) (reference.Named, error) {
	named, err := reference.ParseDockerRef(s)
	if err != nil {
		return nil, fmt.Errorf("invalid reference format: %q: %w", s, err)
	}
	return named, nil
}

// Familiar writes a name as people do: "hello-world:latest". What is no name
// stays as it is.
func Familiar(s string) string {
	named, err := ParseName(s)
	if err != nil {
		return s
	}
	return reference.FamiliarString(named)
}

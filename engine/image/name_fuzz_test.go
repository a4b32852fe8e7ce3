package image

import (
	"testing"

	"github.com/distribution/reference"
)

// FuzzParseName: whatever is taken as an image's name has a tag or a digest, and
// means the same when it is written out and read again, or written as people do.
func FuzzParseName(f *testing.F) {
	for _, name := range []string{
		"hello-world", "localhost:5000/x/y:1", "docker.io/library/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"A/b", "a:b:c", "../x", "a/../b", "index.docker.io/a", "::1/x", "xn--bcher-kva.example/a:latest",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		named, err := ParseName(s)
		if err != nil {
			return
		}
		_, tagged := named.(reference.Tagged)
		_, digested := named.(reference.Digested)
		if tagged == digested {
			t.Errorf("%q: tagged %v, digested %v", s, tagged, digested)
		}
		for _, again := range []string{named.String(), reference.FamiliarString(named), Familiar(s)} {
			other, err := ParseName(again)
			if err != nil || other.String() != named.String() {
				t.Errorf("%q is %q, which read again is %v, %v", s, again, other, err)
			}
		}
	})
}

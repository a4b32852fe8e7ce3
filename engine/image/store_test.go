package image_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/sys"
)

func open(t *testing.T, dir string) *image.Store {
	t.Helper()
	s, err := image.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put stores bytes under their true descriptor.
func put(t *testing.T, s *image.Store, mediaType string, data []byte) v1.Descriptor {
	t.Helper()
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	computed, err := s.Ingest(sys.Kernel{}, desc, bytes.NewReader(data))
	if err != nil || computed != desc.Digest {
		t.Fatalf("ingest: %s, %v", computed, err)
	}
	return desc
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// add stores an image whose config holds some text, and names it.
func add(t *testing.T, s *image.Store, text string, names ...string) (manifest, config v1.Descriptor) {
	t.Helper()
	config = put(t, s, v1.MediaTypeImageConfig, toJSON(t, v1.Image{Author: text}))
	layer := put(t, s, v1.MediaTypeImageLayer, []byte("layer of "+text))
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{layer}}
	m.SchemaVersion = 2
	manifest = put(t, s, v1.MediaTypeImageManifest, toJSON(t, m))
	for _, n := range names {
		tag(t, s, n, manifest)
	}
	return manifest, config
}

func tag(t *testing.T, s *image.Store, name string, manifest v1.Descriptor) bool {
	t.Helper()
	named, err := image.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := s.Tag(sys.Kernel{}, named, manifest, digest.FromString("index of "+name))
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// blobs lists the digests of the blobs, and fails the test for anything else.
func blobs(t *testing.T, s *image.Store) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(s.Dir(), "blobs", "sha256", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if digest.FromBytes(data).Encoded() != e.Name() {
			t.Errorf("blob %s has digest %s", e.Name(), digest.FromBytes(data))
		}
		names = append(names, e.Name())
	}
	unfinished, err := os.ReadDir(filepath.Join(s.Dir(), "ingest"))
	if err != nil || len(unfinished) > 0 {
		t.Errorf("left unfinished: %v (%v)", unfinished, err)
	}
	return names
}

// TestLayout: a new store is an OCI image layout, and opening it again changes
// nothing but to clear away what was not finished.
func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "images")
	s := open(t, dir)
	for name, want := range map[string]string{"oci-layout": `"imageLayoutVersion": "1.0.0"`, "index.json": `"schemaVersion": 2`} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %s (%v), want %s", name, data, err, want)
		}
	}
	add(t, s, "one", "one")
	before := blobs(t, s)
	if err := os.WriteFile(filepath.Join(dir, "ingest", "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if got := blobs(t, s); !slices.Equal(got, before) {
		t.Errorf("after opening again: %v, before: %v", got, before)
	}
	if images, err := s.List(); err != nil || len(images) != 1 {
		t.Errorf("images: %v (%v)", images, err)
	}
}

// TestIngest: bytes that are not those promised are not kept.
func TestIngest(t *testing.T) {
	right := []byte("the right bytes")
	promised := v1.Descriptor{Digest: digest.FromBytes(right), Size: int64(len(right))}
	for _, c := range []struct {
		name  string
		desc  v1.Descriptor
		bytes string
		err   string
	}{
		{"right", promised, "the right bytes", ""},
		{"others", promised, "the wrong bytes", "the bytes that came have digest"},
		{"fewer", promised, "the right", "got 9 bytes or more, 15 were promised"},
		{"more", promised, "the right bytes and more", "got 16 bytes or more, 15 were promised"},
		{"none", promised, "", "got 0 bytes"},
		{"none promised", v1.Descriptor{Digest: digest.FromString("")}, "", ""},
		{"another kind of digest", v1.Descriptor{Digest: digest.Digest("sha512:" + strings.Repeat("a", 128)), Size: 15}, "the right bytes", "digest"},
		{"a path for a digest", v1.Descriptor{Digest: "sha256:../../../index.json", Size: 15}, "the right bytes", "digest"},
		{"no digest", v1.Descriptor{Size: 15}, "the right bytes", "digest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			_, err := s.Ingest(sys.Kernel{}, c.desc, strings.NewReader(c.bytes))
			if c.err == "" {
				if err != nil || !s.Has(c.desc) || len(blobs(t, s)) != 1 {
					t.Errorf("error %v, has it: %v", err, s.Has(c.desc))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.err) || s.Has(c.desc) {
				t.Errorf("error %v, want %q; has it: %v", err, c.err, s.Has(c.desc))
			}
			if kept := blobs(t, s); len(kept) > 0 {
				t.Errorf("kept %v", kept)
			}
		})
	}
	t.Run("the connection breaks", func(t *testing.T) {
		s := open(t, t.TempDir())
		if _, err := s.Ingest(sys.Kernel{}, promised, brokenReader{}); !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		blobs(t, s)
	})
}

var errBroken = errors.New("connection reset")

type brokenReader struct{}

func (brokenReader) Read(p []byte) (int, error) { return copy(p, "some"), errBroken }

// TestFind finds an image by each of its names.
func TestFind(t *testing.T) {
	s := open(t, t.TempDir())
	manifest, config := add(t, s, "one", "one", "example.com/team/one:2")
	_, other := add(t, s, "two", "two")
	pulled := digest.FromString("index of one")
	for _, c := range []struct{ asked, id string }{
		{"one", config.Digest.String()},
		{"one:latest", config.Digest.String()},
		{"docker.io/library/one", config.Digest.String()},
		{"example.com/team/one:2", config.Digest.String()},
		{"one@" + manifest.Digest.String(), config.Digest.String()},
		{"one@" + pulled.String(), config.Digest.String()},
		{"one:latest@" + pulled.String(), config.Digest.String()},
		{config.Digest.String(), config.Digest.String()},
		{config.Digest.Encoded(), config.Digest.String()},
		{config.Digest.Encoded()[:12], config.Digest.String()},
		{"sha256:" + config.Digest.Encoded()[:12], config.Digest.String()},
		{"two", other.Digest.String()},
		{"one:2", ""}, {"example.com/team/one", ""}, {"two@" + pulled.String(), ""}, {"three", ""}, {"", ""}, {"UPPER", ""}, {"sha256:", ""},
		{config.Digest.Encoded()[:3], ""}, {"../one", ""}, {manifest.Digest.Encoded(), ""},
	} {
		img, err := s.Find(c.asked)
		if img.ID.String() != c.id || (c.id == "") != errors.Is(err, image.ErrNotFound) {
			t.Errorf("%q: found %q, want %q (%v)", c.asked, img.ID, c.id, err)
		}
	}
}

// TestNames: a name points to one image; the last name to go takes the blobs
// along that nothing else leads to.
func TestNames(t *testing.T) {
	s := open(t, t.TempDir())
	first, _ := add(t, s, "first", "a", "b")
	second, _ := add(t, s, "second")
	if tag(t, s, "a", first) {
		t.Error("the same name for the same image is a change")
	}
	if !tag(t, s, "a", second) {
		t.Error("a name that moves is no change")
	}
	images, err := s.List()
	if err != nil || len(images) != 2 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	for _, img := range images {
		want := map[string]string{"first": "docker.io/library/b:latest", "second": "docker.io/library/a:latest"}[img.Config.Author]
		if !slices.Equal(img.Names, []string{want}) {
			t.Errorf("%s has names %v, want %s", img.Config.Author, img.Names, want)
		}
	}
	if gone, err := s.Sweep(); err != nil || len(gone) != 0 {
		t.Errorf("swept %v (%v), though all have names", gone, err)
	}
	if err := s.Untag(sys.Kernel{}, "docker.io/library/b:latest"); err != nil {
		t.Fatal(err)
	}
	// Without a name the image is dangling, and still there.
	if gone, err := s.Sweep(); err != nil || len(gone) != 0 {
		t.Errorf("swept %v (%v), though the image was not removed", gone, err)
	}
	images, err = s.List()
	if err != nil || len(images) != 2 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	dangling := slices.IndexFunc(images, image.Image.Dangling)
	if dangling < 0 || images[dangling].Config.Author != "first" {
		t.Fatalf("dangling: %d of %v", dangling, images)
	}
	if err := s.Remove(sys.Kernel{}, images[dangling]); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Sweep(); err != nil || len(gone) != 3 {
		t.Errorf("swept %v (%v), want manifest, config and layer of the first", gone, err)
	}
	if left := blobs(t, s); len(left) != 3 {
		t.Errorf("left %v", left)
	}
	if err := s.Untag(sys.Kernel{}, "docker.io/library/none:latest"); err != nil {
		t.Errorf("a name that is not there: %v", err)
	}
}

// TestTogether: many names at once all arrive.
func TestTogether(t *testing.T) {
	s := open(t, t.TempDir())
	manifest, _ := add(t, s, "one")
	var group sync.WaitGroup
	for i := range 20 {
		named, err := image.ParseName(fmt.Sprint("name", i))
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			if _, err := s.Tag(sys.Kernel{}, named, manifest, manifest.Digest); err != nil {
				t.Error(err)
			}
			if _, err := s.List(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	images, err := s.List()
	if err != nil || len(images) != 1 || len(images[0].Names) != 20 {
		t.Errorf("images %v (%v)", images, err)
	}
	blobs(t, s)
}

// TestDamage: what was changed on disk is told, not used.
func TestDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(s *image.Store, manifest, config v1.Descriptor) (path, text string)
		err    string
	}{
		{"manifest", func(s *image.Store, m, _ v1.Descriptor) (string, string) {
			path, _ := s.BlobPath(m.Digest)
			return path, `{}`
		}, "damaged on disk"},
		{"config", func(s *image.Store, _, c v1.Descriptor) (string, string) {
			path, _ := s.BlobPath(c.Digest)
			return path, `{"author":"somebody else"}`
		}, "damaged on disk"},
		{"config that is too large", func(s *image.Store, _, c v1.Descriptor) (string, string) {
			path, _ := s.BlobPath(c.Digest)
			return path, strings.Repeat(" ", 5<<20)
		}, "more than"},
		{"index", func(s *image.Store, _, _ v1.Descriptor) (string, string) { return s.IndexPath(), `{"manifests":[` }, "read image store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			manifest, config := add(t, s, "one", "one")
			path, text := c.damage(s, manifest, config)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Find("one"); err == nil || errors.Is(err, image.ErrNotFound) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

// TestDamageIsMended: a damaged document counts as missing, and storing it again
// makes the image whole.
func TestDamageIsMended(t *testing.T) {
	s := open(t, t.TempDir())
	_, config := add(t, s, "one", "one")
	path, err := s.BlobPath(config.Digest)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[0] ^= 1 // the same size
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if s.Has(config) {
		t.Error("a damaged config counts as there")
	}
	if _, err := s.Ingest(sys.Kernel{}, config, bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find("one"); err != nil {
		t.Errorf("after it was stored again: %v", err)
	}
}

// TestParseName completes names as Docker does.
func TestParseName(t *testing.T) {
	d := digest.FromString("x").String()
	for _, c := range []struct{ in, full, familiar string }{
		{"hello-world", "docker.io/library/hello-world:latest", "hello-world:latest"},
		{"hello-world:1", "docker.io/library/hello-world:1", "hello-world:1"},
		{"team/app", "docker.io/team/app:latest", "team/app:latest"},
		{"docker.io/library/app", "docker.io/library/app:latest", "app:latest"},
		{"index.docker.io/library/app", "docker.io/library/app:latest", "app:latest"},
		{"localhost/app", "localhost/app:latest", "localhost/app:latest"},
		{"127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b:v1"},
		{"app@" + d, "docker.io/library/app@" + d, "app@" + d},
		{"app:1@" + d, "docker.io/library/app@" + d, "app@" + d},
		{"UPPER", "", "UPPER"}, {"", "", ""}, {"a b", "", "a b"}, {"app:", "", "app:"}, {"-app", "", "-app"}, {"app@sha256:1", "", "app@sha256:1"},
		{strings.Repeat("a", 300), "", strings.Repeat("a", 300)},
	} {
		named, err := image.ParseName(c.in)
		if (err == nil) != (c.full != "") || (err == nil && named.String() != c.full) {
			t.Errorf("%q is %v (%v), want %q", c.in, named, err, c.full)
		}
		if got := image.Familiar(c.in); got != c.familiar {
			t.Errorf("%q is familiarly %q, want %q", c.in, got, c.familiar)
		}
	}
}

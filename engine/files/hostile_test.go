//go:build linux

package files

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trap is a container's root full of links that lead out of it, and a directory
// outside, with a secret.
func trap(t *testing.T) (root *Root, outside string) {
	t.Helper()
	dir, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 40)
	for name, to := range map[string]string{"absolute": outside, "climbing": up + outside[1:], "file": secret, "magic": "/proc/self/root" + outside} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "place"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, outside
}

// archiveOf packs entries; those that have no text are links to what they name.
func archiveOf(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// TestReadsNothingOutside copies out of a container whose links lead to the host
// (CVE-2018-15664).
func TestReadsNothingOutside(t *testing.T) {
	root, outside := trap(t)
	for _, asked := range []string{
		"absolute/secret", "climbing/secret", "magic/secret", "file/.", "/absolute/.", "absolute/", outside + "/secret",
		"../../../../../.." + outside + "/secret", "/place/../../../../../.." + outside,
	} {
		var out bytes.Buffer
		err := root.Archive(asked, func(Stat) error { return nil }, &out)
		if err == nil || strings.Contains(out.String(), "secret of the host") {
			t.Errorf("%s: %v, %d bytes", asked, err, out.Len())
		}
	}
}

// TestWritesNothingOutside copies into such a container, archives that bring
// links of their own among them.
func TestWritesNothingOutside(t *testing.T) {
	root, outside := trap(t)
	made := tar.Header{Name: "made", Size: 1}
	for _, c := range []struct {
		name, into string
		archive    []tar.Header
	}{
		{"into a link", "absolute", []tar.Header{made}},
		{"into a link that climbs", "climbing", []tar.Header{made}},
		{"into a magic link", "magic", []tar.Header{made}},
		{"a name that climbs", "place", []tar.Header{{Name: strings.Repeat("../", 40) + outside[1:] + "/made", Size: 1}}},
		{"a name behind a link that is there", "/", []tar.Header{{Name: "absolute/made", Size: 1}}},
		{"a name behind a link that it brings", "place", []tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "l/made", Size: 1}}},
		{"over a link to a file", "/", []tar.Header{{Name: "file", Size: 1}}},
		{"a hard link to what a link leads to", "place", []tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "l/secret"}, {Name: "h", Size: 1}}},
		{"modes through a link", "place", []tar.Header{{Name: "m", Typeflag: tar.TypeSymlink, Linkname: filepath.Join(outside, "secret")}, {Name: "m/", Typeflag: tar.TypeDir}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := root.Extract(c.into, archiveOf(t, c.archive...), Options{})
			if _, there := os.Lstat(filepath.Join(outside, "made")); there == nil {
				t.Errorf("it was written outside (%v)", err)
				os.Remove(filepath.Join(outside, "made"))
			}
			data, _ := os.ReadFile(filepath.Join(outside, "secret"))
			info, err := os.Stat(filepath.Join(outside, "secret"))
			if err != nil || string(data) != "secret of the host" || info.Mode() != 0o644 {
				t.Errorf("what is outside was changed: %q, %v, %v", data, info, err)
			}
		})
	}
}

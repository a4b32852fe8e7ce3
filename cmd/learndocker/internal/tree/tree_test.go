package tree

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestRoundTrip: what is packed is unpacked as it was, under another name.
func TestRoundTrip(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(from, "d", "closed"), 0o755), os.WriteFile(filepath.Join(from, "d", "closed", "f"), []byte("text"), 0o640),
		os.Symlink("closed/f", filepath.Join(from, "d", "l")), os.Chmod(filepath.Join(from, "d", "closed"), 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = os.Chmod(filepath.Join(from, "d", "closed"), 0o755)
		_ = os.Chmod(filepath.Join(to, "e", "closed"), 0o755)
	})
	var archive bytes.Buffer
	if err := Pack(&archive, filepath.Join(from, "d"), "d"); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(&archive, to, "d", "e"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(to, "e", "l"))
	if err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(to, "e", "closed")); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestUnpackStaysInside: a container may say anything of its files.
func TestUnpackStaysInside(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"..":              {{Name: "../out", Typeflag: tar.TypeReg}},
		"a link out":      {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "l/out", Typeflag: tar.TypeReg}},
		"an absolute one": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUT"}, {Name: "l/out", Typeflag: tar.TypeReg}},
		"a hard link out": {{Name: "h", Typeflag: tar.TypeLink, Linkname: "../secret"}},
	} {
		outside := t.TempDir()
		dir := filepath.Join(outside, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outside, "secret"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		for _, h := range entries {
			if h.Linkname == "OUT" {
				h.Linkname = outside
			}
			h.Mode = 0o644
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := Unpack(&archive, dir, "x", ""); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Lstat(filepath.Join(outside, "out")); err == nil {
			t.Errorf("%s: it is outside", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, "h")); err == nil {
			t.Errorf("%s: linked", name)
		}
	}
}

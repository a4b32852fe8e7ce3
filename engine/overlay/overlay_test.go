//go:build linux

package overlay_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/sys"
)

func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
func file(name string) tar.Header {
	return tar.Header{
		Name: name, Typeflag: tar.TypeReg, Mode: 0o4751, Uid: 3, Gid: 4,
		PAXRecords: map[string]string{"SCHILY.xattr.user.said": "by " + name},
	}
}
func link(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}
func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}

// stories are layers, the lowest first, that put one thing in the place of
// another in every way.
var stories = map[string][][]tar.Header{
	"one layer":                  {{dir("a"), file("a/f"), link("l", "a/f"), hard("a/h", "a/f"), {Name: "p", Typeflag: tar.TypeFifo, Mode: 0o600}}},
	"a file is deleted":          {{dir("a"), file("a/f"), file("a/g")}, {file("a/.wh.f")}},
	"a directory is deleted":     {{dir("a"), dir("a/b"), file("a/b/f")}, {file(".wh.a")}},
	"deleted and made anew":      {{dir("a"), file("a/old")}, {file(".wh.a")}, {dir("a"), file("a/new")}},
	"deleted, anew in one layer": {{dir("a"), file("a/old")}, {file(".wh.a"), dir("a"), file("a/new")}},
	"an opaque directory":        {{dir("a"), file("a/old"), dir("a/b"), file("a/b/f")}, {dir("a"), file("a/.wh..wh..opq"), file("a/new")}},
	"a file becomes a directory": {{file("a")}, {dir("a"), file("a/f")}},
	"a directory becomes a file": {{dir("a"), file("a/f")}, {file("a")}},
	"a link becomes a directory": {{dir("b"), file("b/f"), link("a", "b")}, {dir("a"), file("a/g")}},
	"a link out of the root":     {{link("a", "/etc")}, {file("a")}},
	"deleted twice":              {{file("a")}, {file(".wh.a")}, {file(".wh.a")}},
	"a change deep down":         {{dir("a"), dir("a/b"), dir("a/b/c"), file("a/b/c/f")}, {file("a/b/c/f")}, {file("a/b/.wh.c")}},
}

func pack(t *testing.T, headers []tar.Header, nth int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = fmt.Sprintf("%s of layer %d", h.Name, nth)
			h.Size = int64(len(body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpacked puts layers into a store fit for the driver; topmost first.
func unpacked(t *testing.T, driver overlay.Driver, layers [][]tar.Header) []string {
	t.Helper()
	store, err := layer.Open(t.TempDir(), layer.Options{Plain: driver.Plain()})
	if err != nil {
		t.Fatal(err)
	}
	var lower []string
	for i, headers := range layers {
		archive := pack(t, headers, i)
		id := digest.FromBytes(archive)
		if _, err := store.Unpack(sys.Kernel{}, bytes.NewReader(archive), int64(len(archive)), id, id); err != nil {
			t.Fatal(err)
		}
		lower = append(lower, store.Dir(id))
	}
	slices.Reverse(lower)
	return lower
}

// shown is the tree that a container would see, one line for each entry.
func shown(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%s %o %d:%d", strings.TrimPrefix(path, root), st.Mode, st.Uid, st.Gid)
		switch {
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			said := make([]byte, 256)
			n, err := unix.Lgetxattr(path, "user.said", said)
			if err != nil {
				return &fs.PathError{Op: "lgetxattr", Path: path, Err: err}
			}
			line += fmt.Sprintf(" %d %q, said %q", st.Nlink, data, said[:n])
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + to
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func mounted(t *testing.T, s overlay.Stack) []string {
	t.Helper()
	if _, err := s.Mount(sys.Kernel{}, "c"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Unmount(sys.Kernel{}); err != nil {
			t.Error(err)
		}
	}()
	return shown(t, s.Merged())
}

// TestDriversAgree holds the other drivers against the kernel.
func TestDriversAgree(t *testing.T) {
	needs(t)
	for name, layers := range stories {
		t.Run(name, func(t *testing.T) {
			want := mounted(t, overlay.Stack{Driver: overlay.Kernel, Lower: unpacked(t, overlay.Kernel, layers), Dir: t.TempDir()})
			for _, driver := range []overlay.Driver{overlay.Fuse, overlay.Copy} {
				got := mounted(t, overlay.Stack{Driver: driver, Lower: unpacked(t, driver, layers), Dir: t.TempDir()})
				if !slices.Equal(got, want) {
					t.Errorf("%s shows\n%s\nthe kernel shows\n%s", driver, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

func needs(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts: run it as root")
	}
	if _, err := exec.LookPath("fuse-overlayfs"); err != nil {
		t.Fatal("fuse-overlayfs is missing: apt-get install fuse-overlayfs")
	}
}

// TestManyLayers mounts more layers than one page of options can name.
func TestManyLayers(t *testing.T) {
	needs(t)
	var layers [][]tar.Header
	for i := range 127 {
		layers = append(layers, []tar.Header{file(fmt.Sprintf("f%d", i))})
	}
	got := mounted(t, overlay.Stack{Driver: overlay.Kernel, Lower: unpacked(t, overlay.Kernel, layers), Dir: t.TempDir()})
	if len(got) != len(layers)+1 {
		t.Errorf("%d entries of %d", len(got), len(layers)+1)
	}
}

// TestSecondRun finds what the first run of a copied container has changed.
func TestSecondRun(t *testing.T) {
	needs(t)
	s := overlay.Stack{Driver: overlay.Copy, Lower: unpacked(t, overlay.Copy, stories["one layer"]), Dir: t.TempDir()}
	first := mounted(t, s)
	if err := os.Remove(filepath.Join(s.Merged(), "l")); err != nil {
		t.Fatal(err)
	}
	if second := mounted(t, s); len(second) != len(first)-1 {
		t.Errorf("the change is gone:\n%s", strings.Join(second, "\n"))
	}
}

// TestChoose finds the kernel's overlay on an ordinary file system, and another
// driver where the directory is itself on an overlay; nothing of the trying stays.
func TestChoose(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	if driver, why, err := overlay.Choose(dir, false); driver != overlay.Kernel || why != nil || err != nil {
		t.Errorf("on an ordinary file system: %s, %v, %v", driver, why, err)
	}
	s := overlay.Stack{Driver: overlay.Kernel, Lower: []string{t.TempDir()}, Dir: dir}
	if _, err := s.Mount(sys.Kernel{}, "c"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Unmount(sys.Kernel{}); err != nil {
			t.Error(err)
		}
	}()
	if driver, why, err := overlay.Choose(s.Merged(), false); driver != overlay.Fuse || why == nil || err != nil {
		t.Errorf("on an overlay: %s, %v, %v", driver, why, err)
	}
	t.Setenv("PATH", "")
	if driver, why, err := overlay.Choose(s.Merged(), false); driver != overlay.Copy || why == nil || err != nil {
		t.Errorf("on an overlay, without fuse-overlayfs: %s, %v, %v", driver, why, err)
	}
	if left, _ := os.ReadDir(s.Merged()); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

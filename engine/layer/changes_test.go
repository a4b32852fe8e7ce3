//go:build linux

package layer_test

import (
	"archive/tar"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

// stacks are images, layer by layer, that leave out no case that overlayfs
// tells apart.
func stacks() map[string][][]member {
	return map[string][][]member{
		"files": {
			{file("a", "1"), file("b", "1"), file("c", "1"), symlink("l", "a")},
			{file("a", "2"), file(".wh.b", ""), file("d", "new"), file(".wh.never", ""), symlink("l", "c")},
			{file("b", "again"), file(".wh.a", ""), file(".wh.l", "")},
			{file("a", "back")},
		},
		"directories": {
			{dir("etc"), file("etc/a", "1"), file("etc/b", "1"), dir("etc/deep"), file("etc/deep/x", "1"), dir("same")},
			{file("etc/c", "in a directory that is only meant"), dir("same")},
			{with(dir("same"), func(h *tar.Header) { h.Mode = 0o700 }), file("etc/.wh.deep", "")},
			{dir("etc"), file("etc/.wh..wh..opq", ""), file("etc/a", "alone")},
			{dir("etc/deep"), file("etc/b", "2")},
			{file(".wh.etc", "")},
			{dir("etc"), file("etc/z", "")},
		},
		"kinds": {
			{dir("d"), file("d/f", ""), file("f", ""), symlink("link", "d"), node("p", tar.TypeFifo, 0, 0)},
			{file("d", "was a directory"), dir("f"), file("f/in", ""), dir("link"), file("link/f", "")},
			{dir("d"), file("d/g", ""), file(".wh.link", ""), node("null", tar.TypeChar, 1, 3)},
			{file(".wh.d", ""), dir("d"), file("d/g", "")},
		},
	}
}

// TestChangesAreTheKernels holds what the store tells of each layer against
// what the kernel shows with the layer and without it.
func TestChangesAreTheKernels(t *testing.T) {
	for name, layers := range stacks() {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var ids []digest.Digest
			for _, members := range layers {
				archive := pack(t, p.outside, members...)
				if _, err := p.unpack(archive); err != nil {
					t.Fatal(err)
				}
				id := digest.FromBytes(archive)
				got, err := p.store.Changes(id, ids)
				if err != nil {
					t.Fatal(err)
				}
				without := stacked(t, p, ids)
				ids = append(ids, id)
				with := stacked(t, p, ids)
				want := difference(without, with)
				for _, list := range [][2][]string{{got.Added, want.Added}, {got.Changed, want.Changed}, {got.Deleted, want.Deleted}} {
					slices.Sort(list[0])
					if !slices.Equal(list[0], list[1]) {
						t.Errorf("layer %d: %+v, the kernel shows %+v", len(ids), got, want)
						break
					}
				}
			}
		})
	}
}

// TestWholeLayerOpaque: the kernel does not heed the mark at a layer's root;
// the engine leaves out what is below, and so does what is told.
func TestWholeLayerOpaque(t *testing.T) {
	p := newPlace(t)
	var ids []digest.Digest
	var got stage.Changes
	for _, members := range [][]member{{file("a", "1"), dir("d"), file("d/e", "")}, {file(".wh..wh..opq", ""), file("b", "")}, {file("a", "2"), file("b", "2")}} {
		archive := pack(t, p.outside, members...)
		if _, err := p.unpack(archive); err != nil {
			t.Fatal(err)
		}
		var err error
		if got, err = p.store.Changes(digest.FromBytes(archive), ids); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, digest.FromBytes(archive))
		if len(ids) == 2 && (!slices.Equal(got.Deleted, []string{"/a", "/d"}) || !slices.Equal(got.Added, []string{"/b"})) {
			t.Errorf("the opaque layer: %+v", got)
		}
	}
	if !slices.Equal(got.Added, []string{"/a"}) || !slices.Equal(got.Changed, []string{"/b"}) {
		t.Errorf("above the opaque layer: %+v", got)
	}
}

// TestChangesAreBounded: a layer of many files is told of in part.
func TestChangesAreBounded(t *testing.T) {
	p := newPlace(t)
	var members []member
	for i := range stage.MaxEntries + 7 {
		members = append(members, file(strings.Repeat("f", i+1), ""))
	}
	archive := pack(t, p.outside, members...)
	if _, err := p.unpack(archive); err != nil {
		t.Fatal(err)
	}
	got, err := p.store.Changes(digest.FromBytes(archive), nil)
	if err != nil || len(got.Added) != stage.MaxEntries || got.More != 7 {
		t.Errorf("%d listed and %d more: %v", len(got.Added), got.More, err)
	}
}

// stacked mounts layers, the lowest first, and lists what the kernel shows.
func stacked(t *testing.T, p *place, ids []digest.Digest) map[string]*syscall.Stat_t {
	t.Helper()
	merged, empty := t.TempDir(), t.TempDir()
	dirs := []string{empty, t.TempDir()} // the kernel wants two at least
	for _, id := range ids {
		dirs = append(dirs, p.store.Dir(id))
	}
	slices.Reverse(dirs)
	if err := unix.Mount("overlay", merged, "overlay", 0, "lowerdir="+strings.Join(dirs, ":")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(merged, 0); err != nil {
			t.Error(err)
		}
	}()
	shown := map[string]*syscall.Stat_t{}
	err := filepath.WalkDir(merged, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == merged {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil {
			shown[strings.TrimPrefix(path, merged)] = info.Sys().(*syscall.Stat_t)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// difference of two listings. What is deleted with its directory is not told
// apart from it. A file that is another has another inode: overlayfs shows
// those of the layers.
func difference(before, after map[string]*syscall.Stat_t) stage.Changes {
	var c stage.Changes
	for name, now := range after {
		was := before[name]
		switch {
		case was == nil:
			c.Added = append(c.Added, name)
		case now.Mode != was.Mode || now.Uid != was.Uid || now.Mode&unix.S_IFMT != unix.S_IFDIR && now.Ino != was.Ino:
			c.Changed = append(c.Changed, name)
		}
	}
	for name := range before {
		parent := filepath.Dir(name)
		if after[name] == nil && (parent == "/" || after[parent] != nil && after[parent].Mode&unix.S_IFMT == unix.S_IFDIR) {
			c.Deleted = append(c.Deleted, name)
		}
	}
	slices.Sort(c.Added)
	slices.Sort(c.Changed)
	slices.Sort(c.Deleted)
	return c
}

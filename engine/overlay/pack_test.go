//go:build linux

package overlay_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/sys"
)

// said makes a file as those of the stories are.
func said(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("written by a container"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := unix.Lsetxattr(path, "user.said", []byte("by a container"), 0); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// deeds are what a container does to its file system, whatever is in it.
var deeds = map[string]func(t *testing.T, root string){
	"everything goes": func(t *testing.T, root string) {
		entries, err := os.ReadDir(root)
		must(t, err)
		for _, e := range entries {
			must(t, os.RemoveAll(filepath.Join(root, e.Name())))
		}
	},
	"a is a directory anew": func(t *testing.T, root string) {
		a := filepath.Join(root, "a")
		must(t, os.RemoveAll(a), os.Mkdir(a, 0o711), os.Mkdir(filepath.Join(a, "b"), 0o755))
		said(t, filepath.Join(a, "b", "mine"))
	},
	"a is a file anew": func(t *testing.T, root string) {
		must(t, os.RemoveAll(filepath.Join(root, "a")))
		said(t, filepath.Join(root, "a"))
	},
	"a is a link anew": func(t *testing.T, root string) {
		must(t, os.RemoveAll(filepath.Join(root, "a")), os.Symlink("/etc", filepath.Join(root, "a")))
	},
	"new things": func(t *testing.T, root string) {
		must(t, os.MkdirAll(filepath.Join(root, "x/y"), 0o750))
		said(t, filepath.Join(root, "x/y/f"))
		must(t, os.Chown(filepath.Join(root, "x/y/f"), 7, 8), os.Chmod(filepath.Join(root, "x/y/f"), 0o4711|os.ModeSetuid),
			os.Link(filepath.Join(root, "x/y/f"), filepath.Join(root, "x/h")), os.Symlink("y/f", filepath.Join(root, "x/l")), unix.Mkfifo(filepath.Join(root, "x/p"), 0o622))
	},
	"another mode": func(t *testing.T, root string) {
		entries, err := os.ReadDir(root)
		must(t, err)
		for _, e := range entries {
			if e.IsDir() {
				must(t, os.Chmod(filepath.Join(root, e.Name()), 0o700), os.Chown(filepath.Join(root, e.Name()), 5, 6))
			}
		}
	},
	"nothing": func(*testing.T, string) {},
}

// TestPack: what a container has written, packed and unpacked again on top of its
// image, shows what the container saw. With each driver, over each story.
func TestPack(t *testing.T) {
	needs(t)
	for story, layers := range stories {
		for deed, do := range deeds {
			for _, driver := range []overlay.Driver{overlay.Kernel, overlay.Fuse, overlay.Copy} {
				t.Run(fmt.Sprintf("%s, then %s, with %s", story, deed, driver), func(t *testing.T) {
					store, lower := storeOf(t, driver, layers)
					s := overlay.Stack{Driver: driver, Lower: lower, Dir: t.TempDir()}
					want := done(t, s, do)
					whole, isWhole := s.Written()
					w := layer.Written{Dir: whole, Whole: isWhole, Below: lower}
					changes, err := store.Diff(w)
					must(t, err)
					if deed == "nothing" && len(changes) > 0 {
						t.Errorf("nothing was changed, and that is told: %v", changes)
					}
					var archive bytes.Buffer
					if _, err := store.Pack(&archive, w, changes); err != nil {
						t.Fatal(err)
					}
					id := digest.FromBytes(archive.Bytes())
					if _, err := store.Unpack(sys.Kernel{}, &archive, int64(archive.Len()), id, id); err != nil {
						t.Fatal(err)
					}
					below := append([]string{store.Dir(id)}, lower...)
					if store.Opaque(id) {
						below = below[:1]
					}
					got := mounted(t, overlay.Stack{Driver: driver, Lower: below, Dir: t.TempDir()})
					if driver == overlay.Fuse { // counts the names of a file anew as it meets them
						got, want = withoutCounts(got), withoutCounts(want)
					}
					// The root's own mode belongs to the lowest layer's unpacking.
					if !slices.Equal(got[1:], want[1:]) {
						t.Errorf("packed and unpacked it shows\n%s\nthe container saw\n%s\nchanges %+v", strings.Join(got, "\n"), strings.Join(want, "\n"), changes)
					}
				})
			}
		}
	}
}

var linkCount = regexp.MustCompile(` \d+ "`)

func withoutCounts(lines []string) []string {
	var list []string
	for _, l := range lines {
		list = append(list, linkCount.ReplaceAllString(l, ` "`))
	}
	return list
}

// storeOf is unpacked, with the store.
func storeOf(t *testing.T, driver overlay.Driver, layers [][]tar.Header) (*layer.Store, []string) {
	t.Helper()
	store, err := layer.Open(t.TempDir(), layer.Options{Plain: driver.Plain()})
	must(t, err)
	var lower []string
	for i, headers := range layers {
		archive := pack(t, headers, i)
		id := digest.FromBytes(archive)
		if _, err := store.Unpack(sys.Kernel{}, bytes.NewReader(archive), int64(len(archive)), id, id); err != nil {
			t.Fatal(err)
		}
		if dir := store.Dir(id); !slices.Contains(lower, dir) {
			lower = append(lower, dir)
		}
	}
	slices.Reverse(lower)
	return store, lower
}

// done mounts a stack, does something in it, and returns what is to be seen then.
func done(t *testing.T, s overlay.Stack, do func(*testing.T, string)) []string {
	t.Helper()
	if _, err := s.Mount(sys.Kernel{}, "c"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Unmount(sys.Kernel{}); err != nil {
			t.Error(err)
		}
	}()
	do(t, s.Merged())
	return shown(t, s.Merged())
}

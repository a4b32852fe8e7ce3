//go:build linux

package volume_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
	"github.com/learndocker/learndocker/engine/volume"
)

func open(t *testing.T, dir string) *volume.Store {
	t.Helper()
	s, err := volume.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStore: volumes outlive the store that made them, with all that is known of
// them; what was not made whole goes, what has content stays.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	v, created, err := s.Create(sys.Kernel{}, volume.Volume{Name: "one", Labels: map[string]string{"a": "b"}})
	if err != nil || !created || v.Mountpoint != filepath.Join(dir, "one", "_data") {
		t.Fatalf("%v, %v, %v", v, created, err)
	}
	if err := os.WriteFile(filepath.Join(v.Mountpoint, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, created, err := s.Create(sys.Kernel{}, volume.Volume{Name: "one"}); err != nil || created || again.Labels["a"] != "b" {
		t.Errorf("again: %v, %v, %v", again, created, err)
	}
	err = errors.Join(os.MkdirAll(filepath.Join(dir, "half", "_data"), 0o755), os.MkdirAll(filepath.Join(dir, "lost", "_data", "f"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	all, err := s.List()
	if err != nil || len(all) != 2 || all[0].Name != "lost" || all[1].Name != "one" || all[1].Labels["a"] != "b" || !all[1].Created.Equal(v.Created) {
		t.Errorf("after opening again: %v (%v)", all, err)
	}
	if err := s.Remove(sys.Kernel{}, "one"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get("one"); !errors.Is(err, volume.ErrNotFound) {
		t.Errorf("removed, and found: %v", err)
	}
	if err := s.Remove(sys.Kernel{}, "one"); !errors.Is(err, volume.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// TestNames: a name is no path, and options are not dropped silently.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "volumes"))
	for _, v := range []volume.Volume{
		{Name: ""}, {Name: "a"}, {Name: ".."}, {Name: "../x"}, {Name: "/etc"}, {Name: "a/b"}, {Name: ".hidden"}, {Name: "a b"}, {Name: "a\n"}, {Name: strings.Repeat("a", 256)},
		{Name: "ok", Options: map[string]string{"size": "1"}}, {Name: "ok", Options: map[string]string{"type": "none", "o": "bind", "device": "/srv", "size": "1"}}, {Name: "ok", Options: map[string]string{"type": "nfs", "o": "addr=x", "device": ":/x"}},
		{Name: "ok", Options: map[string]string{"type": "tmpfs"}}, {Name: "ok", Options: map[string]string{"type": "none", "o": "bind", "device": "rel"}},
	} {
		if _, _, err := s.Create(sys.Kernel{}, v); !errors.Is(err, volume.ErrInvalid) {
			t.Errorf("%+v: %v", v, err)
		}
		if err := s.Remove(sys.Kernel{}, v.Name); !errors.Is(err, volume.ErrNotFound) {
			t.Errorf("remove %q: %v", v.Name, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v (%v)", entries, err)
	}
	v, _, err := s.Create(sys.Kernel{}, volume.Volume{Name: "bound", Options: map[string]string{"type": "none", "o": "bind", "device": "/srv"}})
	if err != nil || v.Source() != "/srv" {
		t.Errorf("%v, %v", v, err)
	}
}

// TestFill: a volume gets what the image has at its place, as it is there.
func TestFill(t *testing.T) {
	root, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	old := time.Unix(1_500_000_000, 0)
	err := errors.Join(
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644),
		os.MkdirAll(at("data/sub"), 0o755), os.WriteFile(at("data/f"), []byte("text"), 0o644), os.Link(at("data/f"), at("data/sub/h")),
		os.Symlink(outside+"/secret", at("data/l")), unix.Mkfifo(at("data/p"), 0o600), unix.Mknod(at("data/c"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))),
		unix.Lsetxattr(at("data/f"), "user.said", []byte("x"), 0), os.Chown(at("data/f"), 12, 34), os.Chmod(at("data/f"), 0o751|os.ModeSetuid),
		os.Chtimes(at("data/f"), old, old), os.Chown(at("data"), 7, 8), os.Chmod(at("data"), 0o750), os.Symlink("/data", at("alias")), os.Symlink(outside, at("out")),
		os.WriteFile(at("plain"), nil, 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	n, err := volume.Fill(sys.Kernel{}, root, "/alias", to)
	if err != nil || n != 6 {
		t.Fatalf("%d entries, %v", n, err)
	}
	for _, name := range []string{"", "f", "sub", "sub/h", "l", "p", "c"} {
		var want, got unix.Stat_t
		if err := errors.Join(unix.Lstat(at("data/"+name), &want), unix.Lstat(filepath.Join(to, name), &got)); err != nil {
			t.Fatal(name, err)
		}
		if got.Mode != want.Mode || got.Uid != want.Uid || got.Gid != want.Gid || got.Size != want.Size && name == "f" || got.Rdev != want.Rdev || got.Mtim != want.Mtim || got.Nlink != want.Nlink {
			t.Errorf("%q is %+v\nwant %+v", name, got, want)
		}
	}
	value := make([]byte, 10)
	if n, err := unix.Lgetxattr(filepath.Join(to, "f"), "user.said", value); err != nil || string(value[:n]) != "x" {
		t.Errorf("attribute %q (%v)", value[:n], err)
	}
	if link, err := os.Readlink(filepath.Join(to, "l")); err != nil || link != outside+"/secret" {
		t.Errorf("the link leads to %q (%v)", link, err)
	}
	empty := t.TempDir()
	for _, place := range []string{"/out", "/nothing", "/../../../../../.." + outside} {
		if n, err := volume.Fill(sys.Kernel{}, root, place, empty); n != 0 || err != nil && !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %d entries, %v", place, n, err)
		}
	}
	if _, err := volume.Fill(sys.Kernel{}, root, "/plain", empty); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("from outside: %v (%v)", entries, err)
	}
}

// TestMountedVolume: a volume in memory is mounted from its first user to its last,
// and a store that is opened anew finds none mounted.
func TestMountedVolume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volumes")
	s := open(t, dir)
	v, _, err := s.Create(sys.Kernel{}, volume.Volume{Name: "memory", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m,noexec"}})
	if err != nil {
		t.Fatal(err)
	}
	mounted := func() bool {
		var st unix.Statfs_t
		if err := unix.Statfs(v.Mountpoint, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks*uint64(st.Bsize) == 1<<20 && st.Flags&unix.ST_NOEXEC != 0
	}
	use := func(do func(sys.Kernel, string) error, want bool) {
		t.Helper()
		if err := do(sys.Kernel{}, v.Name); err != nil || mounted() != want {
			t.Errorf("mounted: %v, want %v (%v)", mounted(), want, err)
		}
	}
	use(s.Use, true)
	use(s.Use, true)
	use(s.Leave, true)
	use(s.Leave, false)
	use(s.Leave, false)
	use(s.Use, true)
	if got := volume.Mounted(v.Mountpoint); got != filepath.Dir(dir) {
		t.Errorf("its data root is %q", got)
	}
	s = open(t, dir) // as after a daemon that was killed
	if mounted() {
		t.Error("it is left mounted")
	}
	use(s.Use, true)
	use(s.Leave, false)
}

//go:build linux

package layer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
)

// written is what a container may have written: a file of each kind, and traps.
func written(t *testing.T, p *place) string {
	t.Helper()
	upper := filepath.Join(p.base, "upper")
	err := errors.Join(
		os.MkdirAll(filepath.Join(upper, "dir/sub"), 0o755), os.WriteFile(filepath.Join(upper, "dir/secret"), []byte("the container's own"), 0o644),
		os.Symlink(p.outside, filepath.Join(upper, "trap")), unix.Mknod(filepath.Join(upper, "dir/gone"), unix.S_IFCHR, 0),
		unix.Mkfifo(filepath.Join(upper, "dir/fifo"), 0o600), os.MkdirAll(filepath.Join(upper, "proc"), 0o755),
		os.MkdirAll(filepath.Join(upper, "etc"), 0o755), os.WriteFile(filepath.Join(upper, "etc/hosts"), nil, 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	return upper
}

func members(t *testing.T, archive io.Reader) (names []string, text string) {
	t.Helper()
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, text
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
}

// TestPackStaysInside: a container that puts a link in the place of a directory,
// between the look at it and the packing, gets nothing of what is outside.
func TestPackStaysInside(t *testing.T) {
	p := newPlace(t)
	w := layer.Written{Dir: written(t, p), Places: []string{"/proc", "/etc", "/etc/hosts"}}
	changes, err := p.store.Diff(w)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	if want := []string{"/dir", "/dir/fifo", "/dir/secret", "/dir/sub", "/trap"}; !slices.Equal(paths, want) {
		t.Errorf("changes %v, want %v", paths, want)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(w.Dir, "dir")), os.Symlink(p.outside, filepath.Join(w.Dir, "dir"))); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if _, err := p.store.Pack(&archive, w, changes); err != nil {
		t.Fatal(err)
	}
	names, text := members(t, &archive)
	if strings.Contains(text, "secret") || slices.Contains(names, "dir/secret") {
		t.Errorf("the layer has %v, with %q", names, text)
	}
}

// TestArchive: an exported file system has links as links, and nothing of what
// they lead to.
func TestArchive(t *testing.T) {
	p := newPlace(t)
	dir := written(t, p)
	var archive bytes.Buffer
	if err := layer.Archive(&archive, dir); err != nil {
		t.Fatal(err)
	}
	names, text := members(t, &archive)
	if want := []string{"dir/", "dir/fifo", "dir/gone", "dir/secret", "dir/sub/", "etc/", "etc/hosts", "proc/", "trap"}; !slices.Equal(names, want) {
		t.Errorf("archive %v, want %v", names, want)
	}
	if text != "the container's own" {
		t.Errorf("its files hold %q", text)
	}
	if n, err := layer.DirSize(dir); err != nil || n != int64(len(text)+len(p.outside)) {
		t.Errorf("size %d (%v)", n, err)
	}
}

// TestNamesOfWhiteouts: a file of a container whose name would delete another is
// not packed.
func TestNamesOfWhiteouts(t *testing.T) {
	p := newPlace(t)
	upper := filepath.Join(p.base, "upper")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.WriteFile(filepath.Join(upper, ".wh.etc"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	w := layer.Written{Dir: upper}
	changes, err := p.store.Diff(w)
	if err != nil || len(changes) != 1 {
		t.Fatalf("changes %v (%v)", changes, err)
	}
	if _, err := p.store.Pack(io.Discard, w, changes); err == nil || !strings.Contains(err.Error(), "it would delete another") {
		t.Errorf("error %v", err)
	}
}

// TestPlain: an archive that grows beyond what came in is cut off.
func TestPlain(t *testing.T) {
	bounds := layer.Bounds{MaxBytes: 64 << 20, FloorBytes: 1 << 20}
	for size, want := range map[int]bool{1 << 10: true, 8 << 20: false} {
		r, err := layer.Plain(bytes.NewReader(zip(t, make([]byte, size))), bounds)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); (err == nil) != want {
			t.Errorf("%d bytes of zeros: %v", size, err)
		}
	}
	for size, want := range map[int]bool{1 << 10: true, 8 << 20: false} {
		r, err := layer.Plain(bytes.NewReader(xz(t, make([]byte, size))), bounds)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); (err == nil) != want {
			t.Errorf("%d bytes of zeros, by xz: %v", size, err)
		}
	}
}

// xz is what the program makes of a text.
func xz(t *testing.T, text []byte, options ...string) []byte {
	t.Helper()
	cmd := exec.Command("xz", append(options, "-c")...)
	cmd.Stdin = bytes.NewReader(text)
	packed, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("xz is not there: apt-get install xz-utils")
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// TestXZ reads what the program writes: each checksum, several blocks, several
// streams with padding between; and refuses what is damaged.
func TestXZ(t *testing.T) {
	var text []byte
	for i := range 10_000 {
		text = fmt.Appendf(text, "%d is one of many lines\n", i*i)
	}
	read := func(packed []byte) ([]byte, error) {
		r, err := layer.Decompress(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	for _, options := range [][]string{nil, {"-0"}, {"-9e"}, {"-T2", "--block-size=50000"}, {"--check=none"}, {"--check=crc32"}, {"--check=sha256"}} {
		if got, err := read(xz(t, text, options...)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%v: %d bytes, %v", options, len(got), err)
		}
	}
	two := slices.Concat(xz(t, text), make([]byte, 8), xz(t, []byte("more")), make([]byte, 4))
	if got, err := read(two); err != nil || !bytes.Equal(got, append(slices.Clone(text), "more"...)) {
		t.Errorf("two streams: %d bytes, %v", len(got), err)
	}
	whole := xz(t, text)
	for at := 7; at < len(whole); at += len(whole)/16 + 1 {
		torn := slices.Clone(whole)
		torn[at] ^= 0x10
		if got, err := read(torn); err == nil && !bytes.Equal(got, text) {
			t.Errorf("byte %d changed, and nobody notices", at)
		}
		if _, err := read(whole[:at]); err == nil {
			t.Errorf("%d bytes of %d are taken for all", at, len(whole))
		}
	}
	noise := make([]byte, 5000) // which stands in the archive as it is
	source := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(source.Uint32())
	}
	for _, check := range []string{"crc32", "crc64", "sha256"} {
		packed := xz(t, noise, "--check="+check)
		packed[len(packed)/2] ^= 1
		if _, err := read(packed); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: %v", check, err)
		}
	}
	for name, options := range map[string][]string{"another filter": {"--x86", "--lzma2"}, "dictionary of 536870912 bytes": {"--lzma2=dict=512MiB"}} {
		if _, err := read(xz(t, text, options...)); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(name, "another ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

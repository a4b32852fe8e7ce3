//go:build linux

package layer_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/sys"
)

// bounded is a place whose layers may hold little.
func bounded(t *testing.T, b layer.Bounds) *place {
	t.Helper()
	p := newPlace(t)
	var err error
	if p.store, err = layer.Open(p.layers, layer.Options{Bounds: b}); err != nil {
		t.Fatal(err)
	}
	return p
}

// repeated is an archive of n times the same entry.
func repeated(t *testing.T, n int, m member) []byte {
	t.Helper()
	one := pack(t, "", m)
	one = one[:len(one)-1024] // without the end mark
	return append(bytes.Repeat(one, n), make([]byte, 1024)...)
}

// sparse is an archive with one file of that size, all of it a hole: PAX
// format 0.1 of GNU tar, "Sparse Formats" in its manual.
func sparse(t *testing.T, size int64) []byte {
	t.Helper()
	records := ""
	for _, r := range []string{"GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.name=hole", fmt.Sprintf("GNU.sparse.size=%d", size), "GNU.sparse.numblocks=1", fmt.Sprintf("GNU.sparse.map=%d,0", size)} {
		n := len(r) + 3
		for len(fmt.Sprintf("%d %s\n", n, r)) != n {
			n++
		}
		records += fmt.Sprintf("%d %s\n", n, r)
	}
	// tar.Writer refuses these records, so they are written as a file and their
	// kind is changed: the header's byte 156, and its checksum.
	archive := pack(t, "", file("PaxHeaders", records), file("hole", ""))
	header := archive[:512]
	header[156] = tar.TypeXHeader
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return archive
}

// TestBombs unpacks archives that are small and hold much. They end at a bound,
// and nothing is left of them.
func TestBombs(t *testing.T) {
	small := layer.Bounds{MaxBytes: 64 << 20, FloorBytes: 4 << 20, MaxEntries: 1000, MaxDirNames: 5000}
	zeros := func(n int) []byte { return pack(t, "", file("zeros", string(make([]byte, n)))) }
	for _, c := range []struct {
		name    string
		archive []byte
		pack    func(*testing.T, []byte) []byte
		err     string // "" is an archive that is taken
	}{
		{"gzip beyond the floor", zeros(8 << 20), zip, "more than 4194304 bytes of archive"},
		{"gzip up to the floor", zeros(3 << 20), zip, ""},
		{"zstd beyond the floor", zeros(8 << 20), zstandard, "more than 4194304 bytes of archive"},
		{"gzip of gzip", zip(t, zeros(8<<20)), zip, "invalid tar header"},
		{"zeros after the archive's end", append(zeros(10), make([]byte, 8<<20)...), zip, "more than 4194304 bytes of archive"},
		{"many entries", repeated(t, 1001, file("f", "")), zip, "more than 1000 entries"},
		{"as many entries as may be", repeated(t, 1000, file("f", "")), zip, ""},
		{"many directories", repeated(t, 1001, dir("d")), zip, "more than 1000 entries"},
		{"long names of directories", repeated(t, 60, dir(strings.Repeat("d/", 45))), zip, "the names of the directories take more than 5000 bytes"},
		{"a hole of four tebibytes", sparse(t, 4<<40), zip, "more than 4194304 bytes of files"},
		{"a hole beyond all numbers", sparse(t, 1<<62), zip, "more than 4194304 bytes of files"},
		{"holes that are too large together", append(sparse(t, 3<<20)[:2048-512], sparse(t, 3<<20)...), zip, "more than 4194304 bytes of files"},
		{"a hole that fits", sparse(t, 3<<20), zip, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := bounded(t, small)
			blob, id := c.pack(t, c.archive), digest.FromBytes(c.archive)
			_, err := p.store.Unpack(sys.Kernel{}, bytes.NewReader(blob), int64(len(blob)), digest.FromBytes(blob), id)
			if c.err == "" {
				if err != nil {
					t.Error(err)
				}
				p.checkOutside(t, 1)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			p.checkOutside(t, 0)
		})
	}
}

// TestGrowth: a large blob may hold more than the floor, by its size, and never
// more than the bound.
func TestGrowth(t *testing.T) {
	p := bounded(t, layer.Bounds{MaxBytes: 8 << 20, FloorBytes: 1 << 20})
	noise := make([]byte, 32<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	for size, want := range map[int]string{5 << 20: "", 9 << 20: "more than 8388608 bytes"} {
		archive := pack(t, "", file("f", string(make([]byte, size))), file("noise", string(noise)))
		_, err := p.store.Unpack(sys.Kernel{}, bytes.NewReader(archive), 60<<10, digest.FromBytes(archive), digest.FromBytes(archive))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", size, err, want)
		}
	}
}

// TestFullDisk unpacks onto a small file system: the unpacking ends while there
// is room for others.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct{ name, options, want string }{
		{"of bytes", "size=100m", "no room left in "},
		{"of files", "size=1g,nr_inodes=20000", "more files can be made"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			if err := unix.Mount("tmpfs", p.layers, "tmpfs", 0, c.options); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(p.layers, 0); err != nil {
					t.Error(err)
				}
			})
			archive := pack(t, "", file("f", string(make([]byte, 110<<20))))
			if c.name == "of files" {
				var members []member
				for i := range 30000 {
					members = append(members, file(fmt.Sprint(i), ""))
				}
				archive = pack(t, "", members...)
			}
			_, err := p.unpack(archive)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			p.checkOutside(t, 0)
		})
	}
}

// TestDownTheHole unpacks a chain of links and names that makes a tree deeper
// than any path can say; it must come apart again, too.
func TestDownTheHole(t *testing.T) {
	p := newPlace(t)
	deep := strings.Repeat("d/", 1000)
	members := []member{dir(deep), symlink("l", deep), dir("l/" + deep), symlink("m", "l/"+deep), dir("m/" + deep)}
	fact, err := p.unpack(pack(t, p.outside, members...))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store.Remove(digest.Digest(fact.DiffID)); err != nil {
		t.Error(err)
	}
	p.checkOutside(t, 0)
}

// TestGoArchives unpacks every archive by which archive/tar itself is tested:
// old formats, sparse files, records that are wrong. What must come of each is
// the package's business; here none may hang, panic, or get out.
func TestGoArchives(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src/archive/tar/testdata/*.tar*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(archives) < 40 {
		t.Fatalf("%d archives in Go's own testdata, want 40 or more: %v", len(archives), archives)
	}
	taken := 0
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p := bounded(t, layer.Bounds{MaxBytes: 16 << 20})
			// Some are compressed in ways that layers are not; their diffID does
			// not matter, for they are no archives to us.
			fact, err := p.unpack(data)
			if err == nil {
				taken++
				p.checkOutside(t, 1)
				return
			}
			t.Logf("refused: %.200v, after %d entries", err, fact.Entries)
			p.checkOutside(t, 0)
		})
	}
	if taken < 10 {
		t.Errorf("only %d archives were taken: a test that refuses all proves nothing", taken)
	}
}

// Owners that are none: the one that chown(2) leaves a file with, and one that
// would be root's if it were cut to 32 bits.
var noOwner, farOwner int64 = 1<<32 - 1, 1 << 40

// TestOddRecords: PAX records and attributes that no honest archive has.
func TestOddRecords(t *testing.T) {
	for _, c := range []struct {
		name string
		in   member
		want []string // nil: an error
		err  string
	}{
		{"an attribute without a name", xattr(file("f", "x"), "", "v"), nil, "attribute"},
		{"an attribute of no namespace", xattr(file("f", "x"), "nothing", "v"), []string{"f =x"}, ""},
		{"an attribute that is too long", xattr(file("f", "x"), "user.long", strings.Repeat("v", 70_000)), nil, `set attribute "user.long"`},
		{"an attribute with a name that is too long", xattr(file("f", "x"), "user."+strings.Repeat("n", 300), "v"), nil, "set attribute"},
		{"a capability that is none", xattr(file("f", "x"), "security.capability", "rubbish"), nil, `set attribute "security.capability"`},
		{"an opaque root by attribute", xattr(dir("."), "trusted.overlay.opaque", "y"), []string{}, ""},
		{"attributes of a link are its own", xattr(symlink("l", "OUT/secret"), "user.note", "v"), []string{"l -> *"}, ""},
		{"a time before all times", with(file("f", "x"), func(h *tar.Header) { h.Format, h.ModTime = tar.FormatPAX, epoch.AddDate(-200_000_000, 0, 0) }), []string{"f =x"}, ""},
		{"an owner below zero", with(file("f", "x"), func(h *tar.Header) { h.Format, h.Uid = tar.FormatGNU, -2 }), nil, "there is no owner -2:0"},
		{"an owner that means to leave it", with(file("f", "x"), func(h *tar.Header) { h.Format, h.Gid = tar.FormatPAX, int(noOwner) }), nil, "there is no owner 0:4294967295"},
		{"an owner beyond all numbers", with(file("f", "x"), func(h *tar.Header) { h.Format, h.Uid = tar.FormatPAX, int(farOwner) }), nil, "there is no owner 1099511627776:0"},
		{"a device number beyond the kernel's", node("c", tar.TypeChar, 1<<20, 1<<20), nil, "there is no device 1048576:1048576"},
		{"a whiteout's name beyond 255 bytes", file(".wh."+strings.Repeat("n", 256), ""), nil, "name too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			fact, err := p.unpack(pack(t, p.outside, c.in))
			if c.want == nil {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q; made %q", err, c.err, listing(t, p.layers))
				}
				p.checkOutside(t, 0)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := listing(t, fact.Dir); !alike(c.want, got) && !slices.Equal(c.want, got) {
				t.Errorf("made %q, want %q", got, c.want)
			}
			if p.store.Opaque(digest.Digest(fact.DiffID)) {
				t.Error("the archive's attribute made the layer opaque")
			}
			p.checkOutside(t, 1)
		})
	}
}

// FuzzUnpack unpacks whatever comes. No more may happen than that it is
// refused; outside nothing changes.
func FuzzUnpack(f *testing.F) {
	t := &testing.T{}
	for _, members := range [][]member{
		{file("a/b", "text"), symlink("l", "../.."), hardlink("h", "a/b"), file("l/x", "y")},
		{file(".wh.f", ""), file("d/.wh..wh..opq", ""), dir("d")},
		{xattr(file("f", "x"), "user.n", "v"), node("c", tar.TypeChar, 1, 3), file("../../outside/secret", "x")},
		{symlink("s", "/proc/self/cwd"), dir("s/d")},
	} {
		f.Add(pack(t, "/outside", members...))
	}
	f.Add(sparse(t, 1<<40))
	f.Add(zip(t, pack(t, "", file("f", "x"))))
	f.Add(zstandard(t, pack(t, "", file("f", "x"))))
	f.Fuzz(func(t *testing.T, blob []byte) {
		p := bounded(t, layer.Bounds{MaxBytes: 1 << 20, FloorBytes: 1 << 20, MaxEntries: 200})
		_, err := p.store.Unpack(sys.Kernel{}, bytes.NewReader(blob), int64(len(blob)), digest.FromBytes(blob), digest.FromBytes(blob))
		if err == nil {
			p.checkOutside(t, 1)
			return
		}
		p.checkOutside(t, 0)
	})
}

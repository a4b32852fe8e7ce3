//go:build linux

package layer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// member makes one entry of an archive.
type member func(outside string) (tar.Header, string)

func dir(name string) member {
	return func(string) (tar.Header, string) {
		return tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755}, ""
	}
}

func file(name, body string) member {
	return func(string) (tar.Header, string) {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}, body
	}
}

// symlink and hardlink replace OUT by the path of a directory that no archive
// may touch.
func symlink(name, to string) member {
	return func(outside string) (tar.Header, string) {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: strings.ReplaceAll(to, "OUT", outside), Mode: 0o777}, ""
	}
}

func hardlink(name, to string) member {
	return func(outside string) (tar.Header, string) {
		return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: strings.ReplaceAll(to, "OUT", outside), Mode: 0o600}, ""
	}
}

// with changes the header that another member makes.
func with(m member, change func(*tar.Header)) member {
	return func(outside string) (tar.Header, string) {
		h, body := m(outside)
		change(&h)
		return h, body
	}
}

func xattr(m member, name, value string) member {
	return with(m, func(h *tar.Header) {
		h.PAXRecords, h.Format = map[string]string{"SCHILY.xattr." + name: value}, tar.FormatPAX
	})
}

func node(name string, kind byte, major, minor int64) member {
	return func(string) (tar.Header, string) {
		return tar.Header{Name: name, Typeflag: kind, Mode: 0o600, Devmajor: major, Devminor: minor}, ""
	}
}

var epoch = time.Unix(1_600_000_000, 0)

// pack writes an archive.
func pack(t *testing.T, outside string, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h, body := m(outside)
		if h.ModTime.IsZero() && h.Typeflag != tar.TypeXGlobalHeader {
			h.ModTime = epoch
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// place is a layer store beside a directory that must stay as it is.
type place struct {
	base, outside, layers string
	store                 *layer.Store
}

func newPlace(t *testing.T) *place {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("layers belong to many users and hold device nodes: run this test as root (apt-get install sudo; sudo make test)")
	}
	base := t.TempDir()
	p := &place{base: base, outside: filepath.Join(base, "outside"), layers: filepath.Join(base, "layers")}
	if err := os.Mkdir(p.outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.outside, "secret"), []byte("secret"), 0o640); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.store, err = layer.Open(p.layers, layer.Options{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// unpack unpacks an archive that promises what it holds.
func (p *place) unpack(archive []byte) (stage.Unpacked, error) {
	return p.store.Unpack(sys.Kernel{}, bytes.NewReader(archive), int64(len(archive)), digest.FromBytes(archive), digest.FromBytes(archive))
}

// checkOutside fails the test where anything but whole layers has changed.
func (p *place) checkOutside(t *testing.T, whole int) {
	t.Helper()
	if got, want := listing(t, p.outside), []string{"secret =secret"}; !slices.Equal(got, want) {
		t.Errorf("outside is now %q, want %q", got, want)
	}
	info, err := os.Stat(filepath.Join(p.outside, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); info.Mode() != 0o640 || st.Nlink != 1 {
		t.Errorf("the secret has mode %s and %d links", info.Mode(), st.Nlink)
	}
	for dir, want := range map[string]int{p.base: 2, p.layers: whole} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%s holds %v, want %d entries (%v)", dir, entries, want, err)
		}
	}
}

// listing describes a tree, one line for each file:
//
//	a/              a directory; "a/ (opaque)" hides what is below
//	a =text         a file
//	a -> b          a symbolic link
//	a x             a whiteout
//	a c 1:3         a device; b for blocks, p for a fifo
func listing(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		said, err := describe(path, d)
		lines = append(lines, name+said)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func describe(path string, d fs.DirEntry) (string, error) {
	switch d.Type() {
	case fs.ModeDir:
		if n, err := unix.Lgetxattr(path, "trusted.overlay.opaque", make([]byte, 1)); err == nil && n == 1 {
			return "/ (opaque)", nil
		}
		return "/", nil
	case fs.ModeSymlink:
		to, err := os.Readlink(path)
		return " -> " + to, err
	case 0:
		body, err := os.ReadFile(path)
		return " =" + string(body), err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	number := fmt.Sprintf(" %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return " p", nil
	case unix.S_IFBLK:
		return " b" + number, nil
	}
	if st.Rdev == 0 {
		return " x", nil
	}
	return " c" + number, nil
}

// TestUnpack unpacks archives, honest and hostile. Whatever they hold, nothing
// outside the layer's directory changes; the result is as told, or an error
// with that text, and then nothing is left.
//
// Most cases are those of containerd's TestBreakouts, moby's
// TestUntar*/TestApplyLayer* and umoci's TestUnpackEntry*.
func TestUnpack(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, c := range []struct {
		name string
		in   []member
		want []string // nil: an error
		err  string
	}{
		{"plain", []member{dir("etc"), file("etc/passwd", "p"), symlink("l", "etc/passwd")}, []string{"etc/", "etc/passwd =p", "l -> etc/passwd"}, ""},
		{"nothing", nil, []string{}, ""},
		{"missing parents are made", []member{file("a/b/c", "x")}, []string{"a/", "a/b/", "a/b/c =x"}, ""},
		{"the root itself", []member{dir("."), file("./a", "x")}, []string{"a =x"}, ""},
		{"a path in other words", []member{file("/abs", "1"), file("a//b/./c", "2"), file("a/../d", "3")}, []string{"a/", "a/b/", "a/b/c =2", "abs =1", "d =3"}, ""},

		// Paths that climb stop at the root.
		{"climbing name", []member{file("../../outside/secret", "x")}, []string{"outside/", "outside/secret =x"}, ""},
		{"climbing name within", []member{file("a/../../../outside/secret", "x")}, []string{"outside/", "outside/secret =x"}, ""},
		{"absolute name", []member{func(out string) (tar.Header, string) { return file(out+"/secret", "x")(out) }}, []string{"*"}, ""},
		{"climbing directory", []member{dir(".."), dir("../outside/made")}, []string{"outside/", "outside/made/"}, ""},
		{"climbing symlink name", []member{symlink("../../outside/l", "secret")}, []string{"outside/", "outside/l -> secret"}, ""},

		// Symbolic links may point anywhere; what goes through them stays inside.
		{"SymlinkAbsolute", []member{dir("etc"), symlink("l", "/etc"), file("l/f", "x")}, []string{"etc/", "etc/f =x", "l -> /etc"}, ""},
		{"SymlinkUpAndOut", []member{dir("etc"), symlink("a/l", "../../../../etc"), file("a/l/f", "x")}, []string{"a/", "a/l -> ../../../../etc", "etc/", "etc/f =x"}, ""},
		{"SymlinkMultipleAbsolute", []member{dir("etc"), symlink("l1", "/etc"), symlink("l2", "/l1"), file("l2/f", "x")}, []string{"etc/", "etc/f =x", "l1 -> /etc", "l2 -> /l1"}, ""},
		{"SymlinkMultipleRelative", []member{dir("etc"), symlink("l1", "etc"), symlink("d/l2", "../../l1"), file("d/l2/f", "x")}, []string{"d/", "d/l2 -> ../../l1", "etc/", "etc/f =x", "l1 -> etc"}, ""},
		{"SymlinkEmptyFile", []member{file("etc/empty", ""), symlink("l", "/etc"), file("l/empty", "x")}, []string{"etc/", "etc/empty =x", "l -> /etc"}, ""},
		{"SymlinkParentDirectory", []member{dir("d"), symlink("d/l", ".."), file("d/l/f", "x")}, []string{"d/", "d/l -> ..", "f =x"}, ""},
		{"SymlinkSlashEnded", []member{dir("etc"), symlink("l/", "/etc"), file("l/f", "x")}, []string{"etc/", "etc/f =x", "l -> /etc"}, ""},
		{"SymlinkBreakout of two steps", []member{dir("inner"), symlink("inner/up", ".."), symlink("inner/up/up", "../.."), file("inner/up/up/outside/secret", "x")}, []string{"inner/", "inner/up -> ..", "outside/", "outside/secret =x", "up -> ../.."}, ""},
		{"symlink out, file through it", []member{symlink("l", "OUT"), file("l/secret", "x")}, nil, "no such file"},
		{"symlink out, directory through it", []member{symlink("l", "OUT"), dir("l/made")}, nil, "no such file"},
		{"symlink out, whiteout through it", []member{symlink("l", "OUT"), file("l/.wh.secret", "")}, nil, "no such file"},
		{"symlink out, opaque marker through it", []member{symlink("l", "OUT"), file("l/.wh..wh..opq", "")}, nil, "no such file"},
		{"symlink out, symlink through it", []member{symlink("l", "../../outside"), symlink("l/made", "secret")}, nil, "no such file"},
		{"symlink out, file over it", []member{symlink("l", "OUT/secret"), file("l", "x")}, []string{"l =x"}, ""},
		{"symlink out, directory over it", []member{symlink("l", "OUT"), dir("l"), file("l/secret", "x")}, []string{"l/", "l/secret =x"}, ""},
		{"symlink out, mode and owner for it", []member{symlink("l", "OUT/secret"), with(hardlink("l", "OUT/secret"), func(h *tar.Header) { h.Mode = 0o777 })}, nil, "hard link to"},
		{"symlinks in a circle", []member{symlink("a", "b"), symlink("b", "a"), file("a/f", "x")}, nil, "too many levels"},
		{"symlink to a magic link", []member{symlink("l", "/proc/self/cwd"), file("l/f", "x")}, nil, ""},
		{"symlink without a name", []member{symlink("", "/etc")}, nil, "the root must be a directory"},
		{"the root replaced by a symlink (CVE-2021-29136)", []member{symlink(".", "OUT"), file("f", "x")}, nil, "the root must be a directory"},
		{"the root replaced by a file", []member{file(".", "x")}, nil, "the root must be a directory"},
		{"the root replaced by a hard link", []member{file("f", "x"), hardlink("/", "f")}, nil, "the root must be a directory"},

		// Hard links share only what is inside.
		{"HardlinkRelative", []member{file("etc/passwd", "p"), hardlink("l", "../../etc/passwd")}, []string{"etc/", "etc/passwd =p", "l =p"}, ""},
		{"HardlinkAbsolute", []member{file("etc/passwd", "p"), hardlink("l", "/etc/passwd")}, []string{"etc/", "etc/passwd =p", "l =p"}, ""},
		{"HardlinkDownAndOut", []member{dir("etc"), file("etc/passwd", "p"), symlink("d/l", "/etc"), hardlink("h", "d/l/passwd")}, []string{"d/", "d/l -> /etc", "etc/", "etc/passwd =p", "h =p"}, ""},
		{"hard link out", []member{hardlink("l", "OUT/secret")}, nil, "hard link to"},
		{"hard link climbing out", []member{hardlink("l", "../../outside/secret")}, nil, "hard link to"},
		{"hard link through a symlink out", []member{symlink("s", "OUT"), hardlink("l", "s/secret")}, nil, "hard link to"},
		{"hard link to a symlink out, file over it", []member{symlink("s", "OUT/secret"), hardlink("l", "s"), file("l", "x")}, []string{"l =x", "s -> *"}, ""},
		{"HardlinkSymlinkChmod", []member{symlink("s", "OUT/secret"), with(hardlink("l", "s"), func(h *tar.Header) { h.Mode = 0o777 })}, []string{"l -> *", "s -> *"}, ""},
		{"HardlinkSymlinkBeforeCreateTarget", []member{symlink("s", "target"), hardlink("h", "s"), file("target", "x")}, []string{"h -> target", "s -> target", "target =x"}, ""},
		{"hard link to what is not there", []member{hardlink("l", "nothing")}, nil, "no such file"},
		{"hard link to a directory", []member{dir("d"), hardlink("l", "d")}, nil, "not permitted"},
		{"hard link to the root", []member{hardlink("l", "/")}, nil, ""},
		{"writing over a hard link leaves the other", []member{file("a", "old"), hardlink("b", "a"), file("b", "new")}, []string{"a =old", "b =new"}, ""},

		// A later entry of a name replaces an earlier one.
		{"file over file", []member{file("f", "long text"), file("f", "x")}, []string{"f =x"}, ""},
		{"SymlinkOverrideDirectory", []member{dir("etc"), dir("d"), file("d/f", "x"), symlink("d", "/etc")}, []string{"d -> /etc", "etc/"}, ""},
		{"SymlinkOverridePath", []member{file("etc/f", "x"), dir("d/etc"), symlink("d", "/"), file("d/etc/g", "y")}, []string{"d -> /", "etc/", "etc/f =x", "etc/g =y"}, ""},
		{"DirectoryOverrideSymlink", []member{file("etc/f", "x"), symlink("l", "/etc"), dir("l"), file("l/f", "y")}, []string{"etc/", "etc/f =x", "l/", "l/f =y"}, ""},
		{"file over directory", []member{file("d/deep/f", "x"), file("d", "y")}, []string{"d =y"}, ""},
		{"directory over file", []member{file("d", "x"), dir("d"), file("d/f", "y")}, []string{"d/", "d/f =y"}, ""},
		{"directory over directory keeps what is in it", []member{file("d/f", "x"), dir("d")}, []string{"d/", "d/f =x"}, ""},
		{"file below a file", []member{file("f", "x"), file("f/g", "y")}, nil, "not a directory"},

		// Whiteouts are the kernel's: a character device 0:0, an attribute.
		{"whiteout", []member{dir("d"), file("d/.wh.f", "")}, []string{"d/", "d/f x"}, ""},
		{"whiteout at the root", []member{file(".wh.f", "")}, []string{"f x"}, ""},
		{"whiteout without its directory", []member{file("d/e/.wh.f", "")}, []string{"d/", "d/e/", "d/e/f x"}, ""},
		{"opaque", []member{dir("d"), file("d/.wh..wh..opq", ""), file("d/f", "x")}, []string{"d/ (opaque)", "d/f =x"}, ""},
		{"opaque after what it holds", []member{file("d/f", "x"), file("d/.wh..wh..opq", "")}, []string{"d/ (opaque)", "d/f =x"}, ""},
		{"WhiteoutSymlink", []member{file("etc/f", "x"), symlink("l", "/etc"), file("l/.wh.g", "")}, []string{"etc/", "etc/f =x", "etc/g x", "l -> /etc"}, ""},
		{"a whiteout does not touch its own layer", []member{file("f", "x"), file(".wh.f", "")}, []string{"f =x"}, ""},
		{"nor the other way round", []member{file(".wh.f", ""), file("f", "x")}, []string{"f =x"}, ""},
		{"a directory in the place of a deleted one is new", []member{file(".wh.d", ""), dir("d"), file("d/f", "x")}, []string{"d/ (opaque)", "d/f =x"}, ""},
		{"so it is if the whiteout comes last", []member{file("d/f", "x"), file(".wh.d", "")}, []string{"d/ (opaque)", "d/f =x"}, ""},
		{"and without an entry of its own", []member{file(".wh.d", ""), file("d/e/f", "x")}, []string{"d/ (opaque)", "d/e/", "d/e/f =x"}, ""},
		{"whiteout twice", []member{file(".wh.f", ""), file(".wh.f", "")}, []string{"f x"}, ""},
		{"WhiteoutRoot", []member{file(".wh.", "")}, nil, "invalid whiteout name"},
		{"WhiteoutCurrentDirectory", []member{dir("d"), file("d/.wh..", "")}, nil, "invalid whiteout name"},
		{"WhiteoutParent", []member{dir("d"), file("d/.wh...", "")}, nil, "invalid whiteout name"},
		{"WhiteoutRootParent", []member{file(".wh...", "")}, nil, "invalid whiteout name"},
		{"what aufs kept for itself", []member{dir(".wh..wh.plnk"), file(".wh..wh.plnk/12.34", "x"), file(".wh..wh.aufs", ""), file("d/.wh..wh.orph", ""), file("f", "x")}, []string{"f =x"}, ""},
		{"a hard link to what aufs kept", []member{file(".wh..wh.plnk/12.34", "x"), hardlink("f", ".wh..wh.plnk/12.34")}, nil, "no such file"},
		{"WhiteoutRelativePath", []member{dir("d"), dir("etc"), file("d/../.wh.etc", "")}, []string{"d/", "etc/ (opaque)"}, ""},
		{"WhiteoutDeadSymlinkParent", []member{symlink("l", "./nothing"), file("l/.wh.f", "")}, nil, "no such file"},
		{"whiteout climbing", []member{file("../../outside/.wh.secret", "")}, []string{"outside/", "outside/secret x"}, ""},

		// Names.
		{"255 bytes", []member{file(long, "x")}, []string{long + " =x"}, ""},
		{"256 bytes", []member{file(long+"n", "x")}, nil, "name too long"},
		{"no UTF-8", []member{file("\xff\xfe\x80", "x"), dir("\xc3\x28")}, []string{"\xc3\x28/", "\xff\xfe\x80 =x"}, ""},
		{"odd characters", []member{file(" ", "1"), file("a\nb", "2"), file("...", "3"), file("-rf", "4"), file("\x1b[2J", "5")}, []string{"\x1b[2J =5", "  =1", "-rf =4", "... =3", "a\nb =2"}, ""},
		{"long path", []member{file(strings.Repeat("deep/", 60)+"f", "x")}, []string{"*"}, ""},
		{"a path longer than the kernel takes", []member{file(strings.Repeat(long+"/", 20)+"f", "x")}, nil, "name too long"},

		// Kinds.
		{"devices", []member{node("c", tar.TypeChar, 1, 3), node("b", tar.TypeBlock, 7, 1), node("p", tar.TypeFifo, 0, 0)}, []string{"b b 7:1", "c c 1:3", "p p"}, ""},
		{"global header", []member{func(string) (tar.Header, string) {
			return tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "of git archive"}}, ""
		}, file("f", "x")}, []string{"f =x"}, ""},
		{"unknown kind", []member{with(file("f", ""), func(h *tar.Header) { h.Typeflag = 'Z' })}, nil, "unknown type 'Z'"},
		{"PAX path", []member{with(file(strings.Repeat("ä", 120), "x"), func(h *tar.Header) { h.Format = tar.FormatPAX })}, []string{strings.Repeat("ä", 120) + " =x"}, ""},
		{"PAX link", []member{symlink("l", strings.Repeat("t", 300))}, []string{"l -> " + strings.Repeat("t", 300)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			fact, err := p.unpack(pack(t, p.outside, c.in...))
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
			if got := listing(t, fact.Dir); !alike(c.want, got) {
				t.Errorf("made %q, want %q", got, c.want)
			}
			if fact.Entries != len(c.in) || fact.Hashed != fact.DiffID || fact.Shared {
				t.Errorf("fact: %d entries of %d, hashed %s, diffID %s, shared %v", fact.Entries, len(c.in), fact.Hashed, fact.DiffID, fact.Shared)
			}
			p.checkOutside(t, 1)
		})
	}
}

// alike compares listings; "*" stands for anything, at a line's end or as the
// only line.
func alike(want, got []string) bool {
	if slices.Equal(want, []string{"*"}) {
		return len(got) > 0
	}
	return slices.EqualFunc(want, got, func(w, g string) bool {
		if head, any := strings.CutSuffix(w, "*"); any {
			return strings.HasPrefix(g, head)
		}
		return w == g
	})
}

// TestAttributes: owner, mode with its special bits, times and extended
// attributes are the archive's.
func TestAttributes(t *testing.T) {
	p := newPlace(t)
	// A version 2 capability set with CAP_NET_RAW: capabilities(7), "File capability extended attribute".
	capability := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	capability = binary.LittleEndian.AppendUint32(capability, 1<<13)
	capability = append(capability, make([]byte, 12)...)
	fine := time.Unix(1_500_000_000, 123_456_789)
	far := time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)
	fact, err := p.unpack(pack(t, p.outside,
		with(dir("."), func(h *tar.Header) { h.Mode = 0o750 }),
		with(dir("sticky"), func(h *tar.Header) { h.Mode = 0o1777 }),
		file("sticky/f", "made after its directory"),
		with(file("suid", "x"), func(h *tar.Header) { h.Mode, h.Uid, h.Gid = 0o6755, 1000, 2000 }),
		with(file("large", "x"), func(h *tar.Header) { h.Uid, h.Format = 1<<30, tar.FormatPAX }),
		with(file("none", "x"), func(h *tar.Header) { h.Mode = 0 }),
		with(symlink("owned", "suid"), func(h *tar.Header) { h.Uid = 7 }),
		with(file("fine", "x"), func(h *tar.Header) { h.ModTime, h.Format = fine, tar.FormatPAX }),
		with(file("far", "x"), func(h *tar.Header) { h.ModTime, h.Format = far, tar.FormatPAX }),
		with(file("before", "x"), func(h *tar.Header) { h.ModTime, h.Format = time.Unix(-1, 0), tar.FormatPAX }),
		xattr(file("able", "x"), "security.capability", string(capability)),
		xattr(file("user", "x"), "user.note", "kept"),
		xattr(dir("opaque"), "trusted.overlay.opaque", "y"),
		xattr(file("redirect", "x"), "trusted.overlay.redirect", "/"),
		xattr(dir("rootless"), "user.overlay.opaque", "y"),
		xattr(file("trusted", "x"), "trusted.other", "dropped"),
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		mode     uint32
		uid, gid uint32
		at       time.Time
	}{
		{".", unix.S_IFDIR | 0o750, 0, 0, time.Time{}},
		{"sticky", unix.S_IFDIR | 0o1777, 0, 0, epoch},
		{"suid", unix.S_IFREG | 0o6755, 1000, 2000, epoch},
		{"large", unix.S_IFREG | 0o644, 1 << 30, 0, epoch},
		{"none", unix.S_IFREG, 0, 0, epoch},
		{"owned", unix.S_IFLNK | 0o777, 7, 0, epoch},
		{"fine", unix.S_IFREG | 0o644, 0, 0, fine},
		{"far", unix.S_IFREG | 0o644, 0, 0, far},
		{"before", unix.S_IFREG | 0o644, 0, 0, time.Unix(-1, 0)},
	} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(fact.Dir, c.name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Mode != c.mode || st.Uid != c.uid || st.Gid != c.gid {
			t.Errorf("%s: mode %o of %d:%d, want %o of %d:%d", c.name, st.Mode, st.Uid, st.Gid, c.mode, c.uid, c.gid)
		}
		if at := time.Unix(st.Mtim.Unix()); !c.at.IsZero() && !at.Equal(c.at) {
			t.Errorf("%s: time %s, want %s", c.name, at.UTC(), c.at.UTC())
		}
	}
	for file, attributes := range map[string]map[string]string{
		"able": {"security.capability": string(capability)}, "user": {"user.note": "kept"},
		"opaque": {"trusted.overlay.opaque": ""}, "redirect": {"trusted.overlay.redirect": ""},
		"rootless": {"user.overlay.opaque": ""}, "trusted": {"trusted.other": ""},
	} {
		for name, want := range attributes {
			buf := make([]byte, 256)
			n, err := unix.Lgetxattr(filepath.Join(fact.Dir, file), name, buf)
			if got := string(buf[:max(n, 0)]); got != want {
				t.Errorf("%s: %s is %q, want %q (%v)", file, name, got, want, err)
			}
		}
	}
}

// TestHardlinksShare: links of one archive are one file.
func TestHardlinksShare(t *testing.T) {
	p := newPlace(t)
	fact, err := p.unpack(pack(t, p.outside, file("a", "x"), hardlink("d/b", "a"), hardlink("c", "d/b")))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(fact.Dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if n := info.Sys().(*syscall.Stat_t).Nlink; n != 3 {
		t.Errorf("%d links, want 3", n)
	}
}

// TestCompression: the bytes tell how they are compressed, whatever a media
// type says, and the diffID is that of the archive inside.
func TestCompression(t *testing.T) {
	plain := pack(t, "", file("f", strings.Repeat("text ", 1000)))
	half := len(plain) / 2
	for _, c := range []struct {
		name   string
		blob   []byte
		diffID digest.Digest
		err    string
	}{
		{"none", plain, digest.FromBytes(plain), ""},
		{"gzip", zip(t, plain), digest.FromBytes(plain), ""},
		{"gzip of several members", append(zip(t, plain[:half]), zip(t, plain[half:])...), digest.FromBytes(plain), ""},
		{"zstd", zstandard(t, plain), digest.FromBytes(plain), ""},
		{"zstd of several frames", append(zstandard(t, plain[:half]), zstandard(t, plain[half:])...), digest.FromBytes(plain), ""},
		{"what follows the archive counts", append(bytes.Clone(plain), "more"...), digest.FromBytes(append(bytes.Clone(plain), "more"...)), ""},
		{"no end mark", plain[:len(plain)-1024], digest.FromBytes(plain[:len(plain)-1024]), ""},
		{"empty", nil, digest.FromBytes(nil), ""},
		{"another diffID", plain, digest.FromString("another"), "the image's config promises"},
		{"diffID of the compressed bytes", zip(t, plain), digest.FromBytes(zip(t, plain)), "the image's config promises"},
		{"what follows is not promised", append(bytes.Clone(plain), "more"...), digest.FromBytes(plain), "the image's config promises"},
		{"gzip cut short", zip(t, plain)[:40], digest.FromBytes(plain), "unexpected EOF"},
		{"gzip with a wrong checksum", broken(zip(t, plain), -8), digest.FromBytes(plain), "checksum"},
		{"gzip, then rubbish", append(zip(t, plain), "rubbish"...), digest.FromBytes(plain), "read archive: "},
		{"zstd cut short", zstandard(t, plain)[:20], digest.FromBytes(plain), "unexpected EOF"},
		{"archive cut short", plain[:700], digest.FromBytes(plain[:700]), "unexpected EOF"},
		{"no archive", bytes.Repeat([]byte("x"), 2048), digest.FromBytes(bytes.Repeat([]byte("x"), 2048)), "invalid tar header"},
		{"a header's checksum", broken(plain, 0), digest.FromBytes(broken(plain, 0)), "invalid tar header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			fact, err := p.store.Unpack(sys.Kernel{}, bytes.NewReader(c.blob), int64(len(c.blob)), digest.FromBytes(c.blob), c.diffID)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || p.store.Has(c.diffID) {
					t.Errorf("error %v, want %q; has it: %v", err, c.err, p.store.Has(c.diffID))
				}
				p.checkOutside(t, 0)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if fact.Hashed != c.diffID.String() || !p.store.Has(c.diffID) {
				t.Errorf("hashed %s, want %s; has it: %v", fact.Hashed, c.diffID, p.store.Has(c.diffID))
			}
			p.checkOutside(t, 1)
		})
	}
}

func zip(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}

// broken flips a bit at an offset, from the end where it is negative.
func broken(data []byte, at int) []byte {
	data = bytes.Clone(data)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	return data
}

// TestTurns: whoever unpacks a layer that another is unpacking waits for it and
// shares it, and reads no blob.
func TestTurns(t *testing.T) {
	p := newPlace(t)
	archive := pack(t, p.outside, file("f", "x"))
	id := digest.FromBytes(archive)
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var facts [2]stage.Unpacked
		var errs [2]error
		for i, blob := range []io.Reader{held{gate, bytes.NewReader(archive)}, iotest.ErrReader(errors.New("read a second time"))} {
			go func() { facts[i], errs[i] = p.store.Unpack(sys.Kernel{}, blob, int64(len(archive)), id, id) }()
			synctest.Wait() // until it waits for the gate, or for its turn
		}
		close(gate)
		synctest.Wait()
		if errs != [2]error{} {
			t.Fatal(errs)
		}
		if facts[0].Shared || !facts[1].Shared {
			t.Errorf("the first has %+v, the second %+v, want the second's shared", facts[0], facts[1])
		}
	})
	p.checkOutside(t, 1)
}

// held gives nothing before its gate opens.
type held struct {
	gate <-chan struct{}
	io.Reader
}

func (h held) Read(p []byte) (int, error) {
	<-h.gate
	return h.Reader.Read(p)
}

// TestStore: a layer is unpacked once, by however many at a time; an
// unfinished one is cleared away by the next daemon; a removed one is gone.
func TestStore(t *testing.T) {
	p := newPlace(t)
	archive := pack(t, p.outside, file("f", "x"))
	id := digest.FromBytes(archive)
	var group sync.WaitGroup
	facts := make([]stage.Unpacked, 8)
	errs := make([]error, len(facts))
	for i := range facts {
		group.Go(func() { facts[i], errs[i] = p.unpack(archive) })
	}
	group.Wait()
	first := 0
	for i, f := range facts {
		if errs[i] != nil {
			t.Error(errs[i])
		}
		if !f.Shared {
			first++
		}
	}
	if first != 1 {
		t.Errorf("unpacked %d times", first)
	}
	p.checkOutside(t, 1)

	left := filepath.Join(p.layers, "unpack-123", "some", "dir")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	again, err := layer.Open(p.layers, layer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.checkOutside(t, 1)
	if !again.Has(id) {
		t.Error("the whole layer is gone too")
	}
	if err := again.Remove(id); err != nil {
		t.Error(err)
	}
	if again.Has(id) {
		t.Error("a removed layer is still there")
	}
	p.checkOutside(t, 0)
}

// TestRootless: without root's rights no device can be made, and none is an
// error; all files belong to one id, and overlayfs's marks are a user's.
func TestRootless(t *testing.T) {
	p := newPlace(t)
	var err error
	if p.store, err = layer.Open(p.layers, layer.Options{UserNamespace: true, SingleID: true}); err != nil {
		t.Fatal(err)
	}
	fact, err := p.unpack(pack(t, p.outside,
		node("dev/null", tar.TypeChar, 1, 3), node("dev/sda", tar.TypeBlock, 8, 0),
		with(file("f", "x"), func(h *tar.Header) { h.Uid, h.Gid = 1000, 1000 }),
		dir("d"), file("d/.wh..wh..opq", ""), file("d/.wh.gone", ""),
	))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, fact.Dir), []string{"d/", "d/gone x", "dev/", "f =x"}; !slices.Equal(got, want) {
		t.Errorf("made %q, want %q", got, want)
	}
	if n, err := unix.Lgetxattr(filepath.Join(fact.Dir, "d"), "user.overlay.opaque", make([]byte, 1)); n != 1 {
		t.Errorf("the opaque mark of a user: %d bytes, %v", n, err)
	}
	info, err := os.Stat(filepath.Join(fact.Dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 0 {
		t.Errorf("the file belongs to %d:%d", st.Uid, st.Gid)
	}
}

// TestFact: the fact lists the first entries only, with their kinds.
func TestFact(t *testing.T) {
	p := newPlace(t)
	members := []member{dir("d"), file("d/f", "text"), symlink("l", "d"), hardlink("h", "d/f"), file(".wh.g", ""), file("d/.wh..wh..opq", ""), node("p", tar.TypeFifo, 0, 0)}
	for i := range stage.MaxEntries {
		members = append(members, file(fmt.Sprint("more", i), ""))
	}
	archive := pack(t, p.outside, members...)
	fact, err := p.unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range fact.First[:7] {
		kinds = append(kinds, e.Type)
	}
	if want := []string{"dir", "file", "symlink", "hardlink", "whiteout", "opaque", "fifo"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	if e := fact.First[1]; e != (stage.Entry{Name: "d/f", Type: "file", Mode: "0644", Size: 4}) {
		t.Errorf("entry %+v", e)
	}
	if len(fact.First) != stage.MaxEntries || fact.Entries != len(members) || fact.Bytes != int64(len(archive)) {
		t.Errorf("%d listed of %d entries, %d bytes; want %d of %d, %d bytes", len(fact.First), fact.Entries, fact.Bytes, stage.MaxEntries, len(members), len(archive))
	}
}

//go:build linux

package registry

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
)

// TestToolboxOfEachArchitecture looks at what make generate has made, also for
// those machines whose learndocker this one is not.
func TestToolboxOfEachArchitecture(t *testing.T) {
	for _, m := range machines() {
		t.Run(m.arch, func(t *testing.T) {
			packed, archive := embeddedFor(t, m.arch)
			known := packedToolbox(m.arch)
			for what, hashed := range map[v1.Hash][]byte{known.Digest: packed, known.DiffID: archive} {
				if got, _, err := v1.SHA256(bytes.NewReader(hashed)); err != nil || got != what {
					t.Errorf("recorded is %s, it has %s %v", what, got, err)
				}
			}
			z, err := newCompressor()
			if err != nil {
				t.Fatal(err)
			}
			img, err := toolboxOf(m.arch, string(packed)).image(m.arch, z)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := img.Digest(); err != nil || got.Hex != pinned["toolbox"][m.arch] {
				t.Errorf("toolbox for %s has digest %s, pinned is %q %v", m.arch, got.Hex, pinned["toolbox"][m.arch], err)
			}
			inspectPrograms(t, m, archive)
		})
	}
}

// embeddedFor reads an architecture's layer, as it is and unpacked.
func embeddedFor(t *testing.T, arch string) (packed, archive []byte) {
	t.Helper()
	packed, err := os.ReadFile("image/toolbox-" + arch + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if archive, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return packed, archive
}

// inspectPrograms: one static program for that machine, and sorted links to it.
func inspectPrograms(t *testing.T, m *machine, archive []byte) {
	var links []string
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(madeAt) || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s is of %s, and %d %q's", h.Name, h.ModTime, h.Uid, h.Uname)
		}
		switch h.Typeflag {
		case tar.TypeSymlink:
			links = append(links, h.Name)
			if h.Linkname != "toolbox" {
				t.Errorf("%s leads to %s", h.Name, h.Linkname)
			}
		case tar.TypeReg:
			inspectProgram(t, m, r)
		}
	}
	if !slices.IsSorted(links) || !slices.Contains(links, "bin/sh") || len(links) < 80 {
		t.Errorf("links: %v", links)
	}
}

func inspectProgram(t *testing.T, m *machine, r io.Reader) {
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if uint16(program.Machine) != m.elf {
		t.Errorf("the program is for %s", program.Machine)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program wants a dynamic linker")
		}
	}
	if here, err := os.Getwd(); err != nil || bytes.Contains(data, []byte(here)) {
		t.Errorf("the program tells where it was built: %v", err)
	}
}

// TestToolboxRuns runs each architecture's program, on its emulator where this
// machine is another: numbers, and structures that the kernel's ABI has
// otherwise on each. A PC runs 386's itself: qemu 7.2 crashes in the Go runtime
// there, now and then, when a signal comes.
func TestToolboxRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes root directories: run it as root")
	}
	for _, m := range machines() {
		t.Run(m.arch, func(t *testing.T) {
			root := emulatorRoot(t, m.arch)
			_, archive := embeddedFor(t, m.arch)
			r := tar.NewReader(bytes.NewReader(archive))
			for {
				h, err := r.Next()
				if err != nil {
					t.Fatalf("no program: %v", err)
				}
				if h.Name != "bin/toolbox" {
					continue
				}
				data, err := io.ReadAll(r)
				if err := errors.Join(err, os.WriteFile(filepath.Join(root, "toolbox"), data, 0o755)); err != nil {
					t.Fatal(err)
				}
				break
			}
			file := filepath.Join(root, "file")
			if err := errors.Join(os.WriteFile(file, []byte("1234\n"), 0o644), os.Chtimes(file, madeAt, madeAt)); err != nil {
				t.Fatal(err)
			}
			script := `trap 'echo caught' TERM; kill -TERM $$; trap '' USR1; kill -USR1 $$; for n in 6 7; do echo $((n*7)); done >/f; read a </f; echo $a`
			for want, args := range map[string][]string{
				"hello\n":            {"printf", "hello\\n"},
				"caught\n42\n":       {"sh", "-c", script},
				"5 644 1793491200\n": {"stat", "-c", "%s %a %Y", "/file"},
			} {
				cmd := emulated(root, "/toolbox")
				if m.arch == runtime.GOARCH || m.arch == "386" && runtime.GOARCH == "amd64" {
					cmd.Path, cmd.Args = "/toolbox", []string{"toolbox"}
				}
				cmd.Args = append(cmd.Args, args...)
				if got, err := cmd.CombinedOutput(); err != nil || string(got) != want {
					t.Errorf("%v: %q %v, want %q", args, got, err, want)
				}
			}
		})
	}
}

//go:build linux

package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sys/unix"
)

// pinned are the digests of the bundled images. Whoever changes an image on
// purpose writes the new one here.
var pinned = map[string]map[string]string{
	"hello-world": {
		"amd64": "02772fc6ddb2397b3311924837a18f2eed6030fd172c844f2405567ee83d3053",
		"arm64": "e1d923082a637b2263ad276836f4a72edcc1620e8b83b086dd6e2c1d1eff0586",
		"386":   "ed55d1813f46897624f0834f5ceb9743182ff7f60b23bcd0c92cefddef13e804",
	},
	"guestbook": {
		"amd64": "d0678d25c9ccaa8ab9b439e37f77ef1c35aaf01d2bc9b9d685e86c832d4a116b",
		"arm64": "1c1417520b8ac9c2922c30bf48ca66a4607df251a232c538c5b7729cc937dfef",
		"386":   "0ce674fd1906c396649b08e9bed9c4fe89be6d622846eddbab86e797dfe8bb4b",
	},
	"toolbox": {
		"amd64": "9bab5d8e1a5d528e7e239857498bd33732ead84d2cb054bc21dd25c78dc7026b",
		"arm64": "4fa4f5690638656763a4636122028bd7e8ba306ce908e868168477880d6a240b",
		"386":   "819fb7043af369af31c79bc3d10615a701950e2f96d2da08a5cdc070d0daa826",
	},
}

// TestImagesAreTheSameEverywhere pulls each image for each architecture from
// the registry and holds its digest against the one that every build must have.
func TestImagesAreTheSameEverywhere(t *testing.T) {
	r, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, image := range bundled() {
		ref, err := name.ParseReference(r.Addr() + "/library/" + image.name)
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		list, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		want := len(pinned[image.name])
		if image.name == "toolbox" {
			want = 1 // this machine's: TestToolboxOfEachArchitecture has the others
		}
		if len(list.Manifests) != want {
			t.Errorf("%s is there for %d architectures, want %d", image.name, len(list.Manifests), want)
		}
		for _, m := range list.Manifests {
			if want := pinned[image.name][m.Platform.Architecture]; m.Digest.Hex != want {
				t.Errorf("%s for %s has digest %s, pinned is %q", image.name, m.Platform.Architecture, m.Digest.Hex, want)
			}
		}
	}
}

// TestPrograms runs the guest book's programs, each architecture's on its
// emulator, in a root directory that is made of the image's layers.
func TestPrograms(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes root directories: run it as root")
	}
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		t.Fatal(err)
	}
	signature := string(host.Nodename[:shortID]) + "\n"
	for _, m := range machines() {
		t.Run(m.arch, func(t *testing.T) {
			root := emulatorRoot(t, m.arch)
			lay(t, root, guestbook(m).layers)
			if got := output(t, root, "/read"); got != openBook {
				t.Errorf("/read prints %q, want %q", got, openBook)
			}
			if got := output(t, root, "/sign"); got != openBook+signature {
				t.Errorf("/sign prints %q, want %q", got, openBook+signature)
			}
			lay(t, root, hello(m).layers)
			if got := output(t, root, "/hello"); !strings.HasPrefix(got, "\nHello from learndocker!\n") || !strings.HasSuffix(got, "--step\n\n") {
				t.Errorf("/hello prints %q", got)
			}
			if err := os.Remove(filepath.Join(root, "book")); err != nil {
				t.Fatal(err)
			}
			var ended *exec.ExitError
			if err := emulated(root, "/read").Run(); !errors.As(err, &ended) || ended.ExitCode() != 1 {
				t.Errorf("/read without a book: %v, want status 1", err)
			}
		})
	}
}

// emulatorRoot makes a directory with the architecture's emulator in it.
func emulatorRoot(t *testing.T, arch string) string {
	t.Helper()
	emulator := map[string]string{"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static", "386": "qemu-i386-static"}[arch]
	path, err := exec.LookPath(emulator)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install qemu-user-static", emulator)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "emulator"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// lay puts layers above each other by hand.
func lay(t *testing.T, root string, layers []layer) {
	t.Helper()
	for _, l := range layers {
		for _, f := range l.files {
			var err error
			if gone, ok := strings.CutPrefix(f.name, ".wh."); ok {
				err = os.Remove(filepath.Join(root, gone))
			} else {
				err = os.WriteFile(filepath.Join(root, f.name), f.data, os.FileMode(f.mode))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// emulated runs a program with root as its root directory.
func emulated(root, program string) *exec.Cmd {
	cmd := exec.Command("/emulator", program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	cmd.Dir = "/"
	return cmd
}

// output is what a program prints until it ends, or stays for the next line.
func output(t *testing.T, root, program string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := emulated(root, program)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // a program that hangs
	defer stop()
	var b bytes.Buffer
	if program == "/sign" { // stays: its one write is all that comes
		chunk := make([]byte, bufferSize)
		n, err := r.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(chunk[:n])
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its state tells how it ended
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
			t.Errorf("%s did not stay: %v", program, cmd.ProcessState)
		}
		return b.String()
	}
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return b.String()
}

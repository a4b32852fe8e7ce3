//go:build linux && amd64

package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// guestPatience bounds the boot and all cases together, which take about two
// minutes where the processor is emulated and nothing else runs.
const guestPatience = 9 * time.Minute

// guestTools are programs of the host that the guest has too, and their packages.
var guestTools = map[string]string{
	"/usr/bin/newuidmap": "uidmap", "/usr/bin/newgidmap": "uidmap", "/usr/bin/setpriv": "util-linux",
}

// guestFiles make the guest's users; learner has subordinate ids.
var guestFiles = map[string]string{
	"etc/passwd": "root:x:0:0::/root:/bin/sh\nlearner:x:1000:1000::/home/learner:/bin/sh\nplain:x:1001:1001::/home/plain:/bin/sh\n",
	"etc/group":  "root:x:0:\nlearner:x:1000:\nplain:x:1001:\n",
	"etc/subuid": "learner:100000:65536\n",
	"etc/subgid": "learner:100000:65536\n",
}

// guestModules are what the lesson asks of a kernel that has nothing loaded.
var guestModules = []string{"overlay", "llc", "stp", "bridge", "veth"}

// TestGuest runs the lesson in a virtual machine with a Debian kernel, where
// the test decides about everything: cgroup v2 alone, and the settings, mounts
// and rights by which other people's machines differ from this one. The cases
// are the scripts in testdata/guest/cases; one boot runs them all.
//
// LEARNDOCKER_GUEST_KERNEL names the directory of another unpacked kernel package.
func TestGuest(t *testing.T) {
	needRoot(t)
	need(t, "qemu-system-x86_64", "qemu-system-x86")
	need(t, "busybox", "busybox-static")
	kernel := guestKernel(t)
	said := bootGuest(t, kernel, guestImage(t, kernel))

	ran := guestCases(said)
	scripts, err := os.ReadDir("testdata/guest/cases")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		t.Run(script.Name(), func(t *testing.T) {
			c, ok := ran[script.Name()]
			if !ok {
				t.Fatalf("the guest did not come to it; its last words:\n%s", lastLines(said, 30))
			}
			if c.status != "0" {
				t.Fatalf("ended with status %s and said:\n%s", c.status, c.said)
			}
			t.Log("\n" + c.said)
		})
	}
	if !strings.Contains(said, "\n@@@ done\n") {
		t.Errorf("the guest did not come to its end; its last words:\n%s", lastLines(said, 30))
	}
}

// guestKernel is the directory of an unpacked kernel package.
func guestKernel(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("LEARNDOCKER_GUEST_KERNEL"); dir != "" {
		return dir
	}
	found, err := filepath.Glob("/var/cache/learndocker-guest/linux-image-*")
	if err != nil || len(found) == 0 {
		t.Fatalf("the kernel for the guest is missing (%v): run scripts/guest-kernel as root", err)
	}
	return found[0]
}

// guestImage writes the archive with the guest's first root file system:
// busybox, learndocker, the kernel's modules, the users and the cases.
func guestImage(t *testing.T, kernel string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/guest")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "init"), 0o755); err != nil {
		t.Fatal(err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	copyIn(t, busybox, root, "bin/busybox")
	copyIn(t, program(t), root, "usr/bin/learndocker")
	for path, aptPackage := range guestTools {
		need(t, path, aptPackage)
		copyIn(t, path, root, path)
		for _, library := range librariesOf(t, path) {
			copyIn(t, library, root, library)
		}
	}
	copyModules(t, kernel, root)
	for name, text := range guestFiles {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "initramfs.cpio")
	tool(t, "sh", "-c", `cd "$0" && find . | busybox cpio -o -H newc >"$1"`, root, image)
	return image
}

// copyIn copies a file into a root directory, with its mode: newuidmap is
// nothing without its setuid bit.
func copyIn(t *testing.T, from, root, to string) {
	t.Helper()
	data := readText(t, from)
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, to)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, info.Mode()); err != nil {
		t.Fatal(err)
	}
}

// copyModules copies the kernel's modules. One that is not there is part of the
// kernel itself.
func copyModules(t *testing.T, kernel, root string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, m := range guestModules {
		wanted[m+".ko"] = true
	}
	err := filepath.WalkDir(kernel, func(path string, d fs.DirEntry, err error) error {
		if err == nil && wanted[d.Name()] {
			copyIn(t, path, root, filepath.Join("modules", d.Name()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var libraryPath = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// librariesOf are the shared libraries of a program, and its loader.
func librariesOf(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	for _, m := range libraryPath.FindAllStringSubmatch(tool(t, "ldd", path), -1) {
		found = append(found, m[1])
	}
	return found
}

// bootGuest runs the guest to its end and returns what it wrote to the console.
// The processor is emulated: a machine that offers KVM does not always have one that works.
func bootGuest(t *testing.T, kernel, image string) string {
	t.Helper()
	kernels, err := filepath.Glob(filepath.Join(kernel, "boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		t.Fatalf("want one kernel in %s/boot, there are %v (%v)", kernel, kernels, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guestPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-smp", "2", "-m", "1024", "-nic", "none",
		"-nographic", "-no-reboot", "-kernel", kernels[0], "-initrd", image, "-append", "console=ttyS0 quiet panic=-1")
	out, err := cmd.CombinedOutput()
	said := strings.ReplaceAll(string(out), "\r", "")
	if err != nil {
		t.Errorf("qemu: %v; the guest's last words:\n%s", err, lastLines(said, 30))
	}
	return said
}

// guestCase is what a case said, and its status as init wrote it.
type guestCase struct{ said, status string }

var guestMarks = regexp.MustCompile(`(?ms)^@@@ begin (\S+)\n(.*?)^@@@ end (\S+) (\d+)$`)

func guestCases(said string) map[string]guestCase {
	cases := map[string]guestCase{}
	for _, m := range guestMarks.FindAllStringSubmatch(said, -1) {
		if m[1] == m[3] {
			cases[m[1]] = guestCase{m[2], m[4]}
		}
	}
	return cases
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

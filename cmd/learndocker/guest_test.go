//go:build linux && amd64

package main

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guestPatience bounds the boot and all cases together, which take about two
// minutes where the processor is emulated and nothing else runs. Each case has
// its own bound, in testdata/guest/init.
const guestPatience = 12 * time.Minute

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

// guestVerdicts are what doctor says in each case, each time that it is asked:
// its exit status, and the points that are limited or, where it says so,
// missing. Each case then sees that the lesson bears it out. "layers?" is
// limited where the kernel's tmpfs, on which all is, cannot hold an ordinary
// user's marks of layers: before Linux 6.6.
var guestVerdicts = map[string][]string{
	"no-modules":         {"0: network, layers", "0"},
	"root":               {"0"},
	"user":               {"2: root, cgroups, network, layers?"},
	"user-one-id":        {"2: root, ids, cgroups, network, layers?"},
	"no-new-privileges":  {"2: root, ids, cgroups, network, layers?"},
	"nested":             {"2: root, ids, cgroups, network, layers?, data root"},
	"contained":          {"2: root, ids, network, layers?"},
	"delegated":          {"2: root, cgroups, network, layers?"},
	"delegated-daemon":   nil, // limits are set, which tells more
	"noexec-data":        {"3: root, cgroups, network, layers missing"},
	"overlay-data":       {"0: layers", "2: root, cgroups, network, layers"},
	"daemon-data":        nil,
	"strict":             {"2: root, cgroups, network, layers?"},
	"read-only-cgroups":  {"0: cgroups"},
	"no-cgroups":         {"0: cgroups", "0"},
	"no-namespaces":      {"3: root, user namespace missing", "2: root, cgroups, network, layers?"},
	"no-user-namespaces": {"3: root, user namespace missing", "2: root, cgroups, network, layers?"},
}

// TestGuest runs lessons in a virtual machine with a kernel of a distribution's,
// where the test decides about everything: cgroup v2 alone, and the settings,
// mounts and rights by which other people's machines differ from this one. The
// cases are the scripts in testdata/guest/cases; one boot runs them all.
//
// LEARNDOCKER_GUEST_KERNEL names the directory of another unpacked kernel
// package, LEARNDOCKER_GUEST_CASES the only cases to run, by commas.
func TestGuest(t *testing.T) {
	needRoot(t)
	need(t, "qemu-system-x86_64", "qemu-system-x86")
	need(t, "busybox", "busybox-static")
	kernel := guestKernel(t)
	only := os.Getenv("LEARNDOCKER_GUEST_CASES")
	said := bootGuest(t, kernel, guestImage(t, kernel), only)

	for name, verdicts := range guestVerdicts {
		if only != "" && !slices.Contains(strings.Split(only, ","), name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c, ok := said.cases[name]
			switch {
			case !ok:
				t.Fatalf("the guest did not come to its end; its last words:\n%s", lastLines(said.rest+c.said, 30))
			case c.status != "0":
				t.Fatalf("ended with status %s and said:\n%s", c.status, c.said)
			}
			got := guestDiagnoses(c.said)
			if !slices.EqualFunc(got, verdicts, isVerdict) {
				t.Errorf("doctor said %q, want %q:\n%s", got, verdicts, c.said)
			}
		})
	}
	if !said.done {
		t.Errorf("the guest did not come to its end; its last words:\n%s", lastLines(said.rest, 30))
	}
}

func isVerdict(got, want string) bool {
	return got == strings.Replace(want, "?", "", 1) || got == strings.Replace(want, ", layers?", "", 1)
}

// TestGuestVerdicts: no case is without a line in the table, nor the other way
// round.
func TestGuestVerdicts(t *testing.T) {
	scripts, err := os.ReadDir("testdata/guest/cases")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, script := range scripts {
		names = append(names, script.Name())
	}
	if table := slices.Sorted(maps.Keys(guestVerdicts)); !slices.Equal(names, table) {
		t.Errorf("testdata/guest/cases: %v\nguestVerdicts: %v", names, table)
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

// unpackers are the programs that unpack modules, and their packages: releases
// of 2024 and later compress them, which insmod alone cannot read.
var unpackers = map[string][2]string{".ko": {}, ".ko.xz": {"xz", "xz-utils"}, ".ko.zst": {"zstd", "zstd"}}

// copyModules copies the kernel's modules. One that is not there is part of the
// kernel itself.
func copyModules(t *testing.T, kernel, root string) {
	t.Helper()
	release := strings.TrimPrefix(filepath.Base(kernelImage(t, kernel)), "vmlinuz-")
	dir := filepath.Join("lib/modules", release)
	if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(kernel, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		module, _, _ := strings.Cut(d.Name(), ".")
		unpacker, ok := unpackers[strings.TrimPrefix(d.Name(), module)]
		if !ok || !slices.Contains(guestModules, module) {
			return nil
		}
		to := filepath.Join(dir, module+".ko")
		if unpacker[0] == "" {
			copyIn(t, path, root, to)
			return nil
		}
		need(t, unpacker[0], unpacker[1])
		return os.WriteFile(filepath.Join(root, to), []byte(tool(t, unpacker[0], "-dcq", path)), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func kernelImage(t *testing.T, kernel string) string {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(kernel, "boot/vmlinuz-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("want one kernel in %s/boot, there are %v (%v)", kernel, images, err)
	}
	return images[0]
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

// guestSaid is what the guest wrote to its console.
type guestSaid struct {
	cases map[string]guestCase
	rest  string // outside all cases, and the case that did not end
	done  bool   // it came to its end
}

// guestCase is what a case said, and its status as init wrote it.
type guestCase struct{ said, status string }

var (
	guestBegin = regexp.MustCompile(`^@@@ begin (\S+)$`)
	guestEnd   = regexp.MustCompile(`^@@@ end (\S+) (\d+) (\d+)$`)
)

// bootGuest runs the guest to its end. The processor is emulated: a machine
// that offers KVM does not always have one that works.
func bootGuest(t *testing.T, kernel, image, only string) guestSaid {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guestPatience)
	defer cancel()
	options := "console=ttyS0 quiet panic=-1"
	if only != "" {
		options += " cases=" + only
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-smp", "2", "-m", "1024", "-nic", "none",
		"-nographic", "-no-reboot", "-kernel", kernelImage(t, kernel), "-initrd", image, "-append", options)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	console, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := listenToGuest(t, console)
	if err := cmd.Wait(); err != nil {
		t.Errorf("qemu: %v (%v); the guest's last words:\n%s", err, ctx.Err(), lastLines(said.rest, 30))
	}
	return said
}

// listenToGuest reads the console to its end, and tells of each case as it ends.
func listenToGuest(t *testing.T, console io.Reader) guestSaid {
	t.Helper()
	said := guestSaid{cases: map[string]guestCase{}}
	var now strings.Builder // since the last mark
	lines := bufio.NewScanner(console)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		begin, end := guestBegin.FindStringSubmatch(line), guestEnd.FindStringSubmatch(line)
		switch {
		case begin != nil:
			said.rest += now.String()
			now.Reset()
		case end != nil:
			said.cases[end[1]] = guestCase{now.String(), end[2]}
			now.Reset()
			t.Logf("%s: status %s after %ss", end[1], end[2], end[3])
		case line == "@@@ done":
			said.done = true
		default:
			now.WriteString(line + "\n")
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read the guest's console: %v", err)
	}
	said.rest += now.String()
	return said
}

var guestDoctor = regexp.MustCompile(`(?m)^(?:(limited|missing)  +(\S+(?: \S+)*)  .*|doctor: (\d+))$`)

// guestDiagnoses are what doctor has said, in the form of guestVerdicts.
func guestDiagnoses(said string) []string {
	var all, points []string
	for _, m := range guestDoctor.FindAllStringSubmatch(said, -1) {
		switch {
		case m[1] == "limited":
			points = append(points, m[2])
		case m[1] == "missing":
			points = append(points, m[2]+" missing")
		case len(points) == 0:
			all = append(all, m[3])
		default:
			all = append(all, m[3]+": "+strings.Join(points, ", "))
			points = nil
		}
	}
	return all
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

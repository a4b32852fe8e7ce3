//go:build linux

package pid1

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

// apart gives the test a mount namespace of its own, on a thread that ends with
// the test.
func apart(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts: run it as root")
	}
	runtime.LockOSThread() // and never unlocked: the thread is of no use to others
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	mount(t, "", "/", "", unix.MS_REC|unix.MS_PRIVATE)
}

func mount(t *testing.T, source, target, fstype string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, fstype, flags, ""); err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// TestTargetStays makes a link of a mount point after it was looked at, as
// another container that shares the volume can (CVE-2021-30465).
func TestTargetStays(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	p := &initProcess{Setup: Setup{Spec: &specs.Spec{Root: &specs.Root{Path: root}, Mounts: []specs.Mount{
		{Type: "bind", Source: t.TempDir(), Destination: "/shared"},
		{Type: "bind", Source: t.TempDir(), Destination: "/shared/point"},
	}}}}
	name, done, err := p.target(p.Spec.Mounts[1])
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	found, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	point := filepath.Join(root, "shared/point")
	if err := os.Rename(point, point+".was"); err != nil {
		t.Fatal(err)
	}
	link(t, outside, point)
	now, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(found, now) {
		t.Errorf("the mount would now land elsewhere: by %s", name)
	}
}

// TestMaskIsNull makes /dev/null a link to what is to be read, as a race could:
// covering a file with it must fail rather than show that (CVE-2025-31133).
func TestMaskIsNull(t *testing.T) {
	apart(t)
	secret := write(t, filepath.Join(t.TempDir(), "secret"), "secret")
	covered := write(t, filepath.Join(t.TempDir(), "covered"), "covered")
	mount(t, "tmpfs", "/dev", "tmpfs", 0)
	link(t, secret, "/dev/null")
	t.Cleanup(func() { _ = unix.Unmount(covered, unix.MNT_DETACH) })
	p := &initProcess{}
	if err := p.mask(covered, &stage.Pivoted{}); err == nil {
		t.Error("it was covered with a file that is not /dev/null")
	}
}

// TestWriteProcIsProc puts a file over one of /proc's, as a race could: what is
// meant for the kernel must not be written to it (CVE-2025-52881).
func TestWriteProcIsProc(t *testing.T) {
	apart(t)
	trap := write(t, filepath.Join(t.TempDir(), "trap"), "untouched")
	const name = "sys/kernel/domainname"
	mount(t, trap, "/proc/"+name, "", unix.MS_BIND)
	p := &initProcess{}
	if err := p.writeProc(name, "written"); err == nil {
		t.Error("a file over one of /proc was written")
	}
	data, err := os.ReadFile(trap)
	if err != nil || string(data) != "untouched" {
		t.Errorf("%q, %v", data, err)
	}
}

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// fakeGroup is a group of the version in a directory of its own: what would be
// written can be read without a kernel of that version.
func fakeGroup(t *testing.T, version string) *Group {
	t.Helper()
	s := System{Version: version, Parent: DefaultParent}
	if version == "v2" {
		s.roots = []root{{dir: t.TempDir()}}
	} else {
		for _, c := range joined {
			s.roots = append(s.roots, root{c, filepath.Join(t.TempDir(), c)})
		}
	}
	return s.Open("id")
}

// said lists writes as "file value".
func said(writes []stage.Write) []string {
	var list []string
	for _, w := range writes {
		list = append(list, filepath.Base(w.File)+" "+w.Value)
	}
	return list
}

func TestLimitsInEachVersionsNames(t *testing.T) {
	l := Limits{Memory: 64 << 20, NanoCPUs: 500_000_000, CPUs: "0", Pids: 20}
	for version, want := range map[string][]string{
		"v1": {"memory.limit_in_bytes 67108864", "memory.memsw.limit_in_bytes 134217728", "cpu.cfs_period_us 100000", "cpu.cfs_quota_us 50000", "cpuset.cpus 0", "pids.max 20"},
		"v2": {"memory.max 67108864", "memory.swap.max 67108864", "cpu.max 50000 100000", "cpuset.cpus 0", "pids.max 20"},
	} {
		if got := said(fakeGroup(t, version).writes(l, nil)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
	for _, swap := range []int64{-1} {
		got := said(fakeGroup(t, "v2").writes(Limits{Memory: 64 << 20, Swap: swap}, nil))
		if !slices.Equal(got, []string{"memory.max 67108864"}) {
			t.Errorf("no limit on swap: got %v", got)
		}
	}
}

func TestJoinByThreadOnV1(t *testing.T) {
	if f := fakeGroup(t, "v1").JoinFiles(); len(f) != len(joined) || filepath.Base(f[0]) != "tasks" {
		t.Errorf("v1 joins by %v", f)
	}
	if f := fakeGroup(t, "v2").JoinFiles(); len(f) != 1 || filepath.Base(f[0]) != "cgroup.procs" {
		t.Errorf("v2 joins by %v", f)
	}
}

func TestLimitsThatCannotHoldAreRefused(t *testing.T) {
	none := System{}
	if _, fact, err := none.Create(sys.Kernel{}, "id", Limits{}, nil); err != nil || fact.Refused == "" {
		t.Errorf("without limits: %+v, %v; want a fact that says so", fact, err)
	}
	if _, _, err := none.Create(sys.Kernel{}, "id", Limits{Pids: 5}, nil); err == nil {
		t.Error("a limit that nothing enforces was accepted")
	}
}

// TestLimitWithoutItsControllerIsRefused: v1 hierarchies are mounted one by one,
// and one of them may not be.
func TestLimitWithoutItsControllerIsRefused(t *testing.T) {
	s := System{Version: "v1", Parent: DefaultParent, roots: []root{{"memory", t.TempDir()}}}
	for missing, limits := range map[string]Limits{"pids": {Memory: 1 << 20, Pids: 5}, "cpu": {NanoCPUs: 1e9}, "cpuset": {CPUs: "0"}, "blkio": {BlkioWeight: 100}} {
		g, _, err := s.Create(sys.Kernel{}, "id", limits, nil)
		if want := "limits cannot be set on this machine: the controller " + missing + " is mounted nowhere"; err == nil || err.Error() != want {
			t.Errorf("%+v: got %v, %v; want %s", limits, g, err, want)
		}
		if _, err := os.Lstat(s.Open("id").Dirs()[0]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: the group is still there: %v", limits, err)
		}
	}
	if g, _, err := s.Create(sys.Kernel{}, "id", Limits{}, nil); g == nil || err != nil {
		t.Errorf("without limits: %v, %v; want a group", g, err)
	}
}

// unified is a mounted v2 hierarchy, in the hybrid layout or alone.
func unified(t *testing.T) string {
	t.Helper()
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup2"))
	if err != nil || len(mounts) == 0 {
		t.Fatalf("no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified (%v)", err)
	}
	return mounts[0].Mountpoint
}

// TestDeviceProgram lets the kernel judge the BPF program of v2: a process in
// the group may use /dev/null and may not open a disk.
func TestDeviceProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test wants root")
	}
	s := System{Version: "v2", Parent: DefaultParent, roots: []root{{dir: unified(t)}}}
	id := fmt.Sprintf("test-%d", os.Getpid())
	g, _, err := s.Create(sys.Kernel{}, id, Limits{}, DefaultDevices())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Remove(sys.Kernel{}); err != nil {
			t.Error(err)
		}
		s.RemoveParent()
	}()
	disk := filepath.Join(t.TempDir(), "disk")
	if err := unix.Mknod(disk, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0))); err != nil { // loop0
		t.Fatal(err)
	}
	for _, c := range []struct {
		script  string
		allowed bool
	}{
		{"echo x > /dev/null", true},
		{"head -c1 /dev/zero", true},
		{"mknod " + disk + "2 b 7 1", true}, // to make a node is allowed, as Docker has it
		{"head -c1 " + disk, false},
		{"echo x > " + disk, false},
		{"head -c1 /dev/kmsg", false},
	} {
		run := exec.Command("sh", "-c", "echo $$ > "+g.JoinFiles()[0]+" && exec sh -c '"+c.script+"'")
		out, err := run.CombinedOutput()
		refused := strings.Contains(string(out), "not permitted")
		if c.allowed && err != nil || !c.allowed && (err == nil || !refused) {
			t.Errorf("%s: allowed should be %v: %v: %s", c.script, c.allowed, err, out)
		}
	}
}

func TestRemoveOfWhatIsNotThere(t *testing.T) {
	if err := fakeGroup(t, "v1").Remove(sys.Kernel{}); err != nil {
		t.Error(err)
	}
	g := fakeGroup(t, "v2")
	if err := os.MkdirAll(filepath.Join(g.Dirs()[0], "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(sys.Kernel{}); !errors.Is(err, unix.ENOTEMPTY) {
		t.Errorf("a group that is not empty: %v", err)
	}
}

//go:build linux

package survey

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/overlay"
)

// TestMain is also what LookInside starts in new namespaces.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "within" {
		mounts, err := LookWithin()
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(mounts)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes namespaces and mounts: run it as root")
	}
}

// TestLookInside: the machine that runs the tests runs containers, so all that
// these need is found, and nothing is left of the looking.
func TestLookInside(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	before := leavings(t)
	s, err := LookInside(Where{
		Places: []Place{{api.PlaceLessons, dir}, {api.PlaceData, filepath.Join(dir, "not", "there")}}, Others: []string{"/dev/shm"},
	}, "within")
	if err != nil {
		t.Fatal(err)
	}
	for name, trial := range map[string]api.Trial{
		"namespaces": s.Namespaces, "seccomp": s.Seccomp, "cgroup": s.Cgroup.Create,
		"loopback": s.Network.Loopback, "bridge": s.Network.Bridge, "veth": s.Network.Veth,
		"memory limit": s.Cgroup.Limits["memory"], "cpu limit": s.Cgroup.Limits["cpu"], "pids limit": s.Cgroup.Limits["pids"],
	} {
		if !trial.OK {
			t.Errorf("%s: %+v", name, trial)
		}
	}
	if kinds := slices.Sorted(maps.Keys(s.Mounts)); !slices.Equal(kinds, []string{"devpts", "mqueue", "proc", "sysfs", "tmpfs"}) {
		t.Errorf("mounts tried: %v", kinds)
	}
	for kind, trial := range s.Mounts {
		if !trial.OK {
			t.Errorf("mount %s: %+v", kind, trial)
		}
	}
	if len(s.Places) != 2 {
		t.Fatalf("both places do, and still others were tried: %+v", s.Places)
	}
	for _, p := range s.Places {
		if !p.Write.OK || !does(p) || p.FileSystem == "" || p.Free <= 0 {
			t.Errorf("%+v", p)
		}
	}
	if s.UserNamespace || s.IDs != allIDs {
		t.Errorf("in a user namespace of %d ids: %v", s.IDs, s.UserNamespace)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left in the place: %v %v", entries, err)
	}
	if after := leavings(t); after != before {
		t.Errorf("left on the machine:\n%s\nbefore:\n%s", after, before)
	}
}

// leavings are the mounts, control groups and interfaces that carry the
// survey's names.
func leavings(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/survey-") {
			found = append(found, line)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/learndocker/survey-%d", "/sys/fs/cgroup/learndocker/survey-%d"} {
		groups, err := filepath.Glob(fmt.Sprintf(pattern, os.Getpid()))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, groups...)
	}
	links, err := filepath.Glob("/sys/class/net/survey*")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(append(found, links...), "\n")
}

// TestPlaces are directories in which the engine cannot work, each for a reason
// of its own.
func TestPlaces(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name, kind, data string
		flags            uintptr
		write            string // errno of writing, "" where that works
		stacks           bool
		errno            string // of stacking
	}{
		{"tmpfs", "tmpfs", "", 0, "", true, ""},
		{"noexec", "tmpfs", "", unix.MS_NOEXEC, "", true, ""}, // that of layers does not reach the stack
		{"nosuid and nodev", "tmpfs", "", unix.MS_NOSUID | unix.MS_NODEV, "", true, ""},
		{"read-only", "tmpfs", "", unix.MS_RDONLY, "EROFS", false, ""},
		{"full", "tmpfs", "size=64k", 0, "ENOSPC", false, ""},
		{"no room for another file", "tmpfs", "nr_inodes=2", 0, "ENOSPC", false, ""},
		{"no attributes", "ramfs", "", 0, "", true, "ENOTSUP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("none", dir, c.kind, c.flags, c.data); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			p := lookAt(Place{api.PlaceLessons, dir}, false)
			if p.Write.Errno != c.write || p.Write.OK != (c.write == "") || does(p) != c.stacks {
				t.Errorf("%+v", p)
			}
			if c.errno != "" && (len(p.Drivers) == 0 || p.Drivers[0].Errno != c.errno) {
				t.Errorf("stacking: %+v, want %s", p.Drivers, c.errno)
			}
			if c.stacks {
				best, why, err := overlay.Choose(dir, false)
				if err != nil || p.Drivers[len(p.Drivers)-1].Name != string(best) {
					t.Errorf("the engine stacks by %s (%v, %v), tried: %+v", best, why, err, p.Drivers)
				}
			}
			if p.Mount != dir || p.FileSystem != c.kind {
				t.Errorf("mounted on %s: %s", p.Mount, p.FileSystem)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("left there: %v %v", entries, err)
			}
		})
	}
}

// TestOthers: what does not do is made good by the first of the others that does.
func TestOthers(t *testing.T) {
	needRoot(t)
	good, notReached := t.TempDir(), t.TempDir()
	places := lookAtAll([]Place{{api.PlaceLessons, "/proc/nothing/here"}}, []string{"/proc", good, notReached}, false)
	var tried []string
	for _, p := range places {
		tried = append(tried, p.Dir)
	}
	if !slices.Equal(tried, []string{"/proc/nothing/here", "/proc", good}) {
		t.Errorf("tried %v", tried)
	}
	if does(places[0]) || does(places[1]) || !does(places[2]) || places[2].Use != api.PlaceOther {
		t.Errorf("%+v", places)
	}
}

// TestLookOutside reads a made-up machine: this one's kernel has neither
// Debian's setting nor AppArmor's.
func TestLookOutside(t *testing.T) {
	root := t.TempDir()
	for path, content := range map[string]string{
		"proc/sys/kernel/osrelease":                             "5.15.167.4-microsoft-standard-WSL2\n",
		"proc/sys/user/max_user_namespaces":                     "0\n",
		"proc/sys/kernel/unprivileged_userns_clone":             "0\n",
		"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
		"etc/os-release":                                        "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
		"etc/subuid":                                            fmt.Sprintf("somebody:100000:65536\n%d:165536:65536\n%d:300000:10\n", os.Getuid(), os.Getuid()),
		"etc/subgid":                                            "somebody:100000:65536\n",
		"run/systemd/container":                                 "lxc\n",
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o, err := LookOutside(root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"user.max_user_namespaces": "0", "kernel.unprivileged_userns_clone": "0", "kernel.apparmor_restrict_unprivileged_userns": "1"}
	if !maps.Equal(o.Sysctls, want) {
		t.Errorf("settings %v", o.Sysctls)
	}
	if !o.WSL || o.Container != "lxc" || !slices.Equal(o.Distribution, []string{"rocky", "rhel", "centos", "fedora"}) {
		t.Errorf("%+v", o)
	}
	if o.SubUIDs != 65546 || o.SubGIDs != 0 || o.NextSubID != 300010 {
		t.Errorf("subordinate ids: %d, %d, the next %d", o.SubUIDs, o.SubGIDs, o.NextSubID)
	}
	empty, err := LookOutside(t.TempDir())
	if err != nil || len(empty.Sysctls) > 0 || len(empty.Distribution) > 0 || empty.NextSubID != firstSubID {
		t.Errorf("of a machine that says nothing: %+v %v", empty, err)
	}
}

// TestHelpers finds the helpers by PATH and tells whether they may map ids.
func TestHelpers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	file := filepath.Join(dir, "newuidmap")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := helper("newuidmap"); got != (api.Helper{Path: file}) {
		t.Errorf("%+v", got)
	}
	if err := os.Chmod(file, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if got := helper("newuidmap"); got != (api.Helper{Path: file, Privileged: true}) {
		t.Errorf("%+v", got)
	}
	if got := helper("newgidmap"); got != (api.Helper{}) {
		t.Errorf("%+v", got)
	}
}

func TestTry(t *testing.T) {
	got := Try(fmt.Errorf("make a thing: %w", &os.PathError{Op: "mkdir", Path: "/x", Err: unix.EROFS}))
	if got != (api.Trial{Errno: "EROFS", Error: "make a thing: mkdir /x: read-only file system"}) {
		t.Errorf("%+v", got)
	}
	if Try(nil) != (api.Trial{OK: true}) {
		t.Error("nothing went wrong")
	}
}

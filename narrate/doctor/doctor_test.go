package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learndocker/learndocker/engine/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var fine = api.Trial{OK: true}

func refused(errno, text string) api.Trial { return api.Trial{Errno: errno, Error: text} }

// asRoot is the survey of a machine on which root lacks nothing.
func asRoot() api.Survey {
	place := func(use, dir string) api.Place {
		return api.Place{
			Use: use, Dir: dir, FileSystem: "ext4", Mount: "/", Options: []string{"rw"}, Free: 80 << 30, FreeFiles: 1 << 20,
			Write: fine, Drivers: []api.Driver{{Name: "overlay", Trial: fine}},
		}
	}
	return api.Survey{
		Outside: api.Outside{
			System: "linux", Arch: "amd64", Kernel: "6.1.0-44-amd64", Distribution: []string{"debian"}, UID: 0, User: "root",
			Sysctls:   map[string]string{"user.max_user_namespaces": "63000"},
			UIDHelper: api.Helper{Path: "/usr/bin/newuidmap", Privileged: true}, GIDHelper: api.Helper{Path: "/usr/bin/newgidmap", Privileged: true},
			NextSubID: 100000, Tools: map[string]string{"nsenter": "/usr/bin/nsenter", "ip": "/usr/sbin/ip", "sudo": "/usr/bin/sudo"},
		},
		Entry: fine,
		Inside: &api.Inside{
			IDs: 1<<32 - 1, Nested: fine, Namespaces: fine, Mounts: map[string]api.Trial{"proc": fine, "sysfs": fine},
			Places:  []api.Place{place(api.PlaceLessons, "/tmp"), place(api.PlaceData, "/var/lib/learndocker")},
			Cgroup:  api.Cgroup{Version: "v2", Create: fine, Limits: map[string]api.Trial{"memory": fine, "cpu": fine, "pids": fine}},
			Seccomp: fine, Network: api.Network{Loopback: fine, Bridge: fine, Veth: fine},
		},
	}
}

// asUser is that of the same machine for an ordinary user.
func asUser() api.Survey {
	s := asRoot()
	s.Outside.UID, s.Outside.User, s.Outside.SubUIDs, s.Outside.SubGIDs, s.Outside.NextSubID = 1000, "ada", 65536, 65536, 165536
	s.Inside.UserNamespace, s.Inside.IDs = true, 65537
	s.Inside.Cgroup.Create, s.Inside.Cgroup.Limits = refused("EACCES", "mkdir /sys/fs/cgroup/learndocker: permission denied"), nil
	s.Inside.Places[1].Dir = "/home/ada/.local/share/learndocker"
	return s
}

// shutOut is that of a user who cannot make a user namespace.
func shutOut(errno, text string) api.Survey {
	s := asUser()
	s.Entry, s.Inside = refused(errno, "this machine does not let an ordinary user make a user namespace: fork/exec /proc/self/exe: "+text), nil
	return s
}

func with(s api.Survey, change func(*api.Survey)) api.Survey {
	change(&s)
	return s
}

// machines are reports of every kind, by the name of their golden file.
var machines = map[string]struct {
	survey  api.Survey
	verdict Verdict
}{
	"root": {asRoot(), Root},
	"user": {asUser(), Rootless},
	"user-one-id": {with(asUser(), func(s *api.Survey) {
		s.Outside.SubUIDs, s.Outside.SubGIDs, s.Inside.IDs = 0, 0, 1
	}), Rootless},
	"user-without-a-name": {with(asUser(), func(s *api.Survey) {
		s.Outside.User, s.Outside.UID = "", 12345
		s.Outside.SubUIDs, s.Outside.SubGIDs, s.Inside.IDs = 0, 0, 1
	}), Rootless},
	"user-no-uidmap": {with(asUser(), func(s *api.Survey) {
		s.Outside.UIDHelper, s.Outside.GIDHelper, s.Inside.IDs, s.Outside.SubUIDs = api.Helper{}, api.Helper{}, 1, 0
	}), Rootless},
	"user-no-uidmap-fedora-no-sudo": {with(asUser(), func(s *api.Survey) {
		s.Outside.Distribution = []string{"rocky", "rhel", "centos", "fedora"}
		s.Outside.Tools = map[string]string{}
		s.Outside.UIDHelper, s.Outside.GIDHelper, s.Inside.IDs, s.Outside.SubUIDs = api.Helper{}, api.Helper{}, 1, 0
	}), Rootless},
	"user-no-new-privileges": {with(asUser(), func(s *api.Survey) { s.Inside.IDs = 1 }), Rootless},
	"user-helper-without-bit-one-id": {with(asUser(), func(s *api.Survey) {
		s.Inside.IDs, s.Outside.UIDHelper.Privileged = 1, false
	}), Rootless},
	"user-helper-without-bit": {with(asUser(), func(s *api.Survey) {
		s.Outside.UIDHelper.Privileged = false
		s.Entry, s.Inside = api.Trial{Error: "map ids: newuidmap: exit status 1: newuidmap: write to uid_map failed: Operation not permitted"}, nil
	}), Recordings},
	"user-delegated": {with(asUser(), func(s *api.Survey) {
		s.Inside.Cgroup = api.Cgroup{Version: "v2", Create: fine, Delegated: true, Limits: map[string]api.Trial{
			"memory": fine, "pids": fine, "cpu": refused("EACCES", "set --cpus: write /sys/fs/cgroup/user.slice/learndocker/survey-1/cpu.max: permission denied"),
		}}
	}), Rootless},
	"user-delegated-with-shell": {with(asUser(), func(s *api.Survey) {
		busy := refused("EBUSY", "limits cannot be set on this machine: write /sys/fs/cgroup/ada/cgroup.subtree_control: device or resource busy: processes are in this group itself, so it can hand no controller down")
		s.Inside.Cgroup = api.Cgroup{Version: "v2", Create: fine, Delegated: true, Limits: map[string]api.Trial{"memory": busy, "pids": busy, "cpu": busy}}
	}), Rootless},
	"user-max-zero": {with(shutOut("ENOSPC", "no space left on device"), func(s *api.Survey) {
		s.Outside.Sysctls["user.max_user_namespaces"] = "0"
	}), Recordings},
	"user-debian-sysctl": {with(shutOut("EPERM", "operation not permitted"), func(s *api.Survey) {
		s.Outside.Sysctls["kernel.unprivileged_userns_clone"] = "0"
	}), Recordings},
	"user-apparmor": {with(asUser(), func(s *api.Survey) {
		s.Outside.Distribution = []string{"ubuntu", "debian"}
		s.Outside.Sysctls["kernel.apparmor_restrict_unprivileged_userns"] = "1"
		s.Entry, s.Inside = refused("EACCES", "keep mounts to ourselves: permission denied"), nil
	}), Recordings},
	"user-in-docker":     {with(shutOut("EPERM", "operation not permitted"), func(s *api.Survey) { s.Outside.Container = "docker" }), Recordings},
	"user-no-userns":     {shutOut("EINVAL", "invalid argument"), Recordings},
	"user-limit-reached": {shutOut("ENOSPC", "no space left on device"), Recordings},
	"root-in-docker": {with(asRoot(), func(s *api.Survey) {
		s.Outside.Container = "docker"
		s.Inside.Namespaces, s.Inside.Mounts = refused("EPERM", "clone: operation not permitted"), nil
		s.Inside.Nested = refused("EPERM", "clone: operation not permitted")
		s.Inside.Cgroup.Create = refused("EROFS", "mkdir /sys/fs/cgroup/learndocker: read-only file system")
		eperm := refused("EPERM", "unshare: operation not permitted")
		s.Inside.Network = api.Network{Loopback: eperm, Bridge: eperm, Veth: eperm}
		s.Inside.Places[0].FileSystem, s.Inside.Places[1].FileSystem = "overlay", "overlay"
		for i := range s.Inside.Places {
			s.Inside.Places[i].Drivers = []api.Driver{{Name: "overlay", Trial: eperm}}
		}
	}), Recordings},
	"root-masked-proc": {with(asRoot(), func(s *api.Survey) {
		s.Outside.Container = "docker"
		s.Inside.Mounts["proc"] = refused("EPERM", "mount proc /proc: operation not permitted")
	}), Recordings},
	"root-no-cgroup": {with(asRoot(), func(s *api.Survey) {
		s.Inside.Cgroup = api.Cgroup{Create: api.Trial{Error: "no cgroup file system is mounted"}}
	}), Root},
	"root-part-of-cgroup": {with(asRoot(), func(s *api.Survey) {
		s.Inside.Cgroup.Version, s.Inside.Cgroup.Hybrid = "v1", true
		s.Inside.Cgroup.Limits["cpu"] = api.Trial{Error: "this machine does not have the controller"}
	}), Root},
	"root-no-bridge": {with(asRoot(), func(s *api.Survey) {
		s.Inside.Network.Bridge = refused("ENOTSUP", "add bridge: operation not supported")
	}), Root},
	"root-no-seccomp": {with(asRoot(), func(s *api.Survey) { s.Inside.Seccomp = refused("EINVAL", "seccomp: invalid argument") }), Recordings},
	"root-no-overlay": {with(asRoot(), func(s *api.Survey) {
		for i := range s.Inside.Places {
			s.Inside.Places[i].Drivers[0].Trial = refused("ENODEV", "stack layers: mount /tmp/survey-1/overlay/merged: no such device")
		}
	}), Recordings},
	"root-other-driver": {with(asRoot(), func(s *api.Survey) {
		for i := range s.Inside.Places {
			s.Inside.Places[i].Drivers = []api.Driver{
				{Name: "overlay", Trial: refused("ENODEV", "stack layers: mount /tmp/survey-1/overlay/merged: no such device")}, {Name: "fuse-overlayfs", Trial: api.Trial{Error: "exec: \"fuse-overlayfs\": executable file not found in $PATH"}},
				{Name: "copy", Trial: fine},
			}
		}
	}), Root},
	"user-no-fuse-overlayfs": {with(asUser(), func(s *api.Survey) {
		s.Inside.Fuse = fine
		for i := range s.Inside.Places {
			s.Inside.Places[i].Drivers = []api.Driver{
				{Name: "overlay", Trial: refused("EPERM", "stack layers: mount /tmp/survey-1/overlay/merged: operation not permitted")},
				{Name: "fuse-overlayfs", Trial: api.Trial{Error: "exec: \"fuse-overlayfs\": executable file not found in $PATH"}},
				{Name: "copy", Trial: fine},
			}
		}
	}), Rootless},
	"user-noexec": {with(asUser(), func(s *api.Survey) {
		other := s.Inside.Places[1]
		other.Use, other.Dir = api.PlaceOther, "/var/tmp"
		s.Inside.Places[0].FileSystem, s.Inside.Places[0].Options = "ramfs", []string{"rw", "noexec"}
		s.Inside.Places[0].Drivers = []api.Driver{
			{Name: "overlay", Trial: refused("ENOTSUP", "setxattr user.overlay.opaque /tmp/survey-1/overlay/lower/hidden: operation not supported")},
			{Name: "fuse-overlayfs", Trial: api.Trial{Error: "stack layers: exec: \"fuse-overlayfs\": executable file not found in $PATH"}},
			{Name: "copy", Trial: refused("EACCES", "fork/exec /tmp/survey-1/copy/merged/program: permission denied")},
		}
		s.Inside.Places = append(s.Inside.Places, other)
	}), Recordings},
	"root-tmp-does-not-stack": {with(asRoot(), func(s *api.Survey) {
		other := s.Inside.Places[0]
		other.Use, other.Dir = api.PlaceOther, "/var/tmp"
		s.Inside.Places[0].FileSystem = "nfs4"
		s.Inside.Places[0].Drivers = []api.Driver{{Name: "overlay", Trial: refused("EINVAL", "stack layers: mount /tmp/survey-1/overlay/merged: invalid argument")}}
		s.Inside.Places = append(s.Inside.Places, other)
	}), Recordings},
	"root-full": {with(asRoot(), func(s *api.Survey) {
		for i := range s.Inside.Places {
			s.Inside.Places[i].Free, s.Inside.Places[i].Drivers = 0, nil
			s.Inside.Places[i].Write = refused("ENOSPC", "write /tmp/survey-1/file: no space left on device")
		}
	}), Recordings},
	"root-data-root-read-only": {with(asRoot(), func(s *api.Survey) {
		s.Inside.Places[1].Mount, s.Inside.Places[1].Drivers = "/var", nil
		s.Inside.Places[1].Write = refused("EROFS", "mkdir /var/lib/learndocker: read-only file system")
	}), Root},
	"root-little-room": {with(asRoot(), func(s *api.Survey) { s.Inside.Places[0].Free = 5 << 20 }), Root},
	"root-no-tools": {with(asRoot(), func(s *api.Survey) {
		s.Outside.Tools = map[string]string{}
		s.Outside.WSL = true
	}), Root},
	"root-of-a-namespace": {with(asRoot(), func(s *api.Survey) {
		s.Inside.UserNamespace, s.Inside.IDs = true, 1
		s.Inside.Cgroup.Create = refused("EACCES", "mkdir /sys/fs/cgroup/learndocker: permission denied")
	}), Rootless},
}

func TestGoldenText(t *testing.T) {
	for name, m := range machines {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(m.survey, "learndocker")
			if d.Verdict != m.verdict {
				t.Errorf("verdict %q, want %q", d.Verdict, m.verdict)
			}
			golden(t, name, d)
		})
	}
	for _, goos := range []string{"darwin", "windows", "linux", "freebsd"} {
		t.Run("elsewhere-"+goos, func(t *testing.T) {
			d := Elsewhere(goos, "learndocker")
			if d.Verdict != Recordings {
				t.Errorf("verdict %q", d.Verdict)
			}
			golden(t, "elsewhere-"+goos, d)
		})
	}
}

// golden holds the text against the one that was looked at, and no line but a
// mend against 80 columns.
func golden(t *testing.T, name string, d Diagnosis) {
	t.Helper()
	var b bytes.Buffer
	if err := d.Text(&b, 80, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if len(strings.TrimRight(line, "\n")) > 80 && !strings.HasPrefix(line, "         $ ") {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\nmake golden writes it; look at it", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("not the text that was looked at (-want +got):\n%s\nif it is right: make golden", diff)
	}
}

// TestMends: each is one line, and what is not well has one or says why.
func TestMends(t *testing.T) {
	for name, m := range machines {
		for _, p := range Diagnose(m.survey, "learndocker").Points {
			if strings.ContainsAny(p.Mend, "\n") {
				t.Errorf("%s: %s: the mend is more than one line: %q", name, p.Name, p.Mend)
			}
			if p.State == OK && p.Mend != "" {
				t.Errorf("%s: %s is ok and has a mend: %s", name, p.Name, p.Mend)
			}
			if p.Meaning == "" || !strings.HasSuffix(p.Meaning, ".") {
				t.Errorf("%s: %s: no sentence: %q", name, p.Name, p.Meaning)
			}
			if m.survey.Outside.UID == 0 && strings.Contains(p.Mend, "sudo") {
				t.Errorf("%s: %s: root needs no sudo: %s", name, p.Name, p.Mend)
			}
		}
	}
}

func TestLacks(t *testing.T) {
	for _, c := range []struct {
		machine string
		needs   []string
		lacks   []string // names of points
	}{
		{"root", []string{"overlay", "userns", "root", "cgroup", "network"}, nil},
		{"user", []string{"overlay", "userns"}, nil},
		{"user", []string{"root"}, []string{"root"}},
		{"user", []string{"overlay", "cgroup", "network"}, []string{"cgroups", "network"}},
		{"user-max-zero", nil, []string{"user namespace"}},
		{"root-no-cgroup", []string{"overlay"}, nil},
		{"root-no-bridge", []string{"overlay"}, nil},
		{"root-no-bridge", []string{"network"}, []string{"network"}},
		{"root-no-cgroup", []string{"cgroup"}, []string{"cgroups"}},
		{"root-part-of-cgroup", []string{"cgroup"}, []string{"cgroups"}},
		{"root-no-overlay", []string{"overlay"}, []string{"layers"}},
		{"root-other-driver", []string{"overlay"}, nil},
		{"root-data-root-read-only", []string{"overlay"}, nil},
		{"root-full", nil, []string{"disk"}},
		{"root-of-a-namespace", []string{"root"}, []string{"root"}},
	} {
		var names []string
		for _, p := range Diagnose(machines[c.machine].survey, "learndocker").Lacks(c.needs) {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, c.lacks) {
			t.Errorf("%s, a lesson that needs %v lacks %v, want %v", c.machine, c.needs, names, c.lacks)
		}
	}
}

func TestStatus(t *testing.T) {
	if got := []int{Root.Status(), Rootless.Status(), Recordings.Status()}; !slices.Equal(got, []int{0, 2, 3}) {
		t.Errorf("exit statuses %v", got)
	}
}

// TestColours: with them the text is the same, and each state has its own.
func TestColours(t *testing.T) {
	d := Diagnose(machines["root-in-docker"].survey, "learndocker")
	var plain, colored bytes.Buffer
	if err := errors.Join(d.Text(&plain, 80, false), d.Text(&colored, 80, true)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("escape sequences without colours")
	}
	for _, sequence := range []string{"\x1b[32mok", "\x1b[33mlimited", "\x1b[31;1mmissing"} {
		if !strings.Contains(colored.String(), sequence) {
			t.Errorf("no %q", sequence)
		}
	}
}

// TestJSON: what scripts read.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(Diagnose(asUser(), "learndocker"))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(d)); !slices.Equal(keys, []string{"points", "survey", "verdict"}) || d["verdict"] != "rootless" {
		t.Errorf("%v, verdict %v", keys, d["verdict"])
	}
}

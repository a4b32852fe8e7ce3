//go:build linux

package rootless

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// scoped is set in a daemon that runs in a systemd scope of its own.
const scoped = "LEARNDOCKER_SCOPE"

const cgroupRoot = "/sys/fs/cgroup"

// EnterScope replaces this process by itself in a systemd scope whose control
// group belongs to the user, where the machine has cgroup v2 and the user a
// systemd of his own. Elsewhere it returns: what is not delegated is shown as
// not done. See systemd.resource-control(5), Delegate=.
//
// A group of the user's in which there are others too, as a terminal's with its
// shell, does not do: it can hand no controller down.
func EnterScope() {
	if os.Getenv(scoped) != "" || !pureV2() || suffices(ownGroup()) {
		return
	}
	manager := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd", "private")
	if _, err := os.Stat(manager); err != nil {
		return
	}
	run, err := exec.LookPath("systemd-run")
	if err != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	// A scope that cannot be had must not keep the daemon from running: it is
	// tried first.
	line := []string{run, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"}
	if exec.Command(run, append(line[1:], "true")...).Run() != nil {
		return
	}
	line = append(line, self)
	_ = syscall.Exec(run, append(line, os.Args[1:]...), append(os.Environ(), scoped+"=1")) // an error: we go on without
}

func pureV2() bool {
	var fs unix.Statfs_t
	return unix.Statfs(cgroupRoot, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

// ownGroup is the directory of this process's v2 control group; "" where it
// cannot be known. See cgroups(7), /proc/PID/cgroup.
func ownGroup() string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && !strings.HasPrefix(path, "/..") {
			return filepath.Join(cgroupRoot, path)
		}
	}
	return ""
}

func writable(dir string) bool {
	return dir != "" && unix.Access(dir, unix.W_OK) == nil && unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
}

// suffices reports whether the group is the user's and can hand controllers
// down once we have moved into a child of it.
func suffices(group string) bool {
	if !writable(group) {
		return false
	}
	if filepath.Base(group) == daemonGroup {
		return true
	}
	data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	return err == nil && strings.TrimSpace(string(data)) == strconv.Itoa(os.Getpid())
}

// delegation is a control group that the system has handed to this user. A
// group that hands controllers down has no process of its own, so the daemon
// moves into a child of it: cgroups(7), "no internal processes" rule.
//
//	group                 the user's
//	├─ learndocker-daemon   the daemon
//	└─ learndocker          the containers' groups
type delegation struct {
	group    string // directory; "" where nothing is delegated
	restores string // what was in cgroup.subtree_control: names and spaces
}

const daemonGroup = "learndocker-daemon"

func (d *delegation) daemon() string  { return filepath.Join(d.group, daemonGroup) }
func (d *delegation) control() string { return filepath.Join(d.group, "cgroup.subtree_control") }

// Parent is the group for the containers' groups, as a path below the
// hierarchy's root; "" where nothing is delegated.
func (d *delegation) Parent() string {
	if d.group == "" {
		return ""
	}
	return strings.TrimPrefix(filepath.Join(d.group, "learndocker"), cgroupRoot)
}

// delegate moves this process into its place in the delegated group.
func delegate() (*delegation, error) {
	d := &delegation{}
	group := ownGroup()
	if !pureV2() || !writable(group) {
		return d, nil
	}
	if filepath.Base(group) == daemonGroup { // one of our own has started us
		group = filepath.Dir(group)
	}
	d.group = group
	before, err := os.ReadFile(d.control())
	if err != nil {
		return &delegation{}, nil // a threaded group or a race: nothing to be had
	}
	d.restores = string(before)
	if err := os.Mkdir(d.daemon(), 0o755); err != nil && !os.IsExist(err) {
		return d, fmt.Errorf("use the delegated control group: %w", err)
	}
	return d, move(d.daemon())
}

// move puts this process into the group.
func move(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("enter control group: %w", err)
	}
	return nil
}

// leave puts the delegated group back as it was. Another daemon in it may still
// need what we would take away; the kernel then refuses, and it does it later.
func (d *delegation) leave() {
	if d.group == "" {
		return
	}
	now, err := os.ReadFile(d.control())
	if err != nil {
		return
	}
	for controller := range strings.FieldsSeq(string(now)) {
		if !slices.Contains(strings.Fields(d.restores), controller) {
			_ = os.WriteFile(d.control(), []byte("-"+controller), 0)
		}
	}
	if move(d.group) == nil {
		_ = os.Remove(d.daemon())
	}
}

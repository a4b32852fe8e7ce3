//go:build linux

// Package cgroup makes the control group of one container: cgroup v1, the
// hybrid layout (v1 controllers beside an empty v2 tree) and v2 behind one
// type. The files written are named as that version names them.
//
// See cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// DefaultParent is the group below which every container's group is made where
// nothing else is asked for, as Docker uses /docker.
const DefaultParent = "/learndocker"

// System is the cgroup layout of this machine.
type System struct {
	Version string // "v1", "v2"; "" where none is mounted
	Hybrid  bool
	Parent  string // group of which the containers' groups are children, below each root
	roots   []root // v2: one
}

// root is one mounted hierarchy.
type root struct {
	controller string // v1 only
	dir        string
}

// joined are the v1 controllers whose groups a container enters.
var joined = []string{"memory", "cpu", "cpuacct", "cpuset", "blkio", "pids", "devices", "freezer", "hugetlb"}

// Detect reads the mounted hierarchies from /proc/self/mountinfo. The
// containers' groups will be children of parent; "" is DefaultParent.
func Detect(parent string) (System, error) {
	if parent == "" {
		parent = DefaultParent
	}
	if !filepath.IsAbs(parent) {
		return System{}, fmt.Errorf("cgroup parent %q: it is a path from the root of the hierarchy and begins with /", parent)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return System{}, fmt.Errorf("read cgroup mounts: %w", err)
	}
	s := System{Parent: filepath.Clean(parent)}
	var unified string
	for _, m := range mounts {
		if m.FSType == "cgroup2" {
			if unified == "" {
				unified = m.Mountpoint
			}
			continue
		}
		for option := range strings.SplitSeq(m.VFSOptions, ",") {
			if slices.Contains(joined, option) && !slices.ContainsFunc(s.roots, func(r root) bool { return r.controller == option }) {
				s.roots = append(s.roots, root{option, m.Mountpoint})
			}
		}
	}
	switch {
	case len(s.roots) > 0:
		s.Version, s.Hybrid = "v1", unified != ""
		slices.SortFunc(s.roots, func(a, b root) int {
			return slices.Index(joined, a.controller) - slices.Index(joined, b.controller)
		})
	case unified != "":
		s.Version, s.roots = "v2", []root{{dir: unified}}
	}
	return s, nil
}

// Group is the control group of one container.
type Group struct {
	system System
	path   string   // below each root
	asked  []string // v2: controllers that limits need
}

// Open names the group of a container without touching it.
func (s System) Open(id string) *Group {
	return &Group{system: s, path: filepath.Join(s.Parent, id)}
}

// Groups lists the containers' groups that there are, whoever made them.
func (s System) Groups() []*Group {
	var groups []*Group
	seen := map[string]bool{}
	for _, r := range s.roots {
		entries, err := os.ReadDir(filepath.Join(r.dir, s.Parent))
		if err != nil {
			continue // no container's group in this hierarchy
		}
		for _, e := range entries {
			if e.IsDir() && !seen[e.Name()] {
				seen[e.Name()] = true
				groups = append(groups, s.Open(e.Name()))
			}
		}
	}
	return groups
}

// Path is the group's, below each hierarchy's root.
func (g *Group) Path() string { return g.path }

// ID is the container whose group it is.
func (g *Group) ID() string { return filepath.Base(g.path) }

// Processes are the processes in the group, as this PID namespace numbers them.
func (g *Group) Processes() []int {
	var pids []int
	for _, dir := range g.Dirs() {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue // not in this hierarchy
		}
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// End ends every process in the group and removes it.
func (g *Group) End() error {
	for _, pid := range g.Processes() {
		_ = unix.Kill(pid, unix.SIGKILL) // an error is a process that has ended
	}
	if g.Frozen() { // on v1 the killed stand still, too: freezer-subsystem.rst
		_, _ = g.Freeze(sys.Kernel{}, false) // an error is a group that cannot be removed either
	}
	return g.Remove(sys.Kernel{})
}

// Create makes the group and writes its limits. What the machine does not let
// us have is told in the fact (Refused, Write.Error) unless the user asked for
// it by a limit: then it is an error, as the limit would not hold. devices are
// those that the group may open; nil is no rule.
func (s System) Create(k sys.Kernel, id string, l Limits, devices []Device) (*Group, stage.Cgroup, error) {
	g := s.Open(id)
	g.asked = l.controllers(s.Version)
	return g.create(k, id, l, devices)
}

func (g *Group) create(k sys.Kernel, id string, l Limits, devices []Device) (*Group, stage.Cgroup, error) {
	s := g.system
	fact := stage.Cgroup{Container: id, Version: s.Version, Hybrid: s.Hybrid, Path: g.path, Dirs: []string{}, Writes: []stage.Write{}}
	if s.Version == "" {
		none := errors.New("no cgroup file system is mounted")
		fact.Refused = none.Error()
		return nil, fact, l.mustHold(none)
	}
	var kept error // why controllers are not handed down, where they are not
	for _, dir := range g.Dirs() {
		why, err := g.makeDir(k, strings.TrimSuffix(dir, g.path), dir)
		if err != nil {
			if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
				fact.Refused = err.Error()
				fact.Writes = planned(g.writes(l, devices), err)
				g.Remove(sys.Kernel{})
				return nil, fact, l.mustHold(err)
			}
			return nil, fact, fmt.Errorf("make cgroup: %w", err)
		}
		kept = errors.Join(kept, why)
		fact.Dirs = append(fact.Dirs, dir)
	}
	if err := g.lacks(l, kept); err != nil {
		g.Remove(sys.Kernel{})
		return nil, fact, l.mustHold(err)
	}
	for _, w := range g.writes(l, devices) {
		err := k.WriteFile(w.File, w.Value)
		if err != nil {
			w.Error = err.Error()
		}
		fact.Writes = append(fact.Writes, w)
		if err != nil && !optional(w) {
			g.Remove(sys.Kernel{})
			return nil, fact, fmt.Errorf("set %s: %w", w.Meaning, err)
		}
	}
	if s.Version == "v2" {
		if err := confineDevices(k, g.Dirs()[0], devices); err != nil {
			g.Remove(sys.Kernel{})
			return nil, fact, fmt.Errorf("confine devices: %w", err)
		}
	}
	return g, fact, nil
}

// lacks is the error of a group, just made, that has not all the controllers
// for the limits. kept tells why the groups above have handed none down; nil
// where the machine has no such controller.
func (g *Group) lacks(l Limits, kept error) error {
	there := g.Controllers()
	if g.system.Version == "v2" {
		data, err := os.ReadFile(filepath.Join(g.Dirs()[0], "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("read the group's controllers: %w", err)
		}
		there = strings.Fields(string(data))
	}
	for _, c := range l.controllers(g.system.Version) {
		switch {
		case slices.Contains(there, c):
		case kept != nil:
			return kept
		case g.system.Version == "v2":
			return fmt.Errorf("the controller %s is not handed down to %s", c, filepath.Dir(g.Dirs()[0]))
		default:
			return fmt.Errorf("the controller %s is mounted nowhere", c)
		}
	}
	return nil
}

func planned(writes []stage.Write, err error) []stage.Write {
	for i := range writes {
		writes[i].Error = "not done here: " + err.Error()
	}
	return writes
}

// makeDir makes dir and what is missing above it; on v2 the controllers must be
// handed down by each group above, and only a group without processes of its own
// may do that. kept tells why one has not.
func (g *Group) makeDir(k sys.Kernel, root, dir string) (kept, err error) {
	above := ancestors(root, dir)
	// One may vanish between two calls: another daemon that ends removes what is
	// empty.
	for range 5 {
		kept = nil
		if g.system.Version == "v2" {
			kept = g.handDown(k, root)
		}
		for _, parent := range above {
			if err := k.Mkdir(parent, 0o755); err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOENT) {
				return nil, err
			}
			if g.system.Version == "v2" {
				kept = errors.Join(kept, g.handDown(k, parent))
			}
		}
		err := k.Mkdir(dir, 0o755)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if errors.Is(err, unix.EEXIST) { // what a killed one has left, or others have prepared
			err = nil
		}
		for _, each := range append(above, dir) {
			err = errors.Join(err, inherit(k, each))
		}
		return kept, err
	}
	return kept, fmt.Errorf("make %s: its parent keeps vanishing", dir)
}

// ancestors are the groups between a hierarchy's root and dir, the highest first.
func ancestors(root, dir string) []string {
	var list []string
	for at := filepath.Dir(dir); at != root && len(at) > len(root); at = filepath.Dir(at) {
		list = append(list, at)
	}
	slices.Reverse(list)
	return list
}

// inherit fills what of a v1 cpuset must not be empty, or no process can enter:
// cpuset(7). Other groups have no such files.
func inherit(k sys.Kernel, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.TrimSpace(string(own)) != "" {
			continue
		}
		above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			continue
		}
		if _, v2 := os.Stat(filepath.Join(dir, "cgroup.controllers")); v2 == nil {
			return nil // there it is the same as the parent's while it is empty
		}
		if err := k.WriteFile(filepath.Join(dir, name), strings.TrimSpace(string(above))); err != nil {
			return err
		}
	}
	return nil
}

// handDown enables the controllers that limits need, of those that the group
// above has. The error is the first refusal.
func (g *Group) handDown(k sys.Kernel, dir string) (refused error) {
	control := filepath.Join(dir, "cgroup.subtree_control")
	has, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	enabled, err := os.ReadFile(control)
	if err != nil {
		return err
	}
	for _, c := range append([]string{"cpu", "memory", "pids"}, g.asked...) {
		if !slices.Contains(strings.Fields(string(has)), c) || slices.Contains(strings.Fields(string(enabled)), c) {
			continue
		}
		if err := k.WriteFile(control, "+"+c); err != nil && refused == nil {
			refused = err
		}
	}
	if errors.Is(refused, unix.EBUSY) { // cgroups(7), "no internal processes" rule
		return fmt.Errorf("%w: processes are in this group itself, so it can hand no controller down", refused)
	}
	return refused
}

// Dirs are the group's directories, one for each hierarchy.
func (g *Group) Dirs() []string {
	var dirs []string
	for _, r := range g.system.roots {
		if dir := filepath.Join(r.dir, g.path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func (g *Group) dir(controller string) string {
	for _, r := range g.system.roots {
		if r.controller == controller || g.system.Version == "v2" {
			return filepath.Join(r.dir, g.path)
		}
	}
	return ""
}

// JoinFiles are the files into which init's main thread writes 0, itself, to
// join. On v1 that is "tasks", which moves one thread: the others end at
// execve, and the kernel need not stop every fork on the machine meanwhile, as
// it does for cgroup.procs (20 ms on an idle machine).
func (g *Group) JoinFiles() []string {
	name := "tasks"
	if g.system.Version == "v2" {
		name = "cgroup.procs"
	}
	var files []string
	for _, dir := range g.Dirs() {
		files = append(files, filepath.Join(dir, name))
	}
	return files
}

// OOMKilled reports whether the kernel killed a process of the group for want
// of memory.
func (g *Group) OOMKilled() bool {
	file := "memory.oom_control"
	if g.system.Version == "v2" {
		file = "memory.events"
	}
	data, err := os.ReadFile(filepath.Join(g.dir("memory"), file))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(n) != "0"
		}
	}
	return false
}

// Remove removes the group's directories; a group that is not there is no
// error. The kernel lets go of a group a moment after its last process.
func (g *Group) Remove(k sys.Kernel) error {
	var errs []error
	for _, dir := range g.Dirs() {
		errs = append(errs, remove(k, dir))
	}
	return errors.Join(errs...)
}

func remove(k sys.Kernel, dir string) error {
	var err error
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		err = unix.Rmdir(dir)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(wait)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	k.Did("rmdir", err, "rmdir "+dir, sys.Quote(dir))
	if err != nil {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// RemoveAbove removes the groups between ours and the default parent, and that,
// where they are empty: we have made them, or another runtime of ours.
func (g *Group) RemoveAbove() {
	for _, r := range g.system.roots {
		for at := filepath.Dir(g.path); at == DefaultParent || strings.HasPrefix(at, DefaultParent+"/"); at = filepath.Dir(at) {
			if unix.Rmdir(filepath.Join(r.dir, at)) != nil {
				break
			}
		}
	}
}

// RemoveParent removes the groups' common parent where it is empty; another
// daemon's containers keep it.
func (s System) RemoveParent() {
	for _, r := range s.roots {
		_ = unix.Rmdir(filepath.Join(r.dir, s.Parent))
	}
}

// Controllers are the v1 controllers of the group; none on v2, where one
// directory holds them all.
func (g *Group) Controllers() []string {
	if g.system.Version == "v2" {
		return nil
	}
	var names []string
	for _, r := range g.system.roots {
		names = append(names, r.controller)
	}
	return names
}

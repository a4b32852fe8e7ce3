//go:build linux

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/sys"
	"github.com/learndocker/learndocker/engine/volume"
)

// Leftover is one thing that a killed engine has left on the machine, outside
// its data root.
type Leftover struct {
	Kind string // "mount", "cgroup", "bridge"
	Name string // path or name
	take func() error
	// alive reports whether the engine that made it is one of the living.
	alive func(living []livingRoot) bool
}

// Remove takes it away; it may have gone meanwhile.
func (l Leftover) Remove() error {
	if err := l.take(); err != nil {
		return fmt.Errorf("remove %s %s: %w", l.Kind, l.Name, err)
	}
	return nil
}

// Leftovers finds what engines have left that no longer run: their mounts,
// control groups and bridges. What belongs to a living engine is not listed,
// nor is what no engine has made. In a user namespace there is nothing to find:
// mounts and interfaces ended with the killed engine's own.
func Leftovers() ([]Leftover, error) {
	if inside, _, err := userNamespace(); err != nil || inside {
		return nil, err
	}
	var made []Leftover
	for _, find := range []func() ([]Leftover, error){mounts, groups, bridges} {
		found, err := find()
		if err != nil {
			return nil, err
		}
		made = append(made, found...)
	}
	// The living are asked for last: whatever an engine has made by now, it has
	// made with its data root locked.
	living, err := livingRoots()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(made, func(l Leftover) bool { return l.alive(living) }), nil
}

// mergedPath is where a container's file system is mounted below a data root.
var mergedPath = regexp.MustCompile(`^(.*)/containers/[0-9a-f]{64}/merged$`)

func mounts() ([]Leftover, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	var list []Leftover
	for _, m := range slices.Backward(all) {
		root, take := volume.Mounted(m.Mountpoint), func() error { return unix.Unmount(m.Mountpoint, unix.MNT_DETACH) }
		if at := mergedPath.FindStringSubmatch(m.Mountpoint); at != nil {
			root, take = at[1], func() error { return overlay.Stack{Dir: filepath.Dir(m.Mountpoint)}.Unmount(sys.Kernel{}) }
		}
		if root == "" || !isDataRoot(root) {
			continue
		}
		list = append(list, Leftover{
			Kind: "mount", Name: m.Mountpoint, take: take,
			alive: func(living []livingRoot) bool {
				return slices.ContainsFunc(living, func(r livingRoot) bool { return r.path == root })
			},
		})
	}
	return list, nil
}

// isDataRoot tells our directories from those of others who mount at paths of
// the same form.
func isDataRoot(dir string) bool {
	for _, name := range []string{lockName, "images", "containers"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

var containerID = regexp.MustCompile(`^[0-9a-f]{64}$`)

func groups() ([]Leftover, error) {
	system, err := cgroup.Detect("")
	if err != nil {
		return nil, err
	}
	var list []Leftover
	for _, g := range system.Groups() {
		if !containerID.MatchString(g.ID()) {
			continue
		}
		list = append(list, Leftover{
			Kind: "cgroup", Name: filepath.Join(system.Parent, g.ID()),
			take: func() error {
				err := g.End()
				system.RemoveParent()
				return err
			},
			alive: func(living []livingRoot) bool {
				return slices.ContainsFunc(living, func(r livingRoot) bool {
					_, err := os.Lstat(filepath.Join(r.seen, "containers", g.ID()))
					return err == nil
				})
			},
		})
	}
	return list, nil
}

func bridges() ([]Leftover, error) {
	all, err := network.Bridges()
	if err != nil {
		return nil, err
	}
	var list []Leftover
	for _, b := range all {
		list = append(list, Leftover{
			Kind: "bridge", Name: b.Name, take: b.Remove,
			// A bridge that is not marked yet may be anybody's.
			alive: func(living []livingRoot) bool {
				return slices.ContainsFunc(living, func(r livingRoot) bool { return strings.HasPrefix(r.path, b.DataRoot) })
			},
		})
	}
	return list, nil
}

// livingRoot is the data root of an engine that runs.
type livingRoot struct {
	path string // as the engine names it
	seen string // where we can look into it: its mounts may be others than ours
}

// livingRoots are the data roots of the engines that run on this machine: those
// whose lock some process holds open.
func livingRoots() ([]livingRoot, error) {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil, err
	}
	var roots []livingRoot
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || filepath.Base(target) != lockName {
			continue // has been closed, or is something else
		}
		process := filepath.Dir(filepath.Dir(link))
		root := livingRoot{path: filepath.Dir(target)}
		root.seen = filepath.Join(process, "root", root.path)
		if isDataRoot(root.seen) {
			roots = append(roots, root)
		}
	}
	return roots, nil
}

//go:build linux

package layer

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Kind of a change, in Docker's numbers.
type Kind uint8

// The kinds of changes.
const (
	Modified Kind = iota
	Added
	Deleted
)

// Change is one path that a container has changed.
type Change struct {
	Path string // from the root: "/etc/passwd"
	Kind Kind

	covered bool // deleted by an opaque directory above, which says so
	opaque  bool // a directory that hides what is below it
}

// Written is what a container has written above the layers of its image.
type Written struct {
	Dir   string   // its upper directory; where Whole, all of its file system
	Whole bool     // Dir has everything: what is below and not in it was deleted
	Below []string // directories of layers, topmost first
	// Places are paths at which the engine itself makes something to mount on.
	// What nobody has put anything into is no change.
	Places []string
}

// Diff lists what a container has changed, parents before what is in them.
func (s *Store) Diff(w Written) ([]Change, error) {
	t, err := openTree(w.Dir)
	if err != nil {
		return nil, fmt.Errorf("compare %s with the layers below: %w", w.Dir, err)
	}
	defer t.close()
	d := difference{Written: w, tree: t, below: comparison{below: w.Below, marks: s.marks}}
	found, _, err := d.directory(".", false)
	if err != nil {
		return nil, fmt.Errorf("compare %s with the layers below: %w", w.Dir, err)
	}
	return found, nil
}

// difference is a container's file system held against the layers below it.
type difference struct {
	Written
	tree  tree
	below comparison
}

// directory lists the changes in a directory. empty reports that there is
// nothing in it but places to mount on. covered says that a directory above is
// opaque.
func (d *difference) directory(dir string, covered bool) (found []Change, empty bool, err error) {
	names, err := d.tree.names(dir)
	if err != nil {
		return nil, false, err
	}
	there := map[string]bool{}
	empty = true
	for _, name := range names {
		there[name] = true
		deleted, marked, err := d.mark(dir, name)
		if err != nil {
			return nil, false, err
		}
		if marked {
			empty = false
			there[deleted] = true
			if deleted != "" && d.under(path.Join(dir, deleted)) != nil {
				found = append(found, Change{Path: slashed(dir, deleted), Kind: Deleted, covered: covered})
			}
			continue
		}
		changes, place, err := d.entry(path.Join(dir, name), covered)
		if isGone(err) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		empty = empty && place
		found = append(found, changes...)
	}
	if covered || d.Whole {
		for _, name := range d.children(dir) {
			if !there[name] {
				found = append(found, Change{Path: slashed(dir, name), Kind: Deleted, covered: covered})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Change) int { return strings.Compare(order(a.Path), order(b.Path)) })
	return found, empty, nil
}

// order sorts what is in a directory right behind it.
func order(name string) string { return strings.ReplaceAll(name, "/", "\x00") }

func slashed(dir, name string) string { return path.Join("/", dir, name) }

// entry lists the change of one path and of what is in it. place reports that
// it is only something to mount on.
func (d *difference) entry(name string, covered bool) (found []Change, place bool, err error) {
	n, err := d.tree.node(name)
	if err != nil {
		return nil, false, err
	}
	defer n.Close()
	if err := redirected(n); err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	under := d.under(name)
	isPlace := slices.Contains(d.Places, "/"+name)
	if !n.isDir() {
		switch {
		case under == nil && isPlace && n.st.Size == 0:
			return nil, true, nil
		case under == nil:
			return []Change{{Path: "/" + name, Kind: Added}}, false, nil
		case d.Whole && sameFile(d, name, n, under):
			return nil, false, nil
		}
		return []Change{{Path: "/" + name, Kind: Modified}}, false, nil
	}
	opaque := isOpaque(n, d.tree, name)
	inside, empty, err := d.directory(name, covered || opaque)
	if err != nil {
		return nil, false, err
	}
	self := Change{Path: "/" + name, Kind: Modified, opaque: opaque && under != nil}
	switch {
	case under == nil && isPlace && empty:
		return nil, true, nil
	case under == nil && !isPlace:
		self.Kind = Added
	case under != nil && under.IsDir() && len(inside) == 0 && d.unchanged(name, n, under):
		return nil, true, nil
	case under == nil && len(inside) == 0:
		return nil, true, nil // places to mount on, in a place to mount on
	}
	return append([]Change{self}, inside...), false, nil
}

// unchanged compares a directory with that below. A place that was made in it
// has changed its time, and nothing else.
func (d *difference) unchanged(name string, n node, under fs.FileInfo) bool {
	st := under.Sys().(*syscall.Stat_t)
	if n.st.Mode != st.Mode || n.st.Uid != st.Uid || n.st.Gid != st.Gid {
		return false
	}
	return n.st.Mtim.Sec == st.Mtim.Sec || slices.ContainsFunc(d.Places, func(p string) bool { return path.Dir(p) == "/"+name })
}

// sameFile compares what a copy of the layers has with what it was copied from.
func sameFile(d *difference, name string, n node, under fs.FileInfo) bool {
	st := under.Sys().(*syscall.Stat_t)
	if n.st.Mode != st.Mode || n.st.Uid != st.Uid || n.st.Gid != st.Gid || n.st.Rdev != st.Rdev {
		return false
	}
	if n.kind() == unix.S_IFLNK {
		to, err := n.readlink()
		below, belowErr := os.Readlink(d.below.pathOf("/" + name))
		return err == nil && belowErr == nil && to == below
	}
	return n.st.Size == st.Size && n.st.Mtim.Sec == st.Mtim.Sec && n.st.Mtim.Nsec == st.Mtim.Nsec
}

func (d *difference) under(name string) fs.FileInfo { return d.below.lookup("/" + name) }

// children are the names that the layers below have in a directory.
func (d *difference) children(dir string) []string {
	var list []string
	for _, lower := range d.Below {
		entries, err := os.ReadDir(path.Join(lower, dir))
		if err != nil {
			continue // not there, or no directory
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				continue
			}
			if _, is := d.below.marks.mark(path.Join("/", dir, e.Name()), info); is {
				continue
			}
			if !slices.Contains(list, e.Name()) && d.under(path.Join(dir, e.Name())) != nil {
				list = append(list, e.Name())
			}
		}
	}
	return list
}

// mark tells what a name in the upper directory deletes; "" with marked is the
// mark of an opaque directory. The kernel's overlayfs marks with devices 0:0,
// fuse-overlayfs with those or with names.
func (d *difference) mark(dir, name string) (deleted string, marked bool, err error) {
	if d.Whole {
		return "", false, nil
	}
	if name == opaqueMarker {
		return "", true, nil
	}
	if deleted, is := strings.CutPrefix(name, whiteoutPrefix); is {
		if _, kernels := d.below.marks.(overlayMarks); !kernels {
			return deleted, true, nil
		}
	}
	n, err := d.tree.node(path.Join(dir, name))
	if isGone(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer n.Close()
	return name, n.kind() == unix.S_IFCHR && n.st.Rdev == 0, nil
}

// Attributes by which an upper directory hides what is below: overlayfs.rst, and
// fuse-overlayfs's own.
var opaqueAttributes = []string{"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"}

func isOpaque(n node, t tree, name string) bool {
	if slices.ContainsFunc(opaqueAttributes, func(a string) bool { return n.attribute(a) == "y" }) {
		return true
	}
	mark, err := t.node(path.Join(name, opaqueMarker))
	if err != nil {
		return false
	}
	mark.Close()
	return true
}

// redirected refuses what only the kernel can read: a directory that was renamed
// or a file whose content stayed below (redirect_dir, metacopy in overlayfs.rst).
// The engine asks for neither; a machine may have them by default.
func redirected(n node) error {
	for _, name := range []string{"trusted.overlay.redirect", "trusted.overlay.metacopy", "user.overlay.redirect", "user.overlay.metacopy"} {
		if n.attribute(name) != "" {
			return fmt.Errorf("overlayfs has kept part of it below (%s): switch redirect_dir and metacopy off", name)
		}
	}
	return nil
}

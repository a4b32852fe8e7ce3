//go:build linux

package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/stage"
)

// Changes tells what an unpacked layer does to those below it, the lowest
// first. It reads the directories as overlayfs will: see "whiteouts and opaque
// directories" in the kernel's overlayfs.rst.
func (s *Store) Changes(diffID digest.Digest, below []digest.Digest) (stage.Changes, error) {
	c := comparison{top: s.Dir(diffID), marks: s.marks}
	for _, id := range slices.Backward(below) {
		c.below = append(c.below, s.Dir(id))
		if s.Opaque(id) {
			break
		}
	}
	err := filepath.WalkDir(c.top, c.visit)
	if err != nil {
		return stage.Changes{}, fmt.Errorf("compare layer %s with those below: %w", diffID, err)
	}
	return c.found, nil
}

// comparison is one layer held against those below it.
type comparison struct {
	top   string
	below []string // topmost first
	marks marks
	found stage.Changes
}

func (c *comparison) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if path == c.top {
		if c.marks.isOpaque(c.top) {
			return c.hidden(c.top, "/")
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(path, c.top)
	if deleted, is := c.marks.mark(name, info); is {
		if deleted != "" && c.lookup(deleted) != nil {
			c.note(&c.found.Deleted, deleted)
		}
		return nil
	}
	under := c.lookup(name)
	switch {
	case under == nil:
		c.note(&c.found.Added, name)
	case !info.IsDir() || !under.IsDir() || !sameAttributes(info, under):
		c.note(&c.found.Changed, name)
	}
	if info.IsDir() && under != nil && under.IsDir() && c.marks.isOpaque(path) {
		return c.hidden(path, name)
	}
	return nil
}

// hidden notes what an opaque directory hides and does not have itself. A
// directory stands for all that is in it.
func (c *comparison) hidden(path, name string) error {
	gone := map[string]bool{}
	for _, lower := range c.below {
		entries, err := os.ReadDir(lower + name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			child := filepath.Join(name, e.Name())
			_, err := os.Lstat(filepath.Join(path, e.Name()))
			if errors.Is(err, fs.ErrNotExist) && !gone[child] && c.lookup(child) != nil {
				gone[child] = true
				c.note(&c.found.Deleted, child)
			}
		}
	}
	return nil
}

func (c *comparison) note(list *[]string, name string) {
	if len(*list) == stage.MaxEntries {
		c.found.More++
		return
	}
	*list = append(*list, name)
}

// lookup is what the stack of the layers below has under that name; nil for
// nothing. No link is followed: overlayfs looks names up one by one.
func (c *comparison) lookup(name string) fs.FileInfo {
	for _, lower := range c.below {
		found, last := c.lookupIn(lower, name)
		if found != nil || last {
			return found
		}
	}
	return nil
}

// lookupIn looks into one layer; last says that those below it do not count.
func (c *comparison) lookupIn(lower, name string) (found fs.FileInfo, last bool) {
	path := lower
	names := strings.Split(strings.TrimPrefix(name, "/"), "/")
	for i, part := range names {
		if c.marks.deletedIn(path, part) {
			return nil, true
		}
		path += "/" + part
		info, err := os.Lstat(path)
		switch {
		case err != nil:
			return nil, last // may be further down
		case i == len(names)-1:
			return info, true
		case !info.IsDir():
			return nil, true // hides the directory of that name
		}
		last = last || c.marks.isOpaque(path)
	}
	return nil, last
}

// sameAttributes compares what a directory is besides what is in it.
func sameAttributes(a, b fs.FileInfo) bool {
	x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
	return x.Mode == y.Mode && x.Uid == y.Uid && x.Gid == y.Gid
}

// pathOf is where the layers below have what lookup finds; "" for nothing.
func (c *comparison) pathOf(name string) string {
	for _, lower := range c.below {
		if found, last := c.lookupIn(lower, name); found != nil || last {
			return lower + name
		}
	}
	return ""
}

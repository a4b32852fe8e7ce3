package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// marker is the file by which a directory is known as one of ours. It lists what
// at the directory's top was written, so that what others put there stays.
const marker = ".learndocker-site"

// ErrForeign is the error for a directory that holds what is not ours.
var ErrForeign = errors.New("the directory is not empty, and no site of learndocker's")

// Write puts the site into a directory, which is made where there is none. The
// site is written beside it and then put in its place, so that there is never
// half of it. Of a site that stands there already nothing is left but what
// others have put beside it: a CNAME, a .git. A directory that is no site of
// ours is refused; force keeps what is in it, except where the names are the site's.
func (f Files) Write(dir string, force bool) (err error) {
	dir, before, err := target(dir)
	if err != nil {
		return err
	}
	ours, foreign, err := divide(dir, before)
	if err != nil {
		return err
	}
	if len(before) > 0 && ours == nil && !force {
		return fmt.Errorf("%s: %w", dir, ErrForeign)
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(next))
		}
	}()
	if err := f.fill(next); err != nil {
		return err
	}
	if before == nil {
		return os.Rename(next, dir)
	}
	return f.swap(dir, next, foreign)
}

// target follows links to the directory, and lists what is in it; nil where
// there is none.
func target(dir string) (resolved string, names []string, err error) {
	if resolved, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(resolved)
	if errors.Is(err, fs.ErrNotExist) {
		return resolved, nil, os.MkdirAll(filepath.Dir(resolved), 0o755)
	}
	if err != nil {
		return "", nil, err
	}
	if resolved, err = filepath.EvalSymlinks(resolved); err != nil {
		return "", nil, err
	}
	names = []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return resolved, names, nil
}

// divide tells ours from what others put there.
func divide(dir string, names []string) (ours, foreign []string, err error) {
	data, err := os.ReadFile(filepath.Join(dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, names, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(data, &ours); err != nil || ours == nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, marker), errors.Join(errors.New("no list of a site's files"), err))
	}
	for _, name := range names {
		if name != marker && !slices.Contains(ours, name) {
			foreign = append(foreign, name)
		}
	}
	return ours, foreign, nil
}

// tops are the names at the site's top.
func (f Files) tops() []string {
	var list []string
	for name := range f {
		top, _, _ := strings.Cut(name, "/")
		list = append(list, top)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (f Files) fill(dir string) error {
	list, err := json.Marshal(f.tops())
	if err != nil {
		return err
	}
	for name, data := range f {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, marker), append(list, '\n')); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// swap puts the new directory in the old one's place, and takes along what is
// not ours. Until the last step nothing is deleted.
func (f Files) swap(dir, next string, foreign []string) error {
	old := next + ".old"
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(next, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	tops := f.tops()
	for _, name := range foreign {
		if slices.Contains(tops, name) {
			continue // replaced: so it was forced
		}
		if err := os.Rename(filepath.Join(old, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("keep %s: %w; it is in %s", name, err, old)
		}
	}
	return os.RemoveAll(old)
}

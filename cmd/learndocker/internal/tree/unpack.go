package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Unpack reads an archive into a directory. What is called from in it is
// called to there; "" leaves names as they are. Files that are there are
// replaced, but no directory by a file and no file by a directory. Files are
// the user's, whoever owned them.
func Unpack(r io.Reader, dir, from, to string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, dir: dir, from: from, to: to}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return u.finish()
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, archive); err != nil {
			return err
		}
	}
}

type unpacker struct {
	root     *os.Root
	dir      string
	from, to string
	dirs     []*tar.Header // those to be finished, under their new names
}

// rename is the name that an entry gets.
func (u *unpacker) rename(name string) string {
	name = path.Clean(name)
	switch {
	case u.to == "":
		return name
	case u.from == "/":
		return u.to + "/" + strings.TrimPrefix(name, "/")
	case u.from == ".":
		return path.Join(u.to, name)
	case name == u.from:
		return u.to
	}
	if rest, ok := strings.CutPrefix(name, u.from+"/"); ok {
		return u.to + "/" + rest
	}
	return name
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(strings.TrimPrefix(u.rename(h.Name), "/"))
	if name == "" {
		name = "."
	}
	if name != "." {
		if err := u.root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
	if err := u.makeRoom(h, name); err != nil {
		return err
	}
	if err := u.write(h, name, content); err != nil {
		return fmt.Errorf("unpack %s: %w", h.Name, err)
	}
	return nil
}

// makeRoom removes what is there and is replaced.
func (u *unpacker) makeRoom(h *tar.Header, name string) error {
	there, err := u.root.Lstat(name)
	if err != nil {
		return nil // it is not there; if it cannot be looked at, writing will say so
	}
	isDir := h.Typeflag == tar.TypeDir
	switch {
	case there.IsDir() && !isDir:
		return fmt.Errorf("cannot overwrite directory %q with non-directory %q", filepath.Join(u.dir, name), u.dir)
	case !there.IsDir() && isDir:
		return fmt.Errorf("cannot overwrite non-directory %q with directory %q", filepath.Join(u.dir, name), u.dir)
	case isDir:
		return nil
	}
	return u.root.Remove(name)
}

func (u *unpacker) write(h *tar.Header, name string, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		kept := *h
		kept.Name = name
		u.dirs = append(u.dirs, &kept)
		return nil
	case tar.TypeSymlink:
		return u.root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return u.root.Link(filepath.FromSlash(strings.TrimPrefix(u.rename(h.Linkname), "/")), name)
	case tar.TypeReg:
		return u.file(h, name, content)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return errors.New("it is a device, which is not copied")
}

func (u *unpacker) file(h *tar.Header, name string, content io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.attributes(h, name)
}

// finish gives directories their own: writing into them changed it, or would
// have been forbidden by it.
func (u *unpacker) finish() error {
	for _, h := range slices.Backward(u.dirs) {
		if h.Name == "." {
			continue // it is the user's own
		}
		if err := u.attributes(h, h.Name); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
	return nil
}

func (u *unpacker) attributes(h *tar.Header, name string) error {
	if err := u.root.Chmod(name, h.FileInfo().Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return u.root.Chtimes(name, h.ModTime, h.ModTime)
}

// Package tree packs files of the user's own as a tar archive, and unpacks
// one, as docker cp does. Nothing is written outside the directory that it
// unpacks into: what a container holds may be a lie.
package tree

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// Pack writes a file, or a directory with all that is in it, as an archive in
// which it has that name. The names of owners are left out: they are those of
// this machine.
func Pack(w io.Writer, root, name string) error {
	archive := tar.NewWriter(w)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		as := name
		if within != "." {
			as = name + "/" + filepath.ToSlash(within)
		}
		return add(archive, file, as, entry)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func add(archive *tar.Writer, file, as string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil // tar has none
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, filepath.ToSlash(link))
	if err != nil {
		return err
	}
	h.Name = as
	if info.IsDir() {
		h.Name += "/"
	}
	h.Format = tar.FormatPAX
	h.ModTime = h.ModTime.Truncate(time.Second)
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	h.Uname, h.Gname = "", ""
	if runtime.GOOS == "windows" { // which keeps no such bit
		h.Mode |= 0o111
	}
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(archive, f)
	return err
}

// Base is the last part of a path inside a container, "." where it ends so:
// the directory itself is not meant then, but what is in it.
func Base(p string) string {
	if path.Base(p) == "." {
		return "."
	}
	return path.Base(path.Clean(p))
}

// Dir is the directory that Base is in.
func Dir(p string) string {
	if path.Base(p) == "." {
		return path.Clean(p)
	}
	return path.Dir(path.Clean(p))
}

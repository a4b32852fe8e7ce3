//go:build linux

package engine

import (
	"io/fs"
	"path/filepath"
	"syscall"
)

// Size is how many bytes the container's own changes take.
func (c *Container) Size() int64 { return treeSize(c.stack().Changed()) }

// treeSize adds up the files below a directory; one of several names counts once.
func treeSize(dir string) int64 {
	var size int64
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has gone meanwhile
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && st.Nlink > 1 {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		size += info.Size()
		return nil
	})
	return size
}

// ImageSize is that of an image by its id; 0 of one that is no more.
func (e *Engine) ImageSize(id string) int64 {
	img, err := e.images.Find(id)
	if err != nil {
		return 0
	}
	return img.Size()
}

//go:build linux

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// What is left free on a disk: the machine's other programs, and the daemon's own
// records, need some. Of small disks it is a twentieth.
const (
	spareBytes = 256 << 20
	spareFiles = 10_000
	spareShare = 20
)

// useBetweenLooks is how much is written before the disk is looked at again, in bytes.
const useBetweenLooks = 32 << 20

// Room watches over a file system while something large is written to it.
type Room struct {
	Path string // a file or directory there
	used int64  // since the last look
}

// Use notes that n more bytes are to be written. It is an error where so little
// is left that the writing must end.
func (r *Room) Use(n int64) error {
	if r.used += n; r.used < useBetweenLooks {
		return nil
	}
	r.used = 0
	return checkRoom(r.Path)
}

// Write uses the room of what is written elsewhere: for io.MultiWriter.
func (r *Room) Write(p []byte) (int, error) { return len(p), r.Use(int64(len(p))) }

// checkRoom looks at the file system that holds path: statvfs(3).
func checkRoom(path string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return fmt.Errorf("look for room in %s: %w", path, err)
	}
	block := uint64(fs.Bsize)
	spare := min(spareBytes, fs.Blocks*block/spareShare)
	if free := fs.Bavail * block; free < spare {
		return fmt.Errorf("no room left in %s: %d bytes are free, %d are kept free", path, free, spare)
	}
	if fs.Files > 0 && fs.Ffree < min(spareFiles, fs.Files/spareShare) { // some file systems do not count files
		return fmt.Errorf("no room left in %s: %d more files can be made, of %d", path, fs.Ffree, fs.Files)
	}
	return nil
}

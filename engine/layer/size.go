//go:build linux

package layer

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
)

// Size is what the files of an unpacked layer take, in bytes. It is counted once:
// a layer does not change.
func (s *Store) Size(diffID digest.Digest) (int64, error) {
	s.mu.Lock()
	known, ok := s.sizes[diffID]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	n, err := DirSize(s.Dir(diffID))
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes[diffID] = n
	return n, nil
}

// DirSize is what the files below a directory take, each once however many names
// it has; the directories themselves are not counted. That is Docker's count.
func DirSize(dir string) (int64, error) {
	var n int64
	seen := map[inode]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // was removed meanwhile, or is not there
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // the same
		}
		st := info.Sys().(*syscall.Stat_t)
		id := inode{st.Dev, st.Ino}
		if !seen[id] {
			seen[id] = true
			n += info.Size()
		}
		return nil
	})
	return n, err
}

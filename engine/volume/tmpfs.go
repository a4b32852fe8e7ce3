//go:build linux

package volume

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// mounted counts who uses the volumes that are file systems of their own.
type mounted map[string]int

// IsTmpfs reports whether the volume lives in memory: type=tmpfs. It is empty
// whenever nobody uses it.
func (v Volume) IsTmpfs() bool { return v.Options["type"] == "tmpfs" }

// Use mounts a volume that is a file system of its own for its first user. Each
// call wants a call of Leave.
func (s *Store) Use(k sys.Kernel, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.read(name)
	if err != nil || !v.IsTmpfs() {
		return err
	}
	if s.mounted[name] == 0 {
		flags, data := mountOptions(v.Options["o"])
		if err := k.Mount(v.Options["device"], v.Mountpoint, "tmpfs", flags, data); err != nil {
			return invalidf("error while mounting volume '%s': failed to mount local volume: mount %s:%s, data: %s: %s", v.Mountpoint, v.Options["device"], v.Mountpoint, data, errors.Unwrap(err))
		}
	}
	s.mounted[name]++
	return nil
}

// Leave takes the mount away when its last user leaves.
func (s *Store) Leave(k sys.Kernel, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mounted[name] == 0 {
		return nil // is no file system of its own
	}
	if s.mounted[name]--; s.mounted[name] > 0 {
		return nil
	}
	delete(s.mounted, name)
	if err := k.Unmount(s.mountpoint(name), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount volume %s: %w", name, err)
	}
	return nil
}

// unmountAll takes away what a killed engine has left mounted.
func (s *Store) unmountAll(names []string) error {
	for _, name := range names {
		v, err := s.read(name)
		if err != nil || !v.IsTmpfs() {
			continue
		}
		err = unix.Unmount(v.Mountpoint, unix.MNT_DETACH)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount volume %s: %w", name, err)
		}
	}
	return nil
}

var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "noatime": unix.MS_NOATIME,
	"nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME, "sync": unix.MS_SYNCHRONOUS,
	"rw": 0, "suid": 0, "dev": 0, "exec": 0, "atime": 0, "diratime": 0, "async": 0, "defaults": 0,
}

// mountOptions tells the kernel's flags from the file system's own options.
func mountOptions(options string) (flags uintptr, data string) {
	var own []string
	for word := range strings.SplitSeq(options, ",") {
		flag, known := mountFlags[word]
		flags |= flag
		if !known && word != "" {
			own = append(own, word)
		}
	}
	return flags, strings.Join(own, ",")
}

// Mounted is the place of a volume's own file system below a data root, as
// mountinfo has it; "" for any other path.
func Mounted(path string) (dataRoot string) {
	if filepath.Base(path) != content {
		return ""
	}
	volumes := filepath.Dir(filepath.Dir(path))
	if filepath.Base(volumes) != "volumes" {
		return ""
	}
	return filepath.Dir(volumes)
}

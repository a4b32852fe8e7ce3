package narrate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// hold locks a lesson's directory for as long as the narrator lives: by that
// it is told from those of lessons that were killed. See flock(2).
func hold(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// A lesson's directory holds these and nothing else.
var lessonFiles = []string{"data", "daemon.log", "docker.sock"}

// LeftLessons lists the directories of this user's lessons that were killed and
// whose daemons run no more.
func LeftLessons() ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(dirs, func(dir string) bool { return !isLesson(dir) || lives(dir) }), nil
}

// isLesson reports whether the directory is a lesson's of this user.
func isLesson(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		return false
	}
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !slices.Contains(lessonFiles, e.Name()) }) &&
		isData(filepath.Join(dir, "data"))
}

// isData reports whether the directory can be a daemon's, which locks it before
// it puts anything in, or is not there.
func isData(dir string) bool {
	entries, err := os.ReadDir(dir)
	if len(entries) == 0 {
		return err == nil || errors.Is(err, os.ErrNotExist)
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "lock" })
}

// lives reports whether a narrator or a daemon uses the directory.
func lives(dir string) bool {
	if conn, err := net.Dial("unix", filepath.Join(dir, "docker.sock")); err == nil {
		conn.Close()
		return true
	}
	return isLocked(dir) || isLocked(filepath.Join(dir, "data", "lock"))
}

func isLocked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // is not there
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

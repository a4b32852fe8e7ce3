//go:build linux

package layer

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// tree reads a directory that others may change at the same time: a container
// may put a link wherever we look next. No link is followed, and no mount
// entered. Names have no slash in front; "." is the root.
type tree struct{ root *os.File }

func openTree(dir string) (tree, error) {
	f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return tree{f}, err
}

func (t tree) close() { t.root.Close() }

func (t tree) open(name string, flags uint64) (*os.File, error) {
	fd, err := unix.Openat2(int(t.root.Fd()), name, &unix.OpenHow{
		Flags:   flags | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// node is one file of a tree, of any kind, held by an O_PATH descriptor.
type node struct {
	*os.File
	st unix.Stat_t
}

func (t tree) node(name string) (node, error) {
	f, err := t.open(name, unix.O_PATH)
	if err != nil {
		return node{}, err
	}
	n := node{File: f}
	if err := unix.Fstat(int(f.Fd()), &n.st); err != nil {
		f.Close()
		return node{}, &os.PathError{Op: "fstat", Path: name, Err: err}
	}
	return n, nil
}

func (n node) kind() uint32 { return n.st.Mode & unix.S_IFMT }
func (n node) isDir() bool  { return n.kind() == unix.S_IFDIR }

// path leads to the file itself, whatever its name leads to by now.
func (n node) path() string { return fmt.Sprintf("/proc/self/fd/%d", n.Fd()) }

func (n node) readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(int(n.Fd()), "", buf)
	if err != nil {
		return "", &os.PathError{Op: "readlinkat", Path: n.Name(), Err: err}
	}
	return string(buf[:size]), nil
}

// attribute reads an extended attribute; "" for none.
func (n node) attribute(name string) string {
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	size, err := unix.Getxattr(n.path(), name, value)
	if err != nil {
		return ""
	}
	return string(value[:size])
}

// attributes lists the names of the extended attributes.
func (n node) attributes() []string {
	buf := make([]byte, 64<<10) // XATTR_LIST_MAX
	size, err := unix.Listxattr(n.path(), buf)
	if err != nil || size == 0 {
		return nil // this file system has none
	}
	return strings.Split(strings.TrimSuffix(string(buf[:size]), "\x00"), "\x00")
}

// names lists a directory, sorted.
func (t tree) names(dir string) ([]string, error) {
	f, err := t.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// content opens a regular file for reading. One that is something else by now
// is an error: to open a device or a fifo may do something.
func (t tree) content(n node) (*os.File, error) {
	f, err := os.OpenFile(n.path(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

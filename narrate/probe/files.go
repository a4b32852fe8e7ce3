package probe

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxHashed bounds a file that is hashed at a stop, in bytes: nobody waits long
// at one.
const maxHashed = 32 << 20

// DigestOf computes the SHA-256 of bytes, written as registries do.
func DigestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// Digest computes the SHA-256 of a file's bytes; "" for one that cannot be
// read, or is too large to be read at a stop.
func Digest(path string) string {
	f, err := regular(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	return hash(f)
}

// DigestInside computes the SHA-256 of what is inside a file compressed by
// gzip, or of the file where it is not.
func DigestInside(path string) string {
	f, err := regular(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if head, err := r.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return hash(r)
	}
	inside, err := gzip.NewReader(r)
	if err != nil {
		return ""
	}
	return hash(inside)
}

// regular opens a regular file: others may never end, or wait for ever.
func regular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("no regular file")
	}
	return os.Open(path)
}

func hash(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, maxHashed+1))
	if err != nil || n > maxHashed {
		return ""
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}

// maxCompared bounds what is compared of two files, in bytes.
const maxCompared = 1 << 20

// Same reports whether two regular files have the same size and, as far as they
// are compared, the same bytes.
func Same(a, b string) bool {
	first, err := regular(a)
	if err != nil {
		return false
	}
	defer first.Close()
	second, err := regular(b)
	if err != nil {
		return false
	}
	defer second.Close()
	one, err := first.Stat()
	if err != nil {
		return false
	}
	two, err := second.Stat()
	if err != nil || one.Size() != two.Size() {
		return false
	}
	x, errX := io.ReadAll(io.LimitReader(first, maxCompared))
	y, errY := io.ReadAll(io.LimitReader(second, maxCompared))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Text reads a regular file; "" for one that cannot be read.
func Text(path string) string {
	f, err := regular(path)
	if err != nil {
		return ""
	}
	f.Close()
	return read(path)
}

// Exists reports whether there is anything at the path; a link is not followed.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Kind is what there is at the path; "" for nothing.
func Kind(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return ""
	}
	switch info.Mode().Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "link"
	case fs.ModeDevice | fs.ModeCharDevice:
		return "character device"
	}
	return "other"
}

// Tree lists what is below a directory, by paths from it: at most maxFiles.
func Tree(dir string) []string {
	var names []string
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if len(names) == maxFiles {
			return fs.SkipAll
		}
		if err == nil && path != dir {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return nil // what cannot be read is not listed
	})
	return list(names)
}

// HasMount reports whether the process sees a mount there.
func HasMount(pid int, target string) bool {
	for _, m := range mounts(filepath.Join("/proc", strconv.Itoa(pid))) {
		if m.Target == target {
			return true
		}
	}
	return false
}

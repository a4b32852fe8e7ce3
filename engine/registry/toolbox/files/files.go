// Package files is the toolbox's commands for files, directories and links.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// Commands are this package's.
func Commands() map[string]applet.Func {
	return map[string]applet.Func{
		"ls": ls, "stat": stat, "find": find, "du": du, "dd": dd, "cp": cp, "mv": mv, "rm": rm, "ln": ln,
		"mkdir": mkdir, "rmdir": rmdir, "touch": touch, "chmod": chmod, "chown": chown, "mknod": mknod, "mkfifo": mkfifo, "mktemp": mktemp,
		"pwd": Pwd, "readlink": readlink, "realpath": realpath, "basename": basename, "dirname": dirname, "which": which,
		"test": Test, "[": Test,
	}
}

func mkdir(c *applet.Call) error {
	f, err := c.Flags("pm:", "parents=p", "mode=m")
	if err != nil {
		return err
	}
	mode, err := newMode(f.Value("m", "777"), 0, false)
	if err != nil {
		return err
	}
	return c.Each(f.Args, func(name string) error {
		if f.Has("p") {
			if err := os.MkdirAll(name, 0o777); err != nil {
				return err
			}
		} else if err := os.Mkdir(name, 0o777); err != nil {
			return err
		}
		if f.Has("m") {
			return unix.Chmod(name, mode) // exactly: the umask does not count
		}
		return nil
	})
}

func rmdir(c *applet.Call) error {
	f, err := c.Flags("p")
	if err != nil {
		return err
	}
	return c.Each(f.Args, func(name string) error {
		for {
			if err := unix.Rmdir(name); err != nil {
				return &fs.PathError{Op: "rmdir", Path: name, Err: err}
			}
			if name = filepath.Dir(name); !f.Has("p") || name == "." || name == "/" {
				return nil
			}
		}
	})
}

func rm(c *applet.Call) error {
	f, err := c.Flags("rRfvi", "recursive=r", "force=f")
	if err != nil {
		return err
	}
	return c.Each(f.Args, func(name string) error {
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && f.Has("f"):
			return nil
		case err != nil:
			return err
		case info.IsDir() && !f.Has("r", "R"):
			return &fs.PathError{Op: "rm", Path: name, Err: unix.EISDIR}
		case info.IsDir():
			if base := filepath.Base(filepath.Clean(name)); base == "." || base == ".." || base == "/" {
				return fmt.Errorf("%s: refused", name)
			}
			err = os.RemoveAll(name)
		default:
			err = os.Remove(name)
		}
		if err == nil && f.Has("v") {
			fmt.Fprintf(c.Out, "removed '%s'\n", name)
		}
		return err
	})
}

// into is where a copy of source goes: into a directory, or to that name.
func into(source, target string) string {
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return filepath.Join(target, filepath.Base(source))
	}
	return target
}

// sources parts the operands into sources and the target, which must be a
// directory where there are several.
func sources(f *applet.Flags) ([]string, string, error) {
	n := len(f.Args) - 1
	if n < 1 {
		return nil, "", applet.Usage("a source and a target are wanted")
	}
	target := f.Args[n]
	if n > 1 {
		if info, err := os.Stat(target); err != nil || !info.IsDir() {
			return nil, "", &fs.PathError{Op: "stat", Path: target, Err: unix.ENOTDIR}
		}
	}
	return f.Args[:n], target, nil
}

func mv(c *applet.Call) error {
	f, err := c.Flags("fnT")
	if err != nil {
		return err
	}
	from, target, err := sources(f)
	if err != nil {
		return err
	}
	return c.Each(from, func(name string) error {
		to := into(name, target)
		if _, err := os.Lstat(to); err == nil && f.Has("n") {
			return nil
		}
		err := os.Rename(name, to)
		if !errors.Is(err, unix.EXDEV) {
			return err
		}
		if err := (&copier{preserve: true, recursive: true}).copy(name, to); err != nil {
			return err
		}
		return os.RemoveAll(name)
	})
}

func ln(c *applet.Call) error {
	f, err := c.Flags("sfn")
	if err != nil {
		return err
	}
	if len(f.Args) == 1 {
		f.Args = append(f.Args, ".")
	}
	from, target, err := sources(f)
	if err != nil {
		return err
	}
	return c.Each(from, func(name string) error {
		to := target
		if info, err := os.Lstat(target); !f.Has("n") || err != nil || info.Mode()&fs.ModeSymlink == 0 {
			to = into(name, target)
		}
		if f.Has("f") {
			if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if f.Has("s") {
			return os.Symlink(name, to)
		}
		return os.Link(name, to)
	})
}

func touch(c *applet.Call) error {
	f, err := c.Flags("cd:r:am")
	if err != nil {
		return err
	}
	at := time.Now()
	switch {
	case f.Has("r"):
		info, err := os.Stat(f.Value("r", ""))
		if err != nil {
			return err
		}
		at = info.ModTime()
	case f.Has("d"):
		if at, err = readTime(f.Value("d", "")); err != nil {
			return err
		}
	}
	return c.Each(f.Args, func(name string) error {
		err := os.Chtimes(name, at, at)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if f.Has("c") {
			return nil
		}
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		file.Close()
		return os.Chtimes(name, at, at)
	})
}

// readTime reads "@SECONDS" and "2026-11-01", with " 15:04:05" behind or not.
func readTime(text string) (time.Time, error) {
	if digits, ok := strings.CutPrefix(text, "@"); ok {
		n, err := strconv.ParseInt(digits, 10, 64)
		return time.Unix(n, 0), err
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, applet.Usage("%q is no time", text)
}

func mknod(c *applet.Call) error {
	f, err := c.Flags("m:")
	if err != nil {
		return err
	}
	kinds := map[string]uint32{"p": unix.S_IFIFO, "c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK}
	if len(f.Args) < 2 || kinds[f.Args[1]] == 0 || f.Args[1] != "p" && len(f.Args) != 4 {
		return applet.Usage("mknod [-m MODE] NAME p|c|b [MAJOR MINOR]")
	}
	mode, err := newMode(f.Value("m", "666"), 0, false)
	if err != nil {
		return err
	}
	device := 0
	if len(f.Args) == 4 {
		major, err := strconv.ParseUint(f.Args[2], 0, 32)
		if err != nil {
			return applet.Usage("%q is no number", f.Args[2])
		}
		minor, err := strconv.ParseUint(f.Args[3], 0, 32)
		if err != nil {
			return applet.Usage("%q is no number", f.Args[3])
		}
		device = int(unix.Mkdev(uint32(major), uint32(minor)))
	}
	return made(f.Args[0], unix.Mknod(f.Args[0], kinds[f.Args[1]]|mode, device))
}

func made(name string, err error) error {
	if err != nil {
		return &fs.PathError{Op: "make", Path: name, Err: err}
	}
	return nil
}

func mkfifo(c *applet.Call) error {
	return c.Each(c.Args, func(name string) error { return made(name, unix.Mkfifo(name, 0o666)) })
}

func mktemp(c *applet.Call) error {
	f, err := c.Flags("dp:")
	if err != nil {
		return err
	}
	pattern, dir := "tmp.*", f.Value("p", os.TempDir())
	if len(f.Args) > 0 {
		pattern = strings.TrimRight(filepath.Base(f.Args[0]), "X") + "*"
		dir = filepath.Dir(f.Args[0])
	}
	var name string
	if f.Has("d") {
		name, err = os.MkdirTemp(dir, pattern)
	} else {
		var file *os.File
		if file, err = os.CreateTemp(dir, pattern); err == nil {
			name = file.Name()
			file.Close()
		}
	}
	if err == nil {
		fmt.Fprintln(c.Out, name)
	}
	return err
}

// Pwd is the kernel's answer (-P), or $PWD where that is the same directory.
func Pwd(c *applet.Call) error {
	f, err := c.Flags("PL")
	if err != nil {
		return err
	}
	dir, err := unixDir()
	if !f.Has("P") {
		dir, err = os.Getwd()
	}
	if err == nil {
		fmt.Fprintln(c.Out, dir)
	}
	return err
}

func unixDir() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n-1]), nil
}

func readlink(c *applet.Call) error {
	f, err := c.Flags("fenm")
	if err != nil {
		return err
	}
	if f.Has("f", "e", "m") {
		return c.Each(f.Args, func(name string) error { return printReal(c, name) })
	}
	for _, name := range f.Args {
		to, err := os.Readlink(name)
		if err != nil {
			return applet.Status(1) // says nothing, as everybody's
		}
		end := "\n"
		if f.Has("n") {
			end = ""
		}
		if _, err := io.WriteString(c.Out, to+end); err != nil {
			return err
		}
	}
	return nil
}

func realpath(c *applet.Call) error {
	return c.Each(c.Args, func(name string) error { return printReal(c, name) })
}

// printReal follows all links. The last name need not exist.
func printReal(c *applet.Call, name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if real, err = filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			real = filepath.Join(real, filepath.Base(path))
		}
	}
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: name, Err: unix.ENOENT}
	}
	_, err = fmt.Fprintln(c.Out, real)
	return err
}

func basename(c *applet.Call) error {
	if len(c.Args) < 1 || len(c.Args) > 2 {
		return applet.Usage("basename PATH [SUFFIX]")
	}
	name := filepath.Base(c.Args[0])
	if len(c.Args) == 2 && name != c.Args[1] {
		name = strings.TrimSuffix(name, c.Args[1])
	}
	_, err := fmt.Fprintln(c.Out, name)
	return err
}

func dirname(c *applet.Call) error {
	if len(c.Args) != 1 {
		return applet.Usage("dirname PATH")
	}
	path := strings.TrimRight(c.Args[0], "/")
	if path == "" && c.Args[0] != "" {
		path = "/"
	}
	_, err := fmt.Fprintln(c.Out, filepath.Dir(path))
	return err
}

func which(c *applet.Call) error {
	missing := false
	for _, name := range c.Args {
		path, err := exec.LookPath(name)
		if err != nil {
			missing = true
			continue
		}
		fmt.Fprintln(c.Out, path)
	}
	if missing {
		return applet.Status(1)
	}
	return nil
}

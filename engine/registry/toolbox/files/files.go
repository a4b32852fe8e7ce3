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
	"strings"

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
	f, err := c.Flags("rRfv", "recursive=r", "force=f")
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
	f, err := c.Flags("fn")
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

package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

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

func touch(c *applet.Call) error {
	f, err := c.Flags("cd:r:")
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
	f, err := c.Flags("dtp:")
	if err != nil {
		return err
	}
	pattern, dir := "tmp.*", f.Value("p", os.TempDir())
	if len(f.Args) > 0 {
		pattern = strings.TrimRight(filepath.Base(f.Args[0]), "X") + "*"
		if !f.Has("t", "p") {
			dir = filepath.Dir(f.Args[0])
		}
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

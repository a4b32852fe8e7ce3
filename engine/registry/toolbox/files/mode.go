package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// newMode is what a mode such as 755 or u+x,go-w makes of an old one.
func newMode(spec string, old uint32, isDir bool) (uint32, error) {
	if n, err := strconv.ParseUint(spec, 8, 32); err == nil && n <= 0o7777 {
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(spec, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 || strings.Trim(clause[:at], "ugoa") != "" || strings.Trim(clause[at+1:], "rwxXstugo") != "" {
			return 0, applet.Usage("%q is no mode", spec)
		}
		mode = changed(mode, clause[:at], clause[at], clause[at+1:], isDir)
	}
	return mode, nil
}

// changed applies one clause: for whom, how, what.
func changed(mode uint32, who string, how byte, what string, isDir bool) uint32 {
	mask := uint32(0)
	if who == "" {
		mask = umask()
	}
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	for _, w := range who {
		shift := map[rune]uint{'u': 6, 'g': 3, 'o': 0}[w]
		special := map[rune]uint32{'u': 0o4000, 'g': 0o2000}[w]
		bits := uint32(0)
		for _, p := range what {
			switch p {
			case 'r', 'w', 'x':
				bits |= map[rune]uint32{'r': 4, 'w': 2, 'x': 1}[p] << shift
			case 'X':
				if isDir || mode&0o111 != 0 {
					bits |= 1 << shift
				}
			case 'u', 'g', 'o':
				bits |= mode >> map[rune]uint{'u': 6, 'g': 3, 'o': 0}[p] & 7 << shift
			case 's':
				bits |= special
			case 't':
				bits |= 0o1000
			}
		}
		bits &^= mask
		switch how {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			mode = mode&^(7<<shift|special) | bits
		}
	}
	return mode
}

// umask reads the mask: there is no way but to set it.
func umask() uint32 {
	old := unix.Umask(0)
	unix.Umask(old)
	return uint32(old)
}

func chmod(c *applet.Call) error {
	args := c.Args
	recursive := len(args) > 0 && args[0] == "-R"
	if recursive {
		args = args[1:]
	}
	if len(args) < 2 {
		return applet.Usage("chmod [-R] MODE FILE…")
	}
	if _, err := newMode(args[0], 0, false); err != nil {
		return err
	}
	return c.Each(args[1:], func(name string) error {
		return below(name, recursive, func(path string) error {
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				return &fs.PathError{Op: "chmod", Path: path, Err: err}
			}
			mode, err := newMode(args[0], st.Mode, st.Mode&unix.S_IFMT == unix.S_IFDIR)
			if err != nil {
				return err
			}
			if err := unix.Chmod(path, mode); err != nil {
				return &fs.PathError{Op: "chmod", Path: path, Err: err}
			}
			return nil
		})
	})
}

// below calls f for name, and for all below it where that is wanted. Links are
// not followed there.
func below(name string, recursive bool, f func(string) error) error {
	if !recursive {
		return f(name)
	}
	return filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return f(path)
	})
}

func chown(c *applet.Call) error {
	f, err := c.Flags("Rh")
	if err != nil {
		return err
	}
	if len(f.Args) < 2 {
		return applet.Usage("chown [-R] [-h] USER[:GROUP] FILE…")
	}
	uid, gid, err := owner(f.Args[0])
	if err != nil {
		return err
	}
	change := os.Chown
	if f.Has("h") {
		change = os.Lchown
	}
	return c.Each(f.Args[1:], func(name string) error {
		return below(name, f.Has("R"), func(path string) error { return change(path, uid, gid) })
	})
}

// owner reads USER, USER:GROUP and :GROUP; -1 leaves one as it is.
func owner(spec string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(spec, ":")
	uid, gid = -1, -1
	if user != "" {
		if uid, err = applet.ID("/etc/passwd", user); err != nil {
			return uid, gid, err
		}
	}
	if group != "" {
		gid, err = applet.ID("/etc/group", group)
	}
	return uid, gid, err
}

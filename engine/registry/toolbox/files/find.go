package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/pattern"

	"regexp"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// found is a file that find looks at.
type found struct {
	path  string
	depth int
	st    unix.Stat_t
	prune bool
}

// clause is a condition of find's, or what it does.
type clause func(*found) bool

// finder reads find's expression and goes through the directories.
type finder struct {
	call             *applet.Call
	words            []string
	shallowest, deep int
	acts, first      bool // an action was given; -depth
	oneFilesystem    bool
	failed           bool
	batches          []*batch
}

// batch is -exec … {} +.
type batch struct{ command, paths []string }

func find(c *applet.Call) error {
	x := &finder{call: c, words: c.Args, deep: 1 << 30}
	var roots []string
	for len(x.words) > 0 && !strings.HasPrefix(x.words[0], "-") && x.words[0] != "!" && x.words[0] != "(" {
		roots, x.words = append(roots, x.words[0]), x.words[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	holds, err := x.either()
	if err == nil && len(x.words) > 0 {
		err = fmt.Errorf("%s: unexpected", x.words[0])
	}
	if err != nil {
		return fmt.Errorf("%w: %w", applet.ErrUsage, err)
	}
	if !x.acts {
		inner := holds
		holds = func(f *found) bool { return inner(f) && x.print(f, "\n") }
	}
	for _, root := range roots {
		x.walk(root, 0, 0, holds)
	}
	for _, b := range x.batches {
		if len(b.paths) > 0 && !x.exec(append(b.command, b.paths...)) {
			x.failed = true
		}
	}
	if x.failed {
		return applet.Status(1)
	}
	return nil
}

func (x *finder) walk(path string, depth int, device uint64, holds clause) {
	f := &found{path: path, depth: depth}
	if err := unix.Lstat(path, &f.st); err != nil {
		x.warn(&fs.PathError{Op: "stat", Path: path, Err: err})
		return
	}
	if depth > 0 && x.oneFilesystem && uint64(f.st.Dev) != device {
		return
	}
	visit := func() {
		if depth >= x.shallowest {
			holds(f)
		}
	}
	if !x.first {
		visit()
	}
	if f.st.Mode&unix.S_IFMT == unix.S_IFDIR && depth < x.deep && !f.prune {
		entries, err := os.ReadDir(path)
		if err != nil {
			x.warn(err)
		}
		for _, e := range entries {
			x.walk(strings.TrimSuffix(path, "/")+"/"+e.Name(), depth+1, uint64(f.st.Dev), holds)
		}
	}
	if x.first {
		visit()
	}
}

func (x *finder) warn(err error) {
	x.call.Warn(err)
	x.failed = true
}

func (x *finder) print(f *found, end string) bool {
	_, err := fmt.Fprint(x.call.Out, f.path+end)
	return err == nil
}

func (x *finder) exec(command []string) bool {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, x.call.Out, os.Stderr
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		x.warn(fmt.Errorf("%s: %s", command[0], applet.Message(errors.Unwrap(err))))
	}
	return err == nil
}

// either reads A -o B.
func (x *finder) either() (clause, error) {
	left, err := x.both()
	for err == nil && len(x.words) > 0 && (x.words[0] == "-o" || x.words[0] == "-or") {
		x.words = x.words[1:]
		a := left
		var b clause
		if b, err = x.both(); err == nil {
			left = func(f *found) bool { return a(f) || b(f) }
		}
	}
	return left, err
}

// both reads A B, which may have -a between them.
func (x *finder) both() (clause, error) {
	left := func(*found) bool { return true }
	for len(x.words) > 0 && x.words[0] != "-o" && x.words[0] != "-or" && x.words[0] != ")" {
		if x.words[0] == "-a" || x.words[0] == "-and" {
			x.words = x.words[1:]
			continue
		}
		a := left
		b, err := x.primary()
		if err != nil {
			return nil, err
		}
		left = func(f *found) bool { return a(f) && b(f) }
	}
	return left, nil
}

func (x *finder) value(of string) (string, error) {
	if len(x.words) == 0 {
		return "", fmt.Errorf("%s wants a value", of)
	}
	v := x.words[0]
	x.words = x.words[1:]
	return v, nil
}

// primary reads one condition or action.
func (x *finder) primary() (clause, error) {
	word := x.words[0]
	x.words = x.words[1:]
	yes := func(*found) bool { return true }
	switch word {
	case "!", "-not":
		if len(x.words) == 0 {
			return nil, fmt.Errorf("%s wants a condition", word)
		}
		inner, err := x.primary()
		return func(f *found) bool { return !inner(f) }, err
	case "(":
		inner, err := x.either()
		if err == nil && (len(x.words) == 0 || x.words[0] != ")") {
			err = fmt.Errorf("missing )")
		}
		if err == nil {
			x.words = x.words[1:]
		}
		return inner, err
	case "-print", "-print0":
		x.acts = true
		end := map[string]string{"-print": "\n", "-print0": "\x00"}[word]
		return func(f *found) bool { return x.print(f, end) }, nil
	case "-prune":
		return func(f *found) bool { f.prune = true; return true }, nil
	case "-delete":
		x.acts, x.first = true, true
		return x.remove, nil
	case "-depth":
		x.first = true
		return yes, nil
	case "-xdev", "-mount":
		x.oneFilesystem = true
		return yes, nil
	case "-exec":
		return x.execs()
	case "-empty":
		return isEmpty, nil
	}
	value, err := x.value(word)
	if err != nil {
		return nil, err
	}
	return x.valued(word, value)
}

func (x *finder) remove(f *found) bool {
	if err := os.Remove(f.path); err != nil {
		x.warn(err)
		return false
	}
	return true
}

func isEmpty(f *found) bool {
	switch f.st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return f.st.Size == 0
	case unix.S_IFDIR:
		entries, err := os.ReadDir(f.path)
		return err == nil && len(entries) == 0
	}
	return false
}

// execs reads -exec COMMAND ; and -exec COMMAND {} +.
func (x *finder) execs() (clause, error) {
	x.acts = true
	for i, word := range x.words {
		command := x.words[:i]
		switch {
		case i == 0:
		case word == ";":
			x.words = x.words[i+1:]
			return func(f *found) bool {
				var args []string
				for _, a := range command {
					args = append(args, strings.ReplaceAll(a, "{}", f.path))
				}
				return x.exec(args)
			}, nil
		case word == "+" && command[i-1] == "{}":
			x.words = x.words[i+1:]
			b := &batch{command: command[: i-1 : i-1]}
			x.batches = append(x.batches, b)
			return func(f *found) bool { b.paths = append(b.paths, f.path); return true }, nil
		}
	}
	return nil, fmt.Errorf("-exec ends with ; or {} +")
}

// valued is a condition with a value.
func (x *finder) valued(word, value string) (clause, error) {
	switch word {
	case "-name", "-iname", "-path":
		mode := pattern.EntireString
		if word == "-iname" {
			mode |= pattern.NoGlobCase
		}
		source, err := pattern.Regexp(value, mode)
		if err != nil {
			return nil, err
		}
		match, err := regexp.Compile(source)
		return func(f *found) bool {
			if word == "-path" {
				return match.MatchString(f.path)
			}
			return match.MatchString(filepath.Base(f.path))
		}, err
	case "-type":
		kind := map[string]uint32{"f": unix.S_IFREG, "d": unix.S_IFDIR, "l": unix.S_IFLNK, "c": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO, "s": unix.S_IFSOCK}[value]
		if kind == 0 {
			return nil, fmt.Errorf("%s: unknown type", value)
		}
		return func(f *found) bool { return f.st.Mode&unix.S_IFMT == kind }, nil
	case "-newer":
		var than syscall.Stat_t
		if err := syscall.Stat(value, &than); err != nil {
			return nil, &fs.PathError{Op: "stat", Path: value, Err: err}
		}
		return func(f *found) bool {
			return int64(f.st.Mtim.Sec) > int64(than.Mtim.Sec) || int64(f.st.Mtim.Sec) == int64(than.Mtim.Sec) && int64(f.st.Mtim.Nsec) > int64(than.Mtim.Nsec)
		}, nil
	case "-user", "-group":
		file := map[string]string{"-user": "/etc/passwd", "-group": "/etc/group"}[word]
		id, err := applet.ID(file, value)
		return func(f *found) bool {
			if word == "-user" {
				return int(f.st.Uid) == id
			}
			return int(f.st.Gid) == id
		}, err
	case "-perm":
		return permissions(value)
	case "-size":
		return size(value)
	}
	return x.bounded(word, value)
}

func (x *finder) bounded(word, value string) (clause, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return nil, fmt.Errorf("%s: unknown, or %q is no number", word, value)
	}
	switch word {
	case "-maxdepth":
		x.deep = n
	case "-mindepth":
		x.shallowest = n
	case "-links":
		return func(f *found) bool { return int(f.st.Nlink) == n }, nil
	case "-inum":
		return func(f *found) bool { return f.st.Ino == uint64(n) }, nil
	default:
		return nil, fmt.Errorf("%s: unknown", word)
	}
	return func(*found) bool { return true }, nil
}

// permissions is -perm 644, -perm -4000 (all of them), -perm /111 (any).
func permissions(value string) (clause, error) {
	bits, err := newMode(strings.TrimLeft(value, "-/"), 0, false)
	return func(f *found) bool {
		mode := f.st.Mode & 0o7777
		switch value[0] {
		case '-':
			return mode&bits == bits
		case '/':
			return mode&bits != 0
		}
		return mode == bits
	}, err
}

// size is -size 10k, +10k (more), -10k (less); without a unit, blocks of 512.
func size(value string) (clause, error) {
	text, unit := strings.TrimLeft(value, "+-"), int64(512)
	if at := strings.IndexAny(text, "ckMG"); at > 0 {
		unit = map[byte]int64{'c': 1, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[text[at]]
		text = text[:at]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return func(f *found) bool {
		units := (f.st.Size + unit - 1) / unit
		switch value[0] {
		case '+':
			return units > n
		case '-':
			return units < n
		}
		return units == n
	}, err
}

package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// item is one line of a listing.
type item struct {
	name, path string
	st         unix.Stat_t
}

func newItem(name, path string, follow bool) (item, error) {
	i := item{name: name, path: path}
	err := unix.Lstat(path, &i.st)
	if err == nil && follow && i.st.Mode&unix.S_IFMT == unix.S_IFLNK {
		var to unix.Stat_t
		if unix.Stat(path, &to) == nil {
			i.st = to
		}
	}
	if err != nil {
		return i, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return i, nil
}

func (i item) isDir() bool { return i.st.Mode&unix.S_IFMT == unix.S_IFDIR }

func ls(c *applet.Call) error {
	f, err := c.Flags("laAd1inhtrSRFs", "all=a", "color")
	if err != nil {
		return err
	}
	if len(f.Args) == 0 {
		f.Args = []string{"."}
	}
	l := lister{f, c}
	var files, dirs []item
	failed := c.Each(f.Args, func(name string) error {
		i, err := newItem(name, name, !f.Has("l", "d"))
		switch {
		case err != nil:
			return err
		case i.isDir() && !f.Has("d"):
			dirs = append(dirs, i)
		default:
			files = append(files, i)
		}
		return nil
	})
	l.print(l.sorted(files))
	titled := len(f.Args) > 1 || f.Has("R")
	for n, d := range l.sorted(dirs) {
		if n > 0 || len(files) > 0 {
			fmt.Fprintln(c.Out)
		}
		if err := l.dir(d.path, titled); err != nil {
			c.Warn(err)
			failed = applet.Status(1)
		}
	}
	return failed
}

type lister struct {
	*applet.Flags
	call *applet.Call
}

func (l lister) dir(path string, titled bool) error {
	if titled {
		fmt.Fprintf(l.call.Out, "%s:\n", path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: errors.Unwrap(err)}
	}
	var names []string
	if l.Has("a") {
		names = append(names, ".", "..")
	}
	for _, e := range entries {
		if l.Has("a", "A") || e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	var items []item
	failed := l.call.Each(names, func(name string) error {
		i, err := newItem(name, filepath.Join(path, name), false)
		if err == nil {
			items = append(items, i)
		}
		return err
	})
	items = l.sorted(items)
	if l.Has("l") {
		blocks := int64(0)
		for _, i := range items {
			blocks += int64(i.st.Blocks)
		}
		fmt.Fprintf(l.call.Out, "total %d\n", blocks/2)
	}
	l.print(items)
	if l.Has("R") {
		for _, i := range items {
			if !i.isDir() || i.name == "." || i.name == ".." {
				continue
			}
			fmt.Fprintln(l.call.Out)
			if err := l.dir(i.path, true); err != nil {
				l.call.Warn(err)
				failed = applet.Status(1)
			}
		}
	}
	return failed
}

func (l lister) sorted(items []item) []item {
	slices.SortStableFunc(items, func(a, b item) int {
		order := 0
		switch {
		case l.Has("t"):
			order = cmp.Or(cmp.Compare(int64(b.st.Mtim.Sec), int64(a.st.Mtim.Sec)), cmp.Compare(int64(b.st.Mtim.Nsec), int64(a.st.Mtim.Nsec)))
		case l.Has("S"):
			order = cmp.Compare(b.st.Size, a.st.Size)
		}
		return cmp.Or(order, strings.Compare(a.name, b.name))
	})
	if l.Has("r") {
		slices.Reverse(items)
	}
	return items
}

// print writes one item a line, or in columns on a terminal.
func (l lister) print(items []item) {
	if !l.Has("l", "1", "n") && applet.IsTerminal(l.call.Out) {
		l.columns(items)
		return
	}
	rows := make([][]string, len(items))
	widths := map[int]int{}
	for n, i := range items {
		rows[n] = l.row(i)
		for col, cell := range rows[n] {
			widths[col] = max(widths[col], len(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for col, cell := range row[:len(row)-1] {
			width := widths[col]
			if name := len(row) - 1; col == name-4 || col == name-3 {
				width = -width // the owners stand to the left
			}
			fmt.Fprintf(&b, "%*s ", width, cell)
		}
		fmt.Fprintln(l.call.Out, b.String()+row[len(row)-1])
	}
}

// row is an item's cells; the last is the name.
func (l lister) row(i item) []string {
	var cells []string
	if l.Has("i") {
		cells = append(cells, strconv.FormatUint(i.st.Ino, 10))
	}
	if l.Has("s") {
		cells = append(cells, strconv.FormatInt(int64(i.st.Blocks)/2, 10))
	}
	name := i.name + l.mark(i)
	if !l.Has("l", "n") {
		return append(cells, name)
	}
	user, group := strconv.Itoa(int(i.st.Uid)), strconv.Itoa(int(i.st.Gid))
	if !l.Has("n") {
		user, group = applet.NameOf("/etc/passwd", int(i.st.Uid)), applet.NameOf("/etc/group", int(i.st.Gid))
	}
	size := strconv.FormatInt(i.st.Size, 10)
	switch kind := i.st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFCHR || kind == unix.S_IFBLK:
		size = fmt.Sprintf("%d, %3d", unix.Major(uint64(i.st.Rdev)), unix.Minor(uint64(i.st.Rdev)))
	case kind == unix.S_IFLNK:
		to, err := os.Readlink(i.path)
		if err != nil {
			to = "?"
		}
		name += " -> " + to
	case l.Has("h"):
		size = applet.Human(i.st.Size)
	}
	when := time.Unix(int64(i.st.Mtim.Sec), int64(i.st.Mtim.Nsec)).Format("Jan _2 15:04")
	if age := time.Since(time.Unix(int64(i.st.Mtim.Sec), 0)); age > 180*24*time.Hour || age < -time.Hour {
		when = time.Unix(int64(i.st.Mtim.Sec), 0).Format("Jan _2  2006")
	}
	return append(cells, modeText(i.st.Mode), strconv.Itoa(int(i.st.Nlink)), user, group, size, when, name)
}

func (l lister) mark(i item) string {
	if !l.Has("F") {
		return ""
	}
	switch kind := i.st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		return "/"
	case kind == unix.S_IFLNK:
		return "@"
	case kind == unix.S_IFIFO:
		return "|"
	case kind == unix.S_IFREG && i.st.Mode&0o111 != 0:
		return "*"
	}
	return ""
}

// columns fills a terminal's width, column by column.
func (l lister) columns(items []item) {
	width, wide := 80, 1
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		width = int(size.Col)
	}
	var cells []string
	for _, i := range items {
		cell := strings.Join(l.row(i), " ")
		cells = append(cells, cell)
		wide = max(wide, len(cell)+2)
	}
	across := max(1, width/wide)
	down := (len(cells) + across - 1) / across
	for y := range down {
		var b strings.Builder
		for n := y; n < len(cells); n += down {
			fmt.Fprintf(&b, "%-*s", wide, cells[n])
		}
		fmt.Fprintln(l.call.Out, strings.TrimRight(b.String(), " "))
	}
}

// modeText is a mode as ls -l shows it.
func modeText(mode uint32) string {
	kind := map[uint32]byte{unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's'}[mode&unix.S_IFMT]
	if kind == 0 {
		kind = '-'
	}
	text := []byte{kind}
	for n, letter := range "rwxrwxrwx" {
		if mode&(0o400>>n) == 0 {
			letter = '-'
		}
		text = append(text, byte(letter))
	}
	for n, bit := range []uint32{unix.S_ISUID, unix.S_ISGID, unix.S_ISVTX} {
		if mode&bit == 0 {
			continue
		}
		letter := "sst"[n]
		if text[3*n+3] == '-' {
			letter -= 'a' - 'A'
		}
		text[3*n+3] = letter
	}
	return string(text)
}

package files

import (
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

func kindName(mode uint32, size int64) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	if size == 0 {
		return "regular empty file"
	}
	return "regular file"
}

const statForm = `  File: %N
  Size: %s	Blocks: %b	IO Block: %o	%F
Device: %Hd,%Ld	Inode: %i	Links: %h
Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z`

// stat shows what the kernel knows of a file; -c FORMAT as coreutils has it.
func stat(c *applet.Call) error {
	f, err := c.Flags("c:L", "format=c")
	if err != nil {
		return err
	}
	return c.Each(f.Args, func(name string) error {
		call := unix.Lstat
		if f.Has("L") {
			call = unix.Stat
		}
		var st unix.Stat_t
		if err := call(name, &st); err != nil {
			return &fs.PathError{Op: "stat", Path: name, Err: err}
		}
		_, err := fmt.Fprintln(c.Out, filled(f.Value("c", statForm), name, &st))
		return err
	})
}

// filled puts a file's values into a format.
func filled(form, name string, st *unix.Stat_t) string {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			b.WriteByte(form[i])
			continue
		}
		end := i + 1
		for end < len(form)-1 && strings.IndexByte("0123456789", form[end]) >= 0 {
			end++
		}
		pad, verb := form[i+1:end], form[end:end+1]
		if (verb == "H" || verb == "L") && end+1 < len(form) {
			end++
			verb += form[end : end+1]
		}
		fmt.Fprintf(&b, "%"+pad+"s", statValue(verb, name, st))
		i = end
	}
	return strings.ReplaceAll(b.String(), "\\n", "\n")
}

func statValue(verb, name string, st *unix.Stat_t) string {
	switch verb {
	case "n":
		return name
	case "N":
		if to, err := os.Readlink(name); err == nil {
			return name + " -> " + to
		}
		return name
	case "s":
		return strconv.FormatInt(st.Size, 10)
	case "b":
		return strconv.FormatInt(int64(st.Blocks), 10)
	case "B":
		return "512"
	case "o":
		return strconv.FormatInt(int64(st.Blksize), 10)
	case "F":
		return kindName(st.Mode, st.Size)
	case "a":
		return strconv.FormatUint(uint64(st.Mode&0o7777), 8)
	case "A":
		return modeText(st.Mode)
	case "f":
		return strconv.FormatUint(uint64(st.Mode), 16)
	case "u":
		return strconv.Itoa(int(st.Uid))
	case "g":
		return strconv.Itoa(int(st.Gid))
	case "U":
		return applet.NameOf("/etc/passwd", int(st.Uid))
	case "G":
		return applet.NameOf("/etc/group", int(st.Gid))
	case "h":
		return strconv.FormatUint(uint64(st.Nlink), 10)
	case "i":
		return strconv.FormatUint(st.Ino, 10)
	case "%":
		return "%"
	}
	return deviceOrTime(verb, st)
}

func deviceOrTime(verb string, st *unix.Stat_t) string {
	at := func(t unix.Timespec) string {
		return time.Unix(int64(t.Sec), int64(t.Nsec)).Format("2006-01-02 15:04:05.000000000 -0700")
	}
	switch verb {
	case "d":
		return strconv.FormatUint(uint64(st.Dev), 10)
	case "Hd":
		return strconv.Itoa(int(unix.Major(uint64(st.Dev))))
	case "Ld":
		return strconv.Itoa(int(unix.Minor(uint64(st.Dev))))
	case "t":
		return strconv.FormatUint(uint64(unix.Major(uint64(st.Rdev))), 16)
	case "T":
		return strconv.FormatUint(uint64(unix.Minor(uint64(st.Rdev))), 16)
	case "x":
		return at(st.Atim)
	case "y":
		return at(st.Mtim)
	case "z":
		return at(st.Ctim)
	case "X":
		return strconv.FormatInt(int64(st.Atim.Sec), 10)
	case "Y":
		return strconv.FormatInt(int64(st.Mtim.Sec), 10)
	case "Z":
		return strconv.FormatInt(int64(st.Ctim.Sec), 10)
	}
	return "?"
}

// du adds up the blocks of what is below; a file with several names counts once.
func du(c *applet.Call) error {
	f, err := c.Flags("shakmcd:b")
	if err != nil {
		return err
	}
	deepest, err := f.Int("d", 1<<30)
	if err != nil {
		return err
	}
	if f.Has("s") {
		deepest = 0
	}
	if len(f.Args) == 0 {
		f.Args = []string{"."}
	}
	d := &usage{f, c, map[[2]uint64]bool{}, deepest}
	total := int64(0)
	failed := c.Each(f.Args, func(name string) error {
		n, err := d.of(name, 0)
		total += n
		return err
	})
	if f.Has("c") {
		d.show(total, "total")
	}
	return failed
}

type usage struct {
	*applet.Flags
	call    *applet.Call
	seen    map[[2]uint64]bool
	deepest int
}

func (d *usage) of(path string, depth int) (int64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	sum := int64(st.Blocks) * 512
	if d.Has("b") {
		sum = st.Size
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if id := [2]uint64{uint64(st.Dev), st.Ino}; !isDir && st.Nlink > 1 {
		if d.seen[id] {
			return 0, nil
		}
		d.seen[id] = true
	}
	if isDir {
		entries, err := os.ReadDir(path)
		if err != nil {
			d.call.Warn(err)
		}
		for _, e := range entries {
			n, err := d.of(filepath.Join(path, e.Name()), depth+1)
			if err != nil {
				d.call.Warn(err)
			}
			sum += n
		}
	}
	if depth == 0 || depth <= d.deepest && (isDir || d.Has("a")) {
		d.show(sum, path)
	}
	return sum, nil
}

func (d *usage) show(bytes int64, name string) {
	text := strconv.FormatInt((bytes+1023)/1024, 10)
	switch {
	case d.Has("h"):
		text = applet.Human(bytes)
	case d.Has("b"):
		text = strconv.FormatInt(bytes, 10)
	case d.Has("m"):
		text = strconv.FormatInt((bytes+1<<20-1)>>20, 10)
	}
	fmt.Fprintf(d.call.Out, "%s\t%s\n", text, name)
}

package system

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// mounted is a line of /proc/self/mounts.
type mounted struct{ source, target, kind, options string }

func mounts() ([]mounted, error) {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var list []mounted
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		list = append(list, mounted{unescaped(fields[0]), unescaped(fields[1]), fields[2], fields[3]})
	}
	return list, nil
}

// unescaped undoes what the kernel does to blanks: fstab(5).
func unescaped(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// mountFlag is the bit that the kernel takes for an option; one that is not on
// takes it away.
func mountFlag(option string) (bits uintptr, on, known bool) {
	flags := map[string]uintptr{
		"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "sync": unix.MS_SYNCHRONOUS,
		"remount": unix.MS_REMOUNT, "bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "noatime": unix.MS_NOATIME, "relatime": unix.MS_RELATIME,
		"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC, "shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
		"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC, "unbindable": unix.MS_UNBINDABLE, "move": unix.MS_MOVE,
	}
	opposites := map[string]string{"rw": "ro", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "async": "sync", "atime": "noatime", "defaults": ""}
	if bits, ok := flags[option]; ok {
		return bits, true, true
	}
	other, ok := opposites[option]
	return flags[other], false, ok
}

// mount lists, or mounts: mount [-t TYPE] [-o OPTIONS] [SOURCE] TARGET, and
// --bind, --make-private and the like.
func mount(c *applet.Call) error {
	f, err := c.Flags("t:o:rw", "bind", "rbind", "move", "make-private", "make-rprivate", "make-shared", "make-rshared", "make-slave", "make-rslave", "types=t", "options=o")
	if err != nil {
		return err
	}
	if len(f.Args) == 0 {
		return listMounts(c, f.Value("t", ""))
	}
	var options []string
	for _, given := range f.All("o") {
		options = append(options, strings.Split(given, ",")...)
	}
	for _, name := range []string{"bind", "rbind", "move", "make-private", "make-rprivate", "make-shared", "make-rshared", "make-slave", "make-rslave"} {
		if f.Has(name) {
			options = append(options, strings.TrimPrefix(name, "make-"))
		}
	}
	if f.Has("r") {
		options = append(options, "ro")
	}
	flags, data := uintptr(0), []string{}
	for _, o := range options {
		bits, on, known := mountFlag(o)
		switch {
		case !known:
			data = append(data, o)
		case on:
			flags |= bits
		default:
			flags &^= bits
		}
	}
	source, target := "none", f.Args[len(f.Args)-1]
	if len(f.Args) == 2 {
		source = f.Args[0]
	}
	if err := unix.Mount(source, target, f.Value("t", ""), flags, strings.Join(data, ",")); err != nil {
		return &fs.PathError{Op: "mount", Path: "mounting " + source + " on " + target, Err: err}
	}
	return nil
}

func listMounts(c *applet.Call, kind string) error {
	list, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range list {
		if kind == "" || m.kind == kind {
			fmt.Fprintf(c.Out, "%s on %s type %s (%s)\n", m.source, m.target, m.kind, m.options)
		}
	}
	return nil
}

func umount(c *applet.Call) error {
	f, err := c.Flags("lf")
	if err != nil {
		return err
	}
	flags := 0
	if f.Has("l") {
		flags |= unix.MNT_DETACH
	}
	if f.Has("f") {
		flags |= unix.MNT_FORCE
	}
	return c.Each(f.Args, func(name string) error {
		if err := unix.Unmount(name, flags); err != nil {
			return &fs.PathError{Op: "umount", Path: "can't unmount " + name, Err: err}
		}
		return nil
	})
}

// df shows what is free on each mounted filesystem, or on those of the paths.
func df(c *applet.Call) error {
	f, err := c.Flags("hkmTiaP")
	if err != nil {
		return err
	}
	list, err := mounts()
	if err != nil {
		return err
	}
	slices.Reverse(list) // what is mounted last is what is seen
	rows := [][]string{head(f)}
	if len(f.Args) == 0 {
		for _, m := range slices.Backward(list) {
			if row := fill(f, m); row != nil {
				rows = append(rows, row)
			}
		}
	}
	failed := c.Each(f.Args, func(path string) error {
		m, err := mountOf(list, path)
		if err != nil {
			return err
		}
		if row := fill(f, m); row != nil {
			rows = append(rows, row)
		}
		return nil
	})
	for _, row := range rows {
		fmt.Fprintf(c.Out, "%-20s", row[0])
		for _, cell := range row[1 : len(row)-1] {
			fmt.Fprintf(c.Out, " %10s", cell)
		}
		fmt.Fprintf(c.Out, " %s\n", row[len(row)-1])
	}
	return failed
}

func head(f *applet.Flags) []string {
	size := "1K-blocks"
	switch {
	case f.Has("i"):
		size = "Inodes"
	case f.Has("h"):
		size = "Size"
	case f.Has("m"):
		size = "1M-blocks"
	}
	row := []string{"Filesystem"}
	if f.Has("T") {
		row = append(row, "Type")
	}
	return append(row, size, "Used", "Available", "Use%", "Mounted on")
}

// fill is a filesystem's row; nil for one without blocks, unless all are wanted.
func fill(f *applet.Flags, m mounted) []string {
	var st unix.Statfs_t
	if err := unix.Statfs(m.target, &st); err != nil || st.Blocks == 0 && !f.Has("a") {
		return nil
	}
	unit := int64(st.Bsize)
	total, free, available := int64(st.Blocks)*unit, int64(st.Bfree)*unit, int64(st.Bavail)*unit
	show := func(n int64) string { return fmt.Sprint(n >> 10) }
	switch {
	case f.Has("i"):
		total, free, available = int64(st.Files), int64(st.Ffree), int64(st.Ffree)
		show = func(n int64) string { return fmt.Sprint(n) }
	case f.Has("h"):
		show = applet.Human
	case f.Has("m"):
		show = func(n int64) string { return fmt.Sprint(n >> 20) }
	}
	used := total - free
	share := "0%"
	if whole := used + available; whole > 0 {
		share = fmt.Sprintf("%d%%", (used*100+whole-1)/whole)
	}
	row := []string{m.source}
	if f.Has("T") {
		row = append(row, m.kind)
	}
	return append(row, show(total), show(used), show(available), share, m.target)
}

// mountOf is the mount that a path is on: one of the same device.
func mountOf(list []mounted, path string) (mounted, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return mounted{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	for _, m := range list {
		var root unix.Stat_t
		if unix.Stat(m.target, &root) == nil && root.Dev == st.Dev {
			return m, nil
		}
	}
	return mounted{}, fmt.Errorf("%s: no mount was found", path)
}

func syncAll(*applet.Call) error {
	unix.Sync()
	return nil
}

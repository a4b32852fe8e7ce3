// Package system is the toolbox's commands that ask the kernel about the
// system, and change what it shows: names, users, mounts, namespaces, terminals.
package system

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// Commands are this package's.
func Commands() map[string]applet.Func {
	return map[string]applet.Func{
		"uname": uname, "hostname": hostname, "date": date, "nproc": nproc, "uptime": uptime, "free": free,
		"id": id, "whoami": whoami, "printenv": printenv,
		"mount": mount, "umount": umount, "df": df, "sync": syncAll,
		"chroot": chroot, "unshare": unshare, "env": env,
		"stty": stty, "tty": tty, "clear": clearScreen, "caps": caps,
	}
}

func text(field []byte) string { return unix.ByteSliceToString(field) }

func uname(c *applet.Call) error {
	f, err := c.Flags("asnrvmo")
	if err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	var parts []string
	for _, p := range []struct{ flag, value string }{
		{"s", text(u.Sysname[:])}, {"n", text(u.Nodename[:])}, {"r", text(u.Release[:])}, {"v", text(u.Version[:])}, {"m", text(u.Machine[:])}, {"o", "Linux"},
	} {
		if f.Has(p.flag, "a") || p.flag == "s" && !f.Has("n", "r", "v", "m", "o") {
			parts = append(parts, p.value)
		}
	}
	_, err = fmt.Fprintln(c.Out, strings.Join(parts, " "))
	return err
}

func hostname(c *applet.Call) error {
	if len(c.Args) == 1 && c.Args[0][0] != '-' {
		return unix.Sethostname([]byte(c.Args[0]))
	}
	name, err := os.Hostname()
	if err == nil {
		fmt.Fprintln(c.Out, name)
	}
	return err
}

// date is date(1) with -u, -d @SECONDS and +FORMAT.
func date(c *applet.Call) error {
	f, err := c.Flags("ud:")
	if err != nil {
		return err
	}
	now := time.Now()
	if given := f.Value("d", ""); given != "" {
		n, err := strconv.ParseInt(strings.TrimPrefix(given, "@"), 10, 64)
		if err != nil {
			return applet.Usage("%q is not @SECONDS", given)
		}
		now = time.Unix(n, 0)
	}
	if f.Has("u") {
		now = now.UTC()
	}
	form := "+%a %b %e %H:%M:%S %Z %Y"
	if len(f.Args) > 0 {
		form = f.Args[0]
	}
	if !strings.HasPrefix(form, "+") {
		return applet.Usage("date [-u] [-d @SECONDS] [+FORMAT]")
	}
	_, err = fmt.Fprintln(c.Out, formatted(now, form[1:]))
	return err
}

func formatted(t time.Time, form string) string {
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04",
		'p': "PM", 'S': "05", 'T': "15:04:05", 'F': "2006-01-02", 'y': "06", 'Y': "2006", 'Z': "MST", 'z': "-0700", 'R': "15:04", 'N': "000000000",
	}
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			b.WriteByte(form[i])
			continue
		}
		i++
		switch layout, ok := layouts[form[i]]; {
		case form[i] == 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		case ok:
			b.WriteString(t.Format(layout))
		case form[i] == 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case form[i] == 'n':
			b.WriteByte('\n')
		case form[i] == '%':
			b.WriteByte('%')
		default:
			b.WriteString(form[i-1 : i+1])
		}
	}
	return b.String()
}

// nproc is how many CPUs the kernel lets this process use: cpuset and
// affinity count, a share of time does not.
func nproc(c *applet.Call) error {
	n := runtime.NumCPU()
	if slices.Contains(c.Args, "--all") {
		data, err := os.ReadFile("/proc/stat")
		if err != nil {
			return err
		}
		n = strings.Count(string(data), "\ncpu")
	}
	_, err := fmt.Fprintln(c.Out, n)
	return err
}

func uptime(c *applet.Call) error {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	seconds, _, _ := strings.Cut(string(data), ".")
	n, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	days := ""
	if d := n / 86400; d > 0 {
		days = fmt.Sprintf("%d days, ", d)
	}
	loads := strings.Fields(string(load))
	if len(loads) < 3 {
		return fmt.Errorf("/proc/loadavg has %d fields", len(loads))
	}
	_, err = fmt.Fprintf(c.Out, " %s up %s%2d:%02d,  load average: %s\n", time.Now().Format(time.TimeOnly), days, n/3600%24, n/60%60, strings.Join(loads[:3], ", "))
	return err
}

// free shows /proc/meminfo: the machine's memory, whatever the container's limit.
func free(c *applet.Call) error {
	f, err := c.Flags("bkmgh")
	if err != nil {
		return err
	}
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	info := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64) // lines of other forms are not asked for
		info[strings.TrimSuffix(fields[0], ":")] = n << 10
	}
	show := func(n int64) string {
		switch {
		case f.Has("h"):
			return applet.Human(n)
		case f.Has("b"):
			return strconv.FormatInt(n, 10)
		case f.Has("m"):
			return strconv.FormatInt(n>>20, 10)
		case f.Has("g"):
			return strconv.FormatInt(n>>30, 10)
		}
		return strconv.FormatInt(n>>10, 10)
	}
	row := func(name string, values ...int64) {
		fmt.Fprintf(c.Out, "%-6s", name)
		for _, v := range values {
			fmt.Fprintf(c.Out, " %12s", show(v))
		}
		fmt.Fprintln(c.Out)
	}
	fmt.Fprintf(c.Out, "%-6s %12s %12s %12s %12s %12s %12s\n", "", "total", "used", "free", "shared", "buff/cache", "available")
	cache := info["Buffers"] + info["Cached"] + info["SReclaimable"]
	row("Mem:", info["MemTotal"], info["MemTotal"]-info["MemFree"]-cache, info["MemFree"], info["Shmem"], cache, info["MemAvailable"])
	row("Swap:", info["SwapTotal"], info["SwapTotal"]-info["SwapFree"], info["SwapFree"])
	return nil
}

func id(c *applet.Call) error {
	f, err := c.Flags("ugGn")
	if err != nil {
		return err
	}
	uid, gid := os.Geteuid(), os.Getegid()
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	if len(f.Args) > 0 {
		if uid, err = applet.ID("/etc/passwd", f.Args[0]); err != nil {
			return err
		}
		gid, groups = applet.GroupOf(uid), nil
	}
	groups = slices.DeleteFunc(groups, func(g int) bool { return g == gid })
	groups = append([]int{gid}, groups...)
	user := func(n int) string { return applet.NameOf("/etc/passwd", n) }
	group := func(n int) string { return applet.NameOf("/etc/group", n) }
	if !f.Has("n") && f.Has("u", "g", "G") {
		user, group = strconv.Itoa, strconv.Itoa
	}
	var list []string
	for _, g := range groups {
		list = append(list, group(g))
	}
	switch {
	case f.Has("u"):
		fmt.Fprintln(c.Out, user(uid))
	case f.Has("g"):
		fmt.Fprintln(c.Out, group(gid))
	case f.Has("G"):
		fmt.Fprintln(c.Out, strings.Join(list, " "))
	default:
		for i, g := range groups {
			list[i] = named(g, group)
		}
		fmt.Fprintf(c.Out, "uid=%s gid=%s groups=%s\n", named(uid, user), named(gid, group), strings.Join(list, ","))
	}
	return nil
}

// named is 0(root), or 4711 where it has no name.
func named(n int, name func(int) string) string {
	text := strconv.Itoa(n)
	if called := name(n); called != text {
		return text + "(" + called + ")"
	}
	return text
}

func whoami(c *applet.Call) error {
	uid := os.Geteuid()
	if applet.User(uid) == nil {
		return fmt.Errorf("unknown uid %d", uid)
	}
	_, err := fmt.Fprintln(c.Out, applet.NameOf("/etc/passwd", uid))
	return err
}

func printenv(c *applet.Call) error {
	if len(c.Args) == 0 {
		for _, pair := range os.Environ() {
			fmt.Fprintln(c.Out, pair)
		}
		return nil
	}
	missing := false
	for _, name := range c.Args {
		value, ok := os.LookupEnv(name)
		if missing = missing || !ok; ok {
			fmt.Fprintln(c.Out, value)
		}
	}
	if missing {
		return applet.Status(1)
	}
	return nil
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/capability"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
)

// TestActsAreWhatTheKernelSaw holds the acts that the engine reports against
// what strace saw the daemon and init ask of the kernel. One that is missing,
// made up, out of order or altered fails the test.
func TestActsAreWhatTheKernelSaw(t *testing.T) {
	need(t, "strace", "strace")
	for _, c := range []struct {
		name string
		args []string
		// whole: the acts of the taking apart are told too. They are where the
		// container removes itself, for then a stop follows them.
		whole bool
	}{
		{name: "limits", args: []string{"--memory", "64m", "--pids-limit", "20"}},
		{name: "removes itself", args: []string{"--rm", "--cpus", "0.5"}, whole: true},
		{name: "shut in", args: []string{"--rm", "--read-only", "--cap-drop", "ALL", "--user", "12:34", "--network", "none", "--security-opt", "no-new-privileges", "--workdir", "/a/b", "--hostname", "box"}, whole: true},
		{name: "let out", args: []string{"--rm", "--cap-add", "ALL", "--network", "none", "--security-opt", "seccomp=unconfined"}, whole: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			points, trace := runTraced(t, c.args)
			told := toldActs(t, points)
			seen, err := readTrace(trace)
			if err != nil {
				t.Fatal(err)
			}
			if !c.whole {
				seen = upToExecve(seen)
			}
			compareWhole(t, slices.DeleteFunc(slices.Clone(told), outsideWhole), slices.DeleteFunc(slices.Clone(seen), outsideWhole))
			compareMadeUp(t, told, seen)
		})
	}
}

// traced are the calls that strace writes down. "?" before those that not
// every architecture has.
const traced = "?mount,?umount,?umount2,?unshare,?setns,?clone,?clone3,?fork,?vfork,?pivot_root,?chdir,?chroot,?sethostname," +
	"?open,?openat,?openat2,?write,?pwrite64,?writev,?capset,?prctl,?seccomp,?execve,?execveat,?setgroups,?setresuid,?setresgid,?setuid,?setgid,?setreuid,?setregid," +
	"?mkdir,?mkdirat,?rmdir,?unlinkat,?symlink,?symlinkat,?mknod,?mknodat,?rename,?renameat,?renameat2"

// runTraced runs hello-world on a daemon under strace, watched, and returns
// the points in order and strace's text.
func runTraced(t *testing.T, args []string) ([]stage.Point, string) {
	t.Helper()
	file := filepath.Join(shortDir(t), "trace")
	// -y: what a descriptor leads to, as the kernel has it. -x: characters that
	// are not plain text as \xNN. -s: no string is cut.
	d := startDaemon(t, "strace", "-f", "-y", "-x", "-s", "4096", "-e", "trace="+traced, "-e", "signal=SIGTERM", "-o", file)
	points := watchAll(t, d)
	if said, err := d.docker(append(append([]string{"run"}, args...), "hello-world")...); err != nil {
		t.Fatalf("run: %s\n%s", err, said)
	}
	d.end()
	return <-points, readText(t, file)
}

// watchAll lets every point go at once and, when the daemon has ended, sends
// all of them in order.
func watchAll(t *testing.T, d *testDaemon) <-chan []stage.Point {
	t.Helper()
	socket, buffered, err := d.client().Watch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() }) // ends the goroutine of a test that has failed
	conn := wire.NewConn(socket, buffered)
	all := make(chan []stage.Point, 1)
	go func() {
		var points []stage.Point
		defer func() { all <- points }()
		for {
			p, err := conn.Receive()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("watch: %s", err)
				}
				return
			}
			if p.Point == nil {
				t.Errorf("watch: a packet without a point: %+v", p)
				continue
			}
			points = append(points, *p.Point)
			if err := conn.Send(wire.Packet{Go: true}); err != nil {
				t.Errorf("watch: %s", err)
				return
			}
		}
	}()
	return all
}

// toldActs are the acts of all points in one form with those of the trace.
func toldActs(t *testing.T, points []stage.Point) []stage.Act {
	t.Helper()
	var acts []stage.Act
	for _, p := range points {
		if p.Lost > 0 {
			t.Errorf("%s: %d acts were lost", p.Fact.Stage(), p.Lost)
		}
		for _, a := range p.Acts {
			if a, ok := asTold(a); ok {
				acts = append(acts, a)
			}
		}
	}
	return acts
}

// asTold puts an act into the form compared. False for those in other words
// than the kernel's: netlink's, which are messages in a socket, and the sum of
// the bytes that a file of a layer got.
func asTold(a stage.Act) (stage.Act, bool) {
	a.Hand = ""
	switch a.Call {
	case "netlink":
		return a, false
	case "mkdirat", "symlinkat":
		// The same calls; the path is whole in both forms.
		a.Call = strings.TrimSuffix(a.Call, "at")
	case "unlinkat":
		if a.Args[1] == "AT_REMOVEDIR" {
			a.Call, a.Args = "rmdir", a.Args[:1]
		}
	case "write":
		if strings.HasSuffix(a.Args[1], " bytes") {
			return a, false
		}
	case "mount":
		a.Args = slices.Clone(a.Args)
		a.Args[3] = sorted(a.Args[3])
	case "clone", "unshare", "openat":
		a.Args = slices.Clone(a.Args)
		for i, arg := range a.Args {
			if strings.Contains(arg, "_") && !strings.HasPrefix(arg, `"`) {
				a.Args[i] = sorted(arg)
			}
		}
	case "execve":
		a.Result = "0" // told before it is known; the run that ends well knows
	}
	return a, true
}

// sorted puts flags into one order: theirs means nothing.
func sorted(flags string) string {
	names := strings.Split(flags, "|")
	slices.Sort(names)
	return strings.Join(names, "|")
}

// outsideWhole reports whether an act is of a kind that is not told each time:
// the daemon keeps files of its own, which are no part of the container, and
// the Go runtime and libraries ask about this and that.
func outsideWhole(a stage.Act) bool {
	switch a.Call {
	case "openat", "rename", "unlinkat":
		return true
	case "setns": // the daemon's way into the namespace, of which netlink's acts tell
		return a.By == "" && a.Args[1] == "CLONE_NEWNET"
	case "prctl":
		return slices.Contains([]string{"PR_CAPBSET_READ", "PR_SET_NAME", "PR_SET_VMA"}, a.Args[0])
	case "rmdir":
		return !inCgroups(a.Args[0])
	case "mkdir", "symlink", "mknod":
		return a.By == "" && !slices.ContainsFunc(a.Args, func(arg string) bool {
			return inCgroups(arg) || strings.Contains(arg, "/data/containers/")
		})
	}
	return false
}

func inCgroups(quoted string) bool { return strings.HasPrefix(quoted, `"/sys/fs/cgroup/`) }

// compareWhole wants both lists to be the same, and shows the first place where
// they are not.
func compareWhole(t *testing.T, told, seen []stage.Act) {
	t.Helper()
	for i := range max(len(told), len(seen)) {
		if show(told, i) != show(seen, i) {
			t.Fatalf("act %d of %d, call %d of %d:\n   told: %s\n   seen: %s\nafter\n         %s\nthen told: %s\n     seen: %s",
				i+1, len(told), i+1, len(seen), show(told, i), show(seen, i), show(told, i-1), show(told, i+1), show(seen, i+1))
		}
	}
	if len(told) < 60 {
		t.Errorf("only %d acts were compared: is anything watched?", len(told))
	}
}

// compareMadeUp wants each act told to be among the calls seen, in order. It
// is for the kinds of which not every call is told.
func compareMadeUp(t *testing.T, told, seen []stage.Act) {
	t.Helper()
	at := 0
	for i := range told {
		found := at
		for found < len(seen) && show(told, i) != show(seen, found) {
			found++
		}
		if found == len(seen) {
			t.Fatalf("told, and nothing that strace saw after %s:\n   %s", show(seen, at-1), show(told, i))
		}
		at = found + 1
	}
}

func show(acts []stage.Act, i int) string {
	if i < 0 || i >= len(acts) {
		return "nothing"
	}
	who := acts[i].By
	if who == "" {
		who = "daemon"
	}
	return who + ": " + acts[i].String()
}

// upToExecve cuts the list after init's last call. What the daemon does when a
// container has ended that stays belongs to no stop, so nobody is told.
func upToExecve(seen []stage.Act) []stage.Act {
	last := slices.IndexFunc(seen, func(a stage.Act) bool { return a.Call == "execve" })
	return seen[:last+1]
}

// traceLine is one call as strace writes it.
type traceLine struct {
	pid    int
	call   string
	args   []string
	result string
}

var (
	wholeLine   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<.*>)?(?: (E\w+) \(.*\))?$`)
	firstHalf   = regexp.MustCompile(`^(\d+) +(\w+\(.*) <unfinished \.\.\.>$`)
	secondHalf  = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	signalLine  = regexp.MustCompile(`^\d+ +--- SIGTERM `)
	otherEvents = regexp.MustCompile(`^\d+ +(\+\+\+|---) `)
)

// readTrace reads strace's text up to the signal that ends the daemon, and
// returns what the daemon and init asked for, as acts.
func readTrace(text string) ([]stage.Act, error) {
	lines, err := joinHalves(text)
	if err != nil {
		return nil, err
	}
	if len(lines) > 0 && lines[0].call == "execve" {
		lines = lines[1:] // strace's own, which makes the daemon
	}
	init := 0
	if i := slices.IndexFunc(lines, traceLine.makesNamespaces); i >= 0 {
		if init, err = strconv.Atoi(lines[i].result); err != nil {
			return nil, fmt.Errorf("clone returned %q", lines[i].result)
		}
	}
	var acts []stage.Act
	begun, done := false, false // init's work: between its two calls of execve
	for _, l := range lines {
		if l.pid == init && (!begun || done) {
			begun = begun || l.call == "execve" && l.result == "0"
			continue
		}
		by := ""
		if l.pid == init {
			by = "init"
			done = l.call == "execve" && l.result == "0"
		}
		if strings.Contains(strings.Join(l.args, " "), "/data/try-") {
			continue // the daemon's start, at which it finds out how layers can be stacked
		}
		if a, ok, err := l.act(by); err != nil {
			return nil, fmt.Errorf("%w: %+v", err, l)
		} else if ok {
			acts = append(acts, a)
		}
	}
	return acts, nil
}

// joinHalves makes one line of a call during which others of other processes
// came. It stands where it began.
func joinHalves(text string) ([]traceLine, error) {
	var lines []traceLine
	open := map[string]int{} // by pid: the line that waits for its other half
	halves := map[int]string{}
	for raw := range strings.Lines(text) {
		raw = strings.TrimSuffix(raw, "\n")
		if signalLine.MatchString(raw) {
			break
		}
		if m := firstHalf.FindStringSubmatch(raw); m != nil {
			open[m[1]] = len(lines)
			halves[len(lines)] = m[1] + " " + m[2]
			lines = append(lines, traceLine{})
			continue
		}
		at := len(lines)
		if m := secondHalf.FindStringSubmatch(raw); m != nil {
			var ok bool
			if at, ok = open[m[1]]; !ok {
				return nil, fmt.Errorf("strace: no first half of %s", raw)
			}
			raw = halves[at] + m[3]
			delete(open, m[1])
		} else {
			lines = append(lines, traceLine{})
		}
		if otherEvents.MatchString(raw) {
			continue
		}
		m := wholeLine.FindStringSubmatch(raw)
		if m == nil {
			return nil, fmt.Errorf("strace: not understood: %s", raw)
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, err
		}
		lines[at] = traceLine{pid, m[2], splitArgs(m[3]), m[4]}
		if m[5] != "" {
			lines[at].result = m[5]
		}
	}
	return lines, nil
}

// splitArgs parts arguments at the commas that are in no string, list,
// structure or descriptor's name.
func splitArgs(text string) []string {
	var args []string
	depth, start := 0, 0
	quoted, named := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case named:
			named = c != '>'
		case c == '"':
			quoted = true
		case c == '<' && strings.HasPrefix(text[i:], "<<"): // of "1<<CAP_…"
			i++
		case c == '<':
			named = true
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == ',' && depth == 0:
			args = append(args, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(args, strings.TrimSpace(text[start:]))
}

// makesNamespaces reports whether the call is the one that makes init. Go makes
// its threads by the same call.
func (l traceLine) makesNamespaces() bool {
	return strings.HasPrefix(l.call, "clone") && strings.Contains(strings.Join(l.args, " "), "CLONE_NEW")
}

// act is the call in the words of acts; false for one that is none.
func (l traceLine) act(by string) (a stage.Act, ok bool, err error) {
	a = stage.Act{Call: l.call, Args: l.args, Result: l.result, By: by}
	switch l.result {
	case "?", "ERESTARTSYS":
		return a, false, nil // was not done, or is done again
	}
	if n, err := strconv.Atoi(l.result); err == nil && n >= 0 {
		a.Result = "0" // acts tell how it went, not the number of bytes or the child's pid
	}
	switch l.call {
	case "":
		return a, false, nil
	case "clone", "clone3":
		if !l.makesNamespaces() {
			return a, false, nil
		}
		flags := cloneFlag.FindAllString(strings.Join(l.args, " "), -1)
		a.Call, a.Args = "clone", []string{sorted(strings.Join(flags, "|"))}
	case "unshare":
		a.Args = []string{sorted(l.args[0])}
	case "mount":
		a.Args, err = mountArgs(l.args)
	case "prctl":
		a.Args = l.args[:2]
	case "capset":
		a.Args, err = capsetArgs(l.args[1])
	case "seccomp":
		a.Args = []string{l.args[0], l.args[1], filterLength.FindString(l.args[2]) + "}"}
	case "execve":
		a.Args = []string{l.args[0], l.args[1], variables.FindString(l.args[2])}
	case "write":
		a.Args = []string{sys.Quote(leadsTo(l.args[0])), l.args[1]}
		if !inCgroups(a.Args[0]) {
			return a, false, nil // may be long, and then strace has cut it
		}
	default:
		a.Call, a.Args, err = fileCall(l.call, l.args)
	}
	if err == nil {
		a.Args, err = requote(a.Args)
	}
	// The kernel lets go of a group a moment after its last process; until
	// then rmdir is tried again, and the try that settles it is told.
	return a, !(a.Call == "rmdir" && a.Result == "EBUSY"), err
}

var (
	cloneFlag    = regexp.MustCompile(`CLONE_NEW\w+|SIGCHLD`)
	filterLength = regexp.MustCompile(`^\{len=\d+`)
	variables    = regexp.MustCompile(`/\* \d+ vars \*/$`)
	makedev      = regexp.MustCompile(`^makedev\((0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\)$`)
)

// leadsTo is the path in "7</a/b>": where the descriptor leads.
func leadsTo(descriptor string) string {
	_, after, _ := strings.Cut(descriptor, "<")
	return strings.TrimSuffix(after, ">")
}

// mountArgs puts the arguments of mount(2) into the form of acts, which have no
// NULL. Where the flags make the kernel ignore the type or the data, strace
// prints an address; the engine has nothing to say there either.
func mountArgs(args []string) ([]string, error) {
	if len(args) != 5 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	args = slices.Clone(args)
	for _, i := range []int{0, 2, 4} {
		if args[i] == "NULL" || i > 0 && strings.HasPrefix(args[i], "0x") {
			args[i] = `""`
		}
	}
	args[3] = sorted(args[3])
	return args, nil
}

// capsetArgs turns {effective=1<<CAP_CHOWN|…, permitted=…, inheritable=…} into
// masks.
func capsetArgs(sets string) ([]string, error) {
	var args []string
	for set := range strings.SplitSeq(strings.Trim(sets, "{}"), ", ") {
		name, value, ok := strings.Cut(set, "=")
		if !ok {
			return nil, fmt.Errorf("capabilities %q", sets)
		}
		mask, err := capabilitySet(value)
		if err != nil {
			return nil, err
		}
		text := fmt.Sprintf("%#x", mask)
		if name == "inheritable" && mask == 0 {
			text = "0"
		}
		args = append(args, name+"="+text)
	}
	return args, nil
}

func capabilitySet(value string) (uint64, error) {
	var mask uint64
	for part := range strings.SplitSeq(value, "|") {
		name, isBit := strings.CutPrefix(part, "1<<")
		if !isBit {
			n, err := strconv.ParseUint(part, 0, 64)
			if err != nil {
				return 0, err
			}
			mask |= n
			continue
		}
		i := slices.IndexFunc(capability.ListKnown(), func(c capability.Cap) bool { return "CAP_"+strings.ToUpper(c.String()) == name })
		if i < 0 {
			return 0, fmt.Errorf("capability %q", name)
		}
		mask |= 1 << capability.ListKnown()[i]
	}
	return mask, nil
}

// fileCall puts the calls that take a directory's descriptor and a path below
// it into the form of those that take a whole path. Go uses them for both.
func fileCall(call string, args []string) (string, []string, error) {
	at := func(i int) (string, error) {
		name, err := strconv.Unquote(args[i+1])
		if err != nil {
			return "", fmt.Errorf("path %s: %w", args[i+1], err)
		}
		if !path.IsAbs(name) {
			name = path.Join(leadsTo(args[i]), name)
		}
		return sys.Quote(name), nil
	}
	var first, second string
	var err error
	switch call {
	case "mkdirat", "openat", "openat2":
		first, err = at(0)
		if call == "openat" && len(args) > 2 {
			args = slices.Clone(args)
			args[2] = sorted(args[2])
		}
		return strings.TrimSuffix(strings.Replace(call, "mkdirat", "mkdir", 1), "2"), append([]string{first}, args[2:]...), err
	case "mknodat":
		first, err = at(0)
		rest := slices.Clone(args[2:])
		if m := makedev.FindStringSubmatch(args[len(args)-1]); m != nil {
			major, majorErr := strconv.ParseUint(m[1], 0, 32)
			minor, minorErr := strconv.ParseUint(m[2], 0, 32)
			err = errors.Join(err, majorErr, minorErr)
			rest[len(rest)-1] = fmt.Sprintf("makedev(%d, %d)", major, minor)
		}
		return "mknod", append([]string{first}, rest...), err
	case "symlinkat":
		first, err = at(1)
		return "symlink", []string{args[0], first}, err
	case "renameat", "renameat2":
		first, err = at(0)
		if err == nil {
			second, err = at(2)
		}
		return "rename", []string{first, second}, err
	case "unlinkat":
		first, err = at(0)
		if args[2] == "AT_REMOVEDIR" {
			return "rmdir", []string{first}, err
		}
		return call, []string{first, args[2]}, err
	}
	return call, args, nil
}

// requote writes strace's strings, lists of them too, as the engine does.
func requote(args []string) ([]string, error) {
	out := slices.Clone(args)
	for i, a := range args {
		switch {
		case strings.HasPrefix(a, `"`):
			text, err := strconv.Unquote(a)
			if err != nil {
				return nil, fmt.Errorf("string %s: %w", a, err)
			}
			out[i] = sys.Quote(text)
		case strings.HasPrefix(a, `["`):
			list, err := requote(splitArgs(a[1 : len(a)-1]))
			if err != nil {
				return nil, err
			}
			out[i] = "[" + strings.Join(list, ", ") + "]"
		}
	}
	return out, nil
}

// startLesson prepares hello-world with the built program, in a directory for
// temporary files of its own.
func startLesson(t *testing.T, l *lesson.Lesson) (live *narrate.Live, tmp string) {
	t.Helper()
	needRoot(t)
	built := program(t) // before there is another place for temporary files
	tmp = shortDir(t)
	t.Setenv("TMPDIR", tmp)
	library, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	live, err = narrate.NewLive(l, library, narrate.Options{Program: built, Version: version, Language: language})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := live.Close(); err != nil {
			t.Errorf("close: %s", err)
		}
	})
	return live, tmp
}

func bundledLesson(t *testing.T, name string) *lesson.Lesson {
	t.Helper()
	l, err := readLesson(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// next goes to the lesson's next step; nil after the last.
func next(t *testing.T, live *narrate.Live) *narrate.Step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	step, err := live.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// stop is one stop of the lesson, and what is known by then.
type stop struct {
	*narrate.Step
	passed  map[stage.Name]bool
	overlay stage.Overlay
	network stage.Network
	proc    string // /proc/PID
}

func (s *stop) reached(n stage.Name) bool { return s.passed[n] }

// TestProbeIsWhatOthersRead holds what the probe says at each stop against what
// other programs read at the same stop, and the facts against both.
func TestProbeIsWhatOthersRead(t *testing.T) {
	for tool, aptPackage := range map[string]string{
		"findmnt": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "ps": "procps", "curl": "curl", "readlink": "coreutils", "grep": "grep",
	} {
		need(t, tool, aptPackage)
	}
	live, _ := startLesson(t, bundledLesson(t, "hello-world"))
	s := &stop{passed: map[stage.Name]bool{}}
	var held []stage.Name
	for step := next(t, live); step != nil; step = next(t, live) {
		if step.Kind != narrate.KindStop {
			continue
		}
		s.observe(step)
		t.Run(fmt.Sprintf("%02d %s", step.N, step.Stage()), func(t *testing.T) {
			for _, wrong := range step.False() {
				t.Errorf("not so: %s", wrong)
			}
			checkTry(t, s)
			if !s.reached(stage.NamespaceCreate) || s.reached(stage.ProcessExit) {
				return
			}
			held = append(held, step.Stage())
			for _, check := range probeChecks {
				t.Run(check.name, func(t *testing.T) { check.run(t, s) })
			}
		})
	}
	want := []stage.Name{
		stage.NamespaceCreate, stage.UsernsMap, stage.NetworkAttach, stage.CgroupJoin,
		stage.RootfsMounts, stage.RootfsPivot, stage.SecurityDrop, stage.ProcessExec,
	}
	if !slices.Equal(held, want) {
		t.Errorf("the probe was checked at %v, want %v", held, want)
	}
}

func (s *stop) observe(step *narrate.Step) {
	s.Step, s.proc = step, "/proc/"+strconv.Itoa(step.Point.PID)
	s.passed[step.Stage()] = true
	switch f := step.Point.Fact.(type) {
	case stage.Overlay:
		s.overlay = f
	case stage.Network:
		s.network = f
	}
}

// absence are the stages whose commands to try show that something is gone: ls
// of the directory that was removed ends with 2 and says so (container.remove.md).
var absence = []stage.Name{stage.ContainerRemove}

// checkTry runs what the page tells the learner to type.
func checkTry(t *testing.T, s *stop) {
	t.Helper()
	for _, try := range s.Try {
		said, err := exec.Command("sh", "-c", try.Run).CombinedOutput()
		if gone := slices.Contains(absence, s.Stage()); gone {
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(said), "No such file or directory") {
				t.Errorf("%s: want it to find nothing, got %v:\n%s", try.Run, err, said)
			}
			continue
		}
		if err != nil || len(said) == 0 {
			t.Errorf("%s: %v\n%s", try.Run, err, said)
		}
	}
}

var probeChecks = []struct {
	name string
	run  func(*testing.T, *stop)
}{
	{"blocked", checkBlocked},
	{"namespaces", checkNamespaces},
	{"status", checkStatus},
	{"numbers", checkNumbers},
	{"id maps", checkIDMaps},
	{"cgroup", checkCgroup},
	{"mounts", checkMounts},
	{"root", checkRoot},
	{"network", checkNetwork},
}

// checkBlocked wants the held process asleep in a system call. It may be about
// to fall asleep when its last word has already come here, so this waits.
func checkBlocked(t *testing.T, s *stop) {
	deadline := time.Now().Add(patience)
	for {
		state := shellOut(t, "ps -o stat= -p %d", s.Point.PID)
		if strings.HasPrefix(state, "S") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the held process is in state %s, want S", state)
		}
		time.Sleep(time.Millisecond)
	}
	if call := shellOut(t, "cat %s/syscall", s.proc); call == "running" {
		t.Error("the held process runs")
	}
	if s.Probe.PID != s.Point.PID {
		t.Errorf("the probe looked at %d, held is %d", s.Probe.PID, s.Point.PID)
	}
}

func checkNamespaces(t *testing.T, s *stop) {
	daemon := roleOf(t, s, narrate.BoxDaemon).PID
	var types []string
	for _, n := range s.Probe.Namespaces {
		types = append(types, n.Type)
		same(t, n.Type, fmt.Sprintf("%s:[%d]", n.Type, n.Inode), shellOut(t, "readlink %s/ns/%s", s.proc, n.Type))
		same(t, n.Type+" of the daemon", fmt.Sprintf("%s:[%d]", n.Type, n.Daemon), shellOut(t, "readlink /proc/%d/ns/%s", daemon, n.Type))
		same(t, n.Type+" of the host", fmt.Sprintf("%s:[%d]", n.Type, n.Host), shellOut(t, "readlink /proc/self/ns/%s", n.Type))
	}
	slices.Sort(types)
	same(t, "types", strings.Join(types, "\n"), shellOut(t, "ls %s/ns | grep -v _for_children | LC_ALL=C sort", s.proc))
	switch f := s.Point.Fact.(type) {
	case stage.Namespaces:
		for _, n := range f.Namespaces {
			same(t, "fact "+n.Type, fmt.Sprintf("%s:[%d]", n.Type, n.Inode), shellOut(t, "readlink %s/ns/%s", s.proc, n.Type))
			same(t, "fact "+n.Type+" of the daemon", fmt.Sprintf("%s:[%d]", n.Type, n.Host), shellOut(t, "readlink /proc/%d/ns/%s", daemon, n.Type))
			if n.New != (n.Inode != n.Host) || n.New != slices.Contains(f.Flags, n.Flag) {
				t.Errorf("fact %s: new is %t, with inodes %d and %d and flags %v", n.Type, n.New, n.Inode, n.Host, f.Flags)
			}
		}
	case stage.Joined:
		same(t, "fact cgroup", fmt.Sprintf("cgroup:[%d]", f.Inode), shellOut(t, "readlink %s/ns/cgroup", s.proc))
		same(t, "fact cgroup of the daemon", fmt.Sprintf("cgroup:[%d]", f.Host), shellOut(t, "readlink /proc/%d/ns/cgroup", daemon))
	}
}

// unsteady are fields that may change though the process is held: the other
// threads of init, which are the Go runtime's, come, go and touch memory.
var unsteady = []string{"State", "Threads", "VmRSS"}

func checkStatus(t *testing.T, s *stop) {
	fields := map[string]string{}
	for line := range strings.Lines(shellOut(t, "cat %s/status", s.proc)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	if len(s.Probe.Status) < 15 {
		t.Errorf("the probe read only %v", s.Probe.Status)
	}
	for name, value := range s.Probe.Status {
		if fields[name] == "" && value != "" {
			t.Errorf("%s: the probe has it, the kernel does not", name)
		} else if !slices.Contains(unsteady, name) {
			same(t, name, value, fields[name])
		}
	}
	if f, ok := s.Point.Fact.(stage.Dropped); ok {
		same(t, "fact mask", f.Mask, fields["CapEff"])
		same(t, "fact mask, permitted", f.Mask, fields["CapPrm"])
		same(t, "fact mask, bounding", f.Mask, fields["CapBnd"])
		same(t, "fact seccomp", map[bool]string{true: "2", false: "0"}[f.Seccomp], fields["Seccomp"])
	}
}

// checkNumbers wants the same two numbers of the process from everybody, 1 inside.
func checkNumbers(t *testing.T, s *stop) {
	nspid := strings.Fields(shellOut(t, "grep NSpid %s/status", s.proc))[1:]
	same(t, "host's number", strconv.Itoa(s.Point.PID), nspid[0])
	same(t, "number inside", "1", nspid[len(nspid)-1])
	container := roleOf(t, s, narrate.BoxContainer)
	same(t, "the probe's", strings.Join(strings.Fields(fmt.Sprint(container.NSpid)), " "), "["+strings.Join(nspid, " ")+"]")
	same(t, "number in the picture", container.PID, s.Point.PID)
	same(t, "parent", strconv.Itoa(container.Parent), shellOut(t, "ps -o ppid= -p %d", s.Point.PID))
	same(t, "parent's role", container.Parent, roleOf(t, s, narrate.BoxDaemon).PID)
	same(t, "name", container.Name, shellOut(t, "ps -o comm= -p %d", s.Point.PID))
	if f, ok := s.Point.Fact.(stage.Pivoted); ok {
		same(t, "getpid()", strconv.Itoa(f.PID), nspid[len(nspid)-1])
	}
}

func checkIDMaps(t *testing.T, s *stop) {
	uids, gids := shellOut(t, "cat %s/uid_map", s.proc), shellOut(t, "cat %s/gid_map", s.proc)
	same(t, "uid_map", s.Probe.UIDMap, strings.Join(strings.Fields(uids), " "))
	same(t, "gid_map", s.Probe.GIDMap, strings.Join(strings.Fields(gids), " "))
	if f, ok := s.Point.Fact.(stage.UserMap); ok {
		same(t, "fact's uid_map", mapText(f.UIDMap), strings.Join(strings.Fields(uids), " "))
		same(t, "fact's gid_map", mapText(f.GIDMap), strings.Join(strings.Fields(gids), " "))
	}
}

func mapText(maps []stage.Mapping) string {
	var numbers []string
	for _, m := range maps {
		numbers = append(numbers, fmt.Sprint(m.Inside), fmt.Sprint(m.Outside), fmt.Sprint(m.Count))
	}
	return strings.Join(numbers, " ")
}

// moving are the values that change by themselves.
var moving = []string{"memory.current", "memory.peak", "memory.usage_in_bytes", "memory.max_usage_in_bytes"}

func checkCgroup(t *testing.T, s *stop) {
	if len(s.Probe.Cgroup) < 3 {
		t.Errorf("the probe read only %v", s.Probe.Cgroup)
	}
	for _, c := range s.Probe.Cgroup {
		value := strings.Join(strings.Fields(shellOut(t, "cat %s", c.Path)), " ")
		name := filepath.Base(c.Path)
		if slices.Contains(moving, name) {
			for _, v := range []string{c.Value, value} {
				if _, err := strconv.ParseUint(v, 10, 64); err != nil {
					t.Errorf("%s: %q is no number", c.Path, v)
				}
			}
			continue
		}
		same(t, c.Path, c.Value, value)
		if name == "cgroup.procs" {
			inside := map[bool]string{true: strconv.Itoa(s.Point.PID), false: ""}[s.reached(stage.CgroupJoin)]
			same(t, "members", value, inside)
		}
	}
}

func checkMounts(t *testing.T, s *stop) {
	var probed []string
	for _, m := range s.Probe.Mounts {
		probed = append(probed, m.Target+" "+m.Type)
	}
	var found []string
	for line := range strings.Lines(shellOut(t, "findmnt -N %d -rn -o TARGET,FSTYPE", s.Point.PID)) {
		found = append(found, strings.TrimSpace(line))
	}
	slices.Sort(probed) // the kernel lists them as they came, findmnt as a tree
	slices.Sort(found)
	if !s.reached(stage.RootfsMounts) {
		// Until init makes its mounts private, what others mount on the host
		// meanwhile comes up here too, between the one look and the other.
		foreign := func(m string) bool {
			target, _, _ := strings.Cut(m, " ")
			return !slices.Contains([]string{"/", "/proc", "/sys", "/dev", s.overlay.Merged}, target)
		}
		probed, found = slices.DeleteFunc(probed, foreign), slices.DeleteFunc(found, foreign)
	}
	if !slices.Contains(found, "/proc proc") {
		t.Errorf("findmnt shows no /proc: %v", found)
	}
	same(t, "mounts", strings.Join(probed, "\n"), strings.Join(found, "\n"))
	f, ok := s.Point.Fact.(stage.Mounts)
	if !ok {
		return
	}
	for _, m := range f.Mounts {
		if m.Type != "bind" && !slices.Contains(found, filepath.Join(f.Root, m.Target)+" "+m.Type) { // before the pivot: paths are the host's
			t.Errorf("fact: %s of type %s is not mounted", m.Target, m.Type)
		}
	}
	for _, dev := range f.Devices {
		shellOut(t, "test -c %s/root/%s%s", s.proc, f.Root, dev)
	}
	same(t, "host name", f.Hostname, shellOut(t, "nsenter -t %d -u hostname", s.Point.PID))
}

// checkRoot wants the root to be the host's before the pivot, the stack of
// layers after it, and the same directory that the host sees as merged.
func checkRoot(t *testing.T, s *stop) {
	same(t, "root", s.Probe.Root, shellOut(t, "readlink %s/root", s.proc))
	same(t, "cwd", s.Probe.Cwd, shellOut(t, "readlink %s/cwd", s.proc))
	same(t, "cmdline", strings.Join(s.Probe.Cmdline, " "), shellOut(t, "tr '\\0' ' ' <%s/cmdline", s.proc))
	same(t, "cmdline", "learndocker-init", strings.Join(s.Probe.Cmdline, " "))
	want := "/"
	if s.reached(stage.RootfsPivot) {
		want = s.overlay.Merged
		same(t, "file system of the root", "overlayfs", shellOut(t, "stat -f -c %%T %s/root/", s.proc))
	}
	same(t, "root", shellOut(t, "stat -c '%%d %%i' %s", want), shellOut(t, "stat -c '%%d %%i' %s/root/", s.proc))
}

func checkNetwork(t *testing.T, s *stop) {
	inside := fmt.Sprintf("nsenter -t %d -n ip ", s.Point.PID)
	var names []string
	for line := range strings.Lines(shellOut(t, "%s -o link", inside)) {
		name, _, _ := strings.Cut(strings.Fields(line)[1], "@") // "eth0@if7:"
		names = append(names, strings.TrimSuffix(name, ":"))
	}
	slices.Sort(names)
	same(t, "interfaces", strings.Join(s.Probe.Interfaces, " "), strings.Join(names, " "))
	addresses := shellOut(t, "%s -o addr", inside)
	if !s.reached(stage.NetworkAttach) {
		same(t, "addresses before there is a network", "", addresses)
		return
	}
	f := s.network
	same(t, "mode", "bridge", f.Mode)
	contains(t, addresses, f.Name, "inet "+f.Address)
	contains(t, shellOut(t, "%s -o link show %s", inside, f.Name), "link/ether "+f.MAC, "state UP")
	contains(t, shellOut(t, "%s route", inside), "default via "+f.Gateway+" dev "+f.Name)
	contains(t, shellOut(t, "ip -o link show %s", f.Veth), "master "+f.Bridge)
	_, bits, _ := strings.Cut(f.Subnet, "/")
	contains(t, shellOut(t, "ip -o addr show %s", f.Bridge), "inet "+f.Gateway+"/"+bits)
}

// roleOf is a process of the story as the probe saw it.
func roleOf(t *testing.T, s *stop, role string) probe.Process {
	t.Helper()
	i := slices.IndexFunc(s.Probe.Processes, func(p probe.Process) bool { return p.Role == role })
	if i < 0 {
		t.Fatalf("the probe saw no %s: %v", role, s.Probe.Processes)
	}
	return s.Probe.Processes[i]
}

// shellOut runs a line in a shell; it must succeed.
func shellOut(t *testing.T, format string, args ...any) string {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	out, err := exec.Command("sh", "-c", line).Output()
	if err != nil {
		t.Fatalf("%s: %s\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

func same[T comparable](t *testing.T, what string, a, b T) {
	t.Helper()
	if a != b {
		t.Errorf("%s:\n  one says   %v\n  others say %v", what, a, b)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in: %s", p, text)
		}
	}
}

// stagesOf are the stages of a lesson's stops, between introduction and end.
func stagesOf(l *lesson.Lesson) []string {
	steps := []string{narrate.KindIntro}
	for _, command := range l.Steps {
		for _, s := range command.Stops {
			steps = append(steps, string(s.Stage))
		}
	}
	return append(steps, narrate.KindEnd)
}

// TestQuitBesideRunningContainers leaves the lesson while containers run that
// nobody holds.
func TestQuitBesideRunningContainers(t *testing.T) {
	l := bundledLesson(t, "run-again")
	steps := stagesOf(l)
	first := slices.Index(steps, string(stage.ProcessExec))
	for n, name := range steps[first : len(steps)-1] {
		t.Run(fmt.Sprintf("%02d %s", first+n, name), func(t *testing.T) { checkQuit(t, l, first+n, name) })
	}
}

func checkQuit(t *testing.T, l *lesson.Lesson, n int, name string) {
	before := takeSnapshot(t)
	live, tmp := startLesson(t, l)
	var step *narrate.Step
	for range n + 1 {
		step = next(t, live)
	}
	if got := string(step.Stage()); got != name && step.Kind != name {
		t.Fatalf("step %d is at %s %s, want %s", n, step.Kind, got, name)
	}
	data := strings.TrimSpace(shellOut(t, "echo %s/*/data", tmp)) // as it stands where there is none
	marks := marksOf(tmp, data)
	mine := takeSnapshot(t).owned(before, marks, data, os.Getpid())
	if n > 0 && len(mine) < 2 {
		t.Errorf("only %d things of the lesson's were found: %v", len(mine), mine)
	}
	if err := live.Close(); err != nil {
		t.Errorf("close: %s", err)
	}
	reportLeft(t, mine, before, takeSnapshot(t), marks)
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) > 0 {
		t.Errorf("temporary files are left: %v, %v", entries, err)
	}
}

// TestEndOfDaemonUnwinds holds a start at each of its stages and ends the
// daemon, while the watcher still holds. The container has no network, but where a port
// is published: without a bridge to remove the daemon has nothing else to do
// meanwhile, and may not be gone before the start is unwound.
func TestEndOfDaemonUnwinds(t *testing.T) {
	names := stage.Names()
	for _, at := range names[slices.Index(names, stage.OverlayMount):slices.Index(names, stage.ContainerRemove)] {
		t.Run(string(at), func(t *testing.T) {
			d := startDaemon(t)
			held := holdAt(t, d, at)
			flags := []string{"--network", "none"}
			if at == stage.NetworkPublish {
				flags = []string{"-p", "127.0.0.1::80"}
			}
			client := exec.Command(program(t), slices.Concat([]string{"-H", d.host, "run"}, flags, []string{"hello-world"})...)
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			receive(t, "the stage", held)
			d.end()
			_ = awaitExit(t, client) // its daemon is gone; how it says so is not of interest here
		})
	}
}

// holdAt lets every point go but that of the stage, and tells when it is there.
func holdAt(t *testing.T, d *testDaemon, at stage.Name) <-chan struct{} {
	t.Helper()
	socket, buffered, err := d.client().Watch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() }) // the daemon has gone first
	conn := wire.NewConn(socket, buffered)
	held := make(chan struct{})
	go func() {
		defer close(held)
		for {
			p, err := conn.Receive()
			if err != nil || p.Point == nil {
				t.Errorf("the watcher never saw %s: %v", at, err)
				return
			}
			if p.Point.Fact.Stage() == at {
				return
			}
			if err := conn.Send(wire.Packet{Go: true}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return held
}

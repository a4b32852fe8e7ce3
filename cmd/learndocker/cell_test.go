//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// identity is who runs a command.
type identity struct {
	name string
	uid  int
	etc  string // files to show in the place of those in /etc; "" for none
}

var asRoot = identity{name: "root"}

// learnerUID is an ordinary user's number that no account of the machine has.
const learnerUID = 61234

// ordinaryUser is a user who exists only for the commands of this test: its
// entries in /etc are shown to them and to nobody else. Without subordinate
// ids its user namespaces have one id.
func ordinaryUser(t *testing.T, subordinate bool) identity {
	t.Helper()
	need(t, "newuidmap", "uidmap")
	who := identity{name: "single id", uid: learnerUID, etc: shortDir(t)}
	files := map[string]string{
		"passwd": fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\nlearner:x:%d:%d::/nonexistent:/bin/sh\n", who.uid, who.uid),
		"subuid": "", "subgid": "",
	}
	if subordinate {
		who.name = "rootless"
		files["subuid"], files["subgid"] = "learner:700000:65536\n", "learner:700000:65536\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(who.etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/etc/" + name); err != nil {
			t.Fatalf("%v: apt-get install uidmap", err)
		}
	}
	return who
}

// A cell is one command with all that it starts, in directories of its own. It
// knows what belongs to it though many cells run at once.
type cell struct {
	t   *testing.T
	who identity
	dir string // holds tmp and home

	keeper *exec.Cmd
	pid    int // of the command
	stdin  *os.File
	stdout *os.File
	screen strings.Builder // what has been read of stdout
	lines  *bufio.Scanner
	stderr bytes.Buffer
	gone   chan struct{} // closed when no process of the cell's is left

	ids        map[string]bool // containers
	bridges    map[int]bool    // by their index
	namespaces map[string]bool // "net:[4026532000]"
}

// newCell makes the directories. Nothing runs yet.
func newCell(t *testing.T, who identity) *cell {
	t.Helper()
	needRoot(t)
	c := &cell{t: t, who: who, dir: shortDir(t), ids: map[string]bool{}, bridges: map[int]bool{}, namespaces: map[string]bool{}}
	if err := os.Chmod(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{c.tmp(), c.home()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, who.uid, who.uid); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cell) tmp() string  { return filepath.Join(c.dir, "t") }
func (c *cell) home() string { return filepath.Join(c.dir, "h") }

// start runs learndocker. Where terminal is not nil it is all three streams and
// the controlling terminal.
func (c *cell) start(terminal *os.File, env []string, args ...string) {
	c.t.Helper()
	c.run(terminal, env, append([]string{program(c.t)}, args...)...)
}

// run runs any command below a keeper.
func (c *cell) run(terminal *os.File, env []string, command ...string) {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	theirIn, in := pipe(c.t)
	out, theirOut := pipe(c.t)
	pid, theirPid := pipe(c.t)
	c.keeper = exec.Command(self, command...)
	c.keeper.Env = append([]string{
		keeperVar + "=" + strconv.Itoa(c.who.uid), keeperEtc + "=" + c.who.etc,
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + c.home(), "TMPDIR=" + c.tmp(), "TERM=xterm",
		"DOCKER_CONFIG=/nonexistent",
	}, env...)
	c.keeper.Stdin, c.keeper.Stdout, c.keeper.Stderr = theirIn, theirOut, &c.stderr
	if terminal != nil {
		c.keeper.Env = append(c.keeper.Env, keeperTerminal+"=1")
		c.keeper.Stdin, c.keeper.Stdout = terminal, terminal
	}
	c.keeper.ExtraFiles = []*os.File{theirPid}
	c.keeper.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if c.who.etc == "" {
		c.keeper.SysProcAttr = nil // its mounts are the machine's
	}
	if err := c.keeper.Start(); err != nil {
		c.t.Fatal(err)
	}
	for _, f := range []*os.File{theirIn, theirOut, theirPid} {
		f.Close()
	}
	c.stdin, c.stdout, c.gone = in, out, make(chan struct{})
	c.lines = bufio.NewScanner(out)
	go func(keeper *exec.Cmd, gone chan struct{}) {
		_ = keeper.Wait() // the command's status, which the test asks for
		close(gone)
	}(c.keeper, c.gone)
	c.t.Cleanup(c.endAll)
	if _, err := fmt.Fscan(pid, &c.pid); err != nil {
		<-c.gone
		c.t.Fatalf("start %v: %v\n%s", command, err, c.stderr.String())
	}
	pid.Close()
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// endAll is the end of a test that may have failed: what is left of it goes.
func (c *cell) endAll() {
	c.stdin.Close()
	c.stdout.Close()
	defer c.sweep()
	for {
		select {
		case <-c.gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
		for _, p := range c.processes() {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // has ended meanwhile, or not: looked at again
		}
	}
}

// sweep removes what a failed test leaves on the machine.
func (c *cell) sweep() {
	for _, thing := range c.things() {
		kind, rest, _ := strings.Cut(thing, " ")
		switch kind {
		case "mount":
			_ = syscall.Unmount(strings.Fields(rest)[4], syscall.MNT_DETACH)
		case "cgroup":
			_ = os.Remove(rest)
		case "interface":
			_ = exec.Command("ip", "link", "delete", rest).Run()
		}
	}
}

// footer is in the last line of each step.
const footer = "q quit · "

// press types keys, each as a line.
func (c *cell) press(keys ...string) {
	c.t.Helper()
	for _, k := range keys {
		if _, err := fmt.Fprintln(c.stdin, k); err != nil {
			c.t.Fatalf("press %s: %v; status %d\n%s", k, err, c.wait(), c.stderr.String())
		}
	}
}

// await reads until that many steps have been shown.
func (c *cell) await(steps int) {
	c.t.Helper()
	c.limitReading()
	for steps > 0 {
		if !c.lines.Scan() {
			c.t.Fatalf("%d steps were missing when the output ended (%v), with status %d, after %s\n%s", steps, c.lines.Err(), c.wait(), c.heading(), c.stderr.String())
		}
		fmt.Fprintln(&c.screen, c.lines.Text())
		if strings.Contains(c.lines.Text(), footer) {
			steps--
		}
	}
}

// heading is the screen's last line that tells the step.
func (c *cell) heading() string {
	last := ""
	for line := range strings.Lines(c.screen.String()) {
		if strings.HasPrefix(line, "━━ ") {
			last = line
		}
	}
	return last
}

// finish reads the rest, waits until no process of the cell's is left, and
// returns the command's status as a shell has it. Processes that stay fail the
// test.
func (c *cell) finish() int {
	c.t.Helper()
	c.limitReading()
	for c.lines.Scan() { // to its end: who holds it open beyond the time is found below
		fmt.Fprintln(&c.screen, c.lines.Text())
	}
	return c.wait()
}

// limitReading bounds the time for what is read next.
func (c *cell) limitReading() {
	c.t.Helper()
	if err := c.stdout.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cell) wait() int {
	c.t.Helper()
	select {
	case <-c.gone:
	case <-time.After(c.patience()):
		for _, p := range c.processes() {
			c.t.Errorf("left behind: %s, in state %s: %s", p.line(), p.state, commandLine(p.pid))
		}
		c.t.FailNow()
	}
	return c.keeper.ProcessState.ExitCode()
}

// halt stops processes and waits until every thread of theirs stands still:
// until then one may still act on what happens to another.
func (c *cell) halt(pids []int) {
	c.t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, pid := range pids {
		for deadline := time.Now().Add(patience); !halted(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				c.t.Fatalf("process %d does not stop", pid)
			}
		}
	}
}

func halted(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, stat := range threads {
		data, err := os.ReadFile(stat)
		if err != nil || !bytes.Contains(data, []byte(") T ")) {
			return false
		}
	}
	return len(threads) > 0
}

// patience is how long the cell's processes may take to end: the narrator
// itself gives its daemon ten seconds.
func (c *cell) patience() time.Duration { return patience / 2 }

// processes are all that descend from the cell's keeper.
func (c *cell) processes() []processLine {
	var list []processLine
	for _, p := range allProcesses() {
		if p.pid != c.keeper.Process.Pid && p.descends(c.keeper.Process.Pid) {
			list = append(list, p)
		}
	}
	return list
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty for one that has gone
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// roles are the lesson's processes by what they are: narrator, daemon (rootless
// two, inside and outside the user namespace), client, container.
func (c *cell) roles() map[string][]int {
	roles := map[string][]int{"narrator": {c.pid}}
	list := slices.DeleteFunc(c.processes(), func(p processLine) bool { return p.pid == c.pid || p.state == "Z" })
	isDaemon := func(p processLine) bool { return strings.Contains(commandLine(p.pid), " daemon --ephemeral") }
	for _, p := range list {
		switch {
		case isDaemon(p) && p.parent == c.pid:
			roles["daemon"] = slices.Insert(roles["daemon"], 0, p.pid)
		case isDaemon(p):
			roles["daemon"] = append(roles["daemon"], p.pid)
		case p.parent == c.pid:
			roles["client"] = append(roles["client"], p.pid)
		default:
			roles["container"] = append(roles["container"], p.pid)
		}
	}
	if d := roles["daemon"]; len(d) == 2 {
		roles["daemon outside"], roles["daemon inside"] = d[:1], d[1:]
		// In this order they can be killed as if at once: a stopped group
		// wakes when the parent outside of it goes (setpgid(2), orphaned).
		roles["daemon"] = []int{d[1], d[0]}
	}
	return roles
}

// note takes down what the cell has on the machine now, to look for it later.
func (c *cell) note() {
	c.t.Helper()
	for _, pattern := range []string{"*/data", "data"} {
		roots, err := filepath.Glob(filepath.Join(c.tmp(), pattern))
		if err != nil {
			c.t.Fatal(err)
		}
		for _, data := range roots {
			containers, _ := os.ReadDir(filepath.Join(data, "containers")) // there may be none yet
			for _, id := range containers {
				c.ids[id.Name()] = true
			}
			if link, err := net.InterfaceByName(bridgeOf(data)); err == nil {
				c.bridges[link.Index] = true // the name may soon be another's
			}
		}
	}
	host := namespacesOf(os.Getpid())
	for _, p := range c.processes() {
		for _, ns := range namespacesOf(p.pid) {
			if !slices.Contains(host, ns) {
				c.namespaces[ns] = true
			}
		}
	}
}

func namespacesOf(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/ns", pid)
	entries, _ := os.ReadDir(dir) // none of a process that has gone
	var list []string
	for _, e := range entries {
		if ns, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			list = append(list, ns)
		}
	}
	return list
}

// things are what the machine has of the cell's beside processes and files:
// mounts, control groups, interfaces, sockets, and namespaces that a mount
// holds. (Without a process, only a mount or a descriptor holds a namespace:
// namespaces(7); and without a process there is no descriptor.)
func (c *cell) things() []string {
	c.t.Helper()
	var list []string
	for line := range strings.Lines(readText(c.t, "/proc/self/mountinfo")) {
		held := strings.Contains(line, " nsfs ") && slices.ContainsFunc(strings.Fields(line), func(f string) bool { return c.namespaces[f] })
		if held || strings.Contains(line, c.dir+"/") {
			list = append(list, "mount "+strings.TrimSpace(line))
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && c.ids[d.Name()] {
			list = append(list, "cgroup "+path)
		}
		return nil // one that another cell removes at this moment is not there
	})
	links, err := net.Interfaces()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, l := range links {
		if c.bridges[l.Index] {
			list = append(list, "interface "+l.Name)
		}
		for id := range c.ids {
			if l.Name == "veth"+id[:8] {
				list = append(list, "interface "+l.Name)
			}
		}
	}
	for line := range strings.Lines(readText(c.t, "/proc/net/unix")) {
		if strings.Contains(line, c.dir+"/") {
			list = append(list, "socket "+strings.TrimSpace(line))
		}
	}
	return list
}

// left fails the test for everything that is left on the machine, and for each
// file, where files is true.
func (c *cell) left(files bool) {
	c.t.Helper()
	// The kernel takes away a veth a moment after the last process of its namespace.
	things := c.things()
	for tries := 0; len(things) > 0 && tries < 50; tries++ {
		time.Sleep(20 * time.Millisecond)
		things = c.things()
	}
	for _, thing := range things {
		c.t.Errorf("left behind: %s", thing)
	}
	if files {
		c.filesLeft()
	}
}

// filesLeft fails the test for each file.
func (c *cell) filesLeft() {
	c.t.Helper()
	for _, dir := range []string{c.tmp(), c.home()} {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if path != dir || err != nil {
				c.t.Errorf("left behind: %s (%v)", path, err)
			}
			return nil
		})
	}
}

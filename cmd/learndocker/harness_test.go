//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/learndocker/learndocker/engine/client"
)

// patience bounds what could otherwise wait for ever. Nothing is measured by it.
const patience = 2 * time.Minute

var built struct {
	sync.Once
	dir  string
	path string
	err  error
}

// TestMain removes the program that the tests have built. They speak English,
// whatever whoever runs them speaks.
func TestMain(m *testing.M) {
	if os.Getenv(keeperVar) != "" {
		os.Exit(keep(os.Args[1:]))
	}
	if err := os.Setenv("LEARNDOCKER_LANG", "en"); err != nil {
		panic(err)
	}
	status := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // the system clears its temporary files too
	}
	os.Exit(status)
}

// program builds learndocker, once for all tests, and returns its path.
func program(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ld-test-"); built.err != nil {
			return
		}
		if built.err = os.Chmod(built.dir, 0o755); built.err != nil { // other users run it too
			return
		}
		built.path = filepath.Join(built.dir, "learndocker")
		build := exec.Command("go", "build", "-o", built.path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if underRace() { // a daemon that has met a race ends with status 66
			build = exec.Command("go", "build", "-race", "-ldflags", "-linkmode external -extldflags -static", "-o", built.path, ".")
			build.Env = append(os.Environ(), "CGO_ENABLED=1")
		}
		if said, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// underRace reports whether the program is built with the race detector: make race.
func underRace() bool { return os.Getenv("LEARNDOCKER_TEST_RACE") != "" }

// need fails the test where a tool is missing: a test that is left out proves
// nothing and looks as if it did.
func need(t *testing.T, tool, aptPackage string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", tool, aptPackage)
	}
}

// needRoot fails the test where it does not run as root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes real containers and reads other processes: run it as root (apt-get install sudo; sudo make test)")
	}
}

// shortDir is like t.TempDir, with a name short enough for the path of a
// socket in it: 107 bytes at most, unix(7).
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ld-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// testDaemon is a daemon of the test's own.
type testDaemon struct {
	t      *testing.T
	dir    string
	host   string // for DOCKER_HOST and -H
	data   string // its data root
	cmd    *exec.Cmd
	before snapshot
	ended  bool
}

// startDaemon starts a daemon on a socket and with a data root of its own, and
// ends it with the test. wrap, where given, is a command line in front of the
// daemon's: strace and its options.
func startDaemon(t *testing.T, wrap ...string) *testDaemon {
	t.Helper()
	needRoot(t)
	dir := shortDir(t)
	d := &testDaemon{t: t, dir: dir, host: "unix://" + filepath.Join(dir, "docker.sock"), data: filepath.Join(dir, "data")}
	d.before = takeSnapshot(t)
	line := append(slices.Clone(wrap), program(t), "daemon", "-H", d.host, "--data-root", d.data)
	d.cmd = exec.Command(line[0], line[1:]...)
	log, err := os.Create(filepath.Join(dir, "daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.end)
	ready, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.client().Await(ready); err != nil {
		t.Fatalf("the daemon does not answer: %s\n%s", err, d.log())
	}
	return d
}

// log is what the daemon has said so far.
func (d *testDaemon) log() string {
	d.t.Helper()
	return readText(d.t, filepath.Join(d.dir, "daemon.log"))
}

// client returns a client of the daemon.
func (d *testDaemon) client() *client.Client {
	d.t.Helper()
	c, err := client.New(d.host)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Close)
	return c
}

// docker runs learndocker as a client of the daemon and returns both outputs.
func (d *testDaemon) docker(args ...string) (string, error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(d.t), args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host)
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// pid is the daemon's own number, as the kernel knows whoever listens at the
// socket: SO_PEERCRED in unix(7). Where the daemon is wrapped it is not the
// number of what was started.
func (d *testDaemon) pid() int {
	d.t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(d.host, "unix://"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		d.t.Fatal(err)
	}
	var cred *syscall.Ucred
	control := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if control != nil || err != nil {
		d.t.Fatal(control, err)
	}
	return int(cred.Pid)
}

// end asks the daemon to end, waits for it, and checks that nothing that it
// has made outside its data root is left. Ending twice is no error.
func (d *testDaemon) end() {
	d.t.Helper()
	if d.ended {
		return
	}
	d.ended = true
	at := takeSnapshot(d.t)
	mine := at.owned(d.before, d.marks(), d.data, d.cmd.Process.Pid)
	conn, err := net.Dial("unix", strings.TrimPrefix(d.host, "unix://"))
	if err != nil { // never came up, or has ended by itself
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		d.t.Errorf("the daemon has ended by itself: %s\n%s", err, d.log())
		return
	}
	conn.Close()
	if err := syscall.Kill(d.pid(), syscall.SIGTERM); err != nil {
		d.t.Error(err)
	}
	if err := awaitExit(d.t, d.cmd); err != nil {
		d.t.Errorf("the daemon ended with %s\n%s", err, d.log())
	}
	reportLeft(d.t, mine, d.before, takeSnapshot(d.t), d.marks())
}

// marks are the texts by which things can be known as the daemon's.
func (d *testDaemon) marks() []string { return marksOf(d.dir, d.data) }

// marksOf returns the directory, and the id of each container below the data
// root. By these mounts, cgroups and veth pairs are told from those of other
// daemons that may run on the machine meanwhile.
func marksOf(dir, data string) []string {
	marks := []string{dir + "/"}
	entries, err := os.ReadDir(filepath.Join(data, "containers"))
	if err != nil {
		return marks // there never was one
	}
	for _, e := range entries {
		marks = append(marks, e.Name(), "veth"+e.Name()[:8])
	}
	return marks
}

// snapshot is what there is on the machine, one line for each thing, with the
// things of a kind told apart for good: a pid or the name of an interface may
// be given again to another.
type snapshot map[string]bool

// takeSnapshot looks at processes, mounts, cgroups and network interfaces.
func takeSnapshot(t *testing.T) snapshot {
	t.Helper()
	s := snapshot{}
	for _, p := range allProcesses() {
		s[p.line()] = true
	}
	for line := range strings.Lines(readText(t, "/proc/self/mountinfo")) {
		s["mount "+strings.TrimSpace(line)] = true
	}
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			s["cgroup "+path] = true
		}
		return nil // one that another daemon removes at this moment is not there
	})
	if err != nil {
		t.Fatal(err)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		s[fmt.Sprintf("interface %d %s", l.Index, l.Name)] = true
	}
	return s
}

// owned are the lines that were not there before and that belong to the daemon
// with that data root: by a mark, as the process with that number or one that
// descends from it, or as the bridge that the daemon has noted for its next start.
func (s snapshot) owned(before snapshot, marks []string, data string, root int) snapshot {
	mine := snapshot{}
	for line := range s {
		if !before[line] && isMarked(line, marks) {
			mine[line] = true
		}
	}
	for _, p := range allProcesses() {
		if line := p.line(); s[line] && !before[line] && p.descends(root) {
			mine[line] = true
		}
	}
	if name := bridgeOf(data); name != "" {
		for line := range s {
			if strings.HasPrefix(line, "interface ") && strings.HasSuffix(line, " "+name) {
				mine[line] = true
			}
		}
	}
	return mine
}

// bridgeOf is the bridge that carries the mark of the daemon with that data
// root: the interface's alias in /sys. "" where there is none.
func bridgeOf(data string) string {
	aliases, _ := filepath.Glob("/sys/class/net/*/ifalias")
	for _, file := range aliases {
		if alias, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(alias)) == "learndocker "+data {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}

func isMarked(line string, marks []string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(line, m) })
}

// reportLeft fails the test for each thing that is still there of what was
// known as the owner's, and for what was made later and carries its marks.
func reportLeft(t *testing.T, mine, before, after snapshot, marks []string) {
	t.Helper()
	for _, line := range slices.Sorted(maps.Keys(after)) {
		if mine[line] || !before[line] && isMarked(line, marks) {
			t.Errorf("left behind: %s", line)
		}
	}
}

// processLine is one process of the machine.
type processLine struct {
	pid, parent int
	started     string // in clock ticks since the machine's start, proc(5)
	state       string // "S", "Z"
}

// line tells the process apart from a later one with the same number. The name
// is left out: it changes with execve.
func (p processLine) line() string {
	return fmt.Sprintf("process %d started at tick %s", p.pid, p.started)
}

// descends reports whether the process is the one with that number, its child,
// or a child's child.
func (p processLine) descends(root int) bool {
	for up := p; up.pid > 1; {
		if up.pid == root {
			return true
		}
		next, ok := readProcess(up.parent)
		if !ok {
			return false
		}
		up = next
	}
	return false
}

func allProcesses() []processLine {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var list []processLine
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(pid); ok {
				list = append(list, p)
			}
		}
	}
	return list
}

// readProcess reads /proc/PID/stat; false for one that has gone.
func readProcess(pid int) (processLine, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processLine{}, false
	}
	// The name is in parentheses and may hold any character, these too.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])) // from field 3 on
	if len(fields) < 20 {
		return processLine{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return processLine{pid, parent, fields[19], fields[0]}, err == nil
}

// readText reads a file whole.
func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

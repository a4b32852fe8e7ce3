//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

// TestClean kills narrator and daemon at once, at several steps, as root and as
// ordinary users. clean lists what is left, removes nothing unless it is told
// to, and then everything. These cells run one after the other: it cleans the
// whole machine.
func TestClean(t *testing.T) {
	needRoot(t)
	steps := stagesOf(bundledLesson(t, "hello-world"))
	way := ways[slices.IndexFunc(ways, func(w way) bool { return w.name == "daemon and narrator KILL" })]
	for _, who := range []struct {
		identity
		at []stage.Name
	}{
		{asRoot, []stage.Name{stage.APIRequest, stage.LayerUnpack, stage.OverlayMount, stage.CgroupCreate, stage.NetworkAttach, stage.ProcessExec, stage.ProcessExit}},
		{ordinaryUser(t, true), []stage.Name{stage.LayerUnpack, stage.CgroupCreate, stage.ProcessExec}},
		{ordinaryUser(t, false), []stage.Name{stage.ProcessExec}},
	} {
		for _, at := range who.at {
			n := slices.Index(steps, string(at))
			t.Run(who.name+"/"+steps[n], func(t *testing.T) { cleanAfter(t, ending{who.identity, way, n, steps[n]}) })
		}
	}
}

func cleanAfter(t *testing.T, e ending) {
	c := newCell(t, e.who)
	c.hold(e)
	e.sees(c)
	e.end(c)
	c.finish()
	left := c.lasting()
	said := c.clean("n\n")
	dirs, err := filepath.Glob(filepath.Join(c.tmp(), "learndocker-*"))
	if err != nil || len(dirs) != 1 || !strings.Contains(said, "lesson   "+dirs[0]+"\n") {
		t.Fatalf("it does not list %v (%v):\n%s", dirs, err, said)
	}
	if !strings.HasSuffix(said, "Remove all of this? [y/N] Nothing was removed.\n") {
		t.Errorf("it did not ask, or did not obey:\n%s", said)
	}
	if now := c.lasting(); !slices.Equal(now, left) {
		t.Errorf("it was told no, and of\n%s\nthere is\n%s", strings.Join(left, "\n"), strings.Join(now, "\n"))
	}
	if said := c.clean("", "--yes"); !strings.HasSuffix(said, "Removed.\n") || strings.Contains(said, "[y/N]") {
		t.Errorf("with --yes it says\n%s", said)
	}
	c.left(true)
	if said := c.clean(""); c.mentions(said) || said == "" {
		t.Errorf("it still finds\n%s", said)
	}
}

// lasting are the things that nobody takes away but clean: a network namespace's
// interfaces go by themselves, a moment after its last process.
func (c *cell) lasting() []string {
	return slices.DeleteFunc(c.things(), func(thing string) bool { return strings.HasPrefix(thing, "interface veth") })
}

// hold runs the lesson up to the ending's step.
func (c *cell) hold(e ending) {
	c.t.Helper()
	c.start(nil, nil, "lesson", "hello-world", "--step")
	c.press(slices.Repeat([]string{"n"}, e.n)...)
	c.await(e.n + 1)
	c.note()
}

// clean runs the command with that input and returns what it says.
func (c *cell) clean(input string, flags ...string) string {
	c.t.Helper()
	before := c.screen.Len()
	c.start(nil, nil, append([]string{"clean"}, flags...)...)
	if _, err := c.stdin.WriteString(input); err != nil {
		c.t.Fatal(err)
	}
	c.stdin.Close()
	if status := c.finish(); status != 0 {
		c.t.Errorf("clean ended with status %d\n%s", status, c.stderr.String())
	}
	return c.screen.String()[before:]
}

// mentions reports whether the text names anything of the cell's.
func (c *cell) mentions(text string) bool {
	for id := range c.ids {
		if strings.Contains(text, id) {
			return true
		}
	}
	return strings.Contains(text, c.dir)
}

// TestCleanSpares the living, wherever their data roots are, and what others
// have made in our manner.
func TestCleanSpares(t *testing.T) {
	needRoot(t)
	steps := stagesOf(bundledLesson(t, "hello-world"))
	c := newCell(t, asRoot)
	n := slices.Index(steps, string(stage.CgroupCreate))
	c.hold(ending{n: n}) // its group has no process yet
	living := c.things()
	near, far := runsSleeper(t), runsSleeper(t, "unshare", "--mount", "sh", "-c", `mkdir -p "${0%/*}"; mount -t tmpfs none "${0%/*}"; exec "$@"`)
	others := append(othersDirectories(t, c.tmp()), othersThings(t)...)

	cleaner := newCell(t, asRoot)
	cleaner.start(nil, []string{"TMPDIR=" + c.tmp()}, "clean", "--yes")
	cleaner.stdin.Close()
	if status := cleaner.finish(); status != 0 {
		t.Errorf("status %d: %s", status, cleaner.stderr.String())
	}
	if said := cleaner.screen.String(); c.mentions(said) {
		t.Errorf("it removes what lives: %s", said)
	}
	if now := c.things(); !slices.Equal(now, living) {
		t.Errorf("the lesson had\n%s\nand has\n%s", strings.Join(living, "\n"), strings.Join(now, "\n"))
	}
	near(t)
	far(t)
	for _, there := range others {
		there(t)
	}
	c.stdin.Close() // the lesson goes on to its end
	if status := c.finish(); status != 0 {
		t.Errorf("the lesson ended with status %d: %s", status, c.stderr.String())
	}
	c.left(false) // files of others are there
}

// runsSleeper starts a daemon, below a wrapper that is told its data root, and a
// container that sleeps. The container runs, and has all that it had, whenever
// the returned function is called.
func runsSleeper(t *testing.T, wrap ...string) func(*testing.T) {
	t.Helper()
	dir := shortDir(t)
	host, data := "unix://"+filepath.Join(dir, "docker.sock"), filepath.Join(dir, "apart", "data")
	c := newCell(t, asRoot)
	line := []string{program(t), "daemon", "-H", host, "--data-root", data}
	if len(wrap) > 0 {
		line = append(append(wrap, data), line...)
	}
	c.run(nil, nil, line...)
	c.ready(host)
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	id := strings.TrimSpace(clientCommand(t, host, nil, program(t), "run", "-d", image, "sleep", "1000").must(t).stdout)
	c.ids[id] = true
	had := c.things()
	if len(had) == 0 {
		t.Fatal("the container has no group and no interface")
	}
	t.Cleanup(func() {
		if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if status := c.wait(); status != 0 {
			t.Errorf("the daemon ended with status %d: %s", status, c.stderr.String())
		}
		c.left(true)
	})
	return func(t *testing.T) {
		t.Helper()
		if o := clientCommand(t, host, nil, program(t), "ps", "-q", "--no-trunc").must(t); strings.TrimSpace(o.stdout) != id {
			t.Errorf("the container of %s does not run any more: %q", data, o.stdout)
		}
		if now := c.things(); !slices.Equal(now, had) {
			t.Errorf("the container of %s had\n%s\nand has\n%s", data, strings.Join(had, "\n"), strings.Join(now, "\n"))
		}
	}
}

// stays fails where the path is not there any more.
func stays(path string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("it was not ours: %v", err)
		}
	}
}

// othersDirectories makes directories whose names begin like a lesson's.
func othersDirectories(t *testing.T, tmp string) []func(*testing.T) {
	t.Helper()
	var all []func(*testing.T)
	for name, files := range map[string][]string{
		"notes": {"notes.txt"}, "beside": {"docker.sock", "data/lock", "more"}, "data": {"data/thesis.txt"}, "open": {"daemon.log"}, "theirs": {"daemon.log"},
	} {
		dir := filepath.Join(tmp, "learndocker-"+name)
		for _, f := range files {
			path := filepath.Join(dir, f)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			all = append(all, stays(path))
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	if err := os.Chmod(filepath.Join(tmp, "learndocker-open"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(tmp, "learndocker-theirs"), learnerUID, learnerUID); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "daemon.log")
	link := filepath.Join(tmp, "learndocker-link")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(elsewhere), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(elsewhere), link); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(link) })
	return append(all, stays(link), stays(elsewhere))
}

// othersThings makes a mount, a bridge and a control group that only look like
// ours.
func othersThings(t *testing.T) []func(*testing.T) {
	t.Helper()
	need(t, "ip", "iproute2")
	merged := filepath.Join(t.TempDir(), "containers", strings.Repeat("ab", 32), "merged")
	if err := os.MkdirAll(merged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("theirs", merged, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(merged, unix.MNT_DETACH) }) // an error is one that has gone
	if err := os.WriteFile(filepath.Join(merged, "there"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bridge := fmt.Sprintf("learndocker%d", os.Getpid()%1000)
	tool(t, "ip", "link", "add", bridge, "type", "bridge")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "delete", bridge).Run() }) // likewise
	tool(t, "ip", "link", "set", bridge, "alias", "of somebody else")
	all := []func(*testing.T){stays(filepath.Join(merged, "there")), func(t *testing.T) {
		if _, err := net.InterfaceByName(bridge); err != nil {
			t.Errorf("bridge %s was not ours: %v", bridge, err)
		}
	}}
	groups, err := filepath.Glob("/sys/fs/cgroup/*/learndocker")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/sys/fs/cgroup/learndocker"); err == nil { // v2
		groups = []string{"/sys/fs/cgroup/learndocker"}
	}
	if len(groups) == 0 {
		t.Fatal("there are no control groups of ours to put another beside")
	}
	group := filepath.Join(groups[0], "of-somebody-else")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Remove(group)
		_ = os.Remove(groups[0]) // who had others below it could not remove it
	})
	return append(all, stays(group))
}

// TestCleanLooksAgain: a daemon that goes on with a killed lesson's data while
// clean waits for its answer keeps them.
func TestCleanLooksAgain(t *testing.T) {
	needRoot(t)
	steps := stagesOf(bundledLesson(t, "hello-world"))
	way := ways[slices.IndexFunc(ways, func(w way) bool { return w.name == "daemon and narrator KILL" })]
	e := ending{asRoot, way, slices.Index(steps, string(stage.ProcessExec)), ""}
	c := newCell(t, asRoot)
	c.hold(e)
	e.end(c)
	c.finish()
	dirs, err := filepath.Glob(filepath.Join(c.tmp(), "learndocker-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	asked := newCell(t, asRoot)
	asked.start(nil, []string{"TMPDIR=" + c.tmp()}, "clean")
	var said strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(said.String(), "[y/N]"); {
		n, err := asked.stdout.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, said.String())
		}
		said.Write(buf[:n])
	}
	host := "unix://" + filepath.Join(dirs[0], "docker.sock")
	c.start(nil, nil, "daemon", "-H", host, "--data-root", filepath.Join(dirs[0], "data"))
	c.ready(host)
	if _, err := asked.stdin.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	if status := asked.finish(); status != 0 {
		t.Errorf("status %d: %s", status, asked.stderr.String())
	}
	clientCommand(t, host, nil, program(t), "run", "--rm", "hello-world").must(t)
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := c.finish(); status != 0 {
		t.Errorf("the daemon ended with status %d: %s", status, c.stderr.String())
	}
	if said := c.clean("", "--yes"); !strings.Contains(said, dirs[0]) {
		t.Errorf("when the daemon has ended it finds\n%s", said)
	}
	c.left(true)
}

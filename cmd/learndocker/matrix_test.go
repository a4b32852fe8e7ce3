//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// cellsAtOnce is how many cells run beside each other. They mostly wait, for a
// key or for one another's locks in the kernel, and may not meet.
const cellsAtOnce = 8

// TestNothingIsLeft ends the hello-world lesson at each of its steps, in every
// way and by whoever takes part in it, as root and as ordinary users. However
// it ends: no process, mount, control group, interface, namespace, socket or
// file of it may be left.
func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	program(t)
	steps := stagesOf(bundledLesson(t, "hello-world"))
	sample := func(n int) bool { return true }
	few := func(n int) bool { return n%7 == 2 || steps[n] == string(stage.ProcessExec) }
	var cells []ending
	for _, who := range []struct {
		identity
		steps func(int) bool
	}{{asRoot, sample}, {ordinaryUser(t, true), sample}, {ordinaryUser(t, false), few}} {
		for n := range steps {
			for _, way := range ways {
				if who.steps(n) && way.possible(steps, n, who.uid) {
					cells = append(cells, ending{who.identity, way, n, steps[n]})
				}
			}
		}
	}
	manyAtOnce(t, cells, func(e ending) (string, func(*testing.T)) {
		return fmt.Sprintf("%s/%s/%02d %s", e.who.name, e.way.name, e.n, e.step), e.check
	})
}

// manyAtOnce runs a subtest for each item, some beside each other.
func manyAtOnce[T any](t *testing.T, items []T, test func(T) (string, func(*testing.T))) {
	t.Helper()
	next := make(chan T)
	var group sync.WaitGroup
	for range cellsAtOnce {
		group.Go(func() {
			for item := range next {
				t.Run(test(item))
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	group.Wait()
}

// way is who is ended, and how.
type way struct {
	name    string
	roles   []string
	signal  syscall.Signal // 0 is the key q
	status  []int          // that the lesson may end with; none for any
	stopped string         // who stands still meanwhile, and notices nothing
	// left: nobody remains who could take things apart; the next start does.
	left     bool
	root     bool // there is such a one only as root, …
	rootless bool // only without
}

var ways = []way{
	{name: "quit", status: []int{0}},
	{name: "narrator TERM", roles: []string{"narrator"}, signal: syscall.SIGTERM, status: []int{130}},
	{name: "narrator INT", roles: []string{"narrator"}, signal: syscall.SIGINT, status: []int{130}},
	{name: "narrator HUP", roles: []string{"narrator"}, signal: syscall.SIGHUP, status: []int{130}},
	{name: "narrator KILL", roles: []string{"narrator"}, signal: syscall.SIGKILL, status: []int{137}},
	{name: "client TERM", roles: []string{"client"}, signal: syscall.SIGTERM},
	{name: "client KILL", roles: []string{"client"}, signal: syscall.SIGKILL},
	{name: "daemon TERM", roles: []string{"daemon"}, signal: syscall.SIGTERM, root: true},
	{name: "daemon KILL", roles: []string{"daemon"}, signal: syscall.SIGKILL},
	{name: "daemon outside TERM", roles: []string{"daemon outside"}, signal: syscall.SIGTERM, rootless: true},
	{name: "daemon outside KILL", roles: []string{"daemon outside"}, signal: syscall.SIGKILL, rootless: true},
	{name: "daemon inside TERM", roles: []string{"daemon inside"}, signal: syscall.SIGTERM, rootless: true},
	{name: "daemon inside KILL", roles: []string{"daemon inside"}, signal: syscall.SIGKILL, rootless: true},
	{name: "daemon and narrator KILL", roles: []string{"daemon", "narrator"}, signal: syscall.SIGKILL, status: []int{137}, left: true},
	{name: "daemon KILL beside a stopped container", roles: []string{"daemon"}, signal: syscall.SIGKILL, stopped: "container"},
	{name: "container TERM", roles: []string{"container"}, signal: syscall.SIGTERM},
	{name: "container KILL", roles: []string{"container"}, signal: syscall.SIGKILL},
}

// possible reports whether those who are to be ended are there at step n.
func (w way) possible(steps []string, n, uid int) bool {
	if w.rootless && uid == 0 || w.root && uid != 0 {
		return false
	}
	alive := steps[n] != string(stage.ProcessExit) && n >= slices.Index(steps, string(stage.NamespaceCreate)) && n < slices.Index(steps, string(stage.ProcessExit))
	for _, role := range append([]string{w.stopped}, w.roles...) {
		switch {
		case strings.HasPrefix(role, "daemon") && n == 0, role == "client" && (n == 0 || n == len(steps)-1), role == "container" && !alive:
			return false
		}
	}
	return true
}

// ending is one cell of the matrix.
type ending struct {
	who  identity
	way  way
	n    int
	step string
}

func (e ending) check(t *testing.T) {
	c := newCell(t, e.who)
	c.start(nil, nil, "lesson", "hello-world", "--step")
	c.press(slices.Repeat([]string{"n"}, e.n)...)
	c.await(e.n + 1)
	if stop := e.n > 0 && e.step != narrate.KindEnd; stop && !strings.Contains(c.heading(), " "+e.step+" ") {
		t.Fatalf("held at %s, want %s", c.heading(), e.step)
	}
	c.note()
	e.sees(c)
	e.end(c)
	status := c.finish()
	if e.way.status != nil && !slices.Contains(e.way.status, status) {
		t.Errorf("status %d, want %v\n%s", status, e.way.status, c.stderr.String())
	}
	if e.way.left {
		nextStart(c)
	}
	c.left(!e.way.left)
}

// sees makes sure that what is looked for afterwards could be found: it is
// there now.
func (e ending) sees(c *cell) {
	if e.n == 0 {
		return
	}
	steps := stagesOf(bundledLesson(c.t, "hello-world"))
	from := func(first stage.Name) bool {
		return e.n >= slices.Index(steps, string(first)) && e.n <= slices.Index(steps, string(stage.ProcessExec))
	}
	things := strings.Join(c.things(), "\n")
	for _, look := range []struct {
		stage stage.Name
		what  string
		root  bool
	}{
		{stage.OverlayMount, "mount ", true}, {stage.CgroupCreate, "cgroup ", true},
		{stage.NetworkAttach, "interface veth", true}, {stage.NetworkAttach, "interface learndocker", true},
		{stage.APIRequest, "socket ", false},
	} {
		if from(look.stage) && (e.who.uid == 0 || !look.root) && !strings.Contains("\n"+things, "\n"+look.what) {
			c.t.Errorf("at %s the test sees no %s:\n%s", e.step, look.what, things)
		}
	}
	if from(stage.NamespaceCreate) && len(c.namespaces) < 5 {
		c.t.Errorf("at %s the test sees only the namespaces %v", e.step, c.namespaces)
	}
}

// end ends whom it is to end.
func (e ending) end(c *cell) {
	if e.way.signal == 0 {
		c.press("q")
		c.stdin.Close()
		return
	}
	roles := c.roles()
	var pids []int
	for _, role := range e.way.roles {
		if len(roles[role]) == 0 {
			c.t.Fatalf("there is no %s among %v", role, roles)
		}
		pids = append(pids, roles[role]...)
	}
	if e.way.stopped != "" {
		c.halt(roles[e.way.stopped])
	}
	if len(pids) > 1 { // at once: none may do anything when another has gone
		c.halt(pids)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, e.way.signal); err != nil && (err != syscall.ESRCH || pid == pids[0]) {
			c.t.Fatal(err)
		}
	}
	if e.way.roles[0] != "narrator" {
		c.stdin.Close() // what still runs goes on to the end
	}
}

// nextStart verifies the store that a killed daemon left, starts the next
// daemon on it as the same user, and ends it. From then on nothing may be left
// but the data itself.
func nextStart(c *cell) {
	c.t.Helper()
	found, err := filepath.Glob(filepath.Join(c.tmp(), "learndocker-*"))
	if err != nil || len(found) != 1 {
		c.t.Fatalf("the killed lesson's directory: %v, %v", found, err)
	}
	dir := found[0]
	if _, err := os.Stat(filepath.Join(dir, "data", "images", "index.json")); err == nil {
		checkStore(c.t, filepath.Join(dir, "data"))
	}
	host := "unix://" + filepath.Join(dir, "docker.sock")
	c.start(nil, nil, "daemon", "-H", host, "--data-root", filepath.Join(dir, "data"))
	client, err := client.New(host)
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	if err := client.Await(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	checkNothingPartial(c.t, filepath.Join(dir, "data"))
	o := clientCommand(c.t, host, nil, program(c.t), "run", "--rm", "hello-world")
	if o.status != 0 || !strings.Contains(o.stdout, "Hello from learndocker!") {
		c.t.Errorf("after the kill: status %d, %q, %q", o.status, o.stdout, o.stderr)
	}
	checkStore(c.t, filepath.Join(dir, "data"))
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if status := c.wait(); status != 0 {
		c.t.Errorf("the next daemon ended with status %d\n%s", status, c.stderr.String())
	}
}

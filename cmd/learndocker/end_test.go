//go:build linux

package main

import (
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

// TestEndWithDaemon kills a daemon whose container runs. The kernel ends the
// container with it, whoever its user is; a set-user-ID program has shaken that
// off (prctl(2), PR_SET_PDEATHSIG), and the next daemon ends it.
func TestEndWithDaemon(t *testing.T) {
	need(t, "busybox", "busybox-static")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	image := memoryRegistry(t) + "/su:latest"
	push(t, image, imageOf(t, busyboxConfig, append(busyboxLayers(t), layerOf(t, entry{name: "su/sleep", mode: 0o4755, body: readText(t, path)}))...))
	for _, f := range []struct {
		name     string
		args     []string
		survives bool
	}{
		{"root", []string{image, "sleep", "1000"}, false},
		{"another user", []string{"-u", "1000:1000", image, "sleep", "1000"}, false},
		{"a set-user-ID program", []string{"-u", "1000:1000", image, "/su/sleep", "1000"}, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := newCell(t, asRoot)
			host, data := "unix://"+filepath.Join(c.home(), "docker.sock"), filepath.Join(c.tmp(), "data")
			c.start(nil, nil, "daemon", "-H", host, "--data-root", data)
			c.ready(host)
			clientCommand(t, host, nil, program(t), append([]string{"run", "-d"}, f.args...)...).must(t)
			c.note()
			c.awaitProgram()
			if err := syscall.Kill(c.pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if !f.survives {
				c.finish()
			} else {
				c.awaitOrphan()
			}
			next := newCell(t, asRoot)
			next.start(nil, nil, "daemon", "-H", host, "--data-root", data)
			next.ready(host)
			c.finish()
			if err := syscall.Kill(next.pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := next.finish(); status != 0 {
				t.Errorf("the next daemon ended with status %d: %s", status, next.stderr.String())
			}
			c.left(false)
		})
	}
}

// TestFailedStart: of a container whose program is not there, a daemon that goes
// on keeps no mount, no group and no interface.
func TestFailedStart(t *testing.T) {
	needRoot(t)
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	c := newCell(t, asRoot)
	host, data := "unix://"+filepath.Join(c.home(), "docker.sock"), filepath.Join(c.tmp(), "data")
	c.start(nil, nil, "daemon", "-H", host, "--data-root", data)
	c.ready(host)
	if o := clientCommand(t, host, nil, program(t), "run", image, "/no/such/program"); o.status != 127 {
		t.Errorf("run ended with status %d: %s", o.status, o.stderr)
	}
	id := strings.TrimSpace(clientCommand(t, host, nil, program(t), "ps", "-aq", "--no-trunc").must(t).stdout)
	if len(id) != 64 {
		t.Fatalf("the container is not listed: %q", id)
	}
	c.ids[id] = true
	for _, thing := range c.things() {
		if !strings.HasPrefix(thing, "socket ") {
			t.Errorf("left of the start: %s", thing)
		}
	}
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := c.finish(); status != 0 {
		t.Errorf("the daemon ended with status %d: %s", status, c.stderr.String())
	}
	c.left(false)
}

// awaitProgram waits until the container's init has become its program.
func (c *cell) awaitProgram() {
	c.t.Helper()
	c.until("the container's program runs", func() bool {
		return slices.ContainsFunc(c.processes(), func(p processLine) bool { return strings.HasSuffix(commandLine(p.pid), "sleep 1000") })
	})
}

// awaitOrphan waits until the daemon has gone, and wants the container to be
// alive then.
func (c *cell) awaitOrphan() {
	c.t.Helper()
	c.until("the daemon has gone", func() bool {
		_, err := os.Stat("/proc/" + strconv.Itoa(c.pid))
		return err != nil
	})
	if alive := c.processes(); len(alive) != 1 || alive[0].state == "Z" {
		c.t.Fatalf("the container did not survive, which is no test of what ends it: %v", alive)
	}
}

// until waits for what must come to be so.
func (c *cell) until(what string, is func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("never so: %s", what)
		}
	}
}

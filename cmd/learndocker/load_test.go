//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestManyContainers lets twenty clients run two hundred containers at once. All
// run, all go, and the daemon's memory comes back.
func TestManyContainers(t *testing.T) {
	const clients, each = 20, 10
	d := startDaemon(t)
	d.run("pull", "-q", "toolbox").must(t)
	d.run("run", "--rm", "toolbox", "true").must(t)
	before := residentKB(t, d.pid())
	// At once, and without waiting for each other: a client that fails tells which.
	byClient := func(do func(name string) outcome) {
		t.Helper()
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for j := range each {
					name := fmt.Sprintf("many-%d-%d", i, j)
					if o := do(name); o.status != 0 {
						t.Errorf("%s: status %d: %s", name, o.status, o.stderr)
					}
				}
			})
		}
		all.Wait()
	}
	byClient(func(name string) outcome { return d.run("run", "-d", "--name", name, "toolbox", "sleep", "100000") })
	running := strings.Fields(d.run("ps", "-q").must(t).stdout)
	if len(running) != clients*each {
		t.Errorf("%d run, want %d", len(running), clients*each)
	}
	addresses := map[string]bool{}
	for address := range strings.FieldsSeq(d.run(append([]string{"inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"}, running...)...).must(t).stdout) {
		addresses[address] = true
	}
	if len(addresses) != len(running) {
		t.Errorf("%d addresses for %d containers", len(addresses), len(running))
	}
	byClient(func(name string) outcome { return d.run("rm", "-f", name) })
	if left := d.run("ps", "-aq").must(t).stdout; left != "" {
		t.Errorf("left: %s", left)
	}
	if !underRace() { // which keeps memory of its own
		d.awaitMemory(t, before+24<<10)
	}
}

// TestLogsSurvive kills the daemon while a container writes. Whatever line a
// reader has been given must be in the log afterwards, in order, once.
func TestLogsSurvive(t *testing.T) {
	start := tempStation(t)
	first := start()
	learndocker := program(t)
	clientCommand(t, first.host(), nil, learndocker, "run", "-d", "--name", "writes", "toolbox", "sh", "-c", "i=0; while true; do i=$((i+1)); echo line $i; done").must(t)
	follow := exec.CommandContext(t.Context(), learndocker, "-H", first.host(), "logs", "-f", "writes")
	said, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	follow.Stderr = os.Stderr
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if seen++; lines.Text() != fmt.Sprintf("line %d", seen) {
			t.Fatalf("line %d is %q", seen, lines.Text())
		}
		if seen == 5000 {
			first.kill()
		}
	}
	_ = follow.Wait() // the daemon was killed
	if seen < 5000 {
		t.Fatalf("only %d lines came", seen)
	}

	second := start()
	kept := strings.Split(clientCommand(t, second.host(), nil, learndocker, "logs", "writes").must(t).stdout, "\n")
	for i := range seen {
		if i >= len(kept) || kept[i] != fmt.Sprintf("line %d", i+1) {
			t.Fatalf("of %d lines that were given out, line %d is lost", seen, i+1)
		}
	}
	clientCommand(t, second.host(), nil, learndocker, "rm", "-f", "writes").must(t)
	if err := second.stop(); err != nil {
		t.Error(err)
	}
}

// TestRemovedTwice removes a container that removes itself, from two sides at
// once: it goes once, and nobody is told of a directory.
func TestRemovedTwice(t *testing.T) {
	d := startDaemon(t)
	d.run("pull", "-q", "toolbox").must(t)
	for i := range 10 {
		name := fmt.Sprintf("twice-%d", i)
		d.run("run", "-d", "--rm", "--name", name, "toolbox", "sleep", "100000").must(t)
		var both sync.WaitGroup
		for _, words := range [][]string{{"rm", "-f", name}, {"kill", name}, {"rm", "-f", name}} {
			both.Go(func() {
				o := d.run(words...)
				gone := strings.Contains(o.stderr, "No such container") || strings.Contains(o.stderr, "is already in progress") || strings.Contains(o.stderr, "is not running")
				if o.status != 0 && !gone {
					t.Errorf("%v: %+v", words, o)
				}
			})
		}
		both.Wait()
	}
	await(t, "the containers to be gone", func() bool { return d.run("ps", "-aq").must(t).stdout == "" })
}

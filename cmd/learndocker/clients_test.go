//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

// dial connects to the daemon's socket; what is said there is the test's.
func (d *testDaemon) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(d.host, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends a request as it stands and returns the answer's status and body.
func (d *testDaemon) ask(t *testing.T, request string) (int, string) {
	t.Helper()
	conn := d.dial(t)
	go func() { _, _ = io.WriteString(conn, request) }() // a daemon that had enough answers before the end of it
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(body)
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// residentKB is the memory that a process holds, VmRSS of proc(5), in kB.
func residentKB(t *testing.T, pid int) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`).FindStringSubmatch(readText(t, fmt.Sprintf("/proc/%d/status", pid)))
	if m == nil {
		t.Fatal("no VmRSS")
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBadRequests: what a client has wrong is told it in words, with the place,
// and the status that says whose mistake it is.
func TestBadRequests(t *testing.T) {
	b := newBench(t)
	id := strings.TrimSpace(b.run("run", "-d", b.image, "sleep", "1000").must(t).stdout)
	deep := strings.Repeat(`{"Labels":`, 20000) + strings.Repeat("}", 20000)
	for _, c := range []struct {
		name, request string
		status        int
		want          string // expression in the answer
	}{
		{"no JSON", post("/containers/create", "{\n  \"Image\": \"x\",\n  oops\n}"), 400, `line 3, byte 3: invalid character 'o'`},
		{"JSON cut short", post("/containers/create", `{"Image":`), 400, `line 1, byte 9: unexpected end`},
		{"no body", post("/containers/create", ""), 400, `unexpected end of JSON input`},
		{"null", post("/containers/create", "null"), 400, `config cannot be empty`},
		{"a list", post("/containers/create", "[]"), 400, `cannot unmarshal array`},
		{"a member of another kind", post("/containers/create", `{"Image":"x","HostConfig":{"Memory":"much"}}`), 400, `HostConfig.*Memory`},
		{"a number beyond all", post("/containers/create", `{"Image":"x","HostConfig":{"Memory":1e99}}`), 400, `Memory`},
		{"nested deeply", post("/containers/create", deep), 400, `exceeded max depth`},
		{"two documents", post("/containers/create", `{"Image":"x"}{}`), 400, `after top-level value`},
		{"NUL bytes", post("/containers/create", "\x00\x00"), 400, `invalid character`},
		{"a body that is too large", post("/containers/create", strings.Repeat(" ", 17<<20)), 400, `too large`},
		{"a name with a path", post("/containers/create?name=../../x", `{"Image":"`+b.image+`"}`), 400, `Invalid container name`},
		{"a name with a line's end", post("/containers/create?name=a%0ab", `{"Image":"`+b.image+`"}`), 400, `Invalid container name`},
		{"no such image", post("/containers/create", `{"Image":"nothing"}`), 404, `No such image: nothing:latest`},
		{"an image's name that is none", post("/containers/create", `{"Image":"`+strings.Repeat("UPPER/", 1000)+`"}`), 404, `No such image`},
		{"a host name beyond the kernel's", post("/containers/create?name=longhost", `{"Image":"`+b.image+`","Hostname":"`+strings.Repeat("h", 100)+`"}`), 201, `Id`},
		{"no such container", post("/containers/nothing/start", ""), 404, `No such container: nothing`},
		{"a container that is a path", post("/containers/..%2f..%2fetc/start", ""), 404, `No such container`},
		{"a signal that is none", post("/containers/"+id+"/kill?signal=SIGNOTHING", ""), 400, `Invalid signal: SIGNOTHING`},
		{"a signal beyond the last", post("/containers/"+id+"/kill?signal=65", ""), 400, `does not support signal 65`},
		{"a while that is none", post("/containers/"+id+"/stop?t=soon", ""), 400, `t=\\"soon\\": want a whole number`},
		{"a while beyond all numbers", post("/containers/"+id+"/stop?t=99999999999999999999", ""), 400, `want a whole number`},
		{"a limit that is none", "GET /containers/json?limit=few HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, `want a whole number`},
		{"filters that are none", "GET /containers/json?filters=oops HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, `invalid filter`},
		{"a filter that is unknown", "GET /containers/json?filters=%7B%22no%22%3A%7B%22x%22%3Atrue%7D%7D HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, `invalid filter 'no'`},
		{"no such request", post("/swarm/init", "{}"), 404, `has no such request`},
		{"a version that is too old", post("/v1.12/containers/create", "{}"), 400, `too old`},
		{"a version beyond all numbers", post("/v99999999999999999999.1/containers/create", "{}"), 400, `client version`},
		{"a pull of nothing", post("/images/create", ""), 400, `only fromImage`},
		{"a pull of no name", post("/images/create?fromImage=%00", ""), 400, `invalid reference format`},
		{"credentials that are none", "POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Registry-Auth: !!\r\nContent-Length: 0\r\n\r\n", 400, `X-Registry-Auth`},
		{"no HTTP", "\x00\x01\x02rubbish\r\n\r\n", 400, `400 Bad Request`},
		{"two lengths", "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, ``},
		{"a header beyond the bound", "GET /_ping HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20+8<<10) + "\r\n\r\n", 431, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := b.ask(t, c.request)
			if status != c.status || !matches(`(?s:.*)`+c.want+`(?s:.*)`, body) {
				t.Errorf("status %d, %.400s\nwant %d, %s", status, body, c.status, c.want)
			}
		})
	}
	if o := b.run("start-is-no-command"); o.status == 0 {
		t.Error("an unknown command ended with 0")
	}
	// A row may run alone: this makes its own.
	b.ask(t, post("/containers/create?name=startlong", `{"Image":"`+b.image+`","Hostname":"`+strings.Repeat("h", 100)+`"}`))
	if status, body := b.ask(t, post("/containers/startlong/start", "")); status == 204 || !strings.Contains(body, "sethostname") {
		t.Errorf("a host name of 100 bytes: status %d, %s", status, body)
	}
	b.run("rm", "-f", id).must(t)
}

// TestBadClients: clients that send without end, stop in the middle, vanish or
// do not read. The daemon serves others meanwhile, gives back its memory, and
// ends when it is asked to.
func TestBadClients(t *testing.T) {
	b := newBench(t)
	b.run("run", "--rm", b.image, "true").must(t)
	before := residentKB(t, b.pid())

	for range 50 { // each leaves in the middle of something
		b.vanish(t, "POST /containers/cre")
		b.vanish(t, "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{\"Image\":")
		b.vanish(t, "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"+strings.Repeat(" ", 100_000))
		b.vanish(t, "POST "+api.WatchPath+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{\"go\":")
	}
	stuck := []net.Conn{ // these stay, and go no further
		b.say(t, "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{\"Image\":"),
		b.say(t, "GET /containers/json HTTP/1.1\r\nHo"),
		b.say(t, "\x16\x03\x01\x02"),
	}
	forever := b.dial(t)
	_, err := io.WriteString(forever, "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, bytes.Repeat([]byte(" "), 1<<20))
	sent := 0
	for ; err == nil && sent < 200; sent++ {
		_, err = io.WriteString(forever, chunk)
	}
	if err == nil {
		t.Errorf("a body without end was read for %d MiB", sent)
	}
	b.run("run", "--rm", b.image, "true").must(t) // others are served

	// One that attaches and does not read keeps the program waiting; killed, its
	// container ends.
	id := strings.TrimSpace(b.run("run", "-d", b.image, "sh", "-c", "sleep 1; while :; do seq 1 10000; done").must(t).stdout)
	deaf := b.say(t, "POST /containers/"+id+"/attach?stdout=1&stderr=1&stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	b.awaitBlocked(t, id)
	b.run("rm", "-f", id).must(t)
	deaf.Close()

	for _, conn := range stuck {
		conn.Close()
	}
	b.awaitMemory(t, before+64<<10)
	// The end with one that does not read: checked by the daemon's end, which
	// comes with the test's.
	id = strings.TrimSpace(b.run("run", "-d", b.image, "sh", "-c", "sleep 1; while :; do seq 1 10000; done").must(t).stdout)
	b.say(t, "POST /containers/"+id+"/attach?stdout=1&stderr=1&stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	b.awaitBlocked(t, id)
}

// say connects and says something; the connection stays.
func (d *testDaemon) say(t *testing.T, text string) net.Conn {
	t.Helper()
	conn := d.dial(t)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// vanish says something and is gone.
func (d *testDaemon) vanish(t *testing.T, text string) { d.say(t, text).Close() }

// awaitBlocked waits until the container's program stands still in a write to
// its pipe, which nobody empties: wchan in proc(5).
func (d *testDaemon) awaitBlocked(t *testing.T, id string) {
	t.Helper()
	files, err := filepath.Glob("/sys/fs/cgroup/*/learndocker/" + id + "/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	unified, err := filepath.Glob("/sys/fs/cgroup/learndocker/" + id + "/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, unified...); len(files) == 0 {
		t.Fatal("the container has no control group")
	}
	await(t, "the program to block", func() bool {
		for pid := range strings.FieldsSeq(readText(t, files[0])) {
			where, err := os.ReadFile("/proc/" + pid + "/wchan")
			if err == nil && strings.Contains(string(where), "pipe_write") {
				return true
			}
		}
		return false
	})
}

func (d *testDaemon) awaitMemory(t *testing.T, most int) {
	t.Helper()
	await(t, fmt.Sprintf("the daemon's memory to come down to %d kB", most), func() bool { return residentKB(t, d.pid()) <= most })
}

// await waits until something holds; it fails the test where it never does.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestBadWatchers: whoever watches and does not keep to the protocol is left,
// the operation that he holds ends in order, and the next is free.
func TestBadWatchers(t *testing.T) {
	d := startDaemon(t)
	run := func() <-chan outcome {
		ran := make(chan outcome, 1)
		go func() { ran <- clientCommand(t, d.host, nil, program(t), "run", "--rm", "hello-world") }()
		return ran
	}
	for _, c := range []struct {
		name string
		bad  func(conn net.Conn, first *bufio.Reader) error
	}{
		{"rubbish", func(conn net.Conn, _ *bufio.Reader) error { return write(conn, "\x00\xffrubbish\n") }},
		{"a packet that is too long", func(conn net.Conn, _ *bufio.Reader) error {
			err := write(conn, strings.Repeat("x", wire.MaxPacket+10))
			if errors.Is(err, net.ErrClosed) || err != nil && strings.Contains(err.Error(), "broken pipe") {
				return nil // the daemon had enough before the end
			}
			return err
		}},
		{"a word twice", func(conn net.Conn, _ *bufio.Reader) error { return write(conn, "{\"go\":true}\n{\"go\":true}\n") }},
		{"a point of its own", func(conn net.Conn, _ *bufio.Reader) error {
			return write(conn, `{"point":{"stage":"image.lookup","fact":{}}}`+"\n")
		}},
		{"a point that is unknown", func(conn net.Conn, _ *bufio.Reader) error {
			return write(conn, `{"point":{"stage":"no.such","fact":{}}}`+"\n")
		}},
		{"an abort", func(conn net.Conn, _ *bufio.Reader) error { return write(conn, `{"abort":"enough"}`+"\n") }},
		{"an empty packet", func(conn net.Conn, _ *bufio.Reader) error { return write(conn, "{}\n") }},
		{"the end in the middle of a packet", func(conn net.Conn, _ *bufio.Reader) error {
			return errors.Join(write(conn, `{"go":`), conn.Close())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, buffered, err := d.client().Watch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			ran := run()
			if _, err := buffered.ReadBytes('\n'); err != nil { // held at the first request
				t.Fatal(err)
			}
			if err := c.bad(conn, buffered); err != nil {
				t.Error(err)
			}
			if c.name == "a word twice" { // he is left, or, where the next stop was quicker, lets that go
				for range 2 {
					if _, err := buffered.ReadBytes('\n'); err != nil {
						break
					}
				}
			}
			conn.Close()
			receive(t, "the end of run", ran)
			d.awaitUnwatched(t)
			if o := clientCommand(t, d.host, nil, program(t), "run", "--rm", "hello-world"); o.status != 0 {
				t.Errorf("the next run: %+v", o)
			}
		})
	}
	t.Run("a word before any point", func(t *testing.T) {
		conn, buffered, err := d.client().Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := write(conn, "{\"go\":true}\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(buffered); err != nil || len(rest) > 0 {
			t.Errorf("the daemon said %q, %v; want it to leave", rest, err)
		}
		d.awaitUnwatched(t)
	})
	t.Run("one that does not read", func(t *testing.T) {
		conn, _, err := d.client().Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ran := run()
		if status, body := d.watchAgain(t); status != 409 || !strings.Contains(body, "already watches") {
			t.Errorf("a second watcher: %d %s", status, body)
		}
		conn.Close()
		receive(t, "the end of run", ran)
		d.awaitUnwatched(t)
	})
	if left := strings.TrimSpace(d.run("ps", "-aq").must(t).stdout); left != "" {
		t.Errorf("containers left: %s", left)
	}
}

func write(conn net.Conn, text string) error {
	_, err := io.WriteString(conn, text)
	return err
}

// watchAgain asks to watch where somebody watches already.
func (d *testDaemon) watchAgain(t *testing.T) (int, string) {
	t.Helper()
	return d.ask(t, "POST "+api.WatchPath+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

// awaitUnwatched waits until the daemon has noticed that its watcher is gone.
func (d *testDaemon) awaitUnwatched(t *testing.T) {
	t.Helper()
	await(t, "the watcher's place to be free", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		conn, _, err := d.client().Watch(ctx)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	// That one is a watcher too: it must be gone before the next request.
	await(t, "the daemon to answer", func() bool {
		_, err := d.client().Containers(t.Context(), client.ListOptions{All: true})
		return err == nil
	})
}

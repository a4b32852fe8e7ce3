//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
)

// goImage holds one program of testdata.
func goImage(t *testing.T, name string, config ggcr.Config, below ...ggcr.Layer) ggcr.Image {
	t.Helper()
	config.Cmd, config.Env = []string{"/" + name}, []string{searchPath}
	return imageOf(t, config, append(below, layerOf(t, entry{name: name, body: readText(t, goProgram(t, name))}))...)
}

// TestPublishedPorts asks a program in a container through ports of the host.
func TestPublishedPorts(t *testing.T) {
	b := newBench(t)
	image := b.registry + "/echo:latest"
	push(t, image, goImage(t, "echo", ggcr.Config{ExposedPorts: map[string]struct{}{"80/tcp": {}, "80/udp": {}}}))
	b.run("pull", "-q", image).must(t)
	b.run("run", "-d", "--name", "echo", "-p", "80", "-p", "80/udp", "-p", "127.0.0.1:0:80", image).must(t)
	b.awaitSaid(t, "echo", "ready")
	ports := b.portsOf(t, "echo", "80/tcp")
	if len(ports) != 3 {
		t.Fatalf("it is published at %v", ports)
	}
	gateway := strings.TrimSpace(b.run("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}", "echo").must(t).stdout)
	for _, port := range ports {
		at := strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "[::1]").Replace(port)
		for _, text := range []string{"", "hello", strings.Repeat("long ", 200_000)} {
			if got, err := askTCP(at, text); err != nil || got != text+" "+gateway {
				t.Errorf("%s: %d bytes came back for %d, %v", at, len(got), len(text), err)
			}
		}
	}
	udp := strings.Replace(b.portsOf(t, "echo", "80/udp")[0], "0.0.0.0", "127.0.0.1", 1)
	for _, text := range []string{"hello", strings.Repeat("x", 1400)} {
		if got, err := askUDP(udp, text); err != nil || got != text {
			t.Errorf("udp %s: %q, %v", udp, got, err)
		}
	}
	t.Run("many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if got, err := askTCP(strings.Replace(ports[0], "0.0.0.0", "127.0.0.1", 1), fmt.Sprint(i)); err != nil || got != fmt.Sprint(i, " ", gateway) {
					t.Errorf("%d: %q %v", i, got, err)
				}
			})
		}
		all.Wait()
	})
	t.Run("what is taken", func(t *testing.T) {
		_, port, _ := strings.Cut(ports[0], ":")
		if o := b.run("run", "--rm", "-p", port+":80", image); o.status != 125 || !strings.Contains(o.stderr, "port is already allocated") {
			t.Errorf("%+v", o)
		}
		other, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if o := b.run("run", "--rm", "-p", other.Addr().String()+":80", image); o.status != 125 || !strings.Contains(o.stderr, "address already in use") {
			t.Errorf("%+v", o)
		}
		first := other.Addr().(*net.TCPAddr).Port
		id := strings.TrimSpace(b.run("run", "-d", "-p", fmt.Sprintf("127.0.0.1:%d-%d:80", first, first+20), image).must(t).stdout)
		if got := b.portsOf(t, id, "80/tcp"); len(got) != 1 || got[0] == other.Addr().String() {
			t.Errorf("of a range, it has %v", got)
		}
		b.run("rm", "-f", id).must(t)
	})
	t.Run("the end of the container", func(t *testing.T) {
		held, err := net.Dial("tcp", strings.Replace(ports[0], "0.0.0.0", "127.0.0.1", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		b.run("restart", "-t", "0", "echo").must(t)
		if err := held.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(held); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("what was under way: %v", err)
		}
		if got := b.portsOf(t, "echo", "80/tcp"); len(got) != 3 {
			t.Errorf("started anew, it is published at %v", got)
		}
		again := strings.Replace(b.portsOf(t, "echo", "80/tcp")[0], "0.0.0.0", "127.0.0.1", 1)
		b.run("rm", "-f", "echo").must(t)
		if _, err := net.Dial("tcp", again); err == nil {
			t.Errorf("after the container somebody listens at %s", again)
		}
	})
}

// TestPublishedWithoutBridge: an ordinary user's container has loopback only, and
// is reached from inside its network namespace.
func TestPublishedWithoutBridge(t *testing.T) {
	c := newCell(t, ordinaryUser(t, true))
	d := &testDaemon{t: t, host: "unix://" + filepath.Join(c.home(), "docker.sock")}
	c.start(nil, nil, "daemon", "-H", d.host, "--data-root", filepath.Join(c.tmp(), "data"))
	if err := d.client().Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.run("pull", "-q", "toolbox").must(t)
	id := strings.TrimSpace(d.run("run", "-d", "-p", "127.0.0.1::80", "toolbox", "sh", "-c", "echo ready; while true; do echo hello | nc -l -p 80; done").must(t).stdout)
	at := d.portsOf(t, id, "80/tcp")[0]
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, err := askTCP(at, "")
		if err == nil && got == "hello\n" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s says %q, %v", at, got, err)
		}
	}
	d.run("rm", "-f", id).must(t)
	if o := d.run("network", "create", "mine"); o.status != 1 || !strings.Contains(o.stderr, "a network of your own needs a bridge: an ordinary user may not") {
		t.Errorf("a network without a bridge: %+v", o)
	}
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := c.finish(); status != 0 {
		t.Errorf("the daemon: status %d: %s", status, c.stderr.String())
	}
}

// portsOf are the addresses at which the host answers for a port.
func (d *testDaemon) portsOf(t *testing.T, container, port string) []string {
	t.Helper()
	return strings.Fields(d.run("port", container, port).must(t).stdout)
}

// awaitSaid waits until a container has said a line.
func (d *testDaemon) awaitSaid(t *testing.T, container, line string) {
	t.Helper()
	await(t, container+" to say "+line, func() bool {
		return strings.Contains(d.run("logs", container).must(t).stdout, line+"\n")
	})
}

func askTCP(at, text string) (string, error) {
	conn, err := tell("tcp", at, text)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	got, err := io.ReadAll(conn)
	return string(got), err
}

func askUDP(at, text string) (string, error) {
	conn, err := tell("udp", at, text)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	got := make([]byte, 64<<10)
	n, err := conn.Read(got)
	return string(got[:n]), err
}

// tell connects and says something, with patience for the answer.
func tell(protocol, at, text string) (net.Conn, error) {
	conn, err := net.Dial(protocol, at)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = io.WriteString(conn, text)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

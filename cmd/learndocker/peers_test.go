//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

var digestWord = regexp.MustCompile(`\b([0-9a-f]{64}|[0-9a-f]{12})\b`)

// maskDigests replaces ids and digests by their length.
func maskDigests(s string) string {
	return digestWord.ReplaceAllStringFunc(s, func(d string) string {
		if len(d) == 64 {
			return "<64>"
		}
		return "<12>"
	})
}

// dockers are the docker commands of this machine: one from the distribution,
// and where there is one, a newer one beside it.
func dockers(t *testing.T) []string {
	t.Helper()
	need(t, "docker", "docker.io")
	var found []string
	for _, path := range []string{"/usr/local/bin/docker", "/usr/bin/docker"} {
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		path, err := exec.LookPath("docker")
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, path)
	}
	return found
}

// watch lets a watcher release every point until the returned function is
// called, which returns the stages that were seen.
func (d *testDaemon) watch() func() []stage.Name {
	d.t.Helper()
	conn, buffered, err := d.client().Watch(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	var seen []stage.Name
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := wire.NewConn(conn, buffered)
		for {
			p, err := w.Receive()
			if err != nil {
				return
			}
			if p.Point == nil {
				continue
			}
			seen = append(seen, p.Point.Fact.Stage())
			if w.Send(wire.Packet{Go: true}) != nil {
				return
			}
		}
	}()
	return func() []stage.Name {
		_ = conn.Close() // the daemon may have closed it
		receive(d.t, "the end of the watch", done)
		return seen
	}
}

const firstPull = `latest: Pulling from library/hello-world
<12>: Pulling fs layer
<12>: Verifying Checksum
<12>: Download complete
<12>: Pull complete
Digest: sha256:<64>
Status: Downloaded newer image for hello-world:latest
`

// TestDockerCommand lets the real docker command be the client, and holds what
// it prints against what it prints for dockerd: with a watcher and without, for
// holding the engine still must change nothing.
func TestDockerCommand(t *testing.T) {
	for _, docker := range dockers(t) {
		for _, watched := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s watched=%v", strings.ReplaceAll(docker, "/", "_"), watched), func(t *testing.T) {
				d := startDaemon(t)
				if watched {
					unwatch := d.watch()
					defer func() {
						if seen := unwatch(); !slices.Contains(seen, stage.ProcessExec) || !slices.Contains(seen, stage.ContainerRemove) {
							t.Errorf("the watcher saw only %v", seen)
						}
					}()
				}
				useDocker(t, d, docker)
			})
		}
	}
}

// useDocker does with a docker command what a course does on its first day.
func useDocker(t *testing.T, d *testDaemon, docker string) {
	cli := func(args ...string) outcome {
		t.Helper()
		return clientCommand(t, d.host, nil, docker, args...)
	}
	expect := func(o outcome, status int, stdout, stderr string) {
		t.Helper()
		if o.status != status || !matches(stdout, o.stdout) || !matches(stderr, o.stderr) {
			t.Errorf("status %d, stdout %q, stderr %q\nwant status %d, stdout %s, stderr %s", o.status, o.stdout, o.stderr, status, stdout, stderr)
		}
	}
	first := cli("run", "hello-world")
	if got, want := maskDigests(first.stderr), "Unable to find image 'hello-world:latest' locally\n"+firstPull; got != want {
		t.Errorf("the first run said on stderr\n%s\nwant\n%s", got, want)
	}
	hello := regexp.QuoteMeta(first.stdout)
	expect(first, 0, `\nHello from learndocker!\n(?s:.*)--step\n\n`, `(?s:.*)`)
	expect(cli("run", "hello-world"), 0, hello, ``)
	expect(cli("run", "--rm", "hello-world"), 0, hello, ``)
	expect(cli("run", "--rm", "-i", "hello-world"), 0, hello, ``)
	expect(cli("run", "--name", "named", "-d", "hello-world"), 0, `[0-9a-f]{64}\n`, ``)
	expect(cli("run", "--name", "named", "hello-world"), 125, ``, `(?s:.*)Conflict\. The container name "/named" is already in use by container "[0-9a-f]{64}"(?s:.*)`)
	expect(cli("wait", "named"), 0, `0\n`, ``) // detached, it may run still
	expect(cli("images"), 0, `REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\nhello-world +latest +[0-9a-f]{12} .* ago +[0-9.]+k?B\n`, ``)
	expect(cli("ps"), 0, `CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n`, ``)
	expect(cli("ps", "-a", "--format", "{{.Image}} {{.Command}} {{.Status}}"), 0, `(hello-world "/hello" Exited \(0\) .* ago\n){3}`, ``)
	expect(cli("inspect", "-f", "{{.State.ExitCode}} {{.Path}}", "named"), 0, `0 /hello\n`, ``)
	expect(cli("run", "hello-world", "/no/such"), 127, ``, `(?s:.*)exec: "/no/such": stat /no/such: no such file or directory(?s:.*)`)
	expect(cli("run", "no-such-image"), 125, ``, `Unable to find image 'no-such-image:latest' locally\n(?s:.*)pull access denied for no-such-image(?s:.*)`)
	expect(cli("run", "--rm", "-t", "hello-world"), 0, `\r\nHello from learndocker!\r\n(?s:.*)`, ``)
	expect(cli("run", "-p", "80:80/sctp", "hello-world"), 125, ``, `(?s:.*)ports of sctp are not published by this engine: tcp and udp are(?s:.*)`)
	expect(cli("rmi", "hello-world"), 1, ``, `(?s:.*)\(must force\)(?s:.*)is using its referenced image(?s:.*)`)
	expect(cli("rm", "no-such"), 1, ``, `Error(?s:.*): No such container: no-such\n`)

	ids := strings.Fields(cli("ps", "-aq").must(t).stdout)
	expect(cli(append([]string{"rm"}, ids...)...), 0, `([0-9a-f]{12}\n){4}`, ``)
	expect(cli("rmi", "hello-world"), 0, `Untagged: hello-world:latest\nUntagged: hello-world@sha256:[0-9a-f]{64}\n(Deleted: sha256:[0-9a-f]{64}\n){2}`, ``)
	expect(cli("images", "-q"), 0, ``, ``)

	pulled := cli("pull", "hello-world").must(t)
	if got, want := maskDigests(pulled.stdout), "Using default tag: latest\n"+firstPull+"docker.io/library/hello-world:latest\n"; got != want {
		t.Errorf("pull said\n%s\nwant\n%s", got, want)
	}
	expect(cli("pull", "hello-world"), 0, `(?s:.*)Status: Image is up to date for hello-world:latest\ndocker\.io/library/hello-world:latest\n`, ``)
	guests(t, cli, expect)
	expect(cli("version", "-f", "{{.Server.Os}}/{{.Server.Arch}}"), 0, `linux/[a-z0-9]+\n`, ``)
}

// book is what the guest book image prints: what its third layer has made of
// the first's.
const book = "The guest book of this image\n============================\nWhoever stays, signs below.\n"

// guests runs the image of four layers, once to its end and twice to stay.
func guests(t *testing.T, cli func(...string) outcome, expect func(outcome, int, string, string)) {
	t.Helper()
	expect(cli("run", "--rm", "guestbook"), 0, regexp.QuoteMeta(book), `Unable to find image 'guestbook:latest' locally\n(?s:.*)Status: Downloaded newer image for guestbook:latest\n`)
	one := strings.TrimSpace(cli("run", "-d", "guestbook", "/sign").must(t).stdout)
	two := strings.TrimSpace(cli("run", "-d", "guestbook", "/sign").must(t).stdout)
	expect(cli("ps", "-q", "--no-trunc"), 0, two+`\n`+one+`\n`, ``)
	expect(cli("rm", one), 1, ``, `(?s:.*)container is running(?s:.*)`)
	expect(cli("rm", "-f", one, two), 0, one+`\n`+two+`\n`, ``)
	expect(cli("rmi", "guestbook"), 0, `Untagged: guestbook:latest\nUntagged: guestbook@sha256:[0-9a-f]{64}\n(Deleted: sha256:[0-9a-f]{64}\n){5}`, ``)
}

// matches holds a whole text against an expression.
func matches(expression, text string) bool {
	return regexp.MustCompile(`\A(?:` + expression + `)\z`).MatchString(text)
}

// TestKill ends containers by signals, as docker kill and docker stop send them.
func TestKill(t *testing.T) {
	d := startDaemon(t)
	bb := memoryRegistry(t) + "/bb:latest"
	push(t, bb, busyboxImage(t))
	docker := dockers(t)[0]
	for _, c := range []struct {
		name   string
		script string
		end    []string
		status int
	}{
		{"SIGKILL cannot be caught", "trap '' TERM; echo up; while :; do sleep 1000; done", []string{"kill", "killed"}, 137},
		{"SIGTERM ends a program that wants it", "trap 'exit 3' TERM; echo up; while :; do sleep 1000 & wait; done", []string{"stop", "killed"}, 3},
		{"stop kills one that does not", "trap '' TERM; echo up; while :; do sleep 1000; done", []string{"stop", "-t", "0", "killed"}, 137},
		{"rm -f kills", "echo up; while :; do sleep 1000; done", []string{"rm", "-f", "killed"}, 137},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			run := exec.CommandContext(ctx, program(t), "run", "--rm", "--name", "killed", bb, "sh", "-c", c.script)
			run.Env = append(os.Environ(), "DOCKER_HOST="+d.host)
			stdout, err := run.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := stdout.Read(make([]byte, 3)); err != nil {
				t.Errorf("the program did not come up: %v", err)
			}
			if o := clientCommand(t, d.host, nil, docker, c.end...); o.status != 0 {
				t.Errorf("docker %v: status %d, %s", c.end, o.status, o.stderr)
				cancel()
			}
			_ = run.Wait() // its status follows
			if got := run.ProcessState.ExitCode(); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
		})
	}
}

// debianRegistry runs the distribution's docker-registry and returns its host
// and port.
func debianRegistry(t *testing.T) string {
	t.Helper()
	need(t, "docker-registry", "docker-registry")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // the registry wants to listen there itself
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/storage}}\nhttp: {addr: %q}\n", dir, address)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("docker-registry", "serve", config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = awaitExit(t, server) // it ends by the signal
	})
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("docker-registry does not listen: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // it tells nobody when it does
	}
}

// skopeo runs skopeo, which asks for a policy where the system has none.
func skopeo(t *testing.T, args ...string) string {
	t.Helper()
	need(t, "skopeo", "skopeo")
	return tool(t, "skopeo", append([]string{"--insecure-policy"}, args...)...)
}

// ociLayout writes an image as an OCI layout with the tag "1".
func ociLayout(t *testing.T, img ggcr.Image) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	err = path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRegistryAndTools passes images through the tools of others: skopeo
// pushes to Debian's registry what the engine runs; skopeo and umoci read the
// engine's store.
func TestRegistryAndTools(t *testing.T) {
	registry := debianRegistry(t)
	d := startDaemon(t)
	bb := registry + "/x/bb:1"
	skopeo(t, "copy", "--dest-tls-verify=false", "oci:"+ociLayout(t, busyboxImage(t))+":1", "docker://"+bb)

	t.Run("layers are stacked", func(t *testing.T) {
		o := d.run("run", bb, "sh", "-c", "cat /etc/added /opaque/new; ls /etc/gone /opaque/old; ls /opaque").must(t)
		if want := "by the second layer\nshown\nnew\n"; o.stdout != want {
			t.Errorf("stdout %q, want %q", o.stdout, want)
		}
		for _, gone := range []string{"/etc/gone: No such file or directory", "/opaque/old: No such file or directory"} {
			if !strings.Contains(o.stderr, gone) {
				t.Errorf("stderr %q lacks %q", o.stderr, gone)
			}
		}
		if _, err := os.Stat(filepath.Join(d.data, "images", "index.json")); err != nil {
			t.Error(err)
		}
	})
	t.Run("by digest", func(t *testing.T) {
		var inspected struct{ Digest string }
		said := skopeo(t, "inspect", "--tls-verify=false", "docker://"+bb)
		if err := json.Unmarshal([]byte(said), &inspected); err != nil {
			t.Fatal(err)
		}
		name := registry + "/x/bb@" + inspected.Digest
		if o := d.run("run", "--rm", name, "cat", "/etc/added").must(t); o.stdout != "by the second layer\n" {
			t.Errorf("stdout %q", o.stdout)
		}
	})
	t.Run("skopeo reads the store", func(t *testing.T) {
		d.run("pull", "-q", "hello-world").must(t)
		source := "oci:" + filepath.Join(d.data, "images") + ":docker.io/library/hello-world:latest"
		skopeo(t, "copy", "--dest-tls-verify=false", source, "docker://"+registry+"/x/hello:1")
		if o := d.run("run", "--rm", registry+"/x/hello:1").must(t); !strings.Contains(o.stdout, "Hello from learndocker!") {
			t.Errorf("stdout %q", o.stdout)
		}
	})
	t.Run("all see the same guest book", func(t *testing.T) {
		need(t, "umoci", "umoci")
		d.run("pull", "-q", "guestbook").must(t)
		store, name := filepath.Join(d.data, "images"), "docker.io/library/guestbook:latest"
		skopeo(t, "copy", "--dest-tls-verify=false", "oci:"+store+":"+name, "docker://"+registry+"/x/guestbook:1")
		if o := d.run("run", "--rm", registry+"/x/guestbook:1").must(t); o.stdout != book {
			t.Errorf("from Debian's registry it prints %q", o.stdout)
		}
		bundle := filepath.Join(t.TempDir(), "bundle")
		tool(t, "umoci", "unpack", "--image", store+":"+name, bundle)
		rootfs := filepath.Join(bundle, "rootfs")
		if got := readText(t, filepath.Join(rootfs, "book")); got != book {
			t.Errorf("umoci unpacks the book %q", got)
		}
		entries, err := os.ReadDir(rootfs)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if want := []string{"book", "read", "sign"}; !slices.Equal(names, want) {
			t.Errorf("umoci unpacks %v, want %v", names, want)
		}
		program := exec.Command("/read")
		program.Dir, program.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: rootfs}
		if o := finish(t, program).must(t); o.stdout != book {
			t.Errorf("unpacked by umoci, its program prints %q", o.stdout)
		}
	})
	t.Run("umoci reads the store", func(t *testing.T) {
		need(t, "umoci", "umoci")
		image := filepath.Join(d.data, "images") + ":" + bb
		tool(t, "umoci", "stat", "--image", image, "--json")
		bundle := filepath.Join(t.TempDir(), "bundle")
		tool(t, "umoci", "unpack", "--image", image, bundle)
		if got := readText(t, filepath.Join(bundle, "rootfs", "etc", "added")); got != "by the second layer\n" {
			t.Errorf("unpacked %q", got)
		}
		if _, err := os.Lstat(filepath.Join(bundle, "rootfs", "etc", "gone")); err == nil {
			t.Error("umoci finds a file that the layer above deletes")
		}
	})
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/client"
)

// classroom is a network of its own with a registry in it, a real dockerd and
// a learndocker daemon, which have the same images.
type classroom struct {
	dockerd, ours parityDaemon
}

// parityDaemon is one side.
type parityDaemon struct {
	host string
	data string
}

// newClassroom makes one for the test whose goroutine calls it. The goroutine
// keeps its thread, which lives in the new network and ends with it.
func newClassroom(t *testing.T) *classroom {
	t.Helper()
	needRoot(t)
	need(t, "dockerd", "docker.io")
	need(t, "ip", "iproute2")
	store := registry.New(registry.Logger(discardLogger))
	fillRegistry(t, store)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	tool(t, "ip", "link", "set", "lo", "up")
	serveImages(t, store)
	if os.Getenv("LEARNDOCKER_PARITY_PEER") == "dockerd" {
		return &classroom{dockerd: startDockerd(t), ours: secondDockerd(t)}
	}
	return &classroom{dockerd: startDockerd(t), ours: oursOf(startDaemon(t))}
}

// secondDockerd stands in for learndocker: what is volatile between two of
// them says nothing of learndocker.
func secondDockerd(t *testing.T) parityDaemon {
	t.Helper()
	tool(t, "ip", "link", "add", "ldparity1", "type", "bridge")
	tool(t, "ip", "address", "add", "172.30.0.1/24", "dev", "ldparity1")
	return startDockerd(t, "--bridge", "ldparity1")
}

func oursOf(d *testDaemon) parityDaemon { return parityDaemon{d.host, d.data} }

// startDockerd runs a dockerd that nothing else on the machine meets: its
// mounts, its network and its processes are its own and end with it.
func startDockerd(t *testing.T, flags ...string) parityDaemon {
	t.Helper()
	dir := shortDir(t)
	group := "ld-parity-" + filepath.Base(dir)
	d := parityDaemon{"unix://" + filepath.Join(dir, "docker.sock"), filepath.Join(dir, "data")}
	script := `mount -t tmpfs tmpfs /run || exit
dir=$0 group=$1; shift
dockerd "$@" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" -H "unix://$dir/docker.sock" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$group" --insecure-registry localhost:5000
true`
	line := append([]string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, dir, group}, flags...)
	cmd := exec.Command("unshare", line...)
	log, err := os.Create(filepath.Join(dir, "dockerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dockerd said:\n%s", readText(t, log.Name()))
		}
		_ = cmd.Process.Kill() // its children end with it
		_ = cmd.Wait()
		removeGroups(t, group)
	})
	c, err := client.New(d.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ready, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Await(ready); err != nil { // it listens long before it answers
		t.Fatalf("dockerd does not answer: %v", err)
	}
	return d
}

// removeGroups removes the control groups that a killed dockerd leaves, once
// their processes have gone.
func removeGroups(t *testing.T, group string) {
	t.Helper()
	await(t, "the control groups of dockerd to be gone", func() bool {
		left := false
		tops, err := filepath.Glob("/sys/fs/cgroup/*/" + group)
		if err != nil {
			t.Fatal(err)
		}
		for _, top := range append(tops, "/sys/fs/cgroup/"+group) {
			var all []string
			_ = filepath.WalkDir(top, func(path string, e os.DirEntry, err error) error {
				if err == nil && e.IsDir() {
					all = append(all, path)
				}
				return nil
			})
			slices.Reverse(all)
			for _, path := range all {
				left = os.Remove(path) != nil || left
			}
		}
		return !left
	})
}

// fillRegistry pushes the images, while the network is still the tests' own.
func fillRegistry(t *testing.T, store http.Handler) {
	t.Helper()
	outside := httptest.NewServer(store)
	defer outside.Close()
	where := strings.TrimPrefix(outside.URL, "http://")
	push(t, where+"/bb:latest", parityImage(t))
	push(t, where+"/web:1", webImage(t))
}

// serveImages lets registries listen in this thread's network: one at port
// 5000, and one at 5001 that wants a name and a password.
func serveImages(t *testing.T, store http.Handler) {
	t.Helper()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, word, ok := r.BasicAuth(); !ok || name != "ada" || word != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="parity"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		store.ServeHTTP(w, r)
	})
	for address, handler := range map[string]http.Handler{"127.0.0.1:5000": store, "127.0.0.1:5001": guarded} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
		go func() { _ = server.Serve(listener) }() // until it is closed
		t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	}
}

// parityImage is busybox with all its names, in two layers that have a history.
func parityImage(t *testing.T) ggcr.Image {
	t.Helper()
	need(t, "busybox", "busybox-static")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	base := []entry{
		{name: "bin/", kind: '5'}, {name: "bin/busybox", body: readText(t, path)},
		{name: "etc/", kind: '5'}, {name: "etc/passwd", mode: 0o644, body: "root:x:0:0:root:/root:/bin/sh\nada:x:1815:1852::/home/ada:/bin/sh\n"},
		{name: "etc/group", mode: 0o644, body: "root:x:0:\nlovelace:x:1852:ada\nstaff:x:50:ada\n"},
		{name: "etc/plain", mode: 0o644, body: "not a program\n"},
		{name: "tmp/", kind: '5', mode: 0o1777}, {name: "root/", kind: '5', mode: 0o700},
		{name: "var/", kind: '5'}, {name: "var/files/", kind: '5'},
		{name: "var/files/a", mode: 0o644, body: "a\n"}, {name: "var/files/link", kind: '2', link: "a"}, {name: "var/files/out", kind: '2', link: "/etc/passwd"},
	}
	for name := range strings.FieldsSeq(tool(t, path, "--list")) {
		if name != "busybox" {
			base = append(base, entry{name: "bin/" + name, kind: '2', link: "busybox"})
		}
	}
	img := imageOf(t, ggcr.Config{Cmd: []string{"sh"}, Env: []string{searchPath}})
	for i, l := range []ggcr.Layer{layerOf(t, base...), layerOf(t, entry{name: "etc/added", mode: 0o644, body: "by the second layer\n"})} {
		made := ggcr.History{Author: "parity", Created: ggcr.Time{Time: time.Unix(1_700_000_000, 0)}, CreatedBy: fmt.Sprintf("layer %d", i+1), Comment: "made for a test"}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: made}); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// webImage says in its config all that an image can.
func webImage(t *testing.T) ggcr.Image {
	t.Helper()
	img, err := mutate.Config(parityImage(t), ggcr.Config{
		Entrypoint: []string{"/bin/echo", "entry"}, Cmd: []string{"from", "image"}, Env: []string{searchPath, "FROM_IMAGE=yes"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/var/files": {}},
		WorkingDir: "/var", User: "ada", StopSignal: "SIGUSR1", Labels: map[string]string{"of": "the image", "both": "image"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

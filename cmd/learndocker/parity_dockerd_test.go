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

// classroom is a real dockerd and a learndocker daemon that have the same
// images. Each has a network of its own, with a registry at localhost:5000.
type classroom struct {
	dockerd, ours parityDaemon
}

// parityDaemon is one side.
type parityDaemon struct {
	host  string
	dir   string
	data  string
	group string // the top of its control groups, where that is not learndocker
}

func newClassroom(t *testing.T) *classroom {
	t.Helper()
	needRoot(t)
	need(t, "dockerd", "docker.io")
	need(t, "ip", "iproute2")
	room := &classroom{dockerd: startParityDockerd(t, newNetwork(t))}
	if os.Getenv("LEARNDOCKER_PARITY_PEER") == "dockerd" {
		room.ours = startParityDockerd(t, newNetwork(t))
		return room
	}
	ours := startDaemon(t, "nsenter", "--net="+newNetwork(t))
	room.ours = parityDaemon{host: ours.host, dir: ours.dir, data: ours.data}
	return room
}

// newNetwork makes a network with the registries in it and returns its path
// for nsenter(1). It lasts as long as the test.
func newNetwork(t *testing.T) string {
	t.Helper()
	store := registry.New(registry.Logger(discardLogger))
	fillRegistry(t, store)
	made := make(chan string)
	failed := make(chan error)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	go func() {
		runtime.LockOSThread() // and no unlocking: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = exec.Command("ip", "link", "set", "lo", "up").Run()
		}
		var servers []*http.Server
		if err == nil {
			servers, err = serveImages(store)
		}
		if err != nil {
			failed <- err
			return
		}
		made <- fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		<-over
		for _, s := range servers {
			_ = s.Close()
		}
	}()
	select {
	case path := <-made:
		return path
	case err := <-failed:
		t.Fatalf("make a network: %v", err)
	}
	return ""
}

// startDockerd runs a dockerd that nothing else on the machine meets: its
// mounts, its network and its processes are its own and end with it.
func startParityDockerd(t *testing.T, network string) parityDaemon {
	t.Helper()
	dir := shortDir(t)
	group := "ld-parity-" + filepath.Base(dir)
	d := parityDaemon{host: "unix://" + filepath.Join(dir, "docker.sock"), dir: dir, data: filepath.Join(dir, "data"), group: group}
	script := `mount -t tmpfs tmpfs /run || exit
dockerd --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/pid" -H "unix://$0/docker.sock" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$1" --insecure-registry localhost:5000
true`
	cmd := exec.Command("nsenter", "--net="+network, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, dir, group)
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
		named, err := filepath.Glob("/sys/fs/cgroup/*/ld-parity-parent") // by a row: no daemon removes what it was told to use
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range named {
			_ = os.Remove(path) // it stays where another test uses it
		}
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
func serveImages(store http.Handler) (servers []*http.Server, err error) {
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
			return nil, err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
		go func() { _ = server.Serve(listener) }() // until it is closed
		servers = append(servers, server)
	}
	return servers, nil
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
	if img, err = mutate.CreatedAt(img, ggcr.Time{Time: time.Unix(1_700_000_000, 0)}); err != nil {
		t.Fatal(err)
	}
	return img
}

// webImage says in its config all that an image can.
func webImage(t *testing.T) ggcr.Image {
	t.Helper()
	later, err := mutate.CreatedAt(parityImage(t), ggcr.Time{Time: time.Unix(1_700_000_000+86400, 0)})
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.Config(later, ggcr.Config{
		Entrypoint: []string{"/bin/echo", "entry"}, Cmd: []string{"from", "image"}, Env: []string{searchPath, "FROM_IMAGE=yes"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/var/files": {}},
		WorkingDir: "/var", User: "ada", StopSignal: "SIGUSR1", Labels: map[string]string{"of": "the image", "both": "image"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

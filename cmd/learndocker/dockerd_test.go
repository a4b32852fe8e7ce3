//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/client"
)

// realDockerd is a private dockerd of the distribution, without a network, with
// an image of busybox that was made from the same files as busyboxImage's.
type realDockerd struct {
	t    *testing.T
	host string
	cli  string
}

// startDockerd starts one and ends it with the test.
func startDockerd(t *testing.T) *realDockerd {
	t.Helper()
	needRoot(t)
	need(t, "dockerd", "docker.io")
	dir := shortDir(t)
	d := &realDockerd{t: t, host: "unix://" + filepath.Join(dir, "s"), cli: dockers(t)[0]}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server := exec.Command("dockerd", "--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "exec"), "-H", d.host, "-p", filepath.Join(dir, "pid"),
		"--exec-opt", "native.cgroupdriver=cgroupfs", "--iptables=false", "--bridge=none", "--storage-driver=overlay2")
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = awaitExit(t, server) // it ends by the signal
	})
	c, err := client.New(d.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ready, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Await(ready); err != nil {
		t.Fatalf("dockerd does not answer: %v\n%s", err, readText(t, filepath.Join(dir, "log")))
	}
	return d
}

// docker runs a docker command against the real daemon.
func (d *realDockerd) docker(stdin string, args ...string) outcome {
	d.t.Helper()
	return clientCommand(d.t, d.host, strings.NewReader(stdin), d.cli, args...)
}

// dockerCLI runs the docker command against learndocker's daemon.
func (d *testDaemon) dockerCLI(stdin string, args ...string) outcome {
	d.t.Helper()
	return clientCommand(d.t, d.host, strings.NewReader(stdin), dockers(d.t)[0], args...)
}

func sha256Of(data []byte) string { return digest.FromBytes(data).String() }

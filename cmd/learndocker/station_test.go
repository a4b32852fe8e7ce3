//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/learndocker/learndocker/engine/client"
)

// station is a daemon in a directory that is given, for scripts and for tests
// that start one where another has been killed. Other tests use startDaemon.
type station struct {
	program string
	dir     string
	cmd     *exec.Cmd
	log     bytes.Buffer // of the daemon; whole once it has ended
	ended   chan struct{}
	err     error
}

// startStation starts a daemon in dir and waits until it answers.
func startStation(program, dir string, flags ...string) (*station, error) {
	s := &station{program: program, dir: dir, ended: make(chan struct{})}
	s.cmd = exec.Command(program, append([]string{"daemon", "--debug", "-H", s.host(), "--data-root", s.data()}, flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.WaitDelay = time.Second // a container's programs may hold the output open
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { // one that has ended is not waited for
		<-s.ended
		cancel()
	}()
	c, err := s.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.Await(ctx); err != nil {
		s.kill()
		return nil, fmt.Errorf("start daemon: %w\n%s", err, s.log.String())
	}
	return s, nil
}

func (s *station) data() string { return filepath.Join(s.dir, "data") }
func (s *station) host() string { return "unix://" + filepath.Join(s.dir, "docker.sock") }

func (s *station) client() (*client.Client, error) { return client.New(s.host()) }

// stop asks the daemon to end and reports what it leaves: a status other than
// 0, mounts, control groups, its bridge, its socket.
func (s *station) stop() error {
	select {
	case <-s.ended:
		return s.leftovers()
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.kill()
		return errors.New("the daemon did not end at SIGTERM")
	}
	if s.err != nil {
		return fmt.Errorf("the daemon ended with %w", s.err)
	}
	return s.leftovers()
}

// kill ends the daemon as a crash would, and waits for it.
func (s *station) kill() {
	_ = s.cmd.Process.Kill() // an error is one that has ended
	<-s.ended
}

func (s *station) leftovers() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, s.dir+"/") {
			return fmt.Errorf("the daemon left a mount: %s", line)
		}
	}
	containers, err := os.ReadDir(filepath.Join(s.data(), "containers"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, c := range containers {
		groups, err := filepath.Glob("/sys/fs/cgroup/*/learndocker/" + c.Name())
		if err != nil || len(groups) > 0 {
			return fmt.Errorf("the daemon left control groups %v (%v)", groups, err)
		}
	}
	if name := bridgeOf(s.data()); name != "" {
		return fmt.Errorf("the daemon left its bridge %s", name)
	}
	if _, err := os.Lstat(filepath.Join(s.dir, "docker.sock")); err == nil {
		return errors.New("the daemon left its socket")
	}
	return nil
}

// receive takes what a test waits for. What does not come within patience fails
// the test, by its name.
func receive[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("%s: not within %s", what, patience)
	}
	return v
}

// awaitExit waits for a process. One that stays fails the test: it is asked for
// its goroutines, which a program in Go prints at SIGQUIT, and killed.
func awaitExit(t *testing.T, cmd *exec.Cmd) error {
	t.Helper()
	if cmd.ProcessState != nil {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Errorf("%s has not ended within %s", cmd, patience)
			_ = cmd.Process.Signal(s) // one that has just ended
		}
	}
	return <-ended
}

// outcome is how a command ended.
type outcome struct {
	stdout, stderr string
	status         int
}

// clientCommand runs a client of the daemon: learndocker or a docker command.
func clientCommand(t *testing.T, host string, stdin io.Reader, program string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// The settings of whoever runs the tests are not the tests'.
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host, "DOCKER_CONFIG=/nonexistent", "DOCKER_API_VERSION=", "DOCKER_CONTEXT=")
	cmd.Stdin = stdin
	return finish(t, cmd)
}

// run runs learndocker as a client of the daemon.
func (d *testDaemon) run(args ...string) outcome {
	d.t.Helper()
	return clientCommand(d.t, d.host, nil, program(d.t), args...)
}

// finish runs a command to its end. One that cannot be run, or that is killed,
// fails the test, and has the status -1. It may be called by other goroutines
// than the test's.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // a killed one's children may hold its output open
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() < 0 {
		t.Errorf("%s: %v\n%s%s", cmd, err, stdout.String(), stderr.String())
		return outcome{stdout.String(), stderr.String(), -1}
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must fails the test where the command did not end with 0.
func (o outcome) must(t *testing.T) outcome {
	t.Helper()
	if o.status != 0 {
		t.Fatalf("status %d\nstdout:\n%s\nstderr:\n%s", o.status, o.stdout, o.stderr)
	}
	return o
}

// tool runs a command that must succeed and returns what it printed.
func tool(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// memoryRegistry serves a registry from memory on loopback and returns its
// host and port.
func memoryRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(discardLogger)))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

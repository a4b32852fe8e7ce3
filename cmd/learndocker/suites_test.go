//go:build linux && suites

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mobyModule holds the version of moby whose tests these are.
const mobyModule = "testdata/mobysuite"

// mobyImages are what its tests want to find with the daemon. busybox stands in
// for all of them: there is no Docker Hub here.
var mobyImages = []string{"busybox:latest", "busybox:glibc", "hello-world:frozen", "hello-world:amd64", "hello-world:arm64", "debian:bookworm-slim"}

// TestMoby runs moby's own integration tests against a daemon, and prints what
// passes and what does not.
//
//	LEARNDOCKER_SUITES=container,image   these packages of moby's integration
//	LEARNDOCKER_SUITES_PEER=dockerd      the real dockerd of this machine instead of learndocker
//	LEARNDOCKER_SUITES_RUN=TestExec      these tests
func TestMoby(t *testing.T) {
	packages := []string{"container", "image", "volume", "system"}
	if only := os.Getenv("LEARNDOCKER_SUITES"); only != "" {
		packages = strings.Split(only, ",")
	}
	binaries, source := buildMoby(t, packages)
	room := newClassroom(t)
	daemon := room.ours
	if os.Getenv("LEARNDOCKER_SUITES_PEER") == "dockerd" {
		daemon = room.dockerd
	}
	haveMobyImages(t, daemon)
	for _, p := range packages {
		t.Run(p, func(t *testing.T) {
			said := runMoby(t, filepath.Join(binaries, p+".test"), filepath.Join(source, "integration", p), daemon)
			passed, failed, skipped := countTests(said)
			t.Logf("moby integration/%s: %d pass, %d fail, %d skip", p, len(passed), len(failed), len(skipped))
			t.Logf("pass:\n  %s", strings.Join(passed, "\n  "))
			t.Logf("skip:\n  %s", strings.Join(skipped, "\n  "))
			for _, name := range failed {
				t.Errorf("fail: %s", name)
			}
			if len(passed)+len(failed) == 0 {
				t.Errorf("no test ran:\n%s", said)
			}
			if file := os.Getenv("LEARNDOCKER_SUITES_LOG"); file != "" {
				if err := os.WriteFile(file+"."+p, []byte(said), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// buildMoby builds the tests and returns where they are, and where their
// source is. moby has no go.mod, so Go must be told which language it speaks.
func buildMoby(t *testing.T, packages []string) (binaries, source string) {
	t.Helper()
	const module = "github.com/docker/docker"
	binaries = t.TempDir()
	args := []string{"test", "-c", "-vet=off", "-gcflags=" + module + "/...=-lang=go1.23", "-o", binaries + "/"}
	for _, p := range packages {
		args = append(args, module+"/integration/"+p)
	}
	build := exec.Command("go", args...)
	build.Dir, build.Env = mobyModule, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build moby's tests: %v\n%s", err, said)
	}
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	find.Dir = mobyModule
	dir, err := find.Output()
	if err != nil {
		t.Fatal(err)
	}
	return binaries, strings.TrimSpace(string(dir))
}

// haveMobyImages gives the daemon the images, under all their names.
func haveMobyImages(t *testing.T, d parityDaemon) {
	t.Helper()
	docker := dockers(t)[0]
	clientCommand(t, d.host, nil, docker, "pull", "-q", "localhost:5000/bb").must(t)
	for _, name := range mobyImages {
		clientCommand(t, d.host, nil, docker, "tag", "localhost:5000/bb", name).must(t)
	}
}

// mobyPatience bounds one package: some of its tests wait for what never comes.
const mobyPatience = 15 * time.Minute

// runMoby runs a package's tests where they find their files.
func runMoby(t *testing.T, binary, dir string, d parityDaemon) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mobyPatience+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.timeout", fmt.Sprint(mobyPatience), "-test.run", os.Getenv("LEARNDOCKER_SUITES_RUN"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_REMOTE_DAEMON=1", "DOCKER_API_VERSION="+d.apiVersion(t), "HOME="+t.TempDir())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	_ = cmd.Run() // what it says tells more than its status
	return said.String()
}

// apiVersion is the newest that the daemon speaks: the tests' client takes its
// own otherwise.
func (d parityDaemon) apiVersion(t *testing.T) string {
	t.Helper()
	said := clientCommand(t, d.host, nil, dockers(t)[0], "version", "-f", "{{.Server.APIVersion}}").must(t)
	return strings.TrimSpace(said.stdout)
}

var testResult = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL|SKIP): (\S+)`)

func countTests(said string) (passed, failed, skipped []string) {
	for _, m := range testResult.FindAllStringSubmatch(said, -1) {
		switch m[1] {
		case "PASS":
			passed = append(passed, m[2])
		case "FAIL":
			failed = append(failed, m[2])
		case "SKIP":
			skipped = append(skipped, m[2])
		}
	}
	slices.Sort(passed)
	slices.Sort(failed)
	slices.Sort(skipped)
	return passed, failed, skipped
}

//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ociSuite is the runtime validation of opencontainers/runtime-tools: one
// program for each thing that the runtime specification demands. Each drives
// the runtime named by RUNTIME, and says what it found as TAP.
type ociSuite struct {
	dir       string // of the programs, and of what they look for where they run
	programs  []string
	temporary string            // for their bundles
	wrappers  map[string]string // of each runtime, the script that is it for the programs
}

// ociModule holds the suite's version, in a module of its own.
const ociModule = "testdata/ocisuite"

// programPatience bounds a validation program; most end within a second.
const programPatience = time.Minute

// programsAtOnce is how many run beside each other: they ask for a container's
// state once a second, and wait in between.
const programsAtOnce = 8

// TestOCIValidation lets runc, crun and learndocker oci be validated: what
// either of the others passes on this machine, ours passes too.
//
//	LEARNDOCKER_OCI_ONLY=create,hooks    these programs and no others
//	LEARNDOCKER_OCI_RUNTIMES=runc,crun   these runtimes: only to see what they score
func TestOCIValidation(t *testing.T) {
	needRoot(t)
	need(t, "runc", "runc")
	need(t, "crun", "crun")
	suite := buildSuite(t)
	runtimes := []string{"runc", "crun", "learndocker"}
	if only := os.Getenv("LEARNDOCKER_OCI_RUNTIMES"); only != "" {
		runtimes = strings.Split(only, ",")
	}
	verdicts := suite.validate(t, runtimes)
	for _, name := range runtimes {
		t.Logf("%s: %s", name, score(verdicts[name]))
	}
	for _, p := range suite.programs {
		line := fmt.Sprintf("%-34s", p)
		for _, name := range runtimes {
			line += fmt.Sprintf(" %s %-5s", name, verdicts[name][p].word)
		}
		t.Log(line)
	}
	if slices.Contains(runtimes, "learndocker") {
		suite.judge(t, verdicts)
	}
}

// judge holds ours against the others'. What some programs say depends on who
// was quicker, a container's end or the next request: these get more tries.
func (s *ociSuite) judge(t *testing.T, verdicts map[string]map[string]verdict) {
	t.Helper()
	ours := verdicts["learndocker"]
	for _, p := range s.programs {
		if verdicts["runc"][p].word != "pass" && verdicts["crun"][p].word != "pass" {
			continue
		}
		for range 2 {
			if ours[p].word != "pass" {
				ours[p] = s.run(p, s.wrappers["learndocker"], false)
			}
		}
		if ours[p].word != "pass" {
			t.Errorf("%s: runc: %s, crun: %s, learndocker oci: %s\n%s", p, verdicts["runc"][p].word, verdicts["crun"][p].word, ours[p].word, ours[p].said)
		}
	}
}

// verdict is what a program found: pass, fail or skip.
type verdict struct{ word, said string }

func score(of map[string]verdict) string {
	n := map[string]int{}
	for _, v := range of {
		n[v.word]++
	}
	return fmt.Sprintf("%d pass, %d fail, %d skip", n["pass"], n["fail"], n["skip"])
}

// buildSuite builds the programs where they find their root file system and
// the program that they run in it.
func buildSuite(t *testing.T) *ociSuite {
	t.Helper()
	const module = "github.com/opencontainers/runtime-tools"
	s := &ociSuite{dir: shortDir(t), temporary: shortDir(t), wrappers: map[string]string{}}
	build := exec.Command("go", "build", "-o", s.dir+"/", module+"/validation/...", module+"/cmd/runtimetest")
	build.Dir, build.Env = ociModule, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the suite: %v\n%s", err, said)
	}
	t.Cleanup(func() { // the control groups that its programs name, and no runtime removes
		tops, err := filepath.Glob("/sys/fs/cgroup/*/testdir")
		if err != nil {
			t.Fatal(err)
		}
		for _, top := range tops {
			_ = exec.Command("find", top, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run() // what is left is in use
		}
	})
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	find.Dir = ociModule
	source, err := find.Output()
	if err != nil {
		t.Fatal(err)
	}
	rootfs := fmt.Sprintf("rootfs-%s.tar.gz", runtime.GOARCH)
	data := readText(t, filepath.Join(strings.TrimSpace(string(source)), rootfs))
	if err := os.WriteFile(filepath.Join(s.dir, rootfs), []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	built, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	only := os.Getenv("LEARNDOCKER_OCI_ONLY")
	for _, e := range built {
		name := e.Name()
		if name != rootfs && name != "runtimetest" && (only == "" || slices.Contains(strings.Split(only, ","), name)) {
			s.programs = append(s.programs, name)
		}
	}
	return s
}

// validate runs every program with every runtime. Those that make control
// groups share one path among them, so these come one after the other.
func (s *ociSuite) validate(t *testing.T, runtimes []string) map[string]map[string]verdict {
	t.Helper()
	found := map[string]map[string]verdict{}
	var mu sync.Mutex
	var running sync.WaitGroup
	groups := make(chan struct{}, 1)
	all := make(chan struct{}, programsAtOnce)
	for _, name := range runtimes {
		s.wrappers[name], found[name] = s.wrap(t, name), map[string]verdict{}
		for _, p := range s.programs {
			running.Add(1)
			go func() {
				defer running.Done()
				if strings.HasPrefix(p, "linux_cgroups") || p == "delete_resources" {
					groups <- struct{}{}
					defer func() { <-groups }()
				}
				all <- struct{}{}
				v := s.run(p, s.wrappers[name], name == "crun")
				<-all
				mu.Lock()
				found[name][p] = v
				mu.Unlock()
			}()
		}
		running.Wait() // two runtimes at once would meet in these groups and in what they mount
	}
	return found
}

// wrap writes a script that is the runtime, with its state in a directory of
// the test's: the suite knows no flags for it.
func (s *ociSuite) wrap(t *testing.T, name string) string {
	t.Helper()
	state := shortDir(t)
	line := name + ` --root "` + state + `"`
	if name == "learndocker" {
		line = program(t) + ` oci --root "` + state + `"`
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec "+line+` "$@"`+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the suite leaves containers that it has not started
		left, err := os.ReadDir(state)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range left {
			said, err := exec.Command(path, "delete", "--force", c.Name()).CombinedOutput()
			if err != nil && name == "learndocker" {
				t.Errorf("delete --force %s: %v\n%s", c.Name(), err, said)
			}
		}
	})
	return path
}

// run runs one program and reads what it says. crun is confused by a hybrid
// machine's cgroup v2: it gets a view of the machine without it.
func (s *ociSuite) run(name, wrapper string, hideUnified bool) verdict {
	ctx, cancel := context.WithTimeout(context.Background(), programPatience)
	defer cancel()
	script := `exec "./$0"`
	if hideUnified {
		script = `umount /sys/fs/cgroup/unified 2>/dev/null; exec "./$0"`
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", script, name)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "RUNTIME="+wrapper, "TMPDIR="+s.temporary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return verdict{readTAP(stdout.String(), err), fmt.Sprintf("%v\n%s%s", err, stdout.String(), stderr.String())}
}

var tapLine = regexp.MustCompile(`(?m)^(not )?ok\b(.*)$`)

// readTAP reads the Test Anything Protocol: every point must be ok, there must
// be one, and the program's status counts as well.
func readTAP(said string, err error) string {
	points, skipped := 0, 0
	for _, m := range tapLine.FindAllStringSubmatch(said, -1) {
		points++
		excused := strings.Contains(strings.ToUpper(m[2]), "# SKIP")
		if m[1] != "" && !excused {
			return "fail"
		}
		if excused {
			skipped++
		}
	}
	switch {
	case err != nil || points == 0:
		return "fail"
	case skipped == points:
		return "skip"
	}
	return "pass"
}

// TestReadTAP: silence is no success.
func TestReadTAP(t *testing.T) {
	for said, want := range map[string]string{
		"TAP version 13\nok 1 - a\nok 2 - b\n1..2\n": "pass", "ok 1\nnot ok 2 - b\n": "fail", "": "fail", "1..0\n": "fail",
		"ok 1 # SKIP no such thing\n": "skip", "ok 1 # skip\nok 2\n": "pass", "not ok 1 # SKIP\n": "skip", "okay\n": "fail",
	} {
		if got := readTAP(said, nil); got != want {
			t.Errorf("%q is read as %s, want %s", said, got, want)
		}
	}
	if got := readTAP("ok 1\n", os.ErrInvalid); got != "fail" {
		t.Errorf("a program that ended in error: %s", got)
	}
}

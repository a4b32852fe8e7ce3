//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript plays the stories in testdata/script: what a person types, and
// what then stands on the screen. Each has its own directories and daemon.
func TestScript(t *testing.T) {
	needRoot(t)
	learndocker := program(t)
	registry := memoryRegistry(t)
	push(t, registry+"/bb:latest", busyboxImage(t))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(learndocker)+":"+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "station", "docker.sock"))
			env.Setenv("LEARNDOCKER_DATA_ROOT", filepath.Join(env.WorkDir, "station", "data"))
			env.Setenv("ARCH", runtime.GOARCH)
			env.Setenv("LEARNDOCKER", learndocker)
			env.Setenv("BB", registry+"/bb")
			env.Values[stationKey{}] = new(*station)
			return os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": func(ts *testscript.TestScript, neg bool, args []string) { scriptDaemon(ts, learndocker, neg, args) },
			"status": scriptStatus,
			"masked": scriptMasked,
			"empty":  scriptEmpty,
		},
	})
}

// stationKey is where a script keeps its daemon.
type stationKey struct{}

// scriptDaemon: "daemon start" waits until it answers, "daemon stop" until it
// has ended and fails where it leaves anything; a script's end does so too.
func scriptDaemon(ts *testscript.TestScript, program string, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: daemon start [flag...] | daemon stop")
	}
	here := ts.Value(stationKey{}).(**station)
	switch args[0] {
	case "start":
		dir := ts.MkAbs("station")
		ts.Check(os.MkdirAll(dir, 0o755))
		s, err := startStation(program, dir, args[1:]...)
		ts.Check(err)
		*here = s
		ts.Defer(func() {
			if *here == s { // a failed script did not come to its "daemon stop"
				ts.Check(s.stop())
			}
		})
	case "stop":
		s := *here
		*here = nil
		ts.Check(s.stop())
	default:
		ts.Fatalf("daemon %s: want start or stop", args[0])
	}
}

// scriptStatus: "status N command…" runs a command that must end with status N.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		if _, scanErr := fmt.Sscanf(err.Error(), "exit status %d", &got); scanErr != nil {
			ts.Fatalf("%s: %v", args[1], err)
		}
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// scriptMasked: "masked FILE stdout|stderr|FILE" writes what was said with its
// digests replaced, so that it can be compared as a whole.
func scriptMasked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: masked FILE stdout|stderr|FILE")
	}
	text := maskDigests(ts.ReadFile(args[1]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// scriptEmpty: "empty DIR" fails where the directory holds anything.
func scriptEmpty(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if (len(entries) == 0) == neg {
			ts.Fatalf("%s holds %v", dir, entries)
		}
	}
}

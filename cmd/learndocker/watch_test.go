//go:build linux

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/learndocker/learndocker/narrate"
)

// TestWatchTellsNoLies watches containers of all kinds: the stages' own pages
// must be true of each, not of hello-world only.
func TestWatchTellsNoLies(t *testing.T) {
	needRoot(t)
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	d := startDaemon(t)
	t.Cleanup(d.end)
	library, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	w, err := narrate.NewWatch(t.Context(), d.host, library, narrate.Options{Version: version, Language: language})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan map[string]int)
	go func() {
		stages := map[string]int{}
		for {
			step, err := w.Next(ctx)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				w.Close() // the daemon goes on unwatched
				seen <- stages
				return
			}
			stages[string(step.Stage())]++
			for _, lie := range step.False() {
				t.Errorf("%s (%s): not so: %s", step.Stage(), step.Command, lie)
			}
		}
	}()
	for _, args := range [][]string{
		{"run", image, "true"},
		{"run", "--rm", "--network", "none", image, "false"},
		{"run", "-w", "/new/dir", "-u", "1000:1000", "--read-only", image, "sh", "-c", "exit 7"},
		{"run", "--memory", "64m", "--cpus", "0.5", "--pids-limit", "9", image, "sh", "-c", "kill -9 $$"},
		{"run", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", image, "true"},
		{"run", "--security-opt", "seccomp=unconfined", image, "true"},
		{"run", image, "/no/such"},
		{"run", "hello-world"},
		{"pull", image},
		{"images"}, {"ps", "-a"},
	} {
		d.run(args...) // their statuses differ; what is told of them must be true
	}
	cancel()
	select {
	case stages := <-seen:
		if len(stages) < 20 {
			t.Errorf("stages seen: %v; want all 20", stages)
		}
	case <-time.After(patience):
		t.Fatal("the watcher does not end")
	}
}

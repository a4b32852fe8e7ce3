//go:build linux

package narrate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/probe"
)

// TestVerdicts: what several containers have is shared or own; where one has
// nothing, or the daemon's, nothing is said.
func TestVerdicts(t *testing.T) {
	for want, cases := range map[string][][]string{
		"shared": {{"a", "a"}, {"a", "a", "a"}, {"1" + theHosts, "1" + theHosts}, {"1" + theDaemons, "1" + theDaemons}},
		"own":    {{"a", "b"}, {"a", "b", "c"}},
		"":       {{}, {"a"}, {"a", ""}, {"a", "a", "b"}, {"1" + theHosts, "2"}, {"1" + theDaemons, "2"}},
	} {
		for _, cells := range cases {
			if got := verdict(cells); got != want {
				t.Errorf("%q: %q, want %q", cells, got, want)
			}
		}
	}
}

// TestContainersOfASession follows two containers from their creation on; the
// process of one is this test's own.
func TestContainersOfASession(t *testing.T) {
	upper := t.TempDir()
	if err := os.WriteFile(filepath.Join(upper, "book"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var all containers
	states := func() string {
		var list []string
		for _, c := range all {
			list = append(list, c.Name+" "+c.State)
		}
		return strings.Join(list, ", ")
	}
	own := os.Getpid()
	for i, each := range []struct {
		fact stage.Fact
		pid  int
		want string
	}{
		{stage.Created{ID: "1", Name: "one"}, 1, "one created"},
		{stage.Overlay{Container: "1", Lower: []string{"l"}, Upper: upper}, 1, "one created"},
		{stage.Namespaces{Container: "1", PID: own}, own, "one starting"},
		{stage.Network{PID: own, Address: "10.0.0.2/24"}, own, "one starting"},
		{stage.Exec{}, own, "one starting"},
		{stage.Response{}, 1, "one running"},
		{stage.Created{ID: "2", Name: "two"}, 1, "one running, two created"},
		{stage.Namespaces{Container: "2", PID: 1 << 30}, 1 << 30, "one running, two starting"},
		{stage.Exit{Container: "1", Status: 3}, own, "one exited, two starting"},
		{stage.Removed{Container: "1"}, 1, "one removed, two starting"},
	} {
		all.observe(stage.Point{Seq: uint64(i), PID: each.pid, Fact: each.fact})
		if got := states(); got != each.want {
			t.Fatalf("after %s: %s, want %s", each.fact.Stage(), got, each.want)
		}
		if i == 5 {
			all.look(7, own)
		}
	}
	one := all[0]
	if one.SeenAt != 7 || len(one.Namespaces) < 7 || one.Inside == 0 || one.Address != "10.0.0.2" || one.Status != 3 || !slices.Equal(one.Written, []string{"/book"}) {
		t.Errorf("of the first is known %+v", one)
	}
	if all.look(8, own); all[1].State != StateExited || all[1].described() != StateExited {
		t.Errorf("a process that is not there is %q", all[1].described())
	}
	if _, err := json.Marshal(all.shown()); err != nil {
		t.Error(err)
	}
}

// TestDigestsAreComputed: what the engine calls a part is not repeated, but
// compared with what its bytes are.
func TestDigestsAreComputed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(file, []byte(`{"rootfs":{"diff_ids":["sha256:x"]}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	right, body := probe.Digest(file), "an index"
	var a anatomy
	a.observe(stage.Point{Fact: stage.Resolved{
		Index: probe.DigestOf([]byte(body)), Manifest: "sha256:m", Config: right, Layers: []stage.Layer{{Digest: "sha256:lie"}},
		Documents: []stage.Document{{Digest: probe.DigestOf([]byte(body)), Body: body}, {Digest: "sha256:m", Body: "another manifest"}},
	}})
	a.observe(stage.Point{Fact: stage.Blob{Digest: right, MediaType: "application/vnd.oci.image.config.v1+json", Path: file}})
	last := stage.Point{Fact: stage.Blob{Digest: "sha256:lie", MediaType: "layer", Path: file}}
	a.observe(last)
	e := &evidence{point: last, anatomy: &a}
	var got []string
	for _, r := range e.digests().Rows {
		got = append(got, r.Cells[0]+" "+r.Cells[4])
	}
	want := []string{"index same", "manifest other", "config same", "layer 1 other", "archive 1 "}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

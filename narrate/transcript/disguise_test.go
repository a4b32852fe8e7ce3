package transcript

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// another is the recording as another run would have made it: other numbers,
// other names, the same story.
func another(t *testing.T) *narrate.Recording {
	t.Helper()
	r := recorded(t)
	replace := []string{}
	for v, s := range volatile(r.Steps) {
		switch s.kind {
		case "pid":
			replace = append(replace, v, "7"+v)
		case "ns":
			replace = append(replace, v, "41"+v[2:])
		case "id":
			replace = append(replace, v, strings.Map(func(d rune) rune { return rune("5e1d0f3c2b4a9786"[strings.IndexRune("0123456789abcdef", d)]) }, v))
		case "name":
			replace = append(replace, v, "quiet_tern")
		case "data":
			replace = append(replace, v, "/var/tmp/other/data")
		case "dir":
			replace = append(replace, v, "/var/tmp/other")
		}
	}
	words := map[string]string{}
	for i := 0; i < len(replace); i += 2 {
		words[replace[i]] = replace[i+1]
	}
	w := &work{header: r.Header, steps: r.Steps}
	numbers := wordReplacer(words)
	w.rewrite(numbers, func(field string, n int64) int64 {
		switch field {
		case "PID", "Parent", "NSpid", "Children", "Inode", "Host":
			var changed int64
			if err := json.Unmarshal([]byte(numbers(mustJSON(t, n))), &changed); err != nil {
				t.Fatal(err)
			}
			return changed
		}
		return n
	})
	r.Steps, r.Header = w.steps, w.header
	return r
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestStable: two runs of one lesson are written down alike, in every format.
func TestStable(t *testing.T) {
	one, two := recorded(t), another(t)
	for _, format := range []string{"md", "html", "svg", "cast", "cast3", "jsonl", "sh"} {
		if text(t, one, format, Options{}) == text(t, two, format, Options{}) {
			t.Fatalf("%s: the two runs do not differ: the test proves nothing", format)
		}
		a, b := text(t, one, format, Options{Stable: true}), text(t, two, format, Options{Stable: true})
		if a != b {
			t.Errorf("%s: two runs are not written down alike:\n%s", format, firstDifference(a, b))
		}
		for value, s := range volatile(one.Steps) {
			if s.kind == "id" && strings.Contains(a, value) {
				t.Errorf("%s: the id %s is left", format, value)
			}
		}
	}
}

func firstDifference(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-80)
			return a[from:min(len(a), i+80)] + "\n" + b[from:min(len(b), i+80)]
		}
	}
	return "one is longer"
}

// TestStableRecordingReplays: what names stand for is still of its kind.
func TestStableRecordingReplays(t *testing.T) {
	data := text(t, recorded(t), "jsonl", Options{Stable: true})
	r, err := narrate.ReadRecording(bytes.NewReader([]byte(data)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps[14].Point == nil || len(r.Steps) != 26 {
		t.Errorf("%d steps", len(r.Steps))
	}
}

// TestOptionsLeaveStepsAlone: a transcript changes nothing for the next one.
func TestOptionsLeaveStepsAlone(t *testing.T) {
	r := recorded(t)
	before := mustJSON(t, r.Steps)
	for _, f := range []string{"md", "jsonl", "sh"} {
		text(t, r, f, Options{Stable: true, Redact: true, Only: map[bool]string{true: "", false: "14:namespaces"}[f == "sh"]})
	}
	if mustJSON(t, r.Steps) != before {
		t.Error("the steps are not what they were")
	}
}

// TestRedact: nothing of what tells whose machine it was is left.
func TestRedact(t *testing.T) {
	r := recorded(t)
	r.Header.Machine.Kernel = "6.1.0-31-alices-own"
	s := r.Steps[1]
	request := s.Point.Fact.(stage.Request)
	request.Peer.UID, request.Peer.GID = 70123, 70123
	request.Headers["X-Registry-Auth"] = "c2VjcmV0"
	s.Point.Fact = request
	secrets := []string{"/home/alice/", "/run/user/70123/", "user-70123.slice", "thinkpad-x1", "c2VjcmV0", "3f1f6a3c-9c4e-4d55-8f0e-2f1b9d6a7c11", "/dev/mapper/thinkpad-root", "alices-own", "alice"}
	s.Prose += " " + strings.Join(secrets, " ") + " as user 70123."
	s.DataRoot = "/home/alice/.local/share/learndocker"
	s.Panels[0].Rows = append(s.Panels[0].Rows, narrate.Row{Cells: []string{"X-Registry-Auth: c2VjcmV0"}})
	for _, p := range r.Steps {
		if p.Point == nil {
			continue
		}
		if f, ok := p.Point.Fact.(stage.Resolved); ok {
			f.Mirror, f.Registry = false, "registry.corp.example.com:5000"
			p.Point.Fact = f
			p.Prose += " from registry.corp.example.com:5000"
		}
	}
	s.Show = []string{narrate.PanelWire}
	for _, format := range []string{"md", "html", "cast", "jsonl"} {
		out := text(t, r, format, Options{Redact: true, Detail: "full", Secrets: []string{"thinkpad-x1", "alice"}})
		for _, secret := range append(secrets, "70123", "registry.corp") {
			if strings.Contains(out, secret) {
				t.Errorf("%s: %q is left", format, secret)
			}
		}
		if !strings.Contains(out, "/home/user/") {
			t.Errorf("%s: the path went with the name", format)
		}
	}
}

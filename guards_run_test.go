//go:build guards

package learndocker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGuards takes each guard out, in a copy that the compiler is given in place
// of the file (go help build, -overlay), and runs a test that must then fail. A
// guard that can go without any test noticing is not held by anything. All of it
// runs confined: without its guards the program does harm.
func TestGuards(t *testing.T) {
	for pkg, tests := range testsOfGuards() {
		t.Run("with all guards in their places/"+pkg, func(t *testing.T) {
			t.Parallel()
			if said, err := confined(t, "", pkg, strings.Join(tests, "|")); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	for _, g := range guards {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			said, err := confined(t, overlayFor(t, g.edits), g.pkg, g.run)
			switch {
			case err == nil && strings.Contains(said, "no tests to run"):
				t.Errorf("no test is named %s in %s", g.run, g.pkg)
			case err == nil:
				t.Errorf("%s in %s passes without the guard", g.run, g.pkg)
			case strings.Contains(said, "[build failed]") || strings.Contains(said, "[setup failed]") || strings.Contains(said, "go build:"):
				t.Errorf("what is put in its place is no Go:\n%s", said)
			case !strings.Contains(said, "--- FAIL") && !strings.Contains(said, "panic: test timed out"):
				t.Errorf("ended otherwise than by a test's failure: %v\n%s", err, said)
			default:
				t.Logf("noticed by %s", strings.Join(noticed.FindAllString(said, 3), ", "))
			}
		})
	}
}

var noticed = regexp.MustCompile(`(?m)^ *--- FAIL: .*|^panic: test timed out.*`)

// testsOfGuards are the tests of all guards, by their packages.
func testsOfGuards() map[string][]string {
	tests := map[string][]string{}
	for _, g := range guards {
		if !slices.Contains(tests[g.pkg], g.run) {
			tests[g.pkg] = append(tests[g.pkg], g.run)
		}
	}
	return tests
}

// confined runs tests so that they can harm nothing, and returns what they say.
func confined(t *testing.T, overlay, pkg, run string) (said string, err error) {
	t.Helper()
	tmp, err := os.MkdirTemp("", "ld-") // short: sockets are made in it, unix(7)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o1777); err != nil { // other users are played, too
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "scripts/confined", "go", "test", "-count=1", "-timeout", "120s", "-run", run, pkg)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	if overlay != "" { // by the environment, so that tests that build the program build this one
		cmd.Env = append(cmd.Env, "GOFLAGS=-overlay="+overlay)
	}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "the machine can be written") {
		t.Fatal(string(out))
	}
	return string(out), err
}

// overlayFor writes the edited copies and the file that tells the compiler of them.
func overlayFor(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for i, e := range edits {
		path := filepath.Join(root, e.file)
		from := path
		if again, ok := replace[path]; ok {
			from = again
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), e.out); n != 1 {
			t.Fatalf("%s: the code to take out is there %d times, want once: correct the table\n%s", e.file, n, e.out)
		}
		copied := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(copied, []byte(strings.Replace(string(data), e.out, e.in, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[path] = copied
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTable builds each mutation without running a test: the code to take out is
// there, and what is put in its place is Go.
func TestTable(t *testing.T) {
	for _, g := range guards {
		overlay := overlayFor(t, g.edits)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "./"+filepath.Dir(g.edits[0].file))
		cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", g.name, err, said)
		}
	}
}

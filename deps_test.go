// Package learndocker holds nothing but the tests of the whole repository.
package learndocker

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/learndocker/learndocker/"

// rules say which packages of this module each package may import. What is not
// listed may be imported by nobody but the commands. The directions are the
// design's: narrate reaches the engine only through its client and the facts,
// and the engine knows nothing of who watches.
var rules = map[string][]string{
	"engine/stage":             {},
	"engine/stage/wire":        {"engine/stage"},
	"engine/sys":               {"engine/stage"},
	"engine/cgroup":            {"engine/sys", "engine/stage"},
	"engine/container/caps":    {},
	"engine/container/seccomp": {},
	"engine/container/hook":    {},
	"engine/container/pid1":    {"engine/container/caps", "engine/container/hook", "engine/sys", "engine/stage", "engine/stage/wire"},
	"engine/container":         {"engine/container/caps", "engine/container/hook", "engine/container/pid1", "engine/cgroup", "engine/sys", "engine/stage", "engine/stage/wire"},
	"engine/network":           {"engine/sys", "engine/stage"},
	"engine/overlay":           {"engine/sys", "engine/stage"},
	"engine/layer":             {"engine/sys", "engine/stage"},
	"engine/files":             {"engine/layer"},
	"engine/image":             {"engine/sys"},
	"engine/pull":              {"engine/stage"},
	"engine/registry":          {},
	"engine/logs":              {},
	"engine/volume":            {"engine/sys"},
	"engine/api":               {},
	"engine/client":            {"engine/api"},
	"engine/rootless":          {},
	"engine/survey":            {"engine/api", "engine/cgroup", "engine/overlay", "engine/registry", "engine/sys"},
	"engine": {
		"engine/registry", "engine/pull", "engine/image", "engine/layer", "engine/volume", "engine/overlay", "engine/network", "engine/container", "engine/container/caps", "engine/files", "engine/logs",
		"engine/container/pid1", "engine/container/seccomp", "engine/cgroup", "engine/sys", "engine/stage", "engine/stage/wire",
	},
	"engine/oci": {
		"engine/container", "engine/container/hook", "engine/container/pid1", "engine/container/seccomp", "engine/cgroup", "engine/sys",
	},
	"engine/daemon": {"engine", "engine/api", "engine/client", "engine/files", "engine/image", "engine/logs", "engine/volume", "engine/stage", "engine/stage/wire"},

	"narrate/probe":      {},
	"narrate/lesson":     {"engine/stage"},
	"narrate/prose":      {"narrate/lesson"},
	"narrate/shell":      {"narrate/probe", "narrate/prose"},
	"narrate/doctor":     {"engine/api"},
	"narrate":            {"narrate/probe", "narrate/lesson", "narrate/prose", "engine/client", "engine/stage", "engine/stage/wire"},
	"narrate/term":       {"narrate", "narrate/prose"},
	"narrate/web":        {"narrate", "narrate/lesson"},
	"narrate/byhand":     {"narrate", "engine/stage"},
	"narrate/transcript": {"narrate", "narrate/prose", "narrate/term", "narrate/byhand", "engine/stage"},
	"narrate/site":       {"narrate", "narrate/web"},

	"narrate/internal/browsertest": {},

	"lessons": {},
	"content": {},
}

// imports lists each package of the module with what it imports.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Env = append(os.Environ(), "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		found[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	return found
}

func TestDependencyRules(t *testing.T) {
	for pkg, list := range imports(t) {
		if strings.HasPrefix(pkg, "cmd/") || pkg == strings.TrimSuffix(module, "/") {
			continue // commands wire everything together; the root holds this test only
		}
		allowed, known := rules[pkg]
		if !known {
			t.Errorf("package %s has no rule: add it to rules in deps_test.go, at its place in the design", pkg)
			continue
		}
		for _, i := range list {
			inner, ours := strings.CutPrefix(i, module)
			if ours && !slices.Contains(allowed, inner) {
				t.Errorf("%s imports %s; it may import only %v", pkg, inner, allowed)
			}
			if strings.HasPrefix(pkg, "engine") && (strings.Contains(i, "spf13/cobra") || strings.Contains(i, "fatih/color")) {
				t.Errorf("%s imports %s: the engine has no commands and no colours", pkg, i)
			}
		}
	}
}

// TestInitStaysLean holds the imports of the package that every container's
// start pays for. Go initialises packages as soon as what they import is, in
// the order of their paths: one heavy import, or one whose path sorts late,
// puts pid1 behind the rest of the program.
func TestInitStaysLean(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./engine/container/pid1").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, heavy := range []string{"net", "regexp", "runtime/debug", "crypto", "compress", "text/template", "github.com/distribution"} {
			if pkg == heavy || strings.HasPrefix(pkg, heavy+"/") {
				t.Errorf("engine/container/pid1 depends on %s, which costs every container's start", pkg)
			}
		}
	}
}

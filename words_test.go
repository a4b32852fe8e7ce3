package learndocker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/learndocker/learndocker/content"
)

// speakers are the files of which a learner reads nearly every string.
var speakers = []string{
	"narrate/panel.go", "narrate/anatomy.go", "narrate/containers.go", "narrate/term/controls.go", "narrate/term/foot.go", "narrate/term/pager.go", "narrate/term/render.go", "narrate/term/picture.go", "narrate/transcript/markdown.go", "narrate/transcript/words.go", "narrate/shell/shell.go",
}

// unspoken are their strings that are no words of ours: names of the kernel's,
// of files and of formats, which are the same in every language, and what is
// only compared.
var unspoken = []string{
	"wire", "config", "acts", "mounts", "namespaces", "network", "process", "ids", "security", "held: ", " HTTP/1.1", "HTTP/1.1 %d, to %s %s", "/config.json", "…/merged", "cap_", "CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Uid", "Gid", "gid_map",
	"blobs", "rootfs", "diff_ids", "diff_ids %d", "/proc/%d/root%s", "digests", "stack", "changes", "exists", "kind", "Entrypoint", "Cmd", "Env", "WorkingDir", "User", "NSpid", "State", "ns", "pid",
	"ociVersion", "process.args", "process.cwd", "process.env", "root.path", "hostname", "linux.namespaces", "linux.cgroupsPath",
	"right", "left", "up", "down", "pageup", "pagedown", "esc", "ctrl-c", "ctrl-d", "TERM", "dumb", ", Linux ", ", cgroup ", "SHELL", "HELD=", "stderr", "inside# ", "/bin/sh",
	"learndocker", "console", "text", "sh", "root", "-pictures", "way", ".svg", "%20", "%23", "%25", "%28", "%29", "%3A", "%3C", "%3E", "%3F",
}

// TestFixedWordsAreInTheCatalogue: whatever the interface says by itself can be
// translated, and the catalogue has no words that nobody says.
func TestFixedWordsAreInTheCatalogue(t *testing.T) {
	data, err := fs.ReadFile(content.Files, "en/words.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var catalogue map[string]string
	if err := yaml.Unmarshal(data, &catalogue); err != nil {
		t.Fatal(err)
	}
	for _, file := range speakers {
		for _, said := range literals(t, file) {
			if !covers(catalogue, said) && !slices.Contains(unspoken, said) {
				t.Errorf("%s: %q is not in content/en/words.yaml: add it, with the place where it is met; if a learner never reads it as a word, to unspoken here", file, said)
			}
		}
	}
	page := inTemplate(t, "narrate/transcript/page.html")
	for _, text := range page {
		if _, ok := catalogue[text]; !ok {
			t.Errorf("narrate/transcript/page.html: %q is not in content/en/words.yaml", text)
		}
	}
	for file, texts := range inScripts(t) {
		for _, text := range texts.said {
			if _, ok := catalogue[text]; !ok {
				t.Errorf("%s: %q is not in content/en/words.yaml", file, text)
			}
		}
		page = append(page, texts.all...)
	}
	used := map[string]bool{}
	for _, said := range append(literals(t, goFiles(t)...), page...) {
		for _, text := range partsOf(said) {
			used[text], used[text+" %d"] = true, true
		}
	}
	for text := range catalogue {
		if !used[text] && !used[strings.TrimPrefix(text, "held: ")] {
			t.Errorf("content/en/words.yaml: %q is said nowhere: remove it", text)
		}
	}
}

// covers reports whether the catalogue has a string, or all the parts of which
// a cell is put together.
func covers(catalogue map[string]string, said string) bool {
	in := func(text string) bool {
		_, whole := catalogue[text]
		_, numbered := catalogue[text+" %d"]
		return whole || numbered || text == "" || text == "%s"
	}
	parts := partsOf(said)
	return in(said) || !slices.ContainsFunc(parts[1:], func(part string) bool { return !in(part) })
}

var saidInTemplate = regexp.MustCompile(`\bsayf? "([^"]*)"`)

// scriptTexts are a file's strings: those that it says, and all.
type scriptTexts struct{ said, all []string }

var (
	saidInScript = regexp.MustCompile(`\b[sS]ay(?:\('([^'\n]+)'\)|\("([^"\n]+)"\)| "([^"\n]+)")`)
	inScript     = regexp.MustCompile(`'([^'\n]+)'|"([^"\n]+)"`)
)

// inScripts are the strings of the page's and the site's scripts and templates.
func inScripts(t *testing.T) map[string]scriptTexts {
	t.Helper()
	found := map[string]scriptTexts{}
	for _, pattern := range []string{"narrate/web/page/*.js", "narrate/site/page/*.js", "narrate/site/pages/*.html"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var texts scriptTexts
			for _, m := range saidInScript.FindAllStringSubmatch(string(data), -1) {
				texts.said = append(texts.said, m[1]+m[2]+m[3])
			}
			for _, m := range inScript.FindAllStringSubmatch(string(data), -1) {
				texts.all = append(texts.all, m[1]+m[2])
			}
			texts.all = append(texts.all, texts.said...)
			found[file] = texts
		}
	}
	return found
}

// inTemplate are the fixed words that a template says.
func inTemplate(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range saidInTemplate.FindAllStringSubmatch(string(data), -1) {
		list = append(list, m[1])
	}
	if len(list) == 0 {
		t.Errorf("%s says nothing", file)
	}
	return list
}

// partsOf are a string and its parts between commas.
func partsOf(said string) []string {
	list := []string{said}
	for _, part := range strings.Split(said, ", ") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

// goFiles are the program's sources on the learner's side.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{"narrate", "narrate/*", "cmd/learndocker"} {
		found, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
}

var letters = regexp.MustCompile(`[A-Za-z]{2}|, [→←…]`)

// literals are the strings with words in them, but for imports, tags, and the
// texts of errors, which are English.
func literals(t *testing.T, files ...string) []string {
	t.Helper()
	var list []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec, *ast.Field:
				return false
			case *ast.CallExpr:
				name, ok := n.Fun.(*ast.SelectorExpr)
				return !ok || name.Sel.Name != "Errorf"
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && letters.MatchString(text) {
					list = append(list, text)
				}
			}
			return true
		})
	}
	return list
}

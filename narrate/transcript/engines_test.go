package transcript

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/learndocker/learndocker/narrate"
)

// marked is where scripts/test-deps has put Hexo's Markdown engine.
func marked(t *testing.T) string {
	t.Helper()
	need(t, "node", "nodejs")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "learndocker-test")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "marked")); err != nil {
		t.Fatalf("Hexo's Markdown engine is missing; run: make test-deps (%v)", err)
	}
	return dir
}

func needGem(t *testing.T, library, aptPackage string) {
	t.Helper()
	need(t, "ruby", "ruby")
	if exec.Command("ruby", "-e", "require '"+library+"'").Run() != nil {
		t.Fatalf("ruby's %s is missing: apt-get install %s", library, aptPackage)
	}
}

// engines turn a post into HTML as the generators do, their own template
// languages first.
var engines = []struct {
	frontMatter string
	render      func(t *testing.T, body string) string
}{
	{"jekyll", func(t *testing.T, body string) string {
		needGem(t, "liquid", "ruby-liquid")
		needGem(t, "kramdown-parser-gfm", "ruby-kramdown-parser-gfm")
		return run(t, body, "ruby", "-e", `
require "liquid"; require "kramdown"; require "kramdown-parser-gfm"
body = Liquid::Template.parse(STDIN.read, error_mode: :strict).render!({"site" => {"title" => "LIQUID WAS HERE"}})
print Kramdown::Document.new(body, input: "GFM", hard_wrap: false, syntax_highlighter: nil).to_html`)
	}},
	{"hexo", func(t *testing.T, body string) string {
		cmd := exec.Command("node", "-e", `
const {marked} = require("marked");
process.stdout.write(marked.parse(require("fs").readFileSync(0, "utf8"), {gfm: true}));`)
		cmd.Dir = marked(t)
		cmd.Stdin = strings.NewReader(body)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("marked: %v\n%s", err, out)
		}
		return string(out)
	}},
	{"hugo", func(t *testing.T, body string) string {
		var b bytes.Buffer
		// Hugo's defaults: raw HTML is left out.
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList, extension.Typographer)).Convert([]byte(withoutJoiner(body)), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}},
	{"none", func(t *testing.T, body string) string {
		var b bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(body), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}},
}

// withoutJoiner takes out the sign of no width that keeps shortcodes from Hugo.
func withoutJoiner(body string) string { return strings.ReplaceAll(body, "\u2060", "") }

// rendered is what is found in a post's HTML.
type rendered struct {
	tables   [][][]string // rows of cells
	code     []string
	pictures []string
	heads    []string
	prose    string // text outside of code
	scripts  int
}

func parse(t *testing.T, source string) rendered {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var r rendered
	r.walk(doc)
	return r
}

func (r *rendered) walk(n *html.Node) {
	if n.Type == html.TextNode {
		r.prose += n.Data
	}
	if n.Type == html.ElementNode {
		switch n.Data {
		case "script":
			r.scripts++
		case "table":
			r.tables = append(r.tables, rows(n))
		case "pre":
			r.code = append(r.code, strings.TrimSuffix(innerText(n), "\n"))
			return
		case "code":
			return
		case "h1", "h2":
			r.heads = append(r.heads, innerText(n))
		case "img":
			src, alt := "", ""
			for _, a := range n.Attr {
				if a.Key == "src" {
					src = a.Val
				}
				if a.Key == "alt" {
					alt = a.Val
				}
			}
			r.pictures = append(r.pictures, src+"|"+alt)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.walk(c)
	}
}

func innerText(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	s := ""
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		s += innerText(c)
	}
	return s
}

func rows(table *html.Node) [][]string {
	var list [][]string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "tr" {
			var cells []string
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				if c.Type == html.ElementNode {
					cells = append(cells, strings.TrimSpace(innerText(c)))
				}
			}
			list = append(list, cells)
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(table)
	return list
}

// TestEngines: each generator's own engine makes of the post what was meant:
// every table, code block and picture, and not a sign of what programs said
// taken for its own.
func TestEngines(t *testing.T) {
	for _, e := range engines {
		for name, r := range map[string]*narrate.Recording{"recorded": recorded(t), "spoiled": spoiled(t)} {
			t.Run(e.frontMatter+"/"+name, func(t *testing.T) {
				o := Options{FrontMatter: e.frontMatter, Name: "my post.md"}
				list := files(t, r, "md", o)
				body := string(list[0].Data)
				if e.frontMatter != "none" {
					body = strings.SplitN(body, "---\n", 3)[2]
				}
				if e.frontMatter == "hexo" && name == "spoiled" && !strings.Contains(string(list[0].Data), "\ndisableNunjucks: true\n") {
					t.Error("Hexo would read what programs said as Nunjucks")
				}
				checkRendered(t, r, o, list, parse(t, e.render(t, body)))
			})
		}
	}
}

func checkRendered(t *testing.T, r *narrate.Recording, o Options, list []File, got rendered) {
	t.Helper()
	w := &work{Options: o, header: r.Header, steps: r.Steps, words: nil}
	var code []string
	var tables []evidence
	for _, s := range w.sections() {
		if len(s.output) > 0 {
			code = append(code, strings.Join(s.output, "\n"))
		}
		if s.command != "" {
			code = append(code, "$ "+s.command)
		}
		for _, e := range s.evidence {
			if e.text == nil {
				tables = append(tables, e)
				continue
			}
			text := e.text
			if e.more > 0 {
				text = append(text[:len(text):len(text)], w.left(e.more))
			}
			code = append(code, strings.Join(text, "\n"))
			if len(e.hands) > 0 {
				code = append(code, strings.Join(e.hands, "\n"))
			}
		}
	}
	if len(got.code) != len(code) {
		t.Errorf("%d code blocks, want %d", len(got.code), len(code))
	}
	for i := range min(len(code), len(got.code)) {
		if strings.Trim(got.code[i], "\n") != strings.Trim(code[i], "\n") { // marked drops empty lines at the end
			t.Errorf("code block %d is\n%s\nwant\n%s", i, got.code[i], code[i])
		}
	}
	if len(got.tables) != len(tables) {
		t.Fatalf("%d tables, want %d", len(got.tables), len(tables))
	}
	for i, e := range tables {
		checkTable(t, e, got.tables[i])
	}
	there := map[string]bool{}
	for _, f := range list[1:] {
		there[strings.ReplaceAll(f.Name, " ", "%20")] = true
	}
	if len(got.pictures) < 20 {
		t.Errorf("%d pictures", len(got.pictures))
	}
	for _, p := range got.pictures {
		src, alt, _ := strings.Cut(p, "|")
		if !there[src] || alt == "" {
			t.Errorf("picture %q with alt %q: there are %v", src, alt, there)
		}
	}
	heads := strings.Join(got.heads, "\n")
	for _, s := range r.Steps {
		if s.Kind == narrate.KindStop && !strings.Contains(heads, fmt.Sprintf("%d. ", s.N)) {
			t.Errorf("step %d has no heading", s.N)
		}
	}
	for _, sign := range []string{"```", "| ---", "LIQUID WAS HERE", "](", "{% raw", "endraw"} {
		if strings.Contains(got.prose, sign) && !strings.Contains(strings.Join(hostile, "\n"), sign) {
			t.Errorf("%q is left in the text", sign)
		}
	}
	if got.scripts > 0 {
		t.Error("what a program said has become a script")
	}
}

func checkTable(t *testing.T, e evidence, got [][]string) {
	t.Helper()
	want := len(e.table.Rows) + 1
	if e.more > 0 {
		want++
	}
	if len(got) != want {
		t.Errorf("table %q: %d rows, want %d", e.title, len(got), want)
		return
	}
	for i, r := range e.table.Rows {
		for j, cell := range r.Cells {
			if j >= len(got[i+1]) {
				t.Errorf("table %q, row %d: %d cells, want %d", e.title, i, len(got[i+1]), len(r.Cells))
				break
			}
			if plain := oneLine(clean(cell)); oneLine(got[i+1][j]) != plain {
				t.Errorf("table %q, row %d: %q, want %q", e.title, i, got[i+1][j], plain)
			}
		}
	}
}

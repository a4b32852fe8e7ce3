package site

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/learndocker/learndocker/content"
	"github.com/learndocker/learndocker/narrate/prose"
)

// bundled are the recordings of the hello-world lesson, as root and as an
// ordinary user.
func bundled(t *testing.T) []Source {
	t.Helper()
	var list []Source
	for _, name := range []string{"hello-world.jsonl", "hello-world.rootless.jsonl"} {
		data, err := os.ReadFile("../../lessons/recordings/" + name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Source{name, data})
	}
	return list
}

// korean is a small recording that is told in Korean too.
func korean(title string) Source {
	return Source{"korean.jsonl", []byte(`{"learndocker-recording":1,"lesson":"two-tongues","title":` + quoted(title) + `,"language":"en","languages":["en","ko"],"titles":{"ko":"두 언어"},"made":"2026-01-02T03:04:05Z","version":"x","machine":{"kernel":"6.1","arch":"amd64","cgroup":"v2"}}
{"kind":"intro","n":0,"of":0,"title":` + quoted(title) + `,"prose":"Said in ` + "`two`" + ` languages.","in":{"ko":{"title":"두 언어","prose":"두 언어로 말합니다."}},"edge":{},"probe":{}}
{"kind":"end","n":1,"of":1,"title":"The end","prose":"Over.","claims":[{"say":"It is over.","holds":false}],"in":{"ko":{"title":"끝입니다","prose":"끝났습니다.","claims":["끝났습니다"]}},"edge":{},"probe":{}}
`)}
}

func quoted(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}

const base = "https://example.org/some/where/"

func build(t *testing.T, address string, sources ...Source) Files {
	t.Helper()
	o := Options{Words: fixedWords(t)}
	if address != "" {
		u, err := ParseBase(address)
		if err != nil {
			t.Fatal(err)
		}
		o.Base = u
	}
	files, err := Build(sources, o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// elements are all elements of a page.
func elements(t *testing.T, data []byte) []*html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var list []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, address := range []string{"", base} {
		files := build(t, address, append(bundled(t), korean("Two tongues"))...)
		checked := 0
		for name, data := range files {
			if path.Ext(name) != ".html" {
				continue
			}
			ids := map[string]bool{}
			for _, n := range elements(t, data) {
				if id := attribute(n, "id"); id != "" {
					if ids[id] {
						t.Errorf("%s: id %s comes twice", name, id)
					}
					ids[id] = true
				}
				for _, key := range []string{"href", "src", "data-recording", "data-home", "content"} {
					to := attribute(n, key)
					if key == "content" && !strings.HasPrefix(to, base) || to == "" {
						continue
					}
					checked++
					if target := resolve(t, name, to); target != "" && files[target] == nil {
						t.Errorf("%s: <%s %s=%q> leads to %s, which is not there", name, n.Data, key, to, target)
					}
				}
			}
		}
		if checked < 500 {
			t.Errorf("only %d links were looked at", checked)
		}
	}
}

// resolve is the file that an address in a page means; "" for one elsewhere.
func resolve(t *testing.T, page, to string) string {
	t.Helper()
	from, err := url.Parse(base + page)
	if err != nil {
		t.Fatal(err)
	}
	u, err := from.Parse(to)
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	u.Fragment, u.RawQuery = "", ""
	file, ours := strings.CutPrefix(u.String(), base)
	if !ours {
		t.Errorf("%s: %q leads out of the site", page, to)
		return ""
	}
	if file == "" || strings.HasSuffix(file, "/") {
		file += "index.html"
	}
	return file
}

func TestStepsAreReadWithoutScripts(t *testing.T) {
	files := build(t, base, append(bundled(t), korean("Two tongues"))...)
	for file, want := range map[string][]string{
		"lessons/hello-world/14/index.html":   {"A process is born behind walls", "One call, <code>clone</code>, made a process", "In its own PID namespace it is 1.", `property="og:image" content="` + base + `cards/hello-world/14.png"`, `rel="canonical" href="` + base + `lessons/hello-world/14/"`},
		"lessons/two-tongues/1/index.html":    {"not so on this machine", "It is over.", `hreflang="ko" href="` + base + `ko/lessons/two-tongues/1/"`},
		"ko/lessons/two-tongues/1/index.html": {`<html lang="ko"`, "끝입니다", "끝났습니다.", `hreflang="en" href="` + base + `lessons/two-tongues/1/"`},
		"ko/index.html":                       {"두 언어", `href="../ko/lessons/hello-world/"`},
		"search.ko.json":                      {"두 언어로 말합니다."},
	} {
		for _, w := range want {
			if !strings.Contains(string(files[file]), w) {
				t.Errorf("%s does not say %s", file, w)
			}
		}
	}
}

func TestFeedAndSitemap(t *testing.T) {
	files := build(t, base, append(bundled(t), korean(`Two & "tongues" <b>`))...)
	var feed struct {
		XMLName xml.Name
		ID      string    `xml:"http://www.w3.org/2005/Atom id"`
		Title   string    `xml:"http://www.w3.org/2005/Atom title"`
		Updated time.Time `xml:"http://www.w3.org/2005/Atom updated"`
		Author  string    `xml:"http://www.w3.org/2005/Atom author>name"`
		Links   []struct {
			Rel  string `xml:"rel,attr"`
			Href string `xml:"href,attr"`
		} `xml:"http://www.w3.org/2005/Atom link"`
		Entries []struct {
			ID      string    `xml:"id"`
			Title   string    `xml:"title"`
			Updated time.Time `xml:"updated"`
			Content string    `xml:"content"`
		} `xml:"http://www.w3.org/2005/Atom entry"`
	}
	if err := xml.Unmarshal(files["feed.xml"], &feed); err != nil {
		t.Fatal(err)
	}
	if feed.ID != base || feed.Title == "" || feed.Updated.IsZero() || feed.Author == "" || feed.Links[0].Rel != "self" || feed.Links[0].Href != base+"feed.xml" {
		t.Errorf("the feed lacks what RFC 4287 wants: %+v", feed)
	}
	ids := map[string]bool{}
	for _, e := range feed.Entries {
		if e.ID == "" || ids[e.ID] || e.Title == "" || e.Updated.IsZero() || e.Content == "" {
			t.Errorf("an entry lacks what RFC 4287 wants: %+v", e)
		}
		ids[e.ID] = true
	}
	if len(feed.Entries) != 2 {
		t.Errorf("%d entries for two lessons", len(feed.Entries))
	}

	var sitemap struct {
		XMLName xml.Name `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
		URLs    []struct {
			Loc string `xml:"loc"`
		} `xml:"url"`
	}
	if err := xml.Unmarshal(files["sitemap.xml"], &sitemap); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, u := range sitemap.URLs {
		listed[resolve(t, "sitemap.xml", u.Loc)] = true
	}
	for name := range files {
		wanted := path.Base(name) == "index.html" && !strings.HasPrefix(name, "embed/")
		if wanted != listed[name] && path.Ext(name) == ".html" {
			t.Errorf("sitemap.xml lists %s: %v", name, listed[name])
		}
	}
}

func TestCards(t *testing.T) {
	for name, data := range build(t, base, korean(strings.Repeat("A title longer than a card is wide, 가나다 ", 12))) {
		if !strings.HasPrefix(name, "cards/") {
			continue
		}
		c, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width != cardWidth || c.Height != cardHeight {
			t.Errorf("%s: %dx%d, %v", name, c.Width, c.Height, err)
		}
	}
}

func TestWithoutAddress(t *testing.T) {
	files := build(t, "", bundled(t)...)
	for name, data := range files {
		if strings.HasPrefix(name, "cards/") || slices.Contains([]string{"feed.xml", "sitemap.xml", "robots.txt", "404.html"}, name) {
			t.Errorf("%s is there, and nobody knows where the site is", name)
		}
		if path.Ext(name) == ".html" && bytes.Contains(data, []byte(`="http`)) {
			t.Errorf("%s has an absolute link", name)
		}
	}
}

func TestSameBytes(t *testing.T) {
	one, other := build(t, base, bundled(t)...), build(t, base, bundled(t)...)
	if !slices.Equal(slices.Sorted(maps.Keys(one)), slices.Sorted(maps.Keys(other))) {
		t.Fatal("two builds have different files")
	}
	for name := range one {
		if !bytes.Equal(one[name], other[name]) {
			t.Errorf("%s differs between two builds", name)
		}
	}
}

// budget is how much a reader loads of a lesson before its recording, in bytes.
const budget = 200_000

func TestBudget(t *testing.T) {
	files := build(t, base, bundled(t)...)
	for _, name := range []string{"index.html", "lessons/hello-world/14/index.html", "lessons/hello-world/compare/index.html"} {
		sum := len(files[name])
		loaded := loads(files, name)
		for file := range loaded {
			sum += len(files[file])
		}
		if sum > budget || len(loaded) < 4 {
			t.Errorf("%s loads %d bytes in %d files; the budget is %d", name, sum, len(loaded), budget)
		}
	}
}

// loads are the assets that a page names, and those that these name in turn.
func loads(files Files, page string) map[string]bool {
	found := map[string]bool{}
	queue := []string{page}
	for len(queue) > 0 {
		dir := path.Dir(queue[0])
		for _, m := range named.FindAllStringSubmatch(string(files[queue[0]]), -1) {
			file := path.Join(dir, m[1])
			if _, there := files[file]; there && strings.HasPrefix(file, "assets/") && !found[file] {
				found[file] = true
				queue = append(queue, file)
			}
		}
		queue = queue[1:]
	}
	return found
}

var named = regexp.MustCompile(`["']([\w./-]+\.(?:js|css|svg))["']`)

// TestHostileWords: what a container or an image wrote is text, wherever it comes.
func TestHostileWords(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)> "'&` + "\x07" + ` [x](javascript:alert(3)) ![x](https://evil.example/x.png) <!-- ]]>` + "\n\n<script>alert(4)</script>\n"
	head := `{"learndocker-recording":1,"lesson":"evil","title":` + quoted(evil) + `,"language":"en","made":"2026-01-02T03:04:05Z","version":` + quoted(evil) + `,"machine":{"kernel":` + quoted(evil) + `,"arch":"amd64","cgroup":"v2"}}`
	steps := []string{head}
	for n, kind := range []string{"intro", "end"} {
		steps = append(steps, fmt.Sprintf(`{"kind":%q,"n":%d,"of":1,"command":%[3]s,"title":%[3]s,"prose":%[3]s,"more":%[3]s,"claims":[{"say":%[3]s,"holds":true}],"failed":[%[3]s],"output":[{"stream":"stdout","text":%[3]s}],
			"question":{"id":"q","question":%[3]s,"choices":[{"key":"a","text":%[3]s}]},"outcomes":[{"question":{"id":"q","question":%[3]s,"choices":null},"measured":"a","why":%[3]s}],"edge":{},"probe":{}}`, kind, n, quoted(evil)))
		steps[n+1] = strings.ReplaceAll(steps[n+1], "\n", "")
	}
	recording := []byte(strings.Join(steps, "\n") + "\n")
	files := build(t, base, Source{"evil", recording}, Source{"again", recording})
	for name, data := range files {
		if path.Ext(name) == ".xml" {
			if err := xml.Unmarshal(data, new(struct{})); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if path.Ext(name) != ".html" {
			continue
		}
		for _, n := range elements(t, data) {
			switch {
			case n.Data == "img":
				t.Errorf("%s: an image was made of words", name)
			case n.Data == "script" && attribute(n, "src") == "" && attribute(n, "type") != "application/json":
				t.Errorf("%s: a script was made of words", name)
			case strings.HasPrefix(attribute(n, "href"), "javascript:"):
				t.Errorf("%s: a link runs a script", name)
			}
			if n.Data == "script" && attribute(n, "type") == "application/json" && !json.Valid([]byte(n.FirstChild.Data)) {
				t.Errorf("%s: what the scripts are told is no JSON", name)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
			}
		}
		if strings.HasPrefix(name, "lessons/evil/") && !strings.Contains(name, "compare") && !bytes.Contains(data, []byte("&lt;script&gt;alert(1)")) {
			t.Errorf("%s does not show the words as they are", name)
		}
	}
}

func TestRefusesRecordings(t *testing.T) {
	const machine = `,"made":"2026-01-02T03:04:05Z","version":"x","machine":{}}`
	const step = `{"kind":"intro","n":0,"of":0,"title":"x","prose":"x","edge":{},"probe":{}}`
	for text, want := range map[string]string{
		"nothing at all": "no learndocker recording",
		`{"learndocker-recording":1,"lesson":"../../etc","language":"en"` + machine + "\n" + step:                  "no lesson's id",
		`{"learndocker-recording":1,"lesson":"x","language":"../en"` + machine + "\n" + step:                       "no language",
		`{"learndocker-recording":1,"lesson":"x","language":"en","languages":["en","k/o"]` + machine + "\n" + step: "no language",
		`{"learndocker-recording":1,"lesson":"x","language":"en"` + machine + "\n" + step + "\n" + step:            "step 0 comes after step 0",
	} {
		if _, err := Build([]Source{{"file", []byte(text)}}, Options{}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file: ") {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "site")
	files := Files{"index.html": []byte("one"), "assets/1/x.js": nil}
	if err := files.Write(dir, false); err != nil {
		t.Fatal(err)
	}
	// What others have put beside it stays; what was the site's goes.
	put(t, filepath.Join(dir, "CNAME"), "example.org")
	if err := (Files{"index.html": []byte("two"), "assets/2/x.js": nil}).Write(dir, false); err != nil {
		t.Fatal(err)
	}
	want(t, filepath.Join(dir, "index.html"), "two")
	want(t, filepath.Join(dir, "CNAME"), "example.org")
	if _, err := os.Stat(filepath.Join(dir, "assets", "1")); err == nil {
		t.Error("a file of the site before is left")
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the site there is something left: %v, %v", left, err)
	}
}

func TestWriteRefusesForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "thesis.txt"), "ten years")
	put(t, filepath.Join(dir, "index.html"), "mine")
	files := Files{"index.html": []byte("ours")}
	if err := files.Write(dir, false); !errors.Is(err, ErrForeign) {
		t.Fatalf("writing into somebody's directory: %v", err)
	}
	want(t, filepath.Join(dir, "index.html"), "mine")
	if err := files.Write(dir, true); err != nil {
		t.Fatal(err)
	}
	want(t, filepath.Join(dir, "index.html"), "ours")
	want(t, filepath.Join(dir, "thesis.txt"), "ten years")
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil || string(data) != text {
		t.Errorf("%s holds %q, %v; want %q", name, data, err, text)
	}
}

// fixedWords are the interface's in every language.
func fixedWords(t *testing.T) map[string]map[string]string {
	t.Helper()
	library, err := prose.OpenAll(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	return library.AllWords()
}

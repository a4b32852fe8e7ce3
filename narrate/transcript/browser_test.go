package transcript

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/learndocker/learndocker/narrate"
)

// chromium opens a page and returns what the page has written into its element
// "result".
func chromium(t *testing.T, page string) string {
	t.Helper()
	program, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--window-size=1280,1000", "--virtual-time-budget=8000", "--dump-dom", "file://"+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	doc, err := html.Parse(strings.NewReader(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	var result string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == "result" {
				result = innerText(n)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	if result == "" {
		t.Fatalf("chromium has not run the page:\n%.500s", out)
	}
	return result
}

// TestTextFits: a real browser sets each text of each picture in no more room
// than it was given, and within the picture, in both languages.
func TestTextFits(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!doctype html><meta charset=utf-8><pre id=result></pre>\n")
	pictures := 0
	for _, language := range []string{"en", "ko"} {
		for _, r := range []*narrate.Recording{recorded(t), spoiled(t)} {
			r.Header.Language = language
			list := append(files(t, r, "md", Options{})[1:], files(t, r, "svg", Options{})...)
			for _, s := range r.Steps {
				if s.Kind == narrate.KindStop {
					list = append(list, files(t, r, "svg", Options{Only: fmt.Sprint(s.N), Detail: "full"})...)
				}
			}
			for _, f := range list {
				pictures++
				fmt.Fprintf(&b, "<div data-file=\"%s %s\">%s</div>\n", language, f.Name, f.Data)
			}
		}
	}
	b.WriteString(`<script>
const wrong = [];
let texts = 0;
for (const text of document.querySelectorAll("svg text")) {
	texts++;
	const box = text.getBBox(), view = text.ownerSVGElement.viewBox.baseVal, room = +text.dataset.room;
	const where = text.closest("div").dataset.file + ": " + text.textContent;
	if (!(room > 0) || box.width > room + 0.5) wrong.push(where + " is " + box.width.toFixed(1) + " wide, has " + room);
	if (box.x < -0.5 || box.x + box.width > view.width + 0.5 || box.y + box.height > view.height + 0.5) wrong.push(where + " leaves the picture");
}
document.getElementById("result").textContent = JSON.stringify({texts, wrong});
</script>`)
	var got struct {
		Texts int
		Wrong []string
	}
	if err := json.Unmarshal([]byte(chromium(t, b.String())), &got); err != nil {
		t.Fatal(err)
	}
	if pictures < 100 || got.Texts < 2000 {
		t.Fatalf("%d texts in %d pictures: not all were drawn", got.Texts, pictures)
	}
	for i, w := range got.Wrong {
		if i == 20 {
			t.Fatalf("and %d more", len(got.Wrong)-i)
		}
		t.Error(w)
	}
}

// TestPageIsNarrow: on a telephone nothing but what scrolls by itself is wider
// than the screen, light or dark.
func TestPageIsNarrow(t *testing.T) {
	for _, width := range []int{360, 1280} {
		source, err := json.Marshal(text(t, spoiled(t), "html", Options{Detail: "full"}))
		if err != nil {
			t.Fatal(err)
		}
		got := chromium(t, fmt.Sprintf(`<!doctype html><meta charset=utf-8><pre id=result></pre><iframe style="width:%dpx;height:800px;border:0"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
	const doc = frame.contentDocument, out = [];
	for (const e of doc.querySelectorAll("body *")) {
		if (!e.closest("pre, .scroll, figure") && e.getBoundingClientRect().right > %d + 0.5) out.push(e.tagName + " " + e.textContent.slice(0, 40));
	}
	document.getElementById("result").textContent = doc.documentElement.scrollWidth + " " + doc.querySelectorAll("h2").length + " " + out.join("; ");
};
frame.srcdoc = %s;
</script>`, width, width, strings.ReplaceAll(string(source), "</", `<\/`)))
		var scroll, heads int
		if _, err := fmt.Sscan(got, &scroll, &heads); err != nil || heads < 20 {
			t.Fatalf("at %d: %q: %v", width, got, err)
		}
		if scroll > width || len(strings.Fields(got)) > 2 {
			t.Errorf("at %d the page is %d wide: %s", width, scroll, got)
		}
	}
}

// TestPageIsWhole: the page asks for nothing, runs nothing, and what it refers
// to is in it.
func TestPageIsWhole(t *testing.T) {
	source := text(t, spoiled(t), "html", Options{Detail: "full"})
	doc, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var wanted []string
	level := 0
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "script", "link", "iframe", "object", "img", "base", "form":
				t.Errorf("the page has a %s", n.Data)
			case "h1", "h2", "h3":
				now := int(n.Data[1] - '0')
				if now > level+1 {
					t.Errorf("heading %q of level %d follows one of level %d", innerText(n), now, level)
				}
				level = now
			case "html":
				if len(n.Attr) == 0 || n.Attr[0].Key != "lang" {
					t.Error("the page does not say its language")
				}
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("two elements are called %s", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "href":
					if !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "http") {
						t.Errorf("a link to %s", a.Val)
					}
					wanted = append(wanted, strings.TrimPrefix(a.Val, "#"))
				case a.Key == "aria-labelledby":
					wanted = append(wanted, strings.Fields(a.Val)...)
				case a.Key == "src" || strings.HasPrefix(a.Key, "on"):
					t.Errorf("an attribute %s=%q", a.Key, a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	for _, id := range wanted {
		if !ids[id] {
			t.Errorf("nothing is called %s", id)
		}
	}
	if found := regexp.MustCompile(`url\(|@import`).FindString(source); found != "" {
		t.Errorf("the page asks for something: %s", found)
	}
}

// TestPDF: the handout has the words and the pages.
func TestPDF(t *testing.T) {
	need(t, "pdftotext", "poppler-utils")
	r := recorded(t)
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, files(t, r, "pdf", Options{})[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	words := oneLine(run(t, "", "pdftotext", file, "-"))
	for _, s := range r.Steps {
		if !strings.Contains(words, plainText(s.Title)) {
			t.Errorf("step %d is not in the handout", s.N)
		}
	}
	var pages int
	for line := range strings.Lines(run(t, "", "pdfinfo", file)) {
		if rest, ok := strings.CutPrefix(line, "Pages:"); ok {
			_, _ = fmt.Sscan(rest, &pages)
		}
	}
	if pages < 10 || pages > 40 {
		t.Errorf("%d pages", pages)
	}
	if !strings.Contains(words, fmt.Sprintf("1 / %d", pages)) {
		t.Error("the pages have no numbers")
	}
}

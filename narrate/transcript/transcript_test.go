package transcript

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/learndocker/learndocker/narrate"
)

// recorded reads the bundled recording of hello-world.
func recorded(t *testing.T) *narrate.Recording {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "lessons", "recordings", "hello-world.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := narrate.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hostile is what programs, images and registries may say to spoil a document.
var hostile = []string{
	"{{ site.title }} {% raw %} {% endraw %} {%- endraw -%} {# note #}",
	"{{< ref >}} {{% note %}} {{< open",
	"``` \"```\" ~~~ `tick`",
	"<script>alert(1)</script> <!-- & &amp; ]]>",
	"a | b \\| c || d",
	"*bold* _low_ [link](http://example.com) ![x](y.png) # head",
	"\x1b[31mred\x1b[0m \x07 \u009b2J",
	"한국어 텍스트와 긴 경로 /아주/긴/경로",
}

// spoiled is the recording with hostile words wherever others choose them.
func spoiled(t *testing.T) *narrate.Recording {
	t.Helper()
	r := recorded(t)
	for _, s := range r.Steps {
		for _, p := range s.Panels {
			for i := range p.Rows {
				last := len(p.Rows[i].Cells) - 1
				if i < len(hostile) && p.Kind != narrate.PanelActs {
					p.Rows[i].Cells[last] = hostile[i]
				}
			}
		}
		for i := range s.Output {
			s.Output[i].Text = hostile[(i+s.N)%len(hostile)]
		}
	}
	return r
}

// files writes the recording down.
func files(t *testing.T, r *narrate.Recording, format string, o Options) []File {
	t.Helper()
	f, err := Choose(format, "")
	if err != nil {
		t.Fatal(err)
	}
	if o.Name == "" {
		o.Name = "post." + format
	}
	list, err := Files(f, r.Header, r.Steps, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func text(t *testing.T, r *narrate.Recording, format string, o Options) string {
	t.Helper()
	return string(files(t, r, format, o)[0].Data)
}

// need fails the test where a tool is missing.
func need(t *testing.T, tool, aptPackage string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", tool, aptPackage)
	}
}

// run runs a program on some input and returns what it wrote.
func run(t *testing.T, input string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, errs.String())
	}
	return string(out)
}

func TestFrontMatter(t *testing.T) {
	for kind, layout := range map[string]string{"jekyll": "2006-01-02 15:04:05 -0700", "hexo": time.DateTime, "hugo": time.RFC3339} {
		r := recorded(t)
		r.Header.Titles = map[string]string{"ko": "What `docker run` does: 100% \"real\" #1"}
		body := text(t, r, "md", Options{FrontMatter: kind, Language: "ko"})
		parts := strings.SplitN(body, "---\n", 3)
		if len(parts) != 3 || parts[0] != "" {
			t.Fatalf("%s: no front matter:\n%.200s", kind, body)
		}
		var head struct {
			Title, Date, Lang string
			Tags              []string
		}
		if err := yaml.Unmarshal([]byte(parts[1]), &head); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if head.Title != `What docker run does: 100% "real" #1` || head.Lang != "ko" || !slices.Equal(head.Tags, tags) {
			t.Errorf("%s: %+v", kind, head)
		}
		if at, err := time.Parse(layout, head.Date); err != nil || at.Unix() != r.Header.Made.Unix() {
			t.Errorf("%s: date %q is not %s", kind, head.Date, r.Header.Made)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ format, file, want string }{
		{"", "a.md", "md"}, {"", "a.HTML", "html"}, {"", "a.svg", "svg"}, {"", "a.cast", "cast"}, {"", "a.pdf", "pdf"}, {"", "a.jsonl", "jsonl"}, {"", "a.sh", "sh"},
		{"sh", "by-hand", "sh"}, {"cast3", "a.cast", "cast3"}, {"md", "a.txt", "md"},
		{"", "main.go", ""}, {"", "README", ""}, {"pdf", "a.md", ""}, {"docx", "a.docx", ""},
	} {
		f, err := Choose(c.format, c.file)
		if (err == nil) != (c.want != "") || f.Name != c.want {
			t.Errorf("Choose(%q, %q) = %q, %v; want %q", c.format, c.file, f.Name, err, c.want)
		}
	}
}

// TestMayReplace: each format replaces its own files and nobody else's.
func TestMayReplace(t *testing.T) {
	r := recorded(t)
	written := map[string][]byte{"empty": nil}
	others := map[string][]byte{"notes": []byte("# My notes\n\nNot to be lost.\n"), "page": []byte("<!doctype html>\n<p>mine</p>"), "script": []byte("#!/bin/sh\nrm -rf x\n"), "elf": []byte("\x7fELF learndocker")}
	for _, f := range Formats() {
		if f.Name != "pdf" {
			written[f.Name] = files(t, r, f.Name, Options{})[0].Data
		}
	}
	for _, f := range Formats() {
		if !f.MayReplace(nil) {
			t.Errorf("%s does not replace an empty file", f.Name)
		}
		for name, data := range others {
			if f.MayReplace(data) {
				t.Errorf("%s replaces %s", f.Name, name)
			}
		}
		for name, data := range written {
			same := name == f.Name || strings.HasPrefix(name, "cast") && strings.HasPrefix(f.Name, "cast") || data == nil
			if f.MayReplace(data) != same {
				t.Errorf("%s replaces %s: %v", f.Name, name, !same)
			}
		}
	}
}

func TestOnly(t *testing.T) {
	r := recorded(t)
	whole := text(t, r, "md", Options{Only: "14"})
	if !strings.Contains(whole, "**processes**") || strings.Contains(whole, "## 15.") || strings.Contains(whole, "## 13.") {
		t.Errorf("step 14 alone:\n%s", whole)
	}
	panel := text(t, r, "md", Options{Only: "14:namespaces"})
	if !strings.Contains(panel, "| `uts` |") || strings.Contains(panel, "**processes**") || strings.Contains(panel, r.Steps[14].Prose) {
		t.Errorf("panel namespaces of step 14 alone:\n%s", panel)
	}
	for _, format := range []string{"html", "svg", "cast", "jsonl"} {
		if len(text(t, r, format, Options{Only: "14:namespaces"})) >= len(text(t, r, format, Options{Detail: "full"})) {
			t.Errorf("%s: one panel takes as much as all", format)
		}
	}
	sh, err := Choose("sh", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, only := range []string{"99", "14:dance", "x", "-1"} {
		svg, _ := Choose("svg", "")
		if _, err := Files(svg, r.Header, r.Steps, Options{Only: only}); err == nil {
			t.Errorf("--only %s is taken", only)
		}
	}
	if _, err := Files(sh, r.Header, r.Steps, Options{Only: "14"}); err == nil {
		t.Error("half a script is written")
	}
}

// TestDetail: more detail is more text, and the same steps.
func TestDetail(t *testing.T) {
	r := recorded(t)
	length := 0
	for _, detail := range Details {
		body := text(t, r, "md", Options{Detail: detail})
		if len(body) <= length {
			t.Errorf("%s tells no more than the one before", detail)
		}
		length = len(body)
		for _, s := range r.Steps {
			if s.Kind == narrate.KindStop && !strings.Contains(body, fmt.Sprintf("\n## %d. %s\n", s.N, s.Title)) {
				t.Errorf("%s: step %d is missing", detail, s.N)
			}
		}
	}
}

// TestHandsAreShort: nobody reads 64 digits.
func TestHandsAreShort(t *testing.T) {
	for _, s := range recorded(t).Steps {
		acts, ok := s.Panel(narrate.PanelActs)
		if !ok {
			continue
		}
		lines, _ := byHand(s, acts)
		for _, line := range lines {
			if longest := longestRun(line); longest > 20 {
				t.Errorf("step %d: %d digits in a row: %s", s.N, longest, line)
			}
		}
		if len(lines) > 0 {
			need(t, "sh", "dash")
			run(t, strings.Join(lines, "\n")+"\n", "sh", "-n")
		}
	}
}

func longestRun(s string) int {
	longest, n := 0, 0
	for _, r := range s {
		if n++; !strings.ContainsRune("0123456789abcdef", r) {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// TestSVGIsXML: every picture is well-formed and has a name for those who do
// not see it.
func TestSVGIsXML(t *testing.T) {
	r := spoiled(t)
	list := files(t, r, "md", Options{Detail: "full"})[1:]
	for _, s := range r.Steps {
		if s.Kind == narrate.KindStop {
			list = append(list, files(t, r, "svg", Options{Only: fmt.Sprint(s.N), Detail: "full", Name: fmt.Sprintf("%d.svg", s.N)})...)
		}
	}
	list = append(list, files(t, r, "svg", Options{})...)
	if len(list) < 30 {
		t.Fatalf("%d pictures", len(list))
	}
	for _, f := range list {
		d := xml.NewDecoder(bytes.NewReader(f.Data))
		found := map[string]string{}
		name := ""
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				name = token.Name.Local
			case xml.CharData:
				found[name] += strings.TrimSpace(string(token))
			}
		}
		if found["title"] == "" || found["desc"] == "" {
			t.Errorf("%s has no title or no desc", f.Name)
		}
	}
}

// castEvents reads an asciicast by its specification:
// https://docs.asciinema.org/manual/asciicast/v3/ (and v2).
func castEvents(t *testing.T, text string) (header map[string]any, events [][3]any) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == 0 {
			if err := json.Unmarshal([]byte(line), &header); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var e []any
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e) != 3 {
			t.Fatalf("line %d: %v %v", i+1, err, e)
		}
		if _, ok := e[0].(float64); !ok || e[0].(float64) < 0 {
			t.Fatalf("line %d: time %v", i+1, e[0])
		}
		if !slices.Contains([]any{"o", "i", "m", "r", "x"}, e[1]) {
			t.Fatalf("line %d: code %v", i+1, e[1])
		}
		events = append(events, [3]any{e[0], e[1], e[2]})
	}
	return header, events
}

func TestCast(t *testing.T) {
	r := spoiled(t)
	two, events := castEvents(t, text(t, r, "cast", Options{}))
	if two["version"] != 2.0 || two["width"] != 120.0 || two["height"] != 40.0 {
		t.Errorf("header of v2: %v", two)
	}
	three, events3 := castEvents(t, text(t, r, "cast3", Options{}))
	if term, _ := three["term"].(map[string]any); three["version"] != 3.0 || term["cols"] != 120.0 || term["rows"] != 40.0 {
		t.Errorf("header of v3: %v", three)
	}
	if last := events3[len(events3)-1]; last[1] != "x" || last[2] != "0" {
		t.Errorf("v3 ends with %v, not with an exit status", last)
	}
	// Version 2 counts from the beginning, version 3 from the event before.
	total := 0.0
	markers := 0
	for i, e := range events {
		total += events3[i][0].(float64)
		if diff := total - e[0].(float64); diff > 0.05 || diff < -0.05 {
			t.Fatalf("event %d is at %v in v2 and at %v in v3", i, e[0], total)
		}
		if e[1] == "m" {
			markers++
		}
		if s, ok := e[2].(string); !ok || strings.Contains(s, "\x1b[31mred") || strings.ContainsRune(s, '\a') {
			t.Errorf("event %d lets a program steer the terminal: %q", i, s)
		}
	}
	if markers != len(r.Steps) {
		t.Errorf("%d markers for %d steps", markers, len(r.Steps))
	}
}

// TestCastPlays: Debian's asciinema reads version 2.
func TestCastPlays(t *testing.T) {
	need(t, "asciinema", "asciinema")
	need(t, "script", "bsdutils")
	r := recorded(t)
	file := filepath.Join(t.TempDir(), "a.cast")
	if err := os.WriteFile(file, files(t, r, "cast", Options{})[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	// It wants a terminal, and script(1) has one.
	said := run(t, "", "script", "-qec", "asciinema cat "+file, "/dev/null")
	for _, want := range []string{"namespace.create", "Hello from learndocker!", "container.remove"} {
		if !strings.Contains(said, want) {
			t.Errorf("asciinema does not show %q", want)
		}
	}
}

// TestRecordingIsKept: without a disguise the JSON Lines are the recording.
func TestRecordingIsKept(t *testing.T) {
	r := recorded(t)
	want, err := os.ReadFile(filepath.Join("..", "..", "lessons", "recordings", "hello-world.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, r, "jsonl", Options{}); got != string(want) {
		t.Error("the recording that was read is not the one that is written")
	}
}

package transcript

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
)

// rendered is what a generator makes of a post that lets HTML pass.
func rendered(t *testing.T, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	if err := goldmark.New(goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestNoHTML: what was observed, or recorded by anybody, brings no HTML and no
// script into a post, wherever it stands.
func TestNoHTML(t *testing.T) {
	for _, evil := range []string{
		"<script>alert(1)</script>", "a <b onclick=x>b</b>", "<img src=x onerror=alert(1)>", "<!-- -->\n<script>x</script>", "<div>\n\n<script>x</script>\n\n</div>",
		"[x](javascript:alert(1))", "![x](data:text/html,x)", "<javascript:alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "`a` <i>b</i> `c`",
		"``` \n</code><script>x</script>", "<<script>script>alert(1)</script>", "<scr<b>ipt>", "| <script> |", "<?php x ?>", "<![CDATA[ <script> ]]>",
		"[x](JaVaScRiPt&colon;alert(1))", "</p><svg/onload=alert(1)>", "\\<script>x</script>", "\\\\<script>x</script>",
	} {
		s := &narrate.Step{
			Kind: narrate.KindStop, Title: evil, Prose: evil, Command: evil, Claims: []narrate.Claim{{Say: evil, Holds: true}, {Say: evil}}, Show: []string{"store", "wire"}, Failed: []string{evil},
			Edge: narrate.Edge{From: evil, To: evil}, Output: []narrate.Line{{Stream: "stdout", Text: evil}},
			Panels:   []narrate.Panel{{Kind: "store", Title: evil, Head: []string{evil}, Rows: []narrate.Row{{Cells: []string{evil}}}}, {Kind: narrate.PanelWire, Title: evil, Rows: []narrate.Row{{Cells: []string{evil}}}}},
			Question: &narrate.Question{Question: evil},
			Outcomes: []narrate.Outcome{{Question: narrate.Question{Question: evil}, Measured: evil, Why: evil}},
		}
		s.Point = anyPoint(t)
		for _, kind := range FrontMatters {
			var out bytes.Buffer
			h := narrate.Header{Title: evil, Version: evil, Lesson: evil}
			h.Machine.Kernel = evil
			if err := Markdown(&out, h, []*narrate.Step{s}, Options{FrontMatter: kind}); err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(strings.TrimPrefix(out.String(), "---\n"), "\n---\n")
			if kind == "none" {
				body = out.String()
			} else if strings.ContainsAny(head, "<>") {
				t.Errorf("%s, %q: the head holds a tag:\n%s", kind, evil, head)
			}
			page := strings.ToLower(rendered(t, body))
			for _, tag := range []string{"<script", "<svg", "<img", "onclick=x>", "<i>", "<?php", "<![cdata", `href="javascript`, `href="data`, `src="data`} {
				if strings.Contains(page, tag) {
					t.Errorf("%s, %q: the post holds %s:\n%s", kind, evil, tag, out.String())
				}
			}
		}
	}
	for _, good := range []string{"`<PID>` and `a<b>`", "```\n<html>\n```", "a < b > c", "[docs](https://docs.docker.com)", "*x* **y**", "1 <2>"} {
		if got := plain(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
}

func anyPoint(t *testing.T) *stage.Point {
	t.Helper()
	return bundled(t).Steps[1].Point
}

func bundled(t *testing.T) *narrate.Recording {
	t.Helper()
	f, err := lessons.Files.Open("recordings/hello-world.jsonl")
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

// TestNoTemplates: what site generators would run is marked, or written apart.
func TestNoTemplates(t *testing.T) {
	const evil = "{% endraw %}{% include secret %} {%- endraw -%} {{< readfile x >}} {{% y %}} {{ site.x }}"
	for kind, never := range map[string][]string{
		"jekyll": {"{% endraw %}{% include", "{%- endraw -%} "}, "hexo": {"{% endraw %}{% include", "{%- endraw -%} "}, "hugo": {"{{<", "{{%"},
	} {
		s := &narrate.Step{Kind: narrate.KindEnd, Title: "T", Prose: evil, Output: []narrate.Line{{Text: evil}}}
		var out bytes.Buffer
		if err := Markdown(&out, narrate.Header{}, []*narrate.Step{s}, Options{FrontMatter: kind}); err != nil {
			t.Fatal(err)
		}
		for _, n := range never {
			if strings.Contains(out.String(), n) {
				t.Errorf("%s: holds %s:\n%s", kind, n, out.String())
			}
		}
	}
}

// FuzzTranscript writes whatever recording can be read.
func FuzzTranscript(f *testing.F) {
	data, err := fs.ReadFile(lessons.Files, "recordings/hello-world.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	f.Add(bytes.Join([][]byte{lines[0], lines[1]}, nil))
	f.Add([]byte(`{"learndocker-recording":1}` + "\n" + `{"kind":"end","title":"<b>","prose":"x <i> y","panels":[{"kind":"acts","rows":[{"cells":["a"]}]}],"show":["acts"]}` + "\n"))
	f.Add([]byte(`{"learndocker-recording":1}` + "\n" + `{"kind":"stop","point":{"stage":"container.create","fact":{"id":"x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := narrate.ReadRecording(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, kind := range FrontMatters {
			var out bytes.Buffer
			if err := Markdown(&out, r.Header, r.Steps, Options{FrontMatter: kind, Stable: true}); err != nil {
				t.Error(err)
			}
		}
	})
}

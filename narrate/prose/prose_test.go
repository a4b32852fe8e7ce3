package prose

import (
	"errors"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/content"
)

func TestEveryBundledPageIsWhole(t *testing.T) {
	l, err := Open(content.Files, "en")
	if err != nil {
		t.Fatal(err)
	}
	names, err := l.Pages()
	if err != nil || len(names) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, n := range names {
		p, err := l.Page(n)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Title == "" || p.Body == "" {
			t.Errorf("page %s: it needs a title and a body", n)
		}
	}
}

func TestFill(t *testing.T) {
	env := Env{"n": 3, "f": 2.0, "name": "x", "digest": "sha256:" + strings.Repeat("ab", 32), "path": "/d/" + strings.Repeat("ab", 32) + "/e", "nothing": nil}
	for text, want := range map[string]string{
		"plain":                        "plain",
		"{{ n }} of {{name}}":          "3 of x",
		"{{ f }}":                      "2",
		"{{ short(digest) }}":          "abababababab",
		"{{ glob(path) }}":             "/d/abababababab*/e",
		`{{ n > 2 ? "many" : "few" }}`: "many",
	} {
		got, err := Fill(text, env)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{{ nothing }}", "{{ missing }}", "{{ n", "{{ n + }}"} {
		if got, err := Fill(text, env); err == nil {
			t.Errorf("%s: no error, but %q: a hole in a sentence", text, got)
		}
	}
}

func TestHolds(t *testing.T) {
	env := Env{"n": 3}
	if held, err := Holds("n == 3", env); err != nil || !held {
		t.Errorf("n == 3: %v, %v", held, err)
	}
	if held, err := Holds("n == 4", env); err != nil || held {
		t.Errorf("n == 4: %v, %v", held, err)
	}
	if _, err := Holds("n", env); err == nil {
		t.Error("a number is no condition")
	}
}

func TestPageHeads(t *testing.T) {
	p, err := ParsePage("p", "---\ntitle: T\nclaims:\n  - {if: a, say: b}\n---\nBody.\n\n<!-- more -->\n\nMore.\n")
	if err != nil || p.Title != "T" || p.Body != "Body." || p.More != "More." || len(p.Claims) != 1 {
		t.Errorf("read as %+v, %v", p, err)
	}
	for _, text := range []string{"---\ntitle: T\n", "---\ntitel: T\n---\n"} {
		if _, err := ParsePage("p", text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
	l, err := Open(content.Files, "en")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Page("no-such"); !errors.Is(err, ErrNoPage) {
		t.Errorf("missing page: %v", err)
	}
	if _, err := l.Page("../en/image.tag"); err == nil {
		t.Error("a page outside the language")
	}
}

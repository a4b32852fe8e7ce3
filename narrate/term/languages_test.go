package term

import (
	"strings"
	"testing"

	"github.com/learndocker/learndocker/content"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// edition is what is recorded, in one language.
type edition struct {
	language string
	words    prose.Words
	steps    []*narrate.Step
}

// editions are those of all languages.
func editions(t *testing.T) []edition {
	t.Helper()
	library, err := prose.OpenAll(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	var list []edition
	for _, language := range library.Languages() {
		e := edition{language: language, words: library.In(language).Words()}
		for _, step := range recorded(t) {
			if _, ok := step.In[language]; !ok && language != prose.Original {
				t.Fatalf("step %d is not recorded in %s: make record", step.N, language)
			}
			e.steps = append(e.steps, step.Localized(language))
		}
		list = append(list, e)
	}
	if len(list) < 2 {
		t.Fatal("there is one language only")
	}
	return list
}

// TestOneStepFitsOneScreenInEveryLanguage: as TestOneStepFitsOneScreen, with
// the words and widths of each language.
func TestOneStepFitsOneScreenInEveryLanguage(t *testing.T) {
	for _, e := range editions(t) {
		for _, size := range [][2]int{{80, 24}, {100, 40}, {140, 40}, {60, 20}} {
			r := Renderer{Words: e.words, Width: size[0], Height: size[1]}
			for _, step := range e.steps {
				lines := r.Step(step)
				if len(lines) > size[1] {
					t.Errorf("%s, %dx%d, step %d: %d lines", e.language, size[0], size[1], step.N, len(lines))
				}
				for _, line := range lines {
					if n := cells(strings.TrimPrefix(line, Continued)); n > size[0] {
						t.Errorf("%s, %dx%d, step %d: a line of %d cells: %q", e.language, size[0], size[1], step.N, n, line)
					}
				}
			}
		}
	}
}

// TestNothingSaidIsCutInAnyLanguage: as TestNothingSaidIsCut, with the words and
// widths of each language.
func TestNothingSaidIsCutInAnyLanguage(t *testing.T) {
	for _, e := range editions(t) {
		r := Renderer{Words: e.words, Width: 100, Height: 40}
		for _, step := range e.steps {
			shown := strings.Join(strings.Fields(strings.Join(r.Step(step), " ")), " ")
			said := markdown(step.Prose, 1<<20, newStyle(false))
			for _, c := range step.Claims {
				said = append(said, inlineMarkdown(c.Say, newStyle(false)))
			}
			for _, text := range said {
				if text = strings.Join(strings.Fields(text), " "); !strings.Contains(shown, text) && !strings.Contains(text, "/") {
					t.Errorf("%s, step %d: cut: %q", e.language, step.N, text)
				}
			}
		}
	}
}

// TestEvidenceShrinksBeforeItGoesInEveryLanguage: as
// TestEvidenceShrinksBeforeItGoes, with the words and widths of each language.
func TestEvidenceShrinksBeforeItGoesInEveryLanguage(t *testing.T) {
	for _, e := range editions(t) {
		r := Renderer{Words: e.words, Width: 100, Height: 40}
		for _, step := range e.steps {
			shown := strings.Join(r.Step(step), "\n")
			if len(step.Output) > 0 && step.Kind == narrate.KindStop && !strings.Contains(shown, "── "+e.words.Say("the client writes")) {
				t.Errorf("%s, step %d: the client's output is not shown", e.language, step.N)
			}
			for _, kind := range step.Show {
				if p, ok := step.Panel(kind); ok && !strings.Contains(shown, cut("── "+step.Brief(p).Localized(e.words).Title, 60)) {
					t.Errorf("%s, step %d: panel %s is not shown", e.language, step.N, kind)
				}
			}
		}
	}
}

// TestTranslationsReadAsMeant: emphasis ends where it should, which it does not
// where a particle follows a bracket, and no word is broken where a space is
// near.
func TestTranslationsReadAsMeant(t *testing.T) {
	for _, e := range editions(t) {
		for _, step := range e.steps {
			texts := []string{step.Title, step.Prose, step.More}
			for _, c := range step.Claims {
				texts = append(texts, c.Say)
			}
			for _, o := range step.Outcomes {
				texts = append(texts, o.Question.Question, o.Why)
			}
			for _, text := range texts {
				readsAsMeant(t, e.language, step.N, text)
			}
		}
	}
}

func readsAsMeant(t *testing.T, language string, n int, text string) {
	t.Helper()
	whole := strings.Join(markdown(text, 1<<20, newStyle(false)), " ")
	if strings.Contains(whole, "**") || strings.Contains(whole, "`") {
		t.Errorf("%s, step %d: a sign of Markdown is left: %q", language, n, whole)
	}
	width := 10
	for _, word := range strings.Fields(whole) {
		width = max(width, cells(word))
	}
	if broken := strings.Join(strings.Fields(strings.Join(markdown(text, width, newStyle(false)), " ")), " "); broken != strings.Join(strings.Fields(whole), " ") {
		t.Errorf("%s, step %d: %d cells: a word is broken: %q", language, n, width, broken)
	}
}

// TestColumnsAlign: letters of two cells do not push a table's columns.
func TestColumnsAlign(t *testing.T) {
	for _, e := range editions(t) {
		for _, step := range e.steps {
			p, ok := step.Panel("process")
			if !ok {
				continue
			}
			lines := Renderer{Words: e.words}.Panel(p, 100)
			at := cells(strings.Split(lines[1], e.words.Say("pid here"))[0])
			for i, row := range p.Rows {
				before, _, found := strings.Cut(lines[i+2], row.Cells[1])
				if !found || cells(before) != at {
					t.Errorf("%s, step %d: the second column begins at %d, its head at %d: %q", e.language, step.N, cells(before), at, lines[i+2])
				}
			}
		}
	}
}

package prose

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/learndocker/learndocker/content"
)

// TestTranslationsAreWhole: every page, question and fixed word is there in
// every language, translates the present original, and says the same.
func TestTranslationsAreWhole(t *testing.T) {
	original, err := OpenAll(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	if len(original.Translations) == 0 {
		t.Fatal("no translations are found")
	}
	for _, l := range original.Translations {
		wrong, err := Compare(original, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wrong {
			t.Error(w)
		}
	}
}

const (
	englishPage = `---
title: Found {{ fact.n }}
claims:
  - {if: fact.n == 1, say: "{{ fact.n == 1 ? \"one\" : \"many\" }} of {{ fact.m }}"}
try:
  - {run: ls, why: to see}
---
Text.
`
	englishQuestions = "q:\n  question: Which?\n  choices: [{key: a, text: A}, {key: b, text: B}]\n  why: Because of {{ pid }}.\n"
	englishWords     = "next: key n\n\"%s of %d\": a sum\n"
)

// TestCompareNamesWhatIsWrong: what a translation lacks or says otherwise is
// named, with what mends it.
func TestCompareNamesWhatIsWrong(t *testing.T) {
	page := strings.Replace(englishPage, "---\n", "---\ntranslates: "+Version([]byte(englishPage))+"\n", 1)
	question := Question{Question: "Which?", Why: "Because of {{ pid }}."}
	questions := strings.Replace(englishQuestions, "q:\n", "q:\n  translates: VERSION\n", 1)
	words := "next: 다음\n\"%s of %d\": \"%[2]d 중 %[1]s\"\n"
	for name, c := range map[string]struct {
		file, old, new string
		want           string
	}{
		"right":             {},
		"page missing":      {file: "ko/p.md", want: "ko/p.md: missing: translate en/p.md, with  translates: " + Version([]byte(englishPage))},
		"page stale":        {file: "en/p.md", old: "Text.", new: "Other text.", want: "sed -i 's/^translates:.*/translates: " + Version([]byte(strings.Replace(englishPage, "Text.", "Other text.", 1))) + "/' content/ko/p.md"},
		"no version":        {file: "ko/p.md", old: "translates: ", new: "# ", want: "ko/p.md: stale: it translates version none"},
		"condition":         {file: "ko/p.md", old: "if: fact.n == 1", new: "if: fact.n == 2", want: "ko/p.md: its claims' if:"},
		"command":           {file: "ko/p.md", old: "run: ls", new: "run: cat", want: "ko/p.md: its claims' if:"},
		"claim without":     {file: "ko/p.md", old: " of {{ fact.m }}", new: "", want: "ko/p.md: claim 1: the original's fields read fact.m"},
		"title with":        {file: "ko/p.md", old: "{{ fact.n }}", new: "{{ fact.n + pid }}", want: "ko/p.md: title: its fields read pid"},
		"plural":            {file: "ko/p.md", old: `{{ fact.n == 1 ? \"one\" : \"many\" }}`, new: "{{ fact.n }}"},
		"no such page":      {file: "ko/other.md", new: "Text.", want: "ko/other.md: translates no page"},
		"question missing":  {file: "ko/questions.yaml", old: "q:", new: "r:", want: "ko/questions.yaml: q: missing: translate it, with  translates: "},
		"question stale":    {file: "en/questions.yaml", old: "Which?", new: "What?", want: "ko/questions.yaml: q: stale"},
		"choices":           {file: "ko/questions.yaml", old: "key: b", new: "key: c", want: "ko/questions.yaml: q: its choices' keys"},
		"question's fields": {file: "ko/questions.yaml", old: " {{ pid }}", new: "", want: "ko/questions.yaml: q: why: the original's fields read pid"},
		"word missing":      {file: "ko/words.yaml", old: "next: 다음\n", want: `ko/words.yaml: missing: add  "next"`},
		"word too many":     {file: "ko/words.yaml", old: "next:", new: "back: 뒤로\nnext:", want: `ko/words.yaml: "back": not a fixed word`},
		"verbs":             {file: "ko/words.yaml", old: "%[2]d 중", new: "", want: `ko/words.yaml: "%s of %d": want the verbs`},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for file, text := range map[string]string{
				"en/p.md": englishPage, "en/questions.yaml": englishQuestions, "en/words.yaml": englishWords,
				"ko/p.md": page, "ko/words.yaml": words,
				"ko/questions.yaml": strings.Replace(questions, "VERSION", versionOf(t, question), 1),
			} {
				files[file] = &fstest.MapFile{Data: []byte(text)}
			}
			switch {
			case c.old != "":
				changed := strings.Replace(string(files[c.file].Data), c.old, c.new, 1)
				if changed == string(files[c.file].Data) {
					t.Fatalf("%q is not in %s", c.old, c.file)
				}
				files[c.file] = &fstest.MapFile{Data: []byte(changed)}
			case c.new != "":
				files[c.file] = &fstest.MapFile{Data: []byte(c.new)}
			default:
				delete(files, c.file)
			}
			compareAs(t, files, c.want)
		})
	}
}

func versionOf(t *testing.T, q Question) string {
	t.Helper()
	var all map[string]Question
	if err := strictYAML([]byte(englishQuestions), &all); err != nil {
		t.Fatal(err)
	}
	if all["q"].Question != q.Question {
		t.Fatalf("another question: %+v", all["q"])
	}
	return all["q"].Version()
}

// compareAs wants one line with that text, or none.
func compareAs(t *testing.T, files fstest.MapFS, want string) {
	t.Helper()
	original, err := OpenAll(files)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := Compare(original, original.In("ko"))
	if err != nil {
		t.Fatal(err)
	}
	found := strings.Join(wrong, "\n")
	if want == "" && found != "" || !strings.Contains(found, want) {
		t.Errorf("got %q, want %q", found, want)
	}
}

func TestOriginalTranslatesNothing(t *testing.T) {
	files := fstest.MapFS{
		"en/p.md":           &fstest.MapFile{Data: []byte("---\ntitle: T\ntranslates: abc\n---\nText.\n")},
		"en/questions.yaml": &fstest.MapFile{Data: []byte("{}\n")}, "en/words.yaml": &fstest.MapFile{Data: []byte("{}\n")},
	}
	original, err := OpenAll(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(original, original); err == nil || !strings.Contains(err.Error(), "page p: the original translates nothing") {
		t.Errorf("got %v", err)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		wanted string
		have   []string
		want   string
	}{
		{"ko-KR", []string{"en", "ko"}, "ko"}, {"ko_KR.UTF-8", []string{"en", "ko"}, "ko"}, {"ko", []string{"en", "ko"}, "ko"},
		{"en_GB.UTF-8", []string{"en", "ko"}, "en"}, {"C.UTF-8", []string{"en", "ko"}, "en"}, {"POSIX", []string{"ko", "en"}, "en"},
		{"", []string{"en", "ko"}, "en"}, {"fr_FR@euro", []string{"en", "ko"}, "en"}, {"fr", []string{"de", "ko"}, "de"},
		{"ko", []string{"en"}, "en"}, {"ko", nil, "en"}, {"zh-Hant-TW", []string{"en", "zh-Hans", "zh-Hant"}, "zh-Hant"},
	} {
		if got := Match(c.wanted, c.have); got != c.want {
			t.Errorf("%q of %v: got %s, want %s", c.wanted, c.have, got, c.want)
		}
	}
	if !Suits("ko-KR", []string{"en", "ko"}) || Suits("fr", []string{"en", "ko"}) || Suits("not a language", []string{"en"}) {
		t.Error("which languages suit")
	}
}

func TestWords(t *testing.T) {
	w := Words{"next": "다음", "%d of %d": "%[2]d 중 %[1]d", "%d capabilities": "커패빌리티 %d개", "and %d mounts of the host": "호스트의 마운트 %d개"}
	for got, want := range map[string]string{
		w.Say("next"): "다음", w.Say("back"): "back", w.Sayf("%d of %d", 1, 2): "2 중 1", w.Sayf("%d more", 3): "3 more",
		w.Cell("14 capabilities"): "커패빌리티 14개", w.Cell("and 7 mounts of the host"): "호스트의 마운트 7개", w.Cell("/proc/12"): "/proc/12",
		Words(nil).Say("next"): "next", Words(nil).Cell("14 capabilities"): "14 capabilities", Words(nil).Sayf("%d more", 3): "3 more",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

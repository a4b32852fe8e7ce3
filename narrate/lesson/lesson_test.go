package lesson

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/lessons"
)

const good = `format: 1
id: mine
steps:
  - run: docker run hello-world
    stops:
      - stage: image.lookup
        say: Hello.
        show: [store]
`

func TestBundledLessonsParse(t *testing.T) {
	files, err := fs.Glob(lessons.Files, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bundled lessons: %v", err)
	}
	for _, f := range files {
		data, err := fs.ReadFile(lessons.Files, f)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(f, data)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if want := strings.TrimSuffix(path.Base(f), ".yaml"); l.ID != want {
			t.Errorf("%s: its id is %q", f, l.ID)
		}
		for _, step := range l.Steps {
			for _, stop := range step.Stops {
				if stop.Say != "" {
					t.Errorf("%s: bundled lessons hold no sentences: %s", f, stop.Stage)
				}
			}
		}
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"no YAML", "a: [", "mine.yaml:1:1"},
		{"empty", "", "mine.yaml:1:1: the lesson is empty"},
		{"unknown key", strings.Replace(good, "show:", "shwo:", 1), `mine.yaml:8:9: unknown key "shwo"; did you mean "show"?`},
		{"unknown stage", strings.Replace(good, "image.lookup", "image.lokup", 1), `mine.yaml:6:16: unknown stage "image.lokup"; did you mean "image.lookup"?`},
		{"unknown panel", strings.Replace(good, "[store]", "[stor]", 1), `mine.yaml:8:16: unknown panel "stor"; did you mean "store"?`},
		{"wrong format", strings.Replace(good, "format: 1", "format: 9", 1), "mine.yaml:1:9: format 9: this learndocker reads format 1"},
		{"bad id", strings.Replace(good, "id: mine", "id: My Lesson", 1), "mine.yaml:2:5"},
		{"no steps", "format: 1\nid: mine\n", "a lesson needs steps"},
		{"no command", strings.Replace(good, "docker run hello-world", `""`, 1), "a step needs a command"},
		{"second document", good + "---\nformat: 1\n", "here is a second"},
		{"wrong type", strings.Replace(good, "[store]", "{a: b}", 1), "mine.yaml:8:16"},
		{"scalar for mapping", "format: 1\nid: mine\nsteps:\n  - hello\n", "mine.yaml:4:5: want a mapping with the keys run, stops"},
		{"anchor", "format: 1\nid: &a mine\n", "mine.yaml:2:5: anchors and aliases are not used"},
		{"both kinds of question", strings.Replace(good, "say: Hello.", "predict: {ask: a, question: b, answer: c}", 1), "either ask:"},
		{"no answer", strings.Replace(good, "say: Hello.", "predict: {ask: a}", 1), "a prediction needs answer:"},
		{"huge", "# " + strings.Repeat("x", MaxScript), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("mine.yaml", []byte(c.script))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got:\n%v\nwant it to say: %s", err, c.want)
			}
		})
	}
}

func TestAGoodLesson(t *testing.T) {
	l, err := Parse("mine.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if l.Stops() != 1 || l.Steps[0].Stops[0].Stage != "image.lookup" {
		t.Errorf("read as %+v", l)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: [\n"))
	f.Add([]byte("- &a [*a]"))
	f.Fuzz(func(t *testing.T, script []byte) {
		l, err := Parse("mine.yaml", script)
		if (l == nil) == (err == nil) {
			t.Errorf("lesson %v, error %v", l, err)
		}
	})
}

package transcript

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/content"
	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// TestTranscriptInEveryLanguage: the bundled recording as a post in each
// language has the same stages, tables and output, says what its steps say in
// that language, and leaves none of our own words English.
func TestTranscriptInEveryLanguage(t *testing.T) {
	data, err := fs.ReadFile(lessons.Files, "recordings/hello-world.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	recording, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	library, err := prose.OpenAll(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	original := written(t, recording, library, prose.Original)
	for _, l := range library.Translations {
		post := written(t, recording, library, l.Language)
		for _, mark := range []string{"\n## ", "\n|", "\n- ✓ ", "```", "\n> ", "Hello from learndocker!", "registry.resolve"} {
			if strings.Count(post, mark) != strings.Count(original, mark) {
				t.Errorf("%s: %q is there %d times, in the original %d times", l.Language, mark, strings.Count(post, mark), strings.Count(original, mark))
			}
		}
		if !strings.Contains(post, "\nlang: "+l.Language+"\n") {
			t.Errorf("%s: the head does not say the language", l.Language)
		}
		for _, step := range recording.Steps {
			// A paragraph; --stable may have given names to what is in the text.
			said := step.In[l.Language]
			if said.Title == "" || step.Kind != narrate.KindIntro && !strings.Contains(post, said.Title+"\n") {
				t.Errorf("%s: step %d: its title is not in the post: %q", l.Language, step.N, said.Title)
			}
			paragraphs := strings.Split(said.Prose, "\n\n")
			if !slices.ContainsFunc(paragraphs, func(p string) bool { return p != "" && strings.Contains(post, p) }) {
				t.Errorf("%s: step %d: its text is not in the post: %q", l.Language, step.N, said.Prose)
			}
		}
		for _, ours := range []string{
			"The client writes:", "By hand", "Before you read on:", "Stage `", "Observed on", "namespaces of the held process", "pid here", "capabilities`", "mounts of the host", "not done here",
		} {
			if strings.Contains(post, ours) || !strings.Contains(original, ours) && ours != "not done here" {
				t.Errorf("%s: %q is left in English, or is no longer said", l.Language, ours)
			}
		}
		if machine := recording.Header.Machine.Kernel; strings.Contains(post, machine) || !strings.Contains(post, "pid₁") || strings.Contains(post, recording.Header.Made.Format(l.Words().Say("2 January 2006"))) {
			t.Errorf("%s: what differs from run to run has no name", l.Language)
		}
	}
}

// written is the recording as a stable post in one language.
func written(t *testing.T, r *narrate.Recording, library *prose.Library, language string) string {
	t.Helper()
	var steps []*narrate.Step
	for _, s := range r.Steps {
		steps = append(steps, s.Localized(language))
	}
	var b bytes.Buffer
	o := Options{FrontMatter: "jekyll", Stable: true, Words: library.In(language).Words()}
	if err := Markdown(&b, r.Header.Localized(language), steps, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

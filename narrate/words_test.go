package narrate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/prose"
)

// twoLanguages is a small library whose Korean page has this text.
func twoLanguages(t *testing.T, page string) *prose.Library {
	t.Helper()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	library, err := prose.OpenAll(fstest.MapFS{
		"en/image.lookup.md": file("---\ntitle: A look\nclaims:\n  - {if: fact.found, say: Found.}\n  - {if: not fact.found, say: Not found.}\ntry:\n  - {run: ls, why: never, if: fact.found}\n  - {run: pwd, why: always}\n---\nText of {{ fact.asked }}.\n"),
		"en/image.tag.md":    file("---\ntitle: A name\n---\nText.\n"),
		"en/questions.yaml":  file("which:\n  question: Which of {{ fact.asked }}?\n  choices: [{key: a, text: A}, {key: b, text: B}]\n  why: It was {{ fact.familiar }}.\n"),
		"en/words.yaml":      file("{}\n"),
		"ko/image.lookup.md": file(page),
		"ko/questions.yaml":  file("which:\n  question: 어느 {{ fact.asked }}일까요?\n  choices: [{key: a, text: 가}, {key: b, text: 나}]\n  why: 답은 {{ fact.familiar }}입니다.\n"),
		"ko/words.yaml":      file("{}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return library
}

const koreanLookup = "---\ntitle: 살펴보기\nclaims:\n  - {if: fact.found, say: 있습니다.}\n  - {if: not fact.found, say: 없습니다.}\ntry:\n  - {run: ls, why: 안 나옴, if: fact.found}\n  - {run: pwd, why: 언제나}\n---\n{{ fact.asked }}의 글.\n"

// lookedUp makes two steps: one that asks, and one that resolves the question.
func lookedUp(t *testing.T, page string) (first, second *Step, err error) {
	t.Helper()
	b := newBuilder(twoLanguages(t, page), 2)
	points := []stage.Point{{Fact: stage.Lookup{Asked: "x", Familiar: "x:latest"}}, {Fact: stage.Tagged{Familiar: "x:new"}}}
	plans := []lesson.Stop{
		{Stage: stage.ImageLookup, Predict: &lesson.Predict{Ask: "which", Answer: `"b"`}},
		{Stage: stage.ImageTag},
	}
	var steps []*Step
	for i, p := range points {
		b.observe(p)
		s, err := b.stop(plans[i], p)
		if err != nil {
			return nil, nil, err
		}
		steps = append(steps, s)
	}
	return steps[0], steps[1], nil
}

func TestStepsCarryAllLanguages(t *testing.T) {
	first, second, err := lookedUp(t, koreanLookup)
	if err != nil {
		t.Fatal(err)
	}
	local := first.Localized("ko-KR")
	if local.Title != "살펴보기" || local.Prose != "x의 글." || local.Question.Question != "어느 x일까요?" || local.Question.Choices[1].Text != "나" {
		t.Errorf("in Korean: %+v", local)
	}
	if len(local.Claims) != 2 || local.Claims[0].Say != "있습니다." || local.Claims[0].Holds || !local.Claims[1].Holds {
		t.Errorf("claims: %+v", local.Claims)
	}
	if len(local.Try) != 1 || local.Try[0].Why != "언제나" || local.Try[0].Run != "pwd" {
		t.Errorf("tries: %+v", local.Try)
	}
	if first.Title != "A look" || first.Claims[0].Say != "Found." || first.Try[0].Why != "always" {
		t.Errorf("the step itself has changed: %+v", first)
	}
	for _, other := range []string{"en", "en-GB", "fr", "", "C"} {
		if got := first.Localized(other); got.Title != "A look" {
			t.Errorf("%q: %q", other, got.Title)
		}
	}
	// The second page is not translated; its outcome is.
	local = second.Localized("ko")
	if local.Title != "A name" || local.Outcomes[0].Why != "답은 x:new입니다." || local.Outcomes[0].Truth() != "나" || second.Outcomes[0].Truth() != "B" {
		t.Errorf("second step: %+v", local)
	}
	if !first.asks(local.Outcomes[0].Question) || !first.asks(second.Outcomes[0].Question) || second.asks(local.Outcomes[0].Question) {
		t.Error("the question is known again in any language, and only where it was asked")
	}
}

// TestLanguagesAreRecorded: what is written down and read again has them all,
// and what was written before there were several is read as it was.
func TestLanguagesAreRecorded(t *testing.T) {
	first, _, err := lookedUp(t, koreanLookup)
	if err != nil {
		t.Fatal(err)
	}
	h := Header{Format: RecordingFormat, Lesson: "x", Title: "T", Language: "en", Languages: []string{"en", "ko"}, Titles: map[string]string{"ko": "제목"}}
	r := rerecorded(t, h, first)
	if got := r.Steps[0].Localized("ko").Title; got != "살펴보기" {
		t.Errorf("read again: %q", got)
	}
	if got := r.Header.Localized("ko_KR.UTF-8"); got.Title != "제목" || got.Language != "ko" {
		t.Errorf("header: %+v", got)
	}
	if got := r.Header.Localized("fr"); got.Title != "T" || got.Language != "en" {
		t.Errorf("header: %+v", got)
	}
	old := *first
	old.In = nil
	r = rerecorded(t, Header{Format: RecordingFormat, Lesson: "x", Title: "T", Language: "en"}, &old)
	if got := r.Steps[0].Localized("ko").Title; got != "A look" || r.Header.Localized("ko").Title != "T" {
		t.Errorf("an old recording: %q", got)
	}
}

func rerecorded(t *testing.T, h Header, s *Step) *Recording {
	t.Helper()
	var b strings.Builder
	w, err := NewRecorder(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Step(s); err != nil {
		t.Fatal(err)
	}
	r, err := ReadRecording(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFieldWithoutValueNamesThePage: a hole in a sentence is an error in any
// language.
func TestFieldWithoutValueNamesThePage(t *testing.T) {
	_, _, err := lookedUp(t, strings.Replace(koreanLookup, "{{ fact.asked }}의", "{{ fact.nothing }}의", 1))
	if err == nil || !strings.Contains(err.Error(), "page ko/image.lookup") || !strings.Contains(err.Error(), "fact.nothing") {
		t.Errorf("got %v", err)
	}
}

// TestOtherClaimsAreNotTold: a translation that claims something else than the
// original was not checked, so the original is told.
func TestOtherClaimsAreNotTold(t *testing.T) {
	first, _, err := lookedUp(t, strings.Replace(koreanLookup, "if: not fact.found", "if: true", 1))
	if err != nil {
		t.Fatal(err)
	}
	if local := first.Localized("ko"); local.Title != "A look" || local.Claims[1].Say != "Not found." || local.Question.Question != "어느 x일까요?" {
		t.Errorf("got %+v", local)
	}
}

func TestPanelsInAnotherLanguage(t *testing.T) {
	w := prose.Words{"processes": "프로세스", "who": "누구", "name": "이름", "daemon": "데몬", "(empty)": "(비어 있음)", "cgroup": "씨그룹", "work": "작업", "part": "부분"}
	p := Panel{Kind: "process", Title: "processes", Head: []string{"who", "name"}, Rows: []Row{{Cells: []string{"daemon", "daemon"}, Changed: true}}}
	local := p.Localized(w)
	want := Panel{Kind: "process", Title: "프로세스", Head: []string{"누구", "이름"}, Rows: []Row{{Cells: []string{"데몬", "daemon"}, Changed: true}}}
	if !same(t, local, want) {
		t.Errorf("got %+v", local)
	}
	if p.Title != "processes" || p.Head[0] != "who" || p.Rows[0].Cells[0] != "daemon" {
		t.Errorf("the panel itself has changed: %+v", p)
	}
	files := Panel{Kind: "layers", Title: "layers", Head: []string{"entry"}, Rows: []Row{{Cells: []string{"work"}}}}
	if got := files.Localized(w); !slices.Equal(got.Rows[0].Cells, []string{"work"}) {
		t.Errorf("a file called work: %+v", got)
	}
	w["namespace"], w["exited"], w["status %d"], w["container"], w["own"], w["state"] = "네임스페이스", "끝남", "종료 상태 %d", "컨테이너", "따로", "상태"
	several := Panel{Kind: "containers", Title: "containers", Head: []string{"", "who", "name"}, Rows: []Row{
		{Cells: []string{"state", "exited, status 137", "exited"}}, {Cells: []string{"mnt namespace", "1", "2", "own"}}, {Cells: []string{"image", "work", "work"}},
	}}
	want = Panel{Kind: "containers", Title: "containers", Head: []string{"", "who", "name"}, Rows: []Row{
		{Cells: []string{"상태", "끝남, 종료 상태 137", "끝남"}}, {Cells: []string{"mnt 네임스페이스", "1", "2", "따로"}}, {Cells: []string{"image", "work", "work"}},
	}}
	if got := several.Localized(w); !same(t, got, want) {
		t.Errorf("containers: %+v", got)
	}
	named := Panel{Kind: "process", Rows: []Row{{Cells: []string{"container daemon"}}}}
	if got := named.Localized(w); !slices.Equal(got.Rows[0].Cells, []string{"컨테이너 daemon"}) {
		t.Errorf("a container called daemon: %+v", got)
	}
	parts := Panel{Kind: "layers", Title: "layers", Head: []string{"part"}, Rows: []Row{{Cells: []string{"work"}}}}
	if got := parts.Localized(w); !slices.Equal(got.Rows[0].Cells, []string{"작업"}) {
		t.Errorf("a part of an overlay: %+v", got)
	}
}

func same(t *testing.T, a, b any) bool {
	t.Helper()
	one, errOne := json.Marshal(a)
	two, errTwo := json.Marshal(b)
	if errOne != nil || errTwo != nil {
		t.Fatal(errOne, errTwo)
	}
	return string(one) == string(two)
}

package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// lesson is a lesson by its recordings.
type lesson struct {
	id         string
	recordings []*recording
	languages  []string // of the first recording, its own language first
}

// recording is one run of a lesson.
type recording struct {
	name   string // among those of its lesson, as addresses have it
	header narrate.Header
	steps  []*step
	data   []byte

	languages []string
	titles    map[string]string
}

// step is a step with its translations.
type step struct {
	*narrate.Step
	in map[string]words
}

// words are what a step says in another language; what is empty is said in its own.
type words struct {
	Title    string            `json:"title"`
	Prose    string            `json:"prose"`
	More     string            `json:"more"`
	Claims   []string          `json:"claims"`
	Question *narrate.Question `json:"question"`
	Outcomes []narrate.Outcome `json:"outcomes"`
}

// gather reads the recordings and puts those of one lesson together, in the
// order in which the lessons come first.
func gather(sources []Source) ([]*lesson, error) {
	var lessons []*lesson
	for _, s := range sources {
		r, err := read(s.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		i := slices.IndexFunc(lessons, func(l *lesson) bool { return l.id == r.header.Lesson })
		if i < 0 {
			lessons = append(lessons, &lesson{id: r.header.Lesson, languages: r.languages})
			i = len(lessons) - 1
		}
		lessons[i].add(r)
	}
	return lessons, nil
}

// Names that become directories of the site.
const maxLessonName = 64

var (
	validLesson   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	validLanguage = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

func read(data []byte) (*recording, error) {
	rec, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r := &recording{header: rec.Header, data: data}
	if len(r.header.Lesson) > maxLessonName || !validLesson.MatchString(r.header.Lesson) {
		return nil, fmt.Errorf("line 1: %q is no lesson's id", r.header.Lesson)
	}
	lines := bytes.Split(data, []byte("\n"))
	var head struct {
		Languages []string          `json:"languages"`
		Titles    map[string]string `json:"titles"`
	}
	if err := json.Unmarshal(lines[0], &head); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	r.titles, r.languages = head.Titles, []string{r.header.Language}
	for _, l := range head.Languages {
		if !slices.Contains(r.languages, l) {
			r.languages = append(r.languages, l)
		}
	}
	for _, l := range r.languages {
		if !validLanguage.MatchString(l) {
			return nil, fmt.Errorf("line 1: %q is no language", l)
		}
	}
	for i, s := range rec.Steps {
		var more struct {
			In map[string]words `json:"in"`
		}
		if err := json.Unmarshal(lines[i+1], &more); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		if i > 0 && s.N <= rec.Steps[i-1].N || s.N < 0 {
			return nil, fmt.Errorf("line %d: step %d comes after step %d", i+2, s.N, rec.Steps[max(i-1, 0)].N)
		}
		r.steps = append(r.steps, &step{s, more.In})
	}
	return r, nil
}

// add names a recording by where it was made.
func (l *lesson) add(r *recording) {
	who := "root"
	if r.header.Rootless {
		who = "rootless"
	}
	name := slug(strings.Join([]string{who, "cgroup", r.header.Machine.Cgroup, "linux", r.header.Machine.Kernel, r.header.Machine.Arch}, "-"))
	r.name = name
	for n := 2; slices.ContainsFunc(l.recordings, func(o *recording) bool { return o.name == r.name }); n++ {
		r.name = name + "-" + strconv.Itoa(n)
	}
	l.recordings = append(l.recordings, r)
}

var notInSlug = regexp.MustCompile(`[^a-z0-9.]+`)

func slug(s string) string {
	s = strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(s), "-"), "-.")
	return s[:min(len(s), 80)]
}

func (l *lesson) told() *recording { return l.recordings[0] }

// file is where a recording stands.
func (l *lesson) file(r *recording) string { return "recordings/" + l.id + "/" + r.name + ".jsonl" }

// speaks is the language in which the lesson is told to a reader of that one.
func (l *lesson) speaks(language string) string {
	if slices.Contains(l.languages, language) {
		return language
	}
	return l.languages[0]
}

// path is where the lesson begins, told in that language or the nearest.
func (l *lesson) path(language string) string {
	return prefix(l.speaks(language)) + "lessons/" + l.id + "/"
}

// stepPath is where a step stands. The first is the lesson's own page.
func (l *lesson) stepPath(language string, i int) string {
	if i == 0 {
		return l.path(language)
	}
	return l.path(language) + strconv.Itoa(l.told().steps[i].N) + "/"
}

func (r *recording) title(language string) string {
	if t := r.titles[language]; t != "" {
		return t
	}
	if r.header.Title != "" {
		return r.header.Title
	}
	return r.header.Lesson
}

// stops counts where the engine was held.
func (r *recording) stops() int {
	n := 0
	for _, s := range r.steps {
		if s.Kind == narrate.KindStop {
			n++
		}
	}
	return n
}

// commands are what the client was asked to do.
func (r *recording) commands() []string {
	var list []string
	for _, s := range r.steps {
		if s.Command != "" && (len(list) == 0 || list[len(list)-1] != s.Command) {
			list = append(list, s.Command)
		}
	}
	return list
}

// How long a lesson takes: its words are read, and each stop is looked at.
const (
	wordsPerMinute = 180
	stopsPerMinute = 4
	signsPerMinute = 500 // of languages that write words together or in syllables
)

func (r *recording) minutes(language string) int {
	words, signs := 0, 0
	for _, s := range r.steps {
		text := plain(s.localized(language).Prose)
		words += len(strings.Fields(text))
		signs += len([]rune(text))
	}
	reading := float64(words) / wordsPerMinute
	switch language {
	case "ko", "ja", "zh":
		reading = float64(signs) / signsPerMinute
	}
	return max(1, int(reading+float64(r.stops())/stopsPerMinute+0.5))
}

// localized is the step in that language, or in its own.
func (s *step) localized(language string) *narrate.Step {
	w, ok := s.in[language]
	if !ok {
		return s.Step
	}
	local := *s.Step
	for _, p := range []struct{ to, from *string }{{&local.Title, &w.Title}, {&local.Prose, &w.Prose}, {&local.More, &w.More}} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
	if len(w.Claims) == len(local.Claims) {
		local.Claims = slices.Clone(local.Claims)
		for i := range w.Claims {
			local.Claims[i].Say = w.Claims[i]
		}
	}
	if w.Question != nil && local.Question != nil {
		local.Question = w.Question
	}
	if len(w.Outcomes) == len(local.Outcomes) {
		local.Outcomes = w.Outcomes
	}
	return &local
}

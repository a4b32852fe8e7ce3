// Package prose finds the pages, questions and fixed words of a language, fills
// their fields from what was observed, evaluates their claims, and holds
// translations against the original.
//
// A page is Markdown with a head in YAML:
//
//	---
//	title: The daemon looks in its own store
//	claims:
//	  - if: fact.found == false
//	    say: The store has no `{{ fact.familiar }}`.
//	try:
//	  - run: ls {{ fact.store }}
//	---
//	Prose with fields: {{ fact.reference }}.
//
//	<!-- more -->
//
//	What is shown when somebody asks for more.
//
// Fields and conditions are expressions of github.com/expr-lang/expr.
package prose

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/docker/go-units"
	"gopkg.in/yaml.v3"

	"github.com/learndocker/learndocker/narrate/lesson"
)

// Page is one page as it is written.
type Page struct {
	Name       string
	Translates string  `yaml:"translates"` // of a translation: Version of the page that it translates
	Title      string  `yaml:"title"`
	Claims     []Claim `yaml:"claims"`
	Try        []Try   `yaml:"try"`
	Body       string
	More       string
}

// Claim is a sentence that could be false, with its condition.
type Claim struct {
	If  string `yaml:"if"`
	Say string `yaml:"say"`
}

// Try is a command for a second terminal.
type Try struct {
	Run string `yaml:"run" json:"run"`
	Why string `yaml:"why" json:"why"`
	If  string `yaml:"if" json:"-"` // offered only where this holds
}

// Question is a bundled question.
type Question struct {
	Translates string          `yaml:"translates" json:"-"` // as of a page
	Question   string          `yaml:"question"`
	Choices    []lesson.Choice `yaml:"choices"`
	Why        string          `yaml:"why"`
}

// Library is the prose of one language, and, where it is the original, its
// translations.
type Library struct {
	Language     string
	Translations []*Library // by language

	files     fs.FS
	questions map[string]Question
	words     Words
}

// ErrNoPage is the error of a page that is not there.
var ErrNoPage = errors.New("no such page")

// OpenAll opens the original with all its translations.
func OpenAll(content fs.FS) (*Library, error) {
	languages, err := fs.ReadDir(content, ".")
	if err != nil {
		return nil, err
	}
	original, err := Open(content, Original)
	if err != nil {
		return nil, err
	}
	for _, dir := range languages {
		if dir.Name() == Original || !dir.IsDir() {
			continue
		}
		l, err := Open(content, dir.Name())
		if err != nil {
			return nil, fmt.Errorf("language %s: %w", dir.Name(), err)
		}
		original.Translations = append(original.Translations, l)
	}
	return original, nil
}

// Open reads the language's questions and fixed words; pages are read as they
// are asked for.
func Open(content fs.FS, language string) (*Library, error) {
	files, err := fs.Sub(content, language)
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(files, "questions.yaml")
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	l := &Library{Language: language, files: files}
	if err := strictYAML(data, &l.questions); err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	if l.words, err = readWords(files); err != nil {
		return nil, fmt.Errorf("read words: %w", err)
	}
	return l, nil
}

func strictYAML(data []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	return d.Decode(into)
}

// Question finds a bundled question.
func (l *Library) Question(name string) (Question, error) {
	q, ok := l.questions[name]
	if !ok {
		return q, fmt.Errorf("no such question: %s", name)
	}
	return q, nil
}

// Questions names all of them.
func (l *Library) Questions() []string {
	var names []string
	for n := range l.questions {
		names = append(names, n)
	}
	return names
}

// Pages names all pages.
func (l *Library) Pages() ([]string, error) {
	var names []string
	err := fs.WalkDir(l.files, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(p) == ".md" {
			names = append(names, strings.TrimSuffix(p, ".md"))
		}
		return err
	})
	return names, err
}

// Page reads a page.
func (l *Library) Page(name string) (*Page, error) {
	data, err := fs.ReadFile(l.files, name+".md")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("%w: %s", ErrNoPage, name)
	}
	if err != nil {
		return nil, err
	}
	return ParsePage(name, string(data))
}

// ParsePage parts a page into head, body and more.
func ParsePage(name, text string) (*Page, error) {
	p := &Page{Name: name}
	if rest, ok := strings.CutPrefix(text, "---\n"); ok {
		head, body, found := strings.Cut(rest, "\n---\n")
		if !found {
			return nil, fmt.Errorf("page %s: its head has no end (---)", name)
		}
		if err := strictYAML([]byte(head), p); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		text = body
	}
	p.Body, p.More, _ = strings.Cut(text, "<!-- more -->")
	p.Body, p.More = strings.TrimSpace(p.Body), strings.TrimSpace(p.More)
	return p, nil
}

// Env is what expressions see: names and values.
type Env map[string]any

// functions are added to every environment.
func functions(e Env) Env {
	with := Env{
		"short": func(digest string) string { // the first 12 digits, as Docker shows them
			digest = strings.TrimPrefix(digest, "sha256:")
			return digest[:min(12, len(digest))]
		},
		"glob": func(path string) string { return longID.ReplaceAllString(path, "$1*") }, // short, and still works when pasted
		"size": func(n any) string { return units.HumanSize(toFloat(n)) },
	}
	for k, v := range e {
		with[k] = v
	}
	return with
}

var longID = regexp.MustCompile(`([0-9a-f]{12})[0-9a-f]{20,52}`)

func toFloat(n any) float64 {
	switch n := n.(type) {
	case float64:
		return n
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return 0
}

// Holds evaluates a condition. What is not a plain true does not hold.
func Holds(code string, e Env) (bool, error) {
	v, err := Eval(code, e)
	if err != nil {
		return false, err
	}
	held, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("condition %q: gives %s, not true or false", code, kindOf(v))
	}
	return held, nil
}

// maxFilled bounds a text with its fields filled, in bytes.
const maxFilled = 4 << 20

// Fill replaces the fields of a text. A field without a value is an error: it
// would leave a hole in a sentence.
func Fill(text string, e Env) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		code, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", fmt.Errorf("field without an end: {{%s", rest)
		}
		value, err := Eval(strings.TrimSpace(code), e)
		if err != nil {
			return "", err
		}
		if value == nil {
			return "", fmt.Errorf("field {{%s}} has no value here", code)
		}
		if !isScalar(value) {
			return "", fmt.Errorf("field {{%s}} is %s; a field is one word: join(…, \", \"), len(…), …[0]", code, kindOf(value))
		}
		if f, ok := value.(float64); ok && f == float64(int64(f)) {
			value = int64(f) // numbers of JSON
		}
		if fmt.Fprint(&out, value); out.Len() > maxFilled {
			return "", fmt.Errorf("field {{%s}}: the text grows beyond %d bytes", code, maxFilled)
		}
		text = after
	}
}

// Package lesson reads lesson scripts: which commands to run, at which of the
// engine's stages to stop, what to show, what to ask and what must hold. A
// script that is wrong is refused with file, line, column and, for a misspelt
// word, the nearest that would be right.
package lesson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/learndocker/learndocker/engine/stage"
)

// Format is the version of the script's form that is read here.
const Format = 1

// MaxScript bounds a script, in bytes.
const MaxScript = 1 << 20

// Panels are what a stop can show.
var Panels = []string{"wire", "store", "layers", "acts", "namespaces", "cgroup", "mounts", "process", "ids", "security", "network", "config", "registry", "digests", "image", "changes", "containers", "walls"}

// Needs are what a lesson can need of the machine: layers stacked by some means,
// user namespaces, to be root, control groups with their limits, a bridge.
var Needs = []string{"overlay", "userns", "root", "cgroup", "network"}

// Lesson is one script.
type Lesson struct {
	Format int      `yaml:"format"`
	ID     string   `yaml:"id"`
	Page   string   `yaml:"page"` // introduction: title and what it is about
	End    string   `yaml:"end"`  // closing page
	Needs  []string `yaml:"needs"`
	Next   string   `yaml:"next"`  // the lesson that goes on from here
	Shows  []string `yaml:"shows"` // statements of the course that it demonstrates
	Steps  []Step   `yaml:"steps"`

	script *parser // where it came from, to name places
	root   *yaml.Node
}

// Step is one command and the stops while it runs.
type Step struct {
	Run   string `yaml:"run"`
	Stops []Stop `yaml:"stops"`
}

// Stop holds the engine at one stage.
type Stop struct {
	Stage   stage.Name `yaml:"stage"`
	When    string     `yaml:"when"` // condition on the fact, to tell stops of one stage apart
	Page    string     `yaml:"page"` // "" is the stage's own
	Say     string     `yaml:"say"`  // prose in place, for one-file lessons
	Show    []string   `yaml:"show"`
	Predict *Predict   `yaml:"predict"`
	Expect  []string   `yaml:"expect"`
}

// Predict asks for a prediction before the stop is released.
type Predict struct {
	Ask      string     `yaml:"ask"`      // a bundled question's name, or
	Question string     `yaml:"question"` // the question in place,
	Choices  []Choice   `yaml:"choices"`  // its choices
	Why      string     `yaml:"why"`      // and what to say after
	At       stage.Name `yaml:"at"`       // where it is resolved; "" is the next stop shown
	Answer   string     `yaml:"answer"`   // expression for the key of the choice that came true
}

// Choice is one answer to a question.
type Choice struct {
	Key  string `yaml:"key" json:"key"`
	Text string `yaml:"text" json:"text"`
}

// Stops counts the lesson's stops.
func (l *Lesson) Stops() int {
	n := 0
	for _, s := range l.Steps {
		n += len(s.Stops)
	}
	return n
}

// Expectations counts the conditions that the script says must hold.
func (l *Lesson) Expectations() int {
	n := 0
	for _, s := range l.Steps {
		for _, stop := range s.Stops {
			n += len(stop.Expect)
		}
	}
	return n
}

// Error is a mistake in a script, with its place.
type Error struct {
	File         string
	Line, Column int
	Problem      string
	Source       string // the line itself
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, printable(e.Problem))
	if e.Source != "" {
		source, before := window(e.Source, e.Column-1)
		s += fmt.Sprintf("\n  %d | %s\n  %s | %s^", e.Line, source, strings.Repeat(" ", len(fmt.Sprint(e.Line))), strings.Repeat(" ", before))
	}
	return s
}

// window is what is shown of a line, and how many bytes of it stand before the
// place: of a long line only what is near.
func window(line string, place int) (shown string, before int) {
	const most, near = 160, 60
	place = max(min(place, len(line)), 0)
	from := 0
	if len(line) > most {
		from = max(place-near, 0)
		line = line[from:min(from+most, len(line))]
	}
	return printable(line), len(printable(line[:place-from]))
}

// printable takes out what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
}

// maxMistakes is how many mistakes of one script are told.
const maxMistakes = 20

func (p *parser) mistakes() error {
	if n := len(p.found) - maxMistakes; n > 0 {
		return errors.Join(append(p.found[:maxMistakes:maxMistakes], fmt.Errorf("%s: and %d more mistakes", p.file, n))...)
	}
	return errors.Join(p.found...)
}

// Parse reads a script. Its errors are *Error, several joined.
func Parse(file string, data []byte) (*Lesson, error) {
	p := &parser{file: file, lines: strings.Split(string(data), "\n")}
	if len(data) > MaxScript {
		return nil, p.at(1, 1, fmt.Sprintf("a lesson of %d bytes; at most %d are read", len(data), MaxScript))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		return nil, p.syntax(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, p.at(1, 1, "a lesson is one YAML document; here is a second")
	}
	if len(doc.Content) == 0 {
		return nil, p.at(1, 1, "the lesson is empty")
	}
	p.keys(doc.Content[0], schema)
	if p.found != nil {
		return nil, p.mistakes()
	}
	var l Lesson
	if err := doc.Decode(&l); err != nil {
		return nil, p.syntax(err)
	}
	l.script, l.root = p, doc.Content[0]
	p.check(&l, l.root)
	if p.found != nil {
		return nil, p.mistakes()
	}
	return &l, nil
}

type parser struct {
	file  string
	lines []string
	found []error
}

func (p *parser) at(line, column int, problem string) *Error {
	e := &Error{File: p.file, Line: line, Column: column, Problem: problem}
	if line >= 1 && line <= len(p.lines) {
		e.Source = p.lines[line-1]
	}
	return e
}

func (p *parser) report(n *yaml.Node, format string, args ...any) {
	p.found = append(p.found, p.at(n.Line, n.Column, fmt.Sprintf(format, args...)))
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntax places an error of the YAML library, which names the line only.
func (p *parser) syntax(err error) error {
	if errors.Is(err, io.EOF) {
		return p.at(1, 1, "the lesson is empty")
	}
	line := 1
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		fmt.Sscan(m[1], &line)
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:\n"))
	return p.at(line, 1, "this is no YAML: "+yamlLine.ReplaceAllString(text, ""))
}

// shape says which keys a mapping may have, and of which shape their values are.
type shape map[string]shape

var (
	leaf        shape
	predictKeys = shape{"ask": leaf, "question": leaf, "choices": {"key": leaf, "text": leaf}, "why": leaf, "at": leaf, "answer": leaf}
	stopKeys    = shape{"stage": leaf, "when": leaf, "page": leaf, "say": leaf, "show": leaf, "predict": predictKeys, "expect": leaf}
	schema      = shape{
		"format": leaf, "id": leaf, "page": leaf, "end": leaf, "needs": leaf, "next": leaf, "shows": leaf,
		"steps": {"run": leaf, "stops": stopKeys},
	}
)

// keys finds unknown keys: the YAML library names their line, not their column
// nor what was meant. It also refuses anchors, by which a small file can say a
// lot.
func (p *parser) keys(n *yaml.Node, want shape) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		p.report(n, "anchors and aliases are not used in lessons")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		p.report(n, "tags (%s) are not used in lessons", n.Tag)
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			p.keys(item, want)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			inner, ok := want[key.Value]
			if !ok {
				p.report(key, "unknown key %q%s", key.Value, didYouMean(key.Value, keysOf(want)))
				continue
			}
			p.keys(n.Content[i+1], inner)
		}
	case yaml.ScalarNode:
		if want != nil {
			p.report(n, "want a mapping with the keys %s here", strings.Join(keysOf(want), ", "))
		}
	}
}

func keysOf(s shape) []string {
	var names []string
	for k := range s {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// check holds the script's words against what there is.
func (p *parser) check(l *Lesson, root *yaml.Node) {
	if l.Format != Format {
		p.report(orSelf(child(root, "format"), root), "format %d: this learndocker reads format %d", l.Format, Format)
	}
	if !validID.MatchString(l.ID) {
		p.report(orSelf(child(root, "id"), root), "id %q: want lower-case letters, digits and hyphens", l.ID)
	}
	p.words(child(root, "needs"), "need", Needs)
	if len(l.Steps) == 0 {
		p.report(root, "a lesson needs steps")
	}
	for i, s := range l.Steps {
		node := child(root, "steps").Content[i]
		if strings.TrimSpace(s.Run) == "" {
			p.report(node, "a step needs a command: run: docker …")
		} else if err := CheckCommand(strings.Fields(field.ReplaceAllString(s.Run, "x"))); err != nil {
			p.report(child(node, "run"), "%s", err)
		}
		for j := range s.Stops {
			p.checkStop(s.Stops[j], child(node, "stops").Content[j])
		}
	}
}

func (p *parser) checkStop(s Stop, n *yaml.Node) {
	p.checkStage(s.Stage, orSelf(child(n, "stage"), n))
	p.words(child(n, "show"), "panel", Panels)
	if s.Predict == nil {
		return
	}
	q := child(n, "predict")
	if (s.Predict.Ask == "") == (s.Predict.Question == "") {
		p.report(q, "a prediction has either ask: (a bundled question) or question: with choices:")
	}
	if s.Predict.Question != "" && len(s.Predict.Choices) < 2 {
		p.report(q, "a question needs two choices or more")
	}
	if s.Predict.Answer == "" {
		p.report(q, "a prediction needs answer: an expression for the key of the choice that came true")
	}
	if s.Predict.At != "" {
		p.checkStage(s.Predict.At, child(q, "at"))
	}
}

func (p *parser) checkStage(name stage.Name, n *yaml.Node) {
	if stage.Known(name) {
		return
	}
	var names []string
	for _, known := range stage.Names() {
		names = append(names, string(known))
	}
	p.report(n, "unknown stage %q%s", name, didYouMean(string(name), names))
}

func (p *parser) words(list *yaml.Node, what string, known []string) {
	if list == nil {
		return
	}
	for _, n := range list.Content {
		if !slices.Contains(known, n.Value) {
			p.report(n, "unknown %s %q%s", what, n.Value, didYouMean(n.Value, known))
		}
	}
}

// child finds a mapping's value; nil where it has none.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func orSelf(n, self *yaml.Node) *yaml.Node {
	if n == nil {
		return self
	}
	return n
}

// Nearest is the known word that was probably meant, if one is near; else "".
func Nearest(word string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := editDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// didYouMean names the nearest known word, if one is near.
func didYouMean(word string, known []string) string {
	best := Nearest(word, known)
	if best == "" {
		return "; known: " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

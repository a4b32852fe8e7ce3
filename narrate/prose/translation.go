package prose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Version tells one state of a text from another: the first 12 hexadecimal
// digits of its SHA-256.
func Version(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:12]
}

// PageVersion is the version of a page's file.
func (l *Library) PageVersion(name string) (string, error) {
	data, err := fs.ReadFile(l.files, name+".md")
	if err != nil {
		return "", err
	}
	return Version(data), nil
}

// Version of a question, whatever the form in which its YAML is written.
func (q Question) Version() string {
	data, err := json.Marshal(q)
	if err != nil {
		return "" // strings marshal always
	}
	return Version(data)
}

// Compare holds a translation against the original, and lists, by name, what
// is missing, what translates another version than the present one, and where
// the two do not say the same thing: what is so does not depend on the language.
// Each line tells what mends it.
func Compare(original, translation *Library) ([]string, error) {
	wrong, err := comparePages(original, translation)
	if err != nil {
		return nil, err
	}
	wrong = append(wrong, compareQuestions(original, translation)...)
	wrong = append(wrong, compareWords(original.words, translation.words)...)
	for i := range wrong {
		wrong[i] = translation.Language + "/" + wrong[i]
	}
	return wrong, nil
}

func comparePages(original, translation *Library) ([]string, error) {
	pages, errOriginal := original.Pages()
	translated, errTranslation := translation.Pages()
	if err := errors.Join(errOriginal, errTranslation); err != nil {
		return nil, err
	}
	var wrong []string
	for _, name := range pages {
		found, err := comparePage(original, translation, name)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	for _, name := range translated {
		if !slices.Contains(pages, name) {
			wrong = append(wrong, fmt.Sprintf("%s.md: translates no page: remove it, or write %s/%s.md", name, original.Language, name))
		}
	}
	return wrong, nil
}

func comparePage(original, translation *Library, name string) ([]string, error) {
	version, err := original.PageVersion(name)
	if err != nil {
		return nil, err
	}
	page, err := original.Page(name)
	if err != nil {
		return nil, err
	}
	if page.Translates != "" {
		return nil, fmt.Errorf("page %s: the original translates nothing; remove translates:", name)
	}
	of, err := translation.Page(name)
	if errors.Is(err, ErrNoPage) {
		return []string{fmt.Sprintf("%s.md: missing: translate %s/%s.md, with  translates: %s  in its head", name, original.Language, name, version)}, nil
	}
	if err != nil {
		return []string{err.Error()}, nil
	}
	var wrong []string
	if of.Translates != version {
		wrong = append(wrong, stale(of.Translates, version, fmt.Sprintf("sed -i 's/^translates:.*/translates: %s/' content/%s/%s.md", version, translation.Language, name)))
	}
	wrong = append(wrong, pageDiffers(page, of)...)
	for i := range wrong {
		wrong[i] = name + ".md: " + wrong[i]
	}
	return wrong, nil
}

func stale(has, version, mend string) string {
	if has == "" {
		has = "none"
	}
	return fmt.Sprintf("stale: it translates version %s, the original is %s now: see what has changed, then  %s", has, version, mend)
}

// pageDiffers lists where a page and its translation do not say the same thing.
func pageDiffers(page, of *Page) []string {
	if !SameConditions(page, of) {
		return []string{"its claims' if: and its try's run: and if: are not those of the original, in the same order: copy them from there"}
	}
	wrong := valuesDiffer("title", page.Title, of.Title)
	wrong = append(wrong, valuesDiffer("text", page.Body, of.Body)...)
	wrong = append(wrong, valuesDiffer("text after <!-- more -->", page.More, of.More)...)
	if (page.More == "") != (of.More == "") {
		wrong = append(wrong, "only one of the two has a text after <!-- more -->")
	}
	for i := range page.Claims {
		wrong = append(wrong, valuesDiffer(fmt.Sprintf("claim %d", i+1), page.Claims[i].Say, of.Claims[i].Say)...)
	}
	for i := range page.Try {
		wrong = append(wrong, valuesDiffer(fmt.Sprintf("try %d", i+1), page.Try[i].Why, of.Try[i].Why)...)
	}
	return wrong
}

// SameConditions reports whether a page and its translation claim the same
// and offer the same commands under the same conditions. Where they do not, what
// was found out for the one says nothing about the other.
func SameConditions(page, of *Page) bool {
	return slices.EqualFunc(page.Claims, of.Claims, func(a, b Claim) bool { return a.If == b.If }) &&
		slices.EqualFunc(page.Try, of.Try, func(a, b Try) bool { return a.Run == b.Run && a.If == b.If })
}

func compareQuestions(original, translation *Library) []string {
	var wrong []string
	names := original.Questions()
	slices.Sort(names)
	for _, name := range names {
		q, of := original.questions[name], Question{}
		version := q.Version()
		of, ok := translation.questions[name]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("questions.yaml: %s: missing: translate it, with  translates: %s", name, version))
			continue
		}
		if of.Translates != version {
			wrong = append(wrong, "questions.yaml: "+name+": "+stale(of.Translates, version, "write  translates: "+version))
		}
		if !SameChoices(q, of) {
			wrong = append(wrong, "questions.yaml: "+name+": its choices' keys are not those of the original, in the same order")
		}
		for _, d := range append(valuesDiffer("question", q.Question, of.Question), valuesDiffer("why", q.Why, of.Why)...) {
			wrong = append(wrong, "questions.yaml: "+name+": "+d)
		}
	}
	for _, name := range translation.Questions() {
		if _, ok := original.questions[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("questions.yaml: %s: translates no question; remove it", name))
		}
	}
	return wrong
}

// SameChoices reports whether a question and its translation have the same
// choices.
func SameChoices(q, of Question) bool {
	if len(q.Choices) != len(of.Choices) {
		return false
	}
	for i := range q.Choices {
		if q.Choices[i].Key != of.Choices[i].Key {
			return false
		}
	}
	return true
}

// valuesDiffer tells where the fields of a text and of its translation read
// different values: one tells something then that the other does not. The
// expressions themselves may differ, for one language needs a plural and
// another does not.
func valuesDiffer(where, text, of string) []string {
	want, errText := values(text)
	got, errOf := values(of)
	if err := errors.Join(errText, errOf); err != nil {
		return []string{where + ": " + err.Error()}
	}
	var wrong []string
	for _, v := range want {
		if !slices.Contains(got, v) {
			wrong = append(wrong, fmt.Sprintf("%s: the original's fields read %s, this one's do not", where, v))
		}
	}
	for _, v := range got {
		if !slices.Contains(want, v) {
			wrong = append(wrong, fmt.Sprintf("%s: its fields read %s, the original's do not", where, v))
		}
	}
	return wrong
}

// values names what the fields of a text read, sorted: fact.entries.
func values(text string) ([]string, error) {
	names := &reads{}
	for {
		_, rest, found := strings.Cut(text, "{{")
		if !found {
			slices.Sort(names.list)
			return slices.Compact(names.list), nil
		}
		code, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, fmt.Errorf("field without an end: {{%s", rest)
		}
		tree, err := parser.Parse(strings.TrimSpace(code))
		if err != nil {
			return nil, fmt.Errorf("field {{%s}}: %w", code, err)
		}
		ast.Walk(&tree.Node, names)
		text = after
	}
}

// reads gathers the members that an expression names.
type reads struct{ list []string }

// Visit takes note of one node.
func (r *reads) Visit(node *ast.Node) {
	if m, ok := (*node).(*ast.MemberNode); ok {
		r.list = append(r.list, m.String())
		return
	}
	if name, ok := (*node).(*ast.IdentifierNode); ok {
		r.list = append(r.list, name.Value)
	}
}

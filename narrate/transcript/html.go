package transcript

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"

	"github.com/learndocker/learndocker/narrate"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

// htmlFile writes one page that asks for nothing else: no script, no font, no
// picture from elsewhere.
func htmlFile(w *work) ([]File, error) {
	p := &page{work: w}
	t, err := template.New("page").Funcs(template.FuncMap{
		"markdown": p.markdown, "inline": p.inline, "plain": plainText, "capital": capital, "picture": p.picture,
		"busy": w.edge, "evidence": func(e evidence) shownEvidence { return shownEvidence{e, w} },
		"say": w.words.Say, "sayf": w.words.Sayf, "measured": w.measured,
	}).Parse(pageSource)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return w.single(b.Bytes()), nil
}

// page is what the template sees.
type page struct {
	*work
	drawn int
}

// shownEvidence is a panel on its page.
type shownEvidence struct {
	evidence
	work *work
}

func (p *page) Title() string               { return p.title() }
func (p *page) Sections() []shownStep       { return p.shownSteps() }
func (p *page) Colophon() string            { return p.colophon() }
func (p *page) Unfinished() string          { return p.unfinished() }
func (p *page) Language() string            { return p.header.Language }
func (p *page) Whole() bool                 { return !p.only.set }
func (p *page) Illustrated() bool           { return p.illustrated() }
func (p *page) Style() template.CSS         { return template.CSS(pageStyle + pictureStyle) } // our own files
func (p *page) Poster() template.HTML       { return template.HTML(sequence(p.work).inline("way")) }
func (p *page) Intro() string               { return p.intro() }
func (p *page) Glance() string              { return p.glance() }
func (p *page) HasIntro() bool              { return p.has(narrate.KindIntro) || p.only.set }
func (e shownEvidence) Title() string       { return e.title }
func (e shownEvidence) Kind() string        { return e.kind }
func (e shownEvidence) Text() string        { return strings.Join(e.text, "\n") }
func (e shownEvidence) IsText() bool        { return e.text != nil }
func (e shownEvidence) Hands() string       { return strings.Join(e.hands, "\n") }
func (e shownEvidence) Inside() bool        { return e.inside }
func (e shownEvidence) Rows() []narrate.Row { return e.table.Rows }

// Head is the table's, where it says anything.
func (e shownEvidence) Head() []string {
	if titled(e.table.Head) {
		return e.table.Head
	}
	return nil
}

// More says how many rows are left out; "" for none.
func (e shownEvidence) More() string {
	if e.more == 0 {
		return ""
	}
	return e.work.left(e.more)
}

// shownStep is one section of the page.
type shownStep struct {
	section
	ID string
}

func (p *page) shownSteps() []shownStep {
	var list []shownStep
	for _, s := range p.sections() {
		id := s.step.Kind
		if id == narrate.KindStop {
			id = fmt.Sprintf("step-%d", s.step.N)
		}
		list = append(list, shownStep{s, id})
	}
	return list
}

func (s shownStep) Step() *narrate.Step         { return s.step }
func (s shownStep) Command() string             { return s.command }
func (s shownStep) Output() string              { return strings.Join(s.output, "\n") }
func (s shownStep) HasOutput() bool             { return len(s.output) > 0 }
func (s shownStep) Outcomes() []narrate.Outcome { return s.outcomes }
func (s shownStep) Evidence() []evidence        { return s.evidence }
func (s shownStep) Question() *narrate.Question { return s.question }
func (s shownStep) More() string                { return s.more }
func (s shownStep) Try() string                 { return strings.Join(s.try, "\n") }
func (s shownStep) IsStop() bool                { return s.step.Kind == narrate.KindStop }
func (s shownStep) Busy() bool                  { return drawn(s.step.Edge) }

// markdown renders a page's prose. HTML in it is shown as it stands: prose is
// Markdown, and the values in it come from anywhere.
func (p *page) markdown(source string) (template.HTML, error) {
	var b bytes.Buffer
	if err := goldmark.Convert([]byte(inert(clean(source))), &b); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}

// inline renders one sentence.
func (p *page) inline(source string) (template.HTML, error) {
	html, err := p.markdown(oneLine(source))
	text := strings.TrimSpace(string(html))
	if inner, ok := strings.CutPrefix(text, "<p>"); ok && strings.Count(text, "<p>") == 1 {
		text = strings.TrimSuffix(inner, "</p>")
	}
	return template.HTML(text), err
}

// picture draws the busy way. Each has a name of its own on the page.
func (p *page) picture(e narrate.Edge) template.HTML {
	p.drawn++
	return template.HTML(picture(p.work, e).inline(fmt.Sprintf("p%d", p.drawn)))
}

package site

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/web"
)

//go:embed page pages
var own embed.FS

// assets puts the player and the site's own scripts into a directory named by
// their digest: a host may keep them for ever, and no page meets those of
// another build.
func (b *builder) assets() error {
	found := map[string][]byte{}
	for _, source := range []struct {
		files fs.FS
		dir   string
	}{{web.Files(), "."}, {own, "page"}} {
		err := fs.WalkDir(source.files, source.dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(source.files, name)
			found[strings.TrimPrefix(name, "page/")] = data
			return err
		})
		if err != nil {
			return err
		}
	}
	delete(found, "index.html") // the pages are the site's
	words, err := json.Marshal(b.words)
	if err != nil {
		return err
	}
	found["shared.js"] = fmt.Appendf(nil, "export default %s;\n", words)
	b.files["embed.js"] = found["embed.js"] // its address stands in other people's pages
	delete(found, "embed.js")
	all := digest.Canonical.Digester()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(all.Hash(), "%s %d\n%s", name, len(found[name]), found[name])
	}
	b.digest = all.Digest().Encoded()[:12]
	for name, data := range found {
		b.files[b.asset(name)] = data
	}
	return nil
}

// say is a fixed word in that language.
func (b *builder) say(language, text string) string {
	if t := b.words[language][text]; t != "" {
		return t
	}
	return text
}

// page is what every template sees.
type page struct {
	b           *builder
	Path        string // from the site's root; ends in "/" or is a file
	Language    string
	Title       string // the document's
	Description string
	Card        string // path of the picture for links to the page; "" for none
	CardText    string
	Canonical   string // path that stands for this page
	Alternates  []alternate
	Hidden      bool // from search engines

	Player     string // path of the recording that the player opens; "" for none
	Embedded   bool
	Scripts    []string // assets
	Data       any      // what the scripts are told
	Lesson     *lesson
	Step       *stepView
	Lessons    []lessonView
	Absolutely bool // links are whole addresses: the page is served at any place
}

// Feed is the path of the Atom feed in the page's language.
func (p *page) Feed() string { return prefix(p.Language) + "feed.xml" }

// alternate is the same page in another language.
type alternate struct{ Language, Path string }

func (p *page) Say(text string) string { return p.b.say(p.Language, text) }

// To is the way to a path of the site from this page.
func (p *page) To(path string) string {
	if p.Absolutely {
		return p.b.absolute(path)
	}
	return relative(p.Path, path)
}

// Asset is the way to one of the assets.
func (p *page) Asset(name string) string { return p.To(p.b.asset(name)) }

// Whole is the whole address of a path; "" where the site's is not known.
func (p *page) Whole(path string) string { return p.b.absolute(path) }

// Addressed tells whether whole addresses are known.
func (p *page) Addressed() bool { return p.b.base != nil }

// Home is the index in the page's language.
func (p *page) Home() string { return p.To(prefix(p.Language)) }

// Name is a language's name in itself.
func (p *page) Name(language string) string { return languageName(language) }

// Player's modules, which the page loads at once rather than one after the other.
func (p *page) Modules() []string {
	return []string{"vendor/preact.js", "vendor/marked.js", "scene.js", "picture.js", "step.js", "transport.js", "words.js", "site.js", "shared.js"}
}

// templates are parsed when they are wanted: every command would wait for them.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"of": func(p *page, m machine) map[string]any { return map[string]any{"Page": p, "Machine": m} },
	}).ParseFS(own, "pages/*.html"))
})

func (b *builder) render(name string, p *page) error {
	p.b = b
	if p.Canonical == "" {
		p.Canonical = p.Path
	}
	file := p.Path
	if file == "" || strings.HasSuffix(file, "/") {
		file += "index.html"
	}
	var out bytes.Buffer
	if err := templates().ExecuteTemplate(&out, name, p); err != nil {
		return err
	}
	b.files[file] = out.Bytes()
	return nil
}

func (b *builder) pages() error {
	for _, language := range b.languages {
		if err := b.index(language); err != nil {
			return err
		}
	}
	for _, l := range b.lessons {
		if err := b.lesson(l); err != nil {
			return fmt.Errorf("lesson %s: %w", l.id, err)
		}
	}
	return nil
}

// lessonView is a lesson in the list.
type lessonView struct {
	*lesson
	Path, Compare string
	Language      string // in which it is told
	Title         template.HTML
	Summary       template.HTML
	Commands      []string
	Stops         int
	Minutes       int
	Languages     []string
	Machines      []machine
	Steps         []stepLink
}

// stepLink is a link to a step.
type stepLink struct {
	Path  string
	N     int
	Title template.HTML
}

// machine says where a recording was made.
type machine struct {
	Name     string `json:"name"`
	File     string `json:"file"`
	Kernel   string `json:"kernel"`
	Arch     string `json:"arch"`
	Cgroup   string `json:"cgroup"`
	Rootless bool   `json:"rootless"`
	Made     string `json:"made"`
	Version  string `json:"version"`
}

func (l *lesson) machines(to func(path string) string) []machine {
	var list []machine
	for _, r := range l.recordings {
		h := r.header
		list = append(list, machine{r.name, to(l.file(r)), h.Machine.Kernel, h.Machine.Arch, h.Machine.Cgroup, h.Rootless, h.Made.UTC().Format("2006-01-02"), h.Version})
	}
	return list
}

// Id, Begins and Name are for the templates.
func (l *lesson) Id() string { return l.id }

func (l *lesson) Begins(language string) string { return l.path(language) }

func (l *lesson) Name(language string) (template.HTML, error) {
	return inline(l.told().title(language))
}

func (l *lesson) view(language string) (lessonView, error) {
	r := l.told()
	v := lessonView{
		lesson: l, Path: l.path(language), Language: l.speaks(language), Commands: r.commands(),
		Stops: r.stops(), Minutes: r.minutes(l.speaks(language)), Languages: l.languages, Machines: l.machines(func(p string) string { return p }),
	}
	if len(l.recordings) > 1 {
		v.Compare = v.Path + "compare/"
	}
	var err error
	if v.Title, err = inline(r.title(v.Language)); err != nil {
		return v, err
	}
	summary, _, _ := strings.Cut(r.steps[0].localized(v.Language).Prose, "\n\n")
	if v.Summary, err = inline(summary); err != nil {
		return v, err
	}
	for i, s := range r.steps {
		if s.Kind != narrate.KindStop {
			continue
		}
		title, err := inline(s.localized(v.Language).Title)
		if err != nil {
			return v, err
		}
		v.Steps = append(v.Steps, stepLink{l.stepPath(v.Language, i), s.N, title})
	}
	return v, nil
}

// found is a step in the index that the search reads.
type found struct {
	Address string `json:"a"` // from the site's root
	Title   string `json:"t"`
	Lesson  string `json:"l"`
	Stage   string `json:"s,omitempty"`
	Text    string `json:"x"`
}

func (b *builder) index(language string) error {
	p := &page{
		Path: prefix(language), Language: language, Title: b.say(language, "What containers really do") + " · learndocker",
		Description: b.say(language, description), Card: "cards/index.png", CardText: "learndocker", Scripts: []string{"search.js"},
		Data: map[string]string{"index": relative(prefix(language), "search."+language+".json"), "root": relative(prefix(language), ""), "none": b.say(language, "nothing found")},
	}
	for _, other := range b.languages {
		p.Alternates = append(p.Alternates, alternate{other, prefix(other)})
	}
	var all []found
	for _, l := range b.lessons {
		v, err := l.view(language)
		if err != nil {
			return err
		}
		p.Lessons = append(p.Lessons, v)
		for i, s := range l.told().steps {
			local := s.localized(v.Language)
			text := []string{plain(local.Prose), plain(local.More)}
			for _, c := range local.Claims {
				text = append(text, plain(c.Say))
			}
			all = append(all, found{l.stepPath(v.Language, i), plain(local.Title), plain(l.told().title(v.Language)), string(s.Stage()), strings.Join(strings.Fields(strings.Join(text, " ")), " ")})
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	b.files["search."+language+".json"] = data
	return b.render("index.html", p)
}

const description = "Real containers, held still at every stage of their making, with the kernel's own evidence beside every sentence. Everything here was observed on a machine and recorded."

func (b *builder) lesson(l *lesson) error {
	for _, language := range l.languages {
		for i := range l.told().steps {
			if err := b.step(l, language, i); err != nil {
				return err
			}
		}
		if len(l.recordings) > 1 {
			if err := b.compare(l, language); err != nil {
				return err
			}
		}
	}
	return b.embed(l)
}

// told is what the player's scripts are told of the page; addresses are relative to it.
type told struct {
	Lesson     string            `json:"lesson"`
	Title      string            `json:"title"`
	Step       int               `json:"step"`
	Language   string            `json:"language"`
	First      int               `json:"first"` // the step that is the lesson's own page
	Lessons    map[string]string `json:"lessons"`
	Recordings []machine         `json:"recordings"`
	Embed      string            `json:"embed"`
	Script     string            `json:"script"`
}

func (l *lesson) tell(p *page, n int) told {
	t := told{
		Lesson: l.id, Title: plain(l.told().title(p.Language)), Step: n, Language: p.Language, First: l.told().steps[0].N,
		Lessons: map[string]string{}, Recordings: l.machines(p.To), Embed: p.To("embed/" + l.id + "/"), Script: p.To("embed.js"),
	}
	for _, language := range l.languages {
		t.Lessons[language] = p.To(l.path(language))
	}
	return t
}

// stepView is a step as text.
type stepView struct {
	*narrate.Step
	Heading     string
	Title       template.HTML
	Lesson      template.HTML
	Prose, More template.HTML
	Claims      []claimView
	Outcomes    []outcomeView
	Back, Next  string // paths
	NextTitle   template.HTML
	Machine     machine
	First       bool
}

type claimView struct {
	Say   template.HTML
	Holds bool
}

type outcomeView struct {
	Question, Truth string
	Why             template.HTML
}

func (l *lesson) stepView(p *page, i int) (*stepView, error) {
	r := l.told()
	s := r.steps[i].localized(p.Language)
	v := &stepView{Step: s, Machine: l.machines(p.To)[0], First: i == 0, Heading: p.heading(s)}
	var wrong error
	html := func(f func(string) (template.HTML, error), text string) template.HTML {
		h, err := f(text)
		if err != nil {
			wrong = err
		}
		return h
	}
	v.Title, v.Lesson = html(inline, s.Title), html(inline, r.title(p.Language))
	v.Prose, v.More = html(block, s.Prose), html(block, s.More)
	for _, c := range s.Claims {
		v.Claims = append(v.Claims, claimView{html(inline, c.Say), c.Holds})
	}
	for _, o := range s.Outcomes {
		v.Outcomes = append(v.Outcomes, outcomeView{o.Question.Question, o.Truth(), html(block, o.Why)})
	}
	if i > 0 {
		v.Back = l.stepPath(p.Language, i-1)
	}
	if i < len(r.steps)-1 {
		v.Next, v.NextTitle = l.stepPath(p.Language, i+1), html(inline, r.steps[i+1].localized(p.Language).Title)
	}
	return v, wrong
}

func (p *page) heading(s *narrate.Step) string {
	switch s.Kind {
	case narrate.KindIntro:
		return p.Say("introduction")
	case narrate.KindEnd:
		return p.Say("the end")
	}
	return fmt.Sprintf("%s %d %s %d", p.Say("Step"), s.N, p.Say("of"), max(s.Of, s.N))
}

func (b *builder) step(l *lesson, language string, i int) error {
	s := l.told().steps[i]
	p := &page{
		b: b, Path: l.stepPath(language, i), Language: language, Lesson: l, Card: l.card(i), Player: l.file(l.told()), Scripts: []string{"app.js"},
	}
	for _, other := range l.languages {
		p.Alternates = append(p.Alternates, alternate{other, l.stepPath(other, i)})
	}
	var err error
	if p.Step, err = l.stepView(p, i); err != nil {
		return err
	}
	title := plain(s.localized(language).Title)
	if s.Kind == narrate.KindStop {
		title = fmt.Sprintf("%d. %s", s.N, title)
	}
	p.Title, p.CardText = title+" · learndocker", title
	p.Description = brief(plain(s.localized(language).Prose), 200)
	p.Data = l.tell(p, s.N)
	return b.render("step.html", p)
}

func (b *builder) compare(l *lesson, language string) error {
	p := &page{b: b, Path: l.path(language) + "compare/", Language: language, Lesson: l, Card: l.card(0), Scripts: []string{"compare.js"}}
	title := plain(l.told().title(language))
	p.Title, p.CardText = b.say(language, "Compare")+": "+title+" · learndocker", title
	p.Description = brief(plain(l.told().steps[0].localized(language).Prose), 200)
	for _, other := range l.languages {
		p.Alternates = append(p.Alternates, alternate{other, l.path(other) + "compare/"})
	}
	p.Data = l.tell(p, 0)
	return b.render("compare.html", p)
}

// embed is the player for other people's pages. It speaks all languages.
func (b *builder) embed(l *lesson) error {
	language := l.languages[0]
	p := &page{
		b: b, Path: "embed/" + l.id + "/", Language: language, Lesson: l, Player: l.file(l.told()), Embedded: true, Hidden: true,
		Canonical: l.path(language), Scripts: []string{"app.js"}, Title: plain(l.told().title(language)) + " · learndocker",
	}
	p.Description = p.Title
	p.Data = l.tell(p, l.told().steps[0].N)
	return b.render("embed.html", p)
}

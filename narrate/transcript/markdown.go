package transcript

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// markdownFiles writes a post that renders alike on GitHub, Jekyll, Hexo and
// Hugo, and its pictures in a directory called after it.
func markdownFiles(w *work) ([]File, error) {
	d := &post{work: w, pictures: map[string]File{}}
	d.write()
	text, err := d.posted(inert(d.b.String()))
	if err != nil {
		return nil, err
	}
	files := w.single([]byte(text))
	for _, name := range d.order {
		files = append(files, d.pictures[name])
	}
	return files, nil
}

// post is a Markdown document being written.
type post struct {
	*work
	b        strings.Builder
	pictures map[string]File
	order    []string // names of the pictures as they come
}

func (d *post) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *post) write() {
	if !d.has(narrate.KindIntro) && !d.only.set {
		d.line("%s\n", d.intro())
	}
	drawn := d.only.set
	for _, s := range d.sections() {
		if !drawn && s.step.Kind != narrate.KindIntro {
			d.poster()
			drawn = true
		}
		d.section(s)
	}
	d.close()
}

// poster shows the whole way in one picture, before the steps.
func (d *post) poster() {
	d.line("## %s\n", d.glance())
	d.picture("way", d.posterTitle()+". "+d.posterDesc(), sequence(d.work))
}

// close ends a post whose session had no last words with the way once more.
func (d *post) close() {
	if !d.has(narrate.KindEnd) && !d.only.set && d.stops() > 1 {
		d.line("## %s\n", d.words.Say("The steps once more"))
		for _, s := range d.steps {
			if s.Kind == narrate.KindStop {
				d.line("%d. %s", s.N, oneLine(s.Title))
			}
		}
		d.line("")
	}
	if text := d.unfinished(); text != "" {
		d.line("*%s*\n", text)
	}
	d.line("---\n")
	d.line("*%s*", d.colophon())
}

func (d *post) section(s section) {
	if len(s.output) > 0 {
		d.line("%s\n", d.words.Say("The client writes:"))
		d.fence("console", s.output)
	}
	if s.command != "" {
		d.fence("console", []string{"$ " + s.command})
	}
	d.heading(s.step)
	for _, o := range s.outcomes {
		d.line("> **%s**\n>\n> *%s* %s\n", oneLine(o.Question.Question), d.measured(o), oneLine(o.Why))
	}
	if s.step.Prose != "" {
		d.line("%s\n", strings.TrimSpace(s.step.Prose))
	}
	d.claims(s.step)
	if s.more != "" {
		d.line("%s\n", strings.TrimSpace(s.more))
	}
	for _, e := range s.evidence {
		d.evidence(e)
	}
	if len(s.try) > 0 {
		d.line("%s\n", d.words.Say("To try while it is held:"))
		d.fence("sh", s.try)
	}
	if s.question != nil {
		d.question(*s.question)
	}
}

func (d *post) heading(s *narrate.Step) {
	switch s.Kind {
	case narrate.KindStop:
		if !d.only.set { // else it is the document's own title
			d.line("## %d. %s\n", s.N, oneLine(s.Title))
		}
		busy := ""
		if drawn(s.Edge) {
			busy = ", " + d.edge(s.Edge)
		}
		d.line("*%s%s*\n", d.words.Sayf("Stage `%s`", s.Stage()), busy)
		if drawn(s.Edge) && d.illustrated() {
			d.picture(s.Edge.From+"-"+s.Edge.To, d.pictureTitle()+": "+d.edge(s.Edge), picture(d.work, s.Edge))
		}
	case narrate.KindEnd:
		d.line("## %s\n", oneLine(s.Title))
	}
}

// PicturesDir is the directory of a post's pictures, beside the post and called
// after it.
func PicturesDir(post string) string {
	if dot := strings.LastIndex(post, "."); dot > strings.LastIndexAny(post, `/\`)+1 {
		return post[:dot]
	}
	return post + "-pictures"
}

// picture puts a picture beside the post. The same way between the same boxes
// is one picture, however often it is shown.
func (d *post) picture(name, alt string, c *canvas) {
	file := PicturesDir(d.Name) + "/" + name + ".svg"
	if _, there := d.pictures[file]; !there {
		d.pictures[file] = File{Name: file, Data: c.document()}
		d.order = append(d.order, file)
	}
	link := linkPath(file)
	if d.Pictures != "" {
		link = strings.TrimSuffix(d.Pictures, "/") + "/" + linkPath(name) + ".svg"
	}
	d.line("![%s](%s)\n", escape(alt), link)
}

// linkPath writes a file's name as a link's target.
func linkPath(name string) string {
	return strings.NewReplacer("%", "%25", " ", "%20", "#", "%23", "?", "%3F", "(", "%28", ")", "%29", ":", "%3A", "<", "%3C", ">", "%3E").Replace(name)
}

func (d *post) claims(s *narrate.Step) {
	for _, c := range s.Claims {
		if c.Holds {
			d.line("- ✓ %s", oneLine(c.Say))
		} else {
			d.line("- ✗ %s %s", d.words.Say("not so on this machine:"), oneLine(c.Say))
		}
	}
	for _, f := range s.Failed {
		d.line("- ✗ %s %s", d.words.Say("not as the lesson expects:"), code(f))
	}
	if len(s.Claims)+len(s.Failed) > 0 {
		d.line("")
	}
}

func (d *post) question(q narrate.Question) {
	d.line("> **%s** %s", d.words.Say("Before you read on:"), oneLine(q.Question))
	d.line(">")
	for i, c := range q.Choices {
		d.line("> %d. %s", i+1, oneLine(c.Text))
	}
	d.line("")
}

func (d *post) evidence(e evidence) {
	d.line("**%s**\n", escape(e.title))
	if e.text == nil {
		d.table(e)
		return
	}
	text := e.text
	if e.more > 0 {
		text = append(text[:len(text):len(text)], d.left(e.more))
	}
	d.fence(e.kind, text)
	if len(e.hands) == 0 {
		return
	}
	if e.inside {
		d.line("%s\n", d.words.Say("By hand, *inside the container's namespaces* (on the host these lines would do harm):"))
	} else {
		d.line("%s\n", d.words.Say("By hand:"))
	}
	d.fence("sh", e.hands)
}

func (d *post) table(e evidence) {
	p := e.table
	columns := len(p.Head)
	for _, r := range p.Rows {
		columns = max(columns, len(r.Cells))
	}
	row := func(values []string, format func(string) string) {
		d.b.WriteString("|")
		for i := range columns {
			v := ""
			if i < len(values) {
				v = format(values[i])
			}
			d.b.WriteString(" " + v + " |")
		}
		d.b.WriteString("\n")
	}
	heads := p.Head
	if !titled(heads) { // Kramdown sees no table without
		heads = []string{d.words.Say("what"), d.words.Say("value")}
	}
	row(heads, escape)
	d.b.WriteString("|" + strings.Repeat(" --- |", columns) + "\n")
	for _, r := range p.Rows {
		row(r.Cells, code)
	}
	if e.more > 0 {
		row([]string{d.left(e.more)}, escape)
	}
	d.line("")
}

// fence writes a code block whose fence is longer than any run of backticks
// inside it.
func (d *post) fence(language string, lines []string) {
	text := strings.Join(lines, "\n")
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	d.line("%s%s\n%s\n%s\n", mark, language, clean(text), mark)
}

var special = regexp.MustCompile("([\\\\`*_{}\\[\\]<>#|])")

func escape(s string) string { return special.ReplaceAllString(clean(s), `\$1`) }

// code is a table cell of code; empty cells stay empty. No two engines agree on
// a pipe within code in a table: a cell that has one is no code.
func code(s string) string {
	s = strings.TrimSpace(clean(strings.ReplaceAll(s, "\n", " "))) // Kramdown wants no space after a backtick
	if s == "" {
		return ""
	}
	if strings.Contains(s, "|") {
		return escape(s)
	}
	mark := "`"
	for strings.Contains(s, mark) {
		mark += "`"
	}
	if len(mark) > 1 {
		s = " " + s + " "
	}
	return mark + s + mark
}

// Package transcript writes a session down as a post: Markdown that renders
// alike on GitHub, Jekyll, Hexo and Hugo.
package transcript

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// FrontMatters are the site generators whose heads are known.
var FrontMatters = []string{"jekyll", "hexo", "hugo", "none"}

// Options of a transcript.
type Options struct {
	FrontMatter string // one of FrontMatters
	Stable      bool   // name by kind what differs from run to run

	Words prose.Words // the fixed words in the language of the steps
}

// Markdown writes the steps as one document. Header and steps come in the
// language in which it is to be read.
func Markdown(w io.Writer, h narrate.Header, steps []*narrate.Step, o Options) error {
	if !slices.Contains(FrontMatters, o.FrontMatter) {
		return fmt.Errorf("front matter %q: want one of %s", o.FrontMatter, strings.Join(FrontMatters, ", "))
	}
	d := &document{header: h, words: o.Words}
	for _, s := range steps {
		d.step(s)
	}
	d.colophon(steps)
	body := plain(d.b.String())
	// These two read {{ and {% as their own; a document that holds either, in
	// some program's output, is marked as not meant for them.
	if o.FrontMatter == "jekyll" || o.FrontMatter == "hexo" {
		if strings.Contains(body, "{{") || strings.Contains(body, "{%") {
			body = "{% raw %}\n" + endraw.ReplaceAllString(body, "{ %$1") + "{% endraw %}\n"
		}
	}
	// Hugo has no such mark; what it would run is written apart.
	if o.FrontMatter == "hugo" {
		body = strings.NewReplacer("{{<", "{ {<", "{{%", "{ {%").Replace(body)
	}
	head, err := frontMatter(h, o.FrontMatter)
	if err != nil {
		return err
	}
	text := head + body
	if o.Stable {
		text = stable(text, h, steps, o.Words)
	}
	_, err = io.WriteString(w, text)
	return err
}

// endraw would end the mark from within.
var endraw = regexp.MustCompile(`\{%(-?\s*endraw)`)

func frontMatter(h narrate.Header, kind string) (string, error) {
	title := strings.NewReplacer("`", "", "<", "", ">", "").Replace(oneLine(h.Title)) // themes print it as it is
	tags := []string{"docker", "containers", "linux"}
	var head any
	switch kind {
	case "none":
		return plain("# " + oneLine(h.Title) + "\n\n"), nil
	case "jekyll":
		head = struct {
			Layout string   `yaml:"layout"`
			Title  string   `yaml:"title"`
			Date   string   `yaml:"date"`
			Tags   []string `yaml:"tags"`
			Lang   string   `yaml:"lang"`
		}{"post", title, h.Made.Format("2006-01-02 15:04:05 -0700"), tags, h.Language}
	case "hexo":
		head = struct {
			Title string   `yaml:"title"`
			Date  string   `yaml:"date"`
			Tags  []string `yaml:"tags"`
			Lang  string   `yaml:"lang"`
		}{title, h.Made.Format(time.DateTime), tags, h.Language}
	case "hugo":
		head = struct {
			Title string   `yaml:"title"`
			Date  string   `yaml:"date"`
			Tags  []string `yaml:"tags"`
			Draft bool     `yaml:"draft"`
		}{title, h.Made.Format(time.RFC3339), tags, false}
	}
	data, err := yaml.Marshal(head)
	if err != nil {
		return "", err
	}
	return "---\n" + string(data) + "---\n\n", nil
}

// document is a transcript being written.
type document struct {
	b       strings.Builder
	header  narrate.Header
	words   prose.Words
	command string
}

func (d *document) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *document) step(s *narrate.Step) {
	if s.Command != d.command && s.Kind == narrate.KindStop {
		d.command = s.Command
		d.fence("console", []string{"$ " + s.Command})
	}
	d.output(s.Output)
	switch s.Kind {
	case narrate.KindStop:
		d.line("## %d. %s\n", s.N, oneLine(s.Title))
		d.line("*%s%s*\n", d.words.Sayf("Stage `%s`", s.Stage()), d.between(s.Edge))
	case narrate.KindEnd:
		d.line("## %s\n", oneLine(s.Title))
	}
	for _, o := range s.Outcomes {
		d.line("> **%s** %s. %s\n", oneLine(o.Question.Question), capital(oneLine(o.Truth())), oneLine(o.Why))
	}
	if s.Prose != "" {
		d.line("%s\n", s.Prose)
	}
	d.claims(s)
	for _, kind := range s.Show {
		if p, ok := s.Panel(kind); ok {
			d.panel(s, p)
		}
	}
	if s.Question != nil {
		d.question(*s.Question)
	}
}

func (d *document) between(e narrate.Edge) string {
	if e.From == "" {
		return ""
	}
	return ", " + escape(d.words.Say(e.From)) + " → " + escape(d.words.Say(e.To))
}

func (d *document) claims(s *narrate.Step) {
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

func (d *document) question(q narrate.Question) {
	d.line("> **%s** %s", d.words.Say("Before you read on:"), oneLine(q.Question))
	d.line(">")
	for i, c := range q.Choices {
		d.line("> %d. %s", i+1, oneLine(c.Text))
	}
	d.line("")
}

// output shows what the client wrote, stderr and stdout as a terminal would.
func (d *document) output(lines []narrate.Line) {
	var text []string
	for _, l := range lines {
		text = append(text, l.Text)
	}
	if len(text) > 0 {
		d.line("%s\n", d.words.Say("The client writes:"))
		d.fence("console", text)
	}
}

// panel is a table, but for what reads better as it is: HTTP and system calls.
func (d *document) panel(s *narrate.Step, whole narrate.Panel) {
	p := s.Brief(whole).Localized(d.words)
	d.line("**%s**\n", escape(p.Title))
	switch p.Kind {
	case narrate.PanelWire:
		d.fence("text", d.firstCells(p))
	case narrate.PanelActs:
		d.fence("c", d.firstCells(p))
		if hands, inside := byHand(whole); len(hands) > 0 {
			if inside {
				d.line("%s\n", d.words.Say("By hand, *inside the container's namespaces* (on the host these lines would do harm):"))
			} else {
				d.line("%s\n", d.words.Say("By hand:"))
			}
			d.fence("sh", hands)
		}
	default:
		d.table(p)
	}
}

func (d *document) firstCells(p narrate.Panel) []string {
	var lines []string
	for _, r := range p.Rows {
		lines = append(lines, r.Cells[0])
	}
	if p.More > 0 {
		lines = append(lines, d.words.Sayf("… and %d more", p.More))
	}
	return lines
}

// byHand lists the shell lines for the calls that did something, and whether
// they belong inside the container's namespaces.
func byHand(p narrate.Panel) (lines []string, inside bool) {
	for _, r := range p.Rows {
		if len(r.Cells) > 2 && r.Cells[1] != "" && strings.HasSuffix(r.Cells[0], " = 0") {
			lines = append(lines, r.Cells[1])
			inside = inside || r.Cells[2] != ""
		}
	}
	return lines, inside
}

func (d *document) table(p narrate.Panel) {
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
	row(p.Head, escape)
	d.b.WriteString("|" + strings.Repeat(" --- |", columns) + "\n")
	for _, r := range p.Rows {
		row(r.Cells, code)
	}
	if p.More > 0 {
		row([]string{d.words.Sayf("… and %d more", p.More)}, escape)
	}
	d.line("")
}

// fence writes a code block whose fence is longer than any run of backticks
// inside it.
func (d *document) fence(language string, lines []string) {
	text := strings.Join(lines, "\n")
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	d.line("%s%s\n%s\n%s\n", mark, language, clean(text), mark)
}

// clean takes out what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f) {
			return -1
		}
		return r
	}, s)
}

var special = regexp.MustCompile("([\\\\`*_{}\\[\\]<>#|])")

func escape(s string) string { return special.ReplaceAllString(clean(s), `\$1`) }

// code is a table cell of code; empty cells stay empty.
func code(s string) string {
	s = strings.ReplaceAll(clean(strings.ReplaceAll(s, "\n", " ")), "|", `\|`)
	if strings.TrimSpace(s) == "" {
		return ""
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

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func capital(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

func (d *document) colophon(steps []*narrate.Step) {
	if last := steps[len(steps)-1]; last.Kind != narrate.KindEnd {
		d.line("*%s*\n", d.words.Sayf("The run was ended here, at step %d of %d.", last.N, last.Of))
	}
	who := "root"
	if d.header.Rootless {
		who = d.words.Say("an ordinary user")
	}
	d.line("---\n")
	d.line("*%s*", d.words.Sayf("Observed on %s with learndocker %s, as %s: Linux %s on %s, cgroup %s. Every number was read from the engine, the wire or the kernel while the engine was held still.",
		d.header.Made.Format(d.words.Say(day)), clean(d.header.Version), who, clean(d.header.Machine.Kernel), clean(d.header.Machine.Arch), clean(d.header.Machine.Cgroup)))
}

// day is how a day is written.
const day = "2 January 2006"

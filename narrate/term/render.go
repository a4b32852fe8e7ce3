// Package term shows steps on a terminal, or as plain text, and takes the
// learner's keys.
//
// Its rules: one step fits one screen; what changed is marked by a sign as well
// as by colour; nothing is drawn that was not in the step; output to a pipe has
// no escape sequences and never waits.
package term

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Renderer turns steps into lines. The steps come in the language in which they
// are to be read.
type Renderer struct {
	Words   prose.Words // the fixed words in that language
	Width   int         // cells
	Height  int         // lines that a step may take; 0 for as many as it wants
	Color   bool
	More    bool                          // show what a page holds back
	Lesson  string                        // its id, for the heading of an introduction
	Replay  string                        // where and when a recording was made; "" for a live session
	Answers func(narrate.Question) string // the learner's predictions; nil for none
}

// wide is the width from which panels stand beside the prose.
const wide = 124

// patientText is the patience from which a section is sentences.
const patientText = 7

// section is a part of the screen. Where there is not room for all, sections
// give up lines in the order of their patience, least first, down to their least.
type section struct {
	lines    []string
	least    int
	patience int
}

// Step renders one step.
func (r Renderer) Step(step *narrate.Step) []string {
	lines, _ := r.step(step)
	return lines
}

// step renders one step, and reports whether all of it has found room.
func (r Renderer) step(step *narrate.Step) (lines []string, whole bool) {
	s := newStyle(r.Color)
	if step.Kind != narrate.KindStop {
		return r.below(r.heading(step, s), step, s)
	}
	lines, whole = r.below(append(append(r.heading(step, s), picture(step.Edge, s, r.Words)...), ""), step, s)
	if way := busyWay(step.Edge, s, r.Words); r.small() && !whole && way != "" { // evidence is worth more than those who are idle
		return r.below(append(r.heading(step, s), way, ""), step, s)
	}
	return lines, whole
}

// below adds what is said and shown of a step to what stands above.
func (r Renderer) below(top []string, step *narrate.Step, s style) (lines []string, whole bool) {
	bottom := r.try(step, s)
	room := 0
	if r.Height > 0 {
		room = max(r.Height-len(top)-len(bottom), 4)
	}
	var body []string
	if r.Width >= wide && step.Kind == narrate.KindStop {
		body, whole = r.columns(step, s, room)
	} else {
		body, whole = fit(append(r.words(step, r.Width, s), r.evidence(step, r.Width, s)...), room)
	}
	return append(append(top, body...), bottom...), whole
}

func (r Renderer) heading(step *narrate.Step, s style) []string {
	place := ""
	if step.Kind != narrate.KindStop && r.Lesson != "" {
		place = r.Lesson + " "
	}
	if step.Kind == narrate.KindStop {
		place = fmt.Sprintf("%d/%d ", step.N, max(step.Of, step.N))
		if step.Of == 0 {
			place = fmt.Sprintf("%d ", step.N)
		}
	}
	line := s.dim("━━ " + place)
	if stage := step.Stage(); stage != "" {
		line += s.stage(stage) + " "
	}
	line = r.fitting(line, step.Command, s)
	if rest := r.Width - cells(line); rest > 0 {
		line += s.dim(strings.Repeat("━", rest))
	}
	title := markdown(step.Title, r.Width, style{code: s.heading, strong: s.heading})
	lines := []string{cut(line, r.Width)}
	for _, t := range title {
		lines = append(lines, s.heading(t))
	}
	return append(lines, "")
}

// fitting adds to a heading when and where a recording was made, and the command:
// of these, where there is not room for all, the day and the command.
func (r Renderer) fitting(line, command string, s style) string {
	if command = printable(command); command != "" {
		command = s.dim("━━ ") + s.code("$ "+command+" ")
	}
	if r.Replay == "" {
		if cells(line+command) < r.Width {
			line += command
		}
		return line
	}
	day, _, _ := strings.Cut(r.Replay, ",")
	for _, where := range []string{r.Replay, day} {
		recorded := s.bad(r.Words.Say("recorded")+" ") + s.dim(where+" ")
		if cells(line+recorded+command) < r.Width {
			return line + recorded + command
		}
	}
	return line + s.bad(r.Words.Say("recorded")+" ") + s.dim(day+" ")
}

func (r Renderer) columns(step *narrate.Step, s style, room int) (lines []string, whole bool) {
	left := r.Width * 9 / 20
	right := r.Width - left - 3
	a, saidWhole := fit(r.words(step, left, s), room)
	b, shownWhole := fit(r.evidence(step, right, s), room)
	for i := range max(len(a), len(b)) {
		line := ""
		if i < len(a) {
			line = a[i]
		}
		if i < len(b) {
			line = pad(line, left) + s.dim(" │ ") + b[i]
		}
		lines = append(lines, line)
	}
	return lines, saidWhole && shownWhole
}

// words are what is said: outcomes of predictions, prose, claims, what to try.
func (r Renderer) words(step *narrate.Step, width int, s style) []section {
	var list []section
	add := func(lines []string, least, patience int) {
		if len(lines) > 0 {
			list = append(list, section{lines: append(lines, ""), least: least, patience: patience})
		}
	}
	for _, o := range step.Outcomes {
		add(r.outcome(o, width, s), 3, 8)
	}
	add(markdown(step.Prose, width, s), 4, 9)
	if r.More {
		add(markdown(step.More, width, s), 1, 7)
	}
	var claims []string
	for _, c := range step.Claims {
		claims = append(claims, r.claim(c, width, s)...)
	}
	for _, f := range step.Failed {
		claims = append(claims, bullet(s.bad("✗ "), r.Words.Say("not as the lesson expects:")+" "+f, width)...)
	}
	add(claims, 2, 8)
	return list
}

func (r Renderer) outcome(o narrate.Outcome, width int, s style) []string {
	lead := s.good("◆ ")
	verdict := r.Words.Sayf("Measured: %s.", o.Truth())
	if r.Answers != nil {
		if a := r.Answers(o.Question); a == o.Measured {
			verdict = r.Words.Sayf("You predicted it: %s.", o.Truth())
		} else if a != "" {
			lead = s.bad("◆ ")
			verdict = r.Words.Sayf("You predicted: %s. Measured: %s.", o.Question.Text(a), o.Truth())
		}
	}
	text := verdict + " " + o.Why
	if r.Height == 0 { // on a screen the truth comes first, there may be no room for both
		text = o.Question.Question + " " + text
	}
	return bullet(lead, inlineMarkdown(text, s), width)
}

func inlineMarkdown(text string, s style) string {
	return strings.Join(markdown(text, 1<<20, s), " ")
}

func (r Renderer) claim(c narrate.Claim, width int, s style) []string {
	if c.Holds {
		return bullet(s.good("✓ "), inlineMarkdown(c.Say, s), width)
	}
	return bullet(s.bad("✗ "), r.Words.Say("not so on this machine:")+" "+inlineMarkdown(c.Say, s), width)
}

// bullet wraps text behind a sign of two cells.
func bullet(sign, text string, width int) []string { return hanging(pad(sign, 2), text, width) }

// hanging wraps text behind a sign, below which nothing stands.
func hanging(sign, text string, width int) []string {
	room := width - cells(sign)
	lines := wrap(text, max(room, 1))
	for i := range lines {
		if i == 0 {
			lines[i] = sign + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", cells(sign)) + lines[i]
		}
	}
	return lines
}

// evidence is what is shown: panels, the client's output, commands to try.
func (r Renderer) evidence(step *narrate.Step, width int, s style) []section {
	var list []section
	if len(step.Output) > 0 {
		lines := []string{s.dim(rule(r.Words.Say("the client writes"), width))}
		for _, l := range step.Output {
			lines = append(lines, outputLine(l, width, s))
		}
		list = append(list, section{lines: append(lines, ""), least: 4, patience: 3})
	}
	for _, kind := range step.Show {
		p, ok := step.Panel(kind)
		if !ok {
			continue
		}
		p = step.Brief(p)
		if r.small() {
			slices.SortStableFunc(p.Rows, changedFirst)
		}
		list = append(list, section{lines: append(r.Panel(p, width), ""), least: 4, patience: 2})
	}
	return list
}

// small is a screen on which not everything has room.
func (r Renderer) small() bool { return r.Height > 0 && r.Height < 30 }

func changedFirst(a, b narrate.Row) int {
	switch {
	case a.Changed == b.Changed:
		return 0
	case a.Changed:
		return -1
	}
	return 1
}

// Continued marks a line that goes on from the one before it without a line
// break, so that what is copied from the screen is one line.
const Continued = "\x00"

// try lists commands for a second terminal. They stand whole, across the whole
// width: they are there to be pasted.
func (r Renderer) try(step *narrate.Step, s style) []string {
	if len(step.Try) == 0 || r.Replay != "" { // there is nothing behind a recording to try on
		return nil
	}
	lines := []string{s.dim(rule(r.Words.Say("try in a second terminal"), r.Width))}
	for i, t := range step.Try {
		if i > 0 && r.small() {
			break
		}
		line := "$ " + printable(t.Run)
		if cells(line)+cells(t.Why)+4 <= r.Width {
			lines = append(lines, s.code(line)+s.dim("  # "+printable(t.Why)))
			continue
		}
		lines = append(lines, r.unbroken(line, s)...)
	}
	if r.Height == 0 {
		lines = append(lines, "")
	}
	return lines
}

// unbroken cuts a long line for a screen into pieces of its width.
func (r Renderer) unbroken(line string, s style) []string {
	if r.Height == 0 {
		return []string{s.code(line)}
	}
	var pieces []string
	for i, piece := range strings.Split(ansi.Hardwrap(line, r.Width, true), "\n") {
		piece = s.code(piece)
		if i > 0 {
			piece = Continued + piece
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

func outputLine(l narrate.Line, width int, s style) string {
	mark := "│ "
	if l.Stream == "stderr" {
		mark = "┊ "
	}
	return s.dim(mark) + cut(printable(l.Text), width-2)
}

// printable takes control characters out of what a container wrote: it must not
// steer the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, text)
}

// Panel renders one table.
func (r Renderer) Panel(p narrate.Panel, width int) []string {
	s := newStyle(r.Color)
	p = p.Localized(r.Words)
	lines := []string{s.dim(rule(printable(p.Title), width))}
	widths := columnWidths(p, width-2)
	if len(p.Head) > 0 && strings.Join(p.Head, "") != "" {
		lines = append(lines, "  "+s.dim(row(p.Head, widths)))
	}
	for _, each := range p.Rows {
		text := row(each.Cells, widths)
		if each.Changed {
			lines = append(lines, s.changed("▌ "+text))
			continue
		}
		lines = append(lines, "  "+text)
	}
	if p.More > 0 {
		lines = append(lines, s.dim("  "+r.Words.Sayf("… and %d more", p.More)))
	}
	return lines
}

// rule is a line across the width that names what is below it.
func rule(title string, width int) string {
	title = "── " + title + " "
	return cut(title+strings.Repeat("─", max(width-cells(title), 0)), width)
}

func row(values []string, widths []int) string {
	var parts []string
	for i, w := range widths {
		v := ""
		if i < len(values) {
			v = printable(values[i])
		}
		parts = append(parts, pad(cutCell(v, w), w))
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// prompt warns of lines that belong inside: on the host they would do harm.
func prompt(act narrate.Row) string {
	if len(act.Cells) > 2 && act.Cells[2] != "" {
		return "inside# "
	}
	return "$ "
}

// cutCell shortens a cell. Of a path both ends say more than the middle.
func cutCell(v string, width int) string {
	if !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "…/") || cells(v) <= width || width < 12 {
		return cut(v, width)
	}
	name := v[strings.LastIndex(v, "/"):]
	if cells(name) > width*2/3 {
		return cut(v, width)
	}
	return ansi.Truncate(v, width-cells(name), "…") + name
}

// Whole renders a panel with nothing cut off: system calls each with the shell
// line that does the same.
func (r Renderer) Whole(p narrate.Panel, width int) []string {
	if p.Kind != narrate.PanelActs && p.Kind != narrate.PanelWire {
		if widest(p.Localized(r.Words)) > width {
			return r.records(p, width)
		}
		return r.Panel(p, width)
	}
	s := newStyle(r.Color)
	p = p.Localized(r.Words)
	lines := []string{s.heading(p.Title), ""}
	for _, each := range p.Rows {
		lines = append(lines, wrap(printable(each.Cells[0]), width)...)
		if len(each.Cells) > 1 && each.Cells[1] != "" {
			lines = append(lines, bullet("  ", s.code(prompt(each)+printable(each.Cells[1])), width)...)
		}
	}
	if p.More > 0 {
		lines = append(lines, s.dim(r.Words.Sayf("… and %d more", p.More)))
	}
	return lines
}

// records renders a table that is wider than the screen with its cells one below
// the other, each behind its column's head.
func (r Renderer) records(p narrate.Panel, width int) []string {
	s := newStyle(r.Color)
	p = p.Localized(r.Words)
	lines := []string{s.dim(rule(printable(p.Title), width))}
	for _, each := range p.Rows {
		sign, paint := "  ", fmt.Sprint
		if each.Changed {
			sign, paint = s.changed("▌ "), s.changed
		}
		for i, cell := range each.Cells {
			head := ""
			if i < len(p.Head) && p.Head[i] != "" {
				head = s.dim(printable(p.Head[i]) + ": ")
			}
			switch cell = printable(cell); {
			case i == 0:
				lines = append(lines, hanging(sign, head+paint(cell), width)...)
			case cell != "":
				lines = append(lines, hanging("    ", head+cell, width)...)
			}
		}
	}
	if p.More > 0 {
		lines = append(lines, s.dim("  "+r.Words.Sayf("… and %d more", p.More)))
	}
	return lines
}

// widest is the width at which nothing of a table is cut.
func widest(p narrate.Panel) int {
	n := 2
	for _, w := range columnWidths(p, 1<<20) {
		n += w + 2
	}
	return n
}

// columnWidths gives each column what it wants; where that is too much, the
// widest give way.
func columnWidths(p narrate.Panel, width int) []int {
	var widths []int
	consider := func(values []string) {
		for i, v := range values {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(v))
		}
	}
	consider(p.Head)
	for _, r := range p.Rows {
		consider(r.Cells)
	}
	for {
		total, widest := 2*(len(widths)-1), 0
		for i, w := range widths {
			total += w
			if w > widths[widest] {
				widest = i
			}
		}
		if total <= width || len(widths) == 0 || widths[widest] <= 8 {
			return widths
		}
		widths[widest] -= min(total-width, max(widths[widest]/8, 1))
	}
}

// fit takes lines from the least patient sections until all fit into room, and
// leaves out the last where that is not enough; 0 is room enough. Before a
// sentence is cut, tables go, but for the first: what is said of them is worth
// more than their heads. It reports whether all is there.
func fit(sections []section, room int) (lines []string, whole bool) {
	said := slices.Clone(sections)
	for i := range said {
		if said[i].patience >= patientText {
			said[i].least = len(said[i].lines) - 1 // but for the gap below
		}
	}
	tables := slices.IndexFunc(sections, func(s section) bool { return s.patience < patientText })
	for keep := len(sections); tables >= 0 && keep > tables; keep-- {
		if lines, fits := squeeze(slices.Clone(said[:keep]), room); fits {
			return lines, room == 0 || total(sections) <= room
		}
	}
	for keep := len(sections); ; keep-- {
		lines, fits := squeeze(slices.Clone(sections[:keep]), room)
		if fits || keep <= 1 {
			return lines, room == 0 || total(sections) <= room
		}
	}
}

// squeeze shrinks sections, none below its least, and reports whether that was
// enough.
func squeeze(sections []section, room int) (lines []string, fits bool) {
	for room > 0 && total(sections) > room {
		shrink := -1
		for i, each := range sections {
			if len(each.lines) > each.least && (shrink < 0 || each.patience < sections[shrink].patience ||
				(each.patience == sections[shrink].patience && len(each.lines) > len(sections[shrink].lines))) {
				shrink = i
			}
		}
		if shrink < 0 {
			break
		}
		sections[shrink].give()
	}
	for _, each := range sections {
		lines = append(lines, each.lines...)
	}
	if room > 0 && len(lines) > room {
		return lines[:room], false
	}
	return lines, true
}

func total(sections []section) int {
	n := 0
	for _, s := range sections {
		n += len(s.lines)
	}
	return n
}

// give gives up one line, and says in the last that there is more.
func (s *section) give() {
	n := len(s.lines)
	if s.lines[n-1] == "" { // the gap below goes first
		s.lines = s.lines[:n-1]
		return
	}
	s.lines = append(s.lines[:n-2:n-2], "  …")
}

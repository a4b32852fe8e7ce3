package transcript

import (
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// section is one step as documents show it: what the detail asks for, in the
// order in which it is read.
type section struct {
	step     *narrate.Step
	command  string // typed before this step; "" where the command is still the same
	output   []string
	outcomes []narrate.Outcome
	evidence []evidence
	question *narrate.Question
	more     string
	try      []string
}

// evidence is one panel, as text or as a table.
type evidence struct {
	title string
	text  []string // where it reads better so
	kind  string   // of the text: "text", "c"
	table narrate.Panel
	more  int // rows that are left out
	hands []string
	// The hands belong inside the container's namespaces.
	inside bool
}

// How much of a panel is shown where not all of it is.
const (
	normalRows  = 16
	normalCalls = 12
	normalHands = 24
)

// sections arranges the steps.
func (w *work) sections() []section {
	var list []section
	command := ""
	for _, s := range w.steps {
		x := section{step: s, outcomes: s.Outcomes}
		if s.Command != command && s.Kind == narrate.KindStop && !w.only.set {
			command, x.command = s.Command, s.Command
		}
		for _, l := range s.Output {
			x.output = append(x.output, clean(l.Text))
		}
		if w.detail() != "brief" || w.only.panel != "" {
			x.evidence, x.question = w.evidence(s), s.Question
		}
		if w.detail() == "full" {
			x.more = s.More
			for _, t := range s.Try {
				x.try = append(x.try, strings.TrimSpace(t.Run+"  # "+t.Why))
			}
		}
		list = append(list, x)
	}
	return list
}

func (w *work) evidence(s *narrate.Step) []evidence {
	var list []evidence
	for _, kind := range w.shown(s) {
		if p, ok := s.Panel(kind); ok {
			list = append(list, w.one(s, p))
		}
	}
	return list
}

// shown are the panels that belong on the page: in full detail the system
// calls always do.
func (w *work) shown(s *narrate.Step) []string {
	if w.detail() != "full" || w.only.panel != "" {
		return s.Show
	}
	for _, kind := range s.Show {
		if kind == narrate.PanelActs {
			return s.Show
		}
	}
	return append(s.Show[:len(s.Show):len(s.Show)], narrate.PanelActs)
}

func (w *work) one(s *narrate.Step, whole narrate.Panel) evidence {
	all := w.detail() == "full" || w.only.panel != ""
	p := s.Brief(whole)
	e := evidence{title: p.Title, more: p.More}
	switch p.Kind {
	case narrate.PanelWire:
		e.kind, e.text = "text", firstCells(p) // bodies are shown by their members: no highlighter knows that
	case narrate.PanelActs:
		e.kind, e.text = "c", firstCells(p)
		e.hands, e.inside = byHand(s, whole)
		if !all {
			e.text, e.more = head(e.text, normalCalls, e.more)
			if len(e.hands) > normalHands {
				left := len(e.hands) - normalHands
				e.hands = append(e.hands[:normalHands:normalHands], "# "+w.left(left))
			}
		}
	default:
		if !all {
			p.Rows, e.more = head(p.Rows, normalRows, e.more)
		}
		e.table = p
	}
	return e
}

// head keeps the first n, unless that leaves out so few that naming their
// number would take as much room.
func head[T any](list []T, n, more int) ([]T, int) {
	if len(list) <= n+2 {
		return list, more
	}
	return list[:n:n], more + len(list) - n
}

func firstCells(p narrate.Panel) []string {
	var lines []string
	for _, r := range p.Rows {
		lines = append(lines, clean(r.Cells[0]))
	}
	return lines
}

// clean takes out what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

// plainText is a sentence of Markdown without its signs, for pictures, titles
// and heads.
func plainText(s string) string {
	return oneLine(strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(clean(s)))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func capital(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// illustrated reports whether each step has its picture.
func (w *work) illustrated() bool {
	if w.only.panel != "" {
		return w.only.panel == PanelPicture
	}
	return w.detail() != "brief"
}

// stops counts the steps at which the engine was held.
func (w *work) stops() int {
	n := 0
	for _, s := range w.steps {
		if s.Kind == narrate.KindStop {
			n++
		}
	}
	return n
}

// has reports whether there is a step of the kind: a watched daemon has
// neither introduction nor end.
func (w *work) has(kind string) bool {
	for _, s := range w.steps {
		if s.Kind == kind {
			return true
		}
	}
	return false
}

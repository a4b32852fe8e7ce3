package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/fatih/color"
)

// Columns of the table, in cells.
const (
	stateWidth = 9
	nameWidth  = 16
)

// Text writes the diagnosis as a table of that many columns. A mend is never
// broken: it is one line to paste, however long.
func (d Diagnosis) Text(w io.Writer, width int, colored bool) error {
	paint := painter(colored)
	var lines []string
	for _, p := range d.Points {
		words := wrap(p.sentences(), width-stateWidth-nameWidth)
		for i, line := range words {
			lead := strings.Repeat(" ", stateWidth+nameWidth)
			if i == 0 {
				lead = paint(p.State, pad(string(p.State), stateWidth)) + pad(p.Name, nameWidth)
			}
			lines = append(lines, lead+line)
		}
		if p.Refusal != "" && p.State != OK {
			for _, line := range wrap("("+p.Refusal+")", width-stateWidth-nameWidth) {
				lines = append(lines, strings.Repeat(" ", stateWidth+nameWidth)+paint("", line))
			}
		}
		if p.Mend != "" {
			lines = append(lines, strings.Repeat(" ", stateWidth)+"$ "+p.Mend)
		}
	}
	lines = append(lines, "")
	lines = append(lines, wrap(d.Summary(), width)...)
	lines = append(lines, "  "+d.Next())
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func (p Point) sentences() string {
	if p.Note == "" {
		return p.Meaning
	}
	return p.Meaning + " " + p.Note
}

// Summary is the verdict in one sentence.
func (d Diagnosis) Summary() string {
	switch d.Verdict {
	case Root:
		return "Lessons run live here, as root. Begin with:"
	case Rootless:
		return "Lessons run live here, in a user namespace. Begin with:"
	}
	return "Lessons do not run live here. Their recordings play:"
}

// Next is the command to begin with.
func (d Diagnosis) Next() string {
	if d.Verdict == Recordings {
		return d.program + " replay hello-world --step"
	}
	return d.program + " lesson hello-world --step"
}

// painter colours states, and what the kernel said faintly. Nothing is told by
// colour alone.
func painter(colored bool) func(State, string) string {
	attributes := map[State][]color.Attribute{OK: {color.FgGreen}, Limited: {color.FgYellow}, Missing: {color.FgRed, color.Bold}, "": {color.Faint}}
	return func(s State, text string) string {
		c := color.New(attributes[s]...)
		if !colored {
			c.DisableColor()
		} else {
			c.EnableColor()
		}
		return c.Sprint(text)
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 1))
}

// wrap breaks at spaces only: names and paths with hyphens stay whole.
func wrap(text string, width int) []string {
	const unbreakable = "\u2011"
	text = ansi.Wrap(strings.ReplaceAll(text, "-", unbreakable), max(width, 10), "")
	return strings.Split(strings.ReplaceAll(text, unbreakable, "-"), "\n")
}

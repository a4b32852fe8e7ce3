package client

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/jsonstream"
)

// Progress writes a pull's progress as the docker command does: on a terminal
// a line for each layer, rewritten in place; otherwise each message once.
type Progress struct {
	W        io.Writer
	Terminal bool

	lines map[string]int // id → line
}

// Show writes one message.
func (p *Progress) Show(m jsonstream.Message) {
	if m.Stream != "" { // it has its own ends of lines
		fmt.Fprint(p.W, m.Stream)
		p.lines = nil
		return
	}
	bar := bar(m.Progress)
	if !p.Terminal {
		if bar == "" {
			fmt.Fprintln(p.W, text(m, ""))
		}
		return
	}
	if m.ID == "" || m.Progress == nil {
		fmt.Fprintln(p.W, text(m, ""))
		if p.lines != nil && m.ID == "" {
			p.lines = nil // what follows stands below
		}
		return
	}
	line, seen := p.lines[m.ID]
	if !seen {
		if p.lines == nil {
			p.lines = map[string]int{}
		}
		line = len(p.lines)
		p.lines[m.ID] = line
		fmt.Fprintln(p.W)
	}
	up := len(p.lines) - line
	fmt.Fprintf(p.W, "\x1b[%dA\x1b[2K\r%s\x1b[%dB\r", up, text(m, bar), up)
}

func text(m jsonstream.Message, bar string) string {
	s := m.Status
	if m.ID != "" {
		s = m.ID + ": " + s
	}
	if bar != "" {
		s += " " + bar
	}
	return s
}

const barWidth = 50

// bar is empty for a message that carries no amounts.
func bar(p *jsonstream.Progress) string {
	if p == nil || (p.Current <= 0 && p.Total <= 0) {
		return ""
	}
	if p.Total <= 0 {
		return units.HumanSize(float64(p.Current))
	}
	full := int(min(p.Current, p.Total) * barWidth / p.Total)
	head := ">"
	if full == barWidth {
		head = ""
	}
	rest := strings.Repeat(" ", max(barWidth-full-len(head), 0))
	return fmt.Sprintf("[%s%s%s] %8v/%v", strings.Repeat("=", full), head, rest, units.HumanSize(float64(p.Current)), units.HumanSize(float64(p.Total)))
}

package transcript

import (
	"fmt"
	"math"
	"strconv"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// The poster is a sequence diagram: the steps on the left, the way that each
// goes on the right.
const (
	posterMargin = 28
	posterText   = 440 // width of the column of words
	laneWidth    = 104
	posterWidth  = posterMargin*2 + posterText + 6*laneWidth
	laneHead     = 46
)

var (
	posterTitleFont = font{class: "name", size: 24, bold: true}
	stepTitleFont   = font{class: "name", size: 14.5, bold: true}
	stageFont       = font{class: "mono-accent", size: 11.5, mono: true, bold: true}
	seenFont        = font{class: "muted", size: 12}
	laneFont        = font{class: "name", size: 13, bold: true}
	commandFont     = font{class: "mono", size: 14, mono: true}
	numberFont      = font{class: "onaccent", size: 12, bold: true}
	smallFont       = font{class: "muted", size: 11}
)

// lane is where a box's line runs.
func lane(box string) float64 {
	for i, name := range boxes {
		if name == box {
			return posterMargin + posterText + (float64(i)+0.5)*laneWidth
		}
	}
	return 0
}

// posterRow is one step of the poster.
type posterRow struct {
	section
	y, height float64
	title     []string
	seen      []string
}

// sequence draws the whole way.
func sequence(w *work) *canvas {
	c := &canvas{width: posterWidth, id: "way", title: plainText(w.title()), desc: posterDesc(w)}
	head := posterTitleFont.wrap(plainText(w.title()), posterWidth-2*posterMargin, 3)
	y := float64(posterMargin + 30*len(head))
	top := y + 14
	rows, bottom := posterRows(w, top+laneHead+10)
	c.height = math.Ceil(bottom + 62)
	c.rect("paper", 0.5, 0.5, c.width-1, c.height-1, 12)
	for i, line := range head {
		c.text(posterTitleFont, posterMargin, float64(posterMargin+20+30*i), posterWidth-2*posterMargin, line)
	}
	c.lanes(w, rows, top, bottom)
	for _, r := range rows {
		c.posterStep(r)
	}
	for i, line := range smallFont.wrap(w.colophon(), posterWidth-2*posterMargin, 2) {
		c.text(smallFont, posterMargin, bottom+32+float64(16*i), posterWidth-2*posterMargin, line)
	}
	return c
}

// posterDesc tells the way to those who do not see it.
func posterDesc(w *work) string {
	text := w.posterDesc()
	for _, s := range w.steps {
		if s.Kind == narrate.KindStop {
			text += fmt.Sprintf(" %d. %s (%s).", s.N, plainText(s.Title), w.edge(s.Edge))
		}
	}
	return text
}

const bandHeight = 34

func posterRows(w *work, y float64) (rows []posterRow, bottom float64) {
	const room = posterText - 56
	for _, s := range w.sections() {
		if s.step.Kind != narrate.KindStop {
			continue
		}
		r := posterRow{section: s, y: y, title: stepTitleFont.wrap(plainText(s.step.Title), room, 3)}
		for _, c := range s.step.Claims {
			if c.Holds {
				r.seen = seenFont.wrap(plainText(c.Say), room, 5)
				break
			}
		}
		r.height = float64(20*len(r.title)+16+16*len(r.seen)) + 20
		if s.command != "" {
			r.height += bandHeight + 8
		}
		y += r.height
		rows = append(rows, r)
	}
	return rows, y
}

// lanes draws the boxes' heads and lines. The container's line is drawn thick
// from each birth to its end.
func (c *canvas) lanes(w *work, rows []posterRow, top, bottom float64) {
	for _, name := range boxes {
		x := lane(name)
		c.path("lane", fmt.Sprintf("M%g %g V%g", x, top+laneHead, bottom))
	}
	born := 0.0
	for _, r := range rows {
		switch middle := r.y + r.height/2; r.step.Stage() {
		case stage.NamespaceCreate:
			born = middle
		case stage.ProcessExit:
			if born > 0 {
				c.path("alive", fmt.Sprintf("M%g %g V%g", lane(narrate.BoxContainer), born, middle))
			}
			born = 0
		}
	}
	for _, name := range boxes {
		x := lane(name)
		c.rect("box", x-laneWidth/2+4, top, laneWidth-8, laneHead-10, 8)
		c.middle(laneFont, x, top+23, laneWidth-14, w.words.Say(name))
	}
}

func (c *canvas) posterStep(r posterRow) {
	y := r.y
	if r.command != "" {
		c.rect("band", posterMargin-10, y, posterWidth-2*posterMargin+20, bandHeight, 6)
		c.text(commandFont, posterMargin+2, y+22, posterWidth-2*posterMargin, "$ "+r.command)
		y += bandHeight + 8
	}
	middle := y + (r.y+r.height-y)/2
	c.add(`<circle class="dot" cx="%g" cy="%g" r="13"/>`, float64(posterMargin+14), y+18)
	c.middle(numberFont, posterMargin+14, y+22, 26, strconv.Itoa(r.step.N))
	const left, room = posterMargin + 42, posterText - 56
	line := y + 16
	for _, t := range r.title {
		c.text(stepTitleFont, left, line, room, t)
		line += 20
	}
	c.text(stageFont, left, line-2, room, string(r.step.Stage()))
	line += 14
	for _, t := range r.seen {
		c.text(seenFont, left, line, room, t)
		line += 16
	}
	e := r.step.Edge
	if from, to := lane(e.From), lane(e.To); from > 0 && to > 0 && from != to {
		c.add(`<circle class="dot" cx="%g" cy="%g" r="4"/>`, from, middle)
		c.arrow([]place{{from, middle}, {to, middle}})
	}
}

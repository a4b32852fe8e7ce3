package transcript

import (
	"fmt"
	"math"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// svgFile draws the whole way, or the step or the panel that was chosen.
func svgFile(w *work) ([]File, error) {
	c := sequence
	if w.only.set {
		c = stepPicture
	}
	return w.single(c(w).document()), nil
}

const (
	sheetWidth  = 860
	sheetMargin = 28
	sheetRoom   = sheetWidth - 2*sheetMargin
	cellRow     = 21 // height of a line of a table
)

var (
	claimFont  = font{class: "", size: 13.5}
	panelFont  = font{class: "label", size: 13, bold: true}
	cellFont   = font{class: "mono", size: 12, mono: true}
	cellGood   = font{class: "mono-good", size: 12, mono: true}
	cellMuted  = font{class: "mono-muted", size: 12, mono: true}
	signGood   = font{class: "good", size: 14, bold: true}
	signBad    = font{class: "bad", size: 14, bold: true}
	sheetTitle = font{class: "name", size: 20, bold: true}
)

// stepPicture draws one step: its picture, what was seen, its panels.
func stepPicture(w *work) *canvas {
	s := w.steps[0]
	if w.only.panel == PanelPicture {
		c := picture(w, s.Edge)
		c.title = plainText(w.title())
		return c
	}
	c := &canvas{width: sheetWidth, id: "s", title: plainText(w.title()), desc: describe(w, s)}
	y := c.sheetHead(w, s)
	if w.only.panel == "" && drawn(s.Edge) {
		c.add(`<g transform="translate(%g %g)">`, float64(sheetWidth-pictureWidth)/2, y)
		c.scene(w.words, s.Edge)
		c.add("</g>")
		y += pictureHeight + 8
	}
	y = c.claims(w, s, y)
	for _, e := range w.sections()[0].evidence {
		y = c.evidence(w, e, y)
	}
	c.height = math.Ceil(y + 8)
	body := c.b.String()
	c.b.Reset()
	c.rect("paper", 0.5, 0.5, c.width-1, c.height-1, 12)
	c.b.WriteString(body)
	return c
}

// describe says in words what the picture shows.
func describe(w *work, s *narrate.Step) string {
	text := ""
	if drawn(s.Edge) {
		text = w.pictureDesc(s.Edge)
	}
	for _, c := range s.Claims {
		if c.Holds {
			text += " " + plainText(c.Say)
		}
	}
	for _, kind := range s.Show {
		if p, ok := s.Panel(kind); ok {
			text += " " + plainText(s.Brief(p).Title) + "."
		}
	}
	return oneLine(text)
}

func (c *canvas) sheetHead(w *work, s *narrate.Step) float64 {
	y := 46.0
	number := fmt.Sprint(s.N)
	c.add(`<circle class="dot" cx="%d" cy="%g" r="16"/>`, sheetMargin+16, y-7)
	c.middle(font{class: "onaccent", size: 14, bold: true}, sheetMargin+16, y-2, 32, number)
	for _, line := range sheetTitle.wrap(plainText(s.Title), sheetRoom-48, 3) {
		c.text(sheetTitle, sheetMargin+46, y, sheetRoom-46, line)
		y += 26
	}
	c.text(stageFont, sheetMargin+46, y-6, sheetRoom-46, string(s.Stage()))
	return y + 14
}

func (c *canvas) claims(w *work, s *narrate.Step, y float64) float64 {
	for _, each := range s.Claims {
		sign, text, f := "✓", plainText(each.Say), signGood
		if !each.Holds {
			sign, text, f = "✗", w.words.Say("not so on this machine:")+" "+text, signBad
		}
		y += 6
		for i, line := range claimFont.wrap(text, sheetRoom-26, 0) {
			if i == 0 {
				c.text(f, sheetMargin+2, y+12, 22, sign)
			}
			c.text(claimFont, sheetMargin+24, y+12, sheetRoom-24, line)
			y += 20
		}
	}
	if len(s.Claims) > 0 {
		y += 12
	}
	return y
}

func (c *canvas) evidence(w *work, e evidence, y float64) float64 {
	c.text(panelFont, sheetMargin, y+14, sheetRoom, e.title)
	y += 26
	if e.text != nil {
		y = c.lines(e.text, y)
	} else {
		y = c.table(e.table, y)
	}
	if e.more > 0 {
		c.text(cellMuted, sheetMargin+10, y+14, sheetRoom-20, w.left(e.more))
		y += cellRow
	}
	return y + 16
}

// lines sets text as it is, broken where it is too long.
func (c *canvas) lines(text []string, y float64) float64 {
	var broken []string
	for _, line := range text {
		for i, piece := range hardWrap(cellFont, line, sheetRoom-36) {
			if i > 0 {
				piece = "  " + piece
			}
			broken = append(broken, piece)
		}
	}
	c.rect("band", sheetMargin, y-4, sheetRoom, float64(len(broken)*18+14), 7)
	for _, line := range broken {
		c.text(cellFont, sheetMargin+10, y+14, sheetRoom-16, line)
		y += 18
	}
	return y + 14
}

// hardWrap breaks after as many letters as fit, at a sign that parts words
// where there is one in the last third.
func hardWrap(f font, text string, width float64) []string {
	var lines []string
	line := ""
	for _, r := range text {
		if f.width(line+string(r)) > width {
			at := strings.LastIndexAny(line, " ,|/") + 1
			if at < len(line)*2/3 {
				at = len(line)
			}
			lines, line = append(lines, line[:at]), line[at:]
		}
		line += string(r)
	}
	return append(lines, line)
}

func (c *canvas) table(p narrate.Panel, y float64) float64 {
	widths := columnWidths(p)
	line := func(f font, cells []string) {
		x := float64(sheetMargin + 10)
		for i, width := range widths {
			if i < len(cells) {
				c.text(f, x, y+14, width, cells[i])
			}
			x += width + 18
		}
	}
	if titled(p.Head) {
		line(cellMuted, p.Head)
		y += cellRow
	}
	for i, r := range p.Rows {
		if i%2 == 0 {
			c.rect("row", sheetMargin, y-1, sheetRoom, cellRow, 4)
		}
		f := cellFont
		if r.Changed {
			f = cellGood
			c.rect("mark", sheetMargin, y+2, 3, cellRow-6, 1.5)
		}
		line(f, r.Cells)
		y += cellRow
	}
	return y
}

func titled(head []string) bool {
	for _, h := range head {
		if h != "" {
			return true
		}
	}
	return false
}

// columnWidths gives each column what it wants; where that is too much, the
// widest give way.
func columnWidths(p narrate.Panel) []float64 {
	var widths []float64
	consider := func(cells []string) {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = math.Max(widths[i], cellFont.width(clean(cell))+1)
		}
	}
	consider(p.Head)
	for _, r := range p.Rows {
		consider(r.Cells)
	}
	for len(widths) > 0 {
		total, widest := float64(18*(len(widths)-1)+20), 0
		for i, width := range widths {
			total += width
			if width > widths[widest] {
				widest = i
			}
		}
		if total <= sheetRoom || widths[widest] < 60 {
			break
		}
		widths[widest] -= math.Min(total-sheetRoom, math.Max(widths[widest]/10, 4))
	}
	return widths
}

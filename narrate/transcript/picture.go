package transcript

import (
	"fmt"
	"math"
	"slices"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

var (
	nameFont = font{class: "name", size: 15, bold: true}
	roleFont = font{class: "muted", size: 11}
)

// The picture of a step has two rows of three boxes.
const (
	pictureWidth, pictureHeight = 720, 200
	boxWidth, boxHeight         = 176, 60
	gapRow                      = 100 // y between the rows, where ways run
)

// place is where a box stands: its left upper corner.
type place struct{ x, y float64 }

var places = map[string]place{
	narrate.BoxClient: {16, 16}, narrate.BoxDaemon: {272, 16}, narrate.BoxRegistry: {528, 16},
	narrate.BoxStore: {16, 124}, narrate.BoxKernel: {272, 124}, narrate.BoxContainer: {528, 124},
}

// boxes in the order in which they are drawn and read.
var boxes = []string{
	narrate.BoxClient, narrate.BoxDaemon, narrate.BoxRegistry, narrate.BoxStore, narrate.BoxKernel, narrate.BoxContainer,
}

// icons are drawn in a square of 24.
var icons = map[string]string{
	narrate.BoxClient:    "M3 4h18v16H3z M7 9l3.5 3L7 15 M13 15h4",
	narrate.BoxDaemon:    "M12 8.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7z M12 2.5v3 M12 18.5v3 M2.5 12h3 M18.5 12h3 M5.3 5.3l2.1 2.1 M16.6 16.6l2.1 2.1 M18.7 5.3l-2.1 2.1 M7.4 16.6l-2.1 2.1",
	narrate.BoxRegistry:  "M7 18.5h10.5a4 4 0 0 0 .6-7.95A6 6 0 0 0 6.6 9.2A4.7 4.7 0 0 0 7 18.5z M12 10v5 M9.8 13l2.2 2.2L14.2 13",
	narrate.BoxStore:     "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3s-3.6 3-8 3s-8-1.3-8-3z M4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6 M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
	narrate.BoxKernel:    "M7 7h10v10H7z M10 3v4 M14 3v4 M10 17v4 M14 17v4 M3 10h4 M3 14h4 M17 10h4 M17 14h4",
	narrate.BoxContainer: "M12 2.8l8 4.4v9.6l-8 4.4l-8-4.4V7.2z M4 7.2l8 4.4l8-4.4 M12 11.6v9.6",
}

// drawn reports whether both ends of a way are boxes of the picture.
func drawn(e narrate.Edge) bool {
	return slices.Contains(boxes, e.From) && slices.Contains(boxes, e.To)
}

// way is a line between two boxes as points, from the first named to the second.
type way struct {
	from, to string
	points   []place
	hidden   bool // drawn only where it is busy
}

var ways = []way{
	{from: narrate.BoxClient, to: narrate.BoxDaemon, points: []place{{192, 46}, {272, 46}}},
	{from: narrate.BoxDaemon, to: narrate.BoxRegistry, points: []place{{448, 46}, {528, 46}}},
	{from: narrate.BoxDaemon, to: narrate.BoxStore, points: []place{{312, 76}, {312, gapRow}, {104, gapRow}, {104, 124}}},
	{from: narrate.BoxDaemon, to: narrate.BoxKernel, points: []place{{360, 76}, {360, 124}}},
	{from: narrate.BoxKernel, to: narrate.BoxContainer, points: []place{{448, 154}, {528, 154}}},
	{from: narrate.BoxDaemon, to: narrate.BoxContainer, points: []place{{408, 76}, {408, gapRow}, {616, gapRow}, {616, 124}}, hidden: true},
}

// picture draws who talks to whom at a step, the busy way lit.
func picture(w *work, e narrate.Edge) *canvas {
	c := &canvas{
		width: pictureWidth, height: pictureHeight, id: "p",
		title: w.pictureTitle(), desc: w.pictureDesc(e),
	}
	c.rect("paper", 0.5, 0.5, pictureWidth-1, pictureHeight-1, 10)
	c.scene(w.words, e)
	return c
}

// scene draws boxes and ways without paper.
func (c *canvas) scene(words prose.Words, e narrate.Edge) {
	for _, each := range ways {
		if !each.busy(e) && !each.hidden {
			c.path("way", rounded(each.points))
		}
	}
	for _, name := range boxes {
		c.box(words, name, name == e.From || name == e.To)
	}
	for _, each := range ways {
		if each.busy(e) {
			points := each.points
			if e.From == each.to {
				points = reversed(points)
			}
			c.arrow(points)
		}
	}
}

func (w way) busy(e narrate.Edge) bool {
	return e.From == w.from && e.To == w.to || e.From == w.to && e.To == w.from
}

func reversed(points []place) []place {
	back := make([]place, 0, len(points))
	for i := range points {
		back = append(back, points[len(points)-1-i])
	}
	return back
}

func (c *canvas) box(words prose.Words, name string, busy bool) {
	at := places[name]
	class, icon := "box", "icon"
	if busy {
		class, icon = "busy", "icon-busy"
	}
	c.rect(class, at.x, at.y, boxWidth, boxHeight, 9)
	c.add(`<g transform="translate(%g %g)"><path class="%s" d="%s"/></g>`, at.x+14, at.y+18, icon, icons[name])
	room := float64(boxWidth - 52 - 8)
	c.text(nameFont, at.x+52, at.y+27, room, words.Say(name))
	c.text(roleFont, at.x+52, at.y+45, room, words.Say(roles[name]))
}

// rounded is a path through the points, its corners rounded.
func rounded(points []place) string {
	const radius = 9
	d := fmt.Sprintf("M%g %g", points[0].x, points[0].y)
	for i := 1; i < len(points)-1; i++ {
		before, after := towards(points[i], points[i-1], radius), towards(points[i], points[i+1], radius)
		d += fmt.Sprintf(" L%g %g Q%g %g %g %g", before.x, before.y, points[i].x, points[i].y, after.x, after.y)
	}
	last := points[len(points)-1]
	return d + fmt.Sprintf(" L%g %g", last.x, last.y)
}

// towards is the point some way from a towards b.
func towards(a, b place, distance float64) place {
	dx, dy := b.x-a.x, b.y-a.y
	length := math.Hypot(dx, dy)
	return place{a.x + dx/length*distance, a.y + dy/length*distance}
}

// arrow draws a lit way that ends in a tip.
func (c *canvas) arrow(points []place) {
	const long, wide = 12, 6
	end, before := points[len(points)-1], points[len(points)-2]
	tip := towards(end, before, 2)
	base := towards(end, before, 2+long)
	shaft := append(points[:len(points)-1:len(points)-1], base)
	c.path("lit", rounded(shaft))
	dx, dy := (tip.x-base.x)/long*wide, (tip.y-base.y)/long*wide
	c.path("tip", fmt.Sprintf("M%g %g L%g %g L%g %gZ", tip.x, tip.y, base.x-dy, base.y+dx, base.x+dy, base.y-dx))
}

package transcript

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"strings"
)

//go:embed picture.css
var pictureStyle string

// canvas is a picture being drawn, in SVG. Its colours are in picture.css, for
// light and dark; its text is real text.
type canvas struct {
	b             strings.Builder
	width, height float64
	title, desc   string
	id            string // tells its title from other pictures' on one page
}

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.b, format+"\n", args...) }

// xmlText makes text fit for XML: what XML cannot hold is left out.
func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(clean(s))) // a Builder takes everything
	return b.String()
}

func (c *canvas) rect(class string, x, y, w, h, radius float64) {
	c.add(`<rect class="%s" x="%g" y="%g" width="%g" height="%g" rx="%g"/>`, class, x, y, w, h, radius)
}

func (c *canvas) path(class, d string) { c.add(`<path class="%s" d="%s"/>`, class, d) }

// text sets a line; x is its left end. It is cut where it would be wider than
// room.
func (c *canvas) text(f font, x, y, room float64, text string) {
	c.anchored(f, "start", x, y, room, text)
}

// middle sets a line around x.
func (c *canvas) middle(f font, x, y, room float64, text string) {
	c.anchored(f, "middle", x, y, room, text)
}

// anchored notes the room in the file, so that a browser can be asked whether
// the text keeps to it.
func (c *canvas) anchored(f font, anchor string, x, y, room float64, text string) {
	if text = f.fit(clean(text), room); strings.TrimSpace(text) == "" {
		return
	}
	c.add(`<text class="%s" font-size="%g" text-anchor="%s" x="%g" y="%g" data-room="%.0f" xml:space="preserve">%s</text>`,
		f.class, f.size, anchor, x, y, room, xmlText(text))
}

// open is the svg element's beginning. A name for screen readers comes first.
func (c *canvas) open() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="%s-t %s-d" class="ld">
<title id="%s-t">%s</title>
<desc id="%s-d">%s</desc>
`, c.width, c.height, c.width, c.height, c.id, c.id, c.id, xmlText(c.title), c.id, xmlText(c.desc))
}

// document is the picture as a file of its own.
func (c *canvas) document() []byte {
	return []byte(c.open() + "<metadata>drawn by learndocker</metadata>\n<style>\n" + pictureStyle + "</style>\n" + c.b.String() + "</svg>\n")
}

// inline is the picture within a page that has the style sheet.
func (c *canvas) inline(id string) string {
	c.id = id
	return c.open() + c.b.String() + "</svg>"
}

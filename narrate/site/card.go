package site

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/learndocker/learndocker/narrate"
)

// Size of a card, in pixels: what the Open Graph's readers show whole.
const (
	cardWidth  = 1200
	cardHeight = 630
)

// card is the picture that stands for a step where somebody links to it. It is
// drawn here and not by a browser, so that it is the same everywhere.
type card struct {
	title, above, stage string
	edge                narrate.Edge
	n, of               int
}

// fonts are Go's own, which cover Latin, Greek and Cyrillic: cards speak the
// lesson's own language.
type fonts struct{ regular, bold, mono *sfnt.Font }

func loadFonts() (f fonts, err error) {
	for _, one := range []struct {
		to   **sfnt.Font
		data []byte
	}{{&f.regular, goregular.TTF}, {&f.bold, gobold.TTF}, {&f.mono, gomono.TTF}} {
		if *one.to, err = opentype.Parse(one.data); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Colours of the page's light look.
var (
	paper  = color.RGBA{0xfb, 0xfb, 0xf9, 0xff}
	white  = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink    = color.RGBA{0x1c, 0x24, 0x30, 0xff}
	soft   = color.RGBA{0x55, 0x60, 0x70, 0xff}
	line   = color.RGBA{0xd4, 0xd9, 0xe0, 0xff}
	accent = color.RGBA{0x0b, 0x62, 0xb8, 0xff}
	busy   = color.RGBA{0xff, 0xb0, 0x00, 0xff}
)

// boxes of the small picture: x, y, width, height.
var boxes = []struct {
	name       string
	x, y, w, h float32
}{
	{narrate.BoxClient, 60, 400, 190, 70}, {narrate.BoxDaemon, 330, 400, 190, 70}, {narrate.BoxRegistry, 600, 400, 190, 70},
	{narrate.BoxStore, 60, 510, 190, 70}, {narrate.BoxKernel, 330, 510, 460, 70}, {narrate.BoxContainer, 560, 522, 210, 46},
}

// canvas is a card being drawn.
type canvas struct {
	img   *image.RGBA
	fonts fonts
}

func (c card) png(f fonts) ([]byte, error) {
	v := &canvas{image.NewRGBA(image.Rect(0, 0, cardWidth, cardHeight)), f}
	draw.Draw(v.img, v.img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	v.box(0, 0, cardWidth, 14, 0, accent)
	if err := c.words(v); err != nil {
		return nil, err
	}
	if err := c.picture(v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := png.Encode(&out, paletted(v.img))
	return out.Bytes(), err
}

// shades is how many steps lie between two colours where an edge is smooth.
const shades = 16

// paletted is the picture with a byte for each pixel: a quarter of the size.
func paletted(from *image.RGBA) *image.Paletted {
	var palette color.Palette
	for _, ground := range []color.RGBA{paper, white} {
		for _, c := range []color.RGBA{ink, soft, line, accent, busy} {
			for i := range shades {
				mix := func(a, b uint8) uint8 { return uint8((int(a)*(shades-1-i) + int(b)*i) / (shades - 1)) }
				palette = append(palette, color.RGBA{mix(ground.R, c.R), mix(ground.G, c.G), mix(ground.B, c.B), 0xff})
			}
		}
	}
	to := image.NewPaletted(from.Bounds(), palette)
	nearest := map[color.RGBA]uint8{}
	for i := range to.Pix {
		c := color.RGBA{from.Pix[4*i], from.Pix[4*i+1], from.Pix[4*i+2], 0xff}
		index, ok := nearest[c]
		if !ok {
			index = uint8(palette.Index(c))
			nearest[c] = index
		}
		to.Pix[i] = index
	}
	return to
}

func (c card) words(v *canvas) error {
	if err := v.text(c.above, v.fonts.regular, 30, 60, 86, 900, 1, soft); err != nil {
		return err
	}
	if err := v.text(c.title, v.fonts.bold, 62, 60, 176, 1080, 3, ink); err != nil {
		return err
	}
	if err := v.text("learndocker", v.fonts.bold, 30, 968, 86, 300, 1, accent); err != nil {
		return err
	}
	if c.stage == "" {
		return nil
	}
	at := strconv.Itoa(c.n)
	if c.of > 0 {
		at += " / " + strconv.Itoa(c.of)
	}
	if err := v.text(at, v.fonts.bold, 54, 850, 470, 300, 1, accent); err != nil {
		return err
	}
	return v.text(c.stage, v.fonts.mono, 30, 850, 552, 300, 1, soft)
}

func (c card) picture(v *canvas) error {
	for _, b := range boxes {
		edge, width := line, float32(2)
		if b.name == c.edge.From || b.name == c.edge.To || b.name == narrate.BoxKernel && (c.edge.From == narrate.BoxContainer || c.edge.To == narrate.BoxContainer) {
			edge, width = busy, 5
		}
		v.box(b.x-width, b.y-width, b.w+2*width, b.h+2*width, 14+width, edge)
		v.box(b.x, b.y, b.w, b.h, 14, white)
		if err := v.text(b.name, v.fonts.regular, 26, int(b.x)+18, int(b.y+b.h/2)+9, int(b.w), 1, ink); err != nil {
			return err
		}
	}
	if way, ok := ways[c.edge]; ok {
		v.arrow(way)
	}
	return nil
}

// ways between two boxes, from and to.
var ways = map[narrate.Edge][4]float32{
	{From: narrate.BoxClient, To: narrate.BoxDaemon}:    {258, 435, 322, 435},
	{From: narrate.BoxDaemon, To: narrate.BoxClient}:    {322, 435, 258, 435},
	{From: narrate.BoxDaemon, To: narrate.BoxRegistry}:  {528, 435, 592, 435},
	{From: narrate.BoxRegistry, To: narrate.BoxDaemon}:  {592, 435, 528, 435},
	{From: narrate.BoxDaemon, To: narrate.BoxStore}:     {340, 476, 256, 506},
	{From: narrate.BoxStore, To: narrate.BoxDaemon}:     {256, 506, 340, 476},
	{From: narrate.BoxDaemon, To: narrate.BoxKernel}:    {425, 474, 425, 506},
	{From: narrate.BoxKernel, To: narrate.BoxDaemon}:    {425, 506, 425, 474},
	{From: narrate.BoxContainer, To: narrate.BoxDaemon}: {600, 518, 500, 474},
	{From: narrate.BoxKernel, To: narrate.BoxContainer}: {470, 545, 552, 545},
	{From: narrate.BoxContainer, To: narrate.BoxKernel}: {552, 545, 470, 545},
}

// fill draws a closed path; its points are counted from the corner of the
// rectangle that it lies in.
func (v *canvas) fill(c color.Color, in image.Rectangle, path func(*vector.Rasterizer)) {
	r := vector.NewRasterizer(in.Dx(), in.Dy())
	path(r)
	r.Draw(v.img, in, image.NewUniform(c), image.Point{})
}

// box is a rectangle with round corners.
func (v *canvas) box(x, y, w, h, round float32, c color.Color) {
	in := image.Rect(int(x), int(y), int(x+w)+1, int(y+h)+1)
	x, y = x-float32(in.Min.X), y-float32(in.Min.Y)
	v.fill(c, in, func(r *vector.Rasterizer) {
		r.MoveTo(x+round, y)
		r.LineTo(x+w-round, y)
		r.QuadTo(x+w, y, x+w, y+round)
		r.LineTo(x+w, y+h-round)
		r.QuadTo(x+w, y+h, x+w-round, y+h)
		r.LineTo(x+round, y+h)
		r.QuadTo(x, y+h, x, y+h-round)
		r.LineTo(x, y+round)
		r.QuadTo(x, y, x+round, y)
		r.ClosePath()
	})
}

// arrow goes from way's first point to its second.
func (v *canvas) arrow(way [4]float32) {
	dx, dy := way[2]-way[0], way[3]-way[1]
	length := float32(math.Hypot(float64(dx), float64(dy)))
	dx, dy = dx/length, dy/length
	point := func(along, across float32) (float32, float32) {
		return way[0] + along*dx - across*dy, way[1] + along*dy + across*dx
	}
	v.fill(busy, v.img.Bounds(), func(r *vector.Rasterizer) {
		r.MoveTo(point(0, -3.5))
		for _, p := range [][2]float32{{length - 18, -3.5}, {length - 18, -13}, {length, 0}, {length - 18, 13}, {length - 18, 3.5}, {0, 3.5}} {
			r.LineTo(point(p[0], p[1]))
		}
		r.ClosePath()
	})
}

// text sets words in lines no longer than width; what does not fit ends in "…".
// (x, y) is where the first line stands. Signs that the font lacks are left out.
func (v *canvas) text(s string, f *sfnt.Font, size float64, x, y, width, most int, c color.Color) error {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return err
	}
	defer face.Close()
	d := font.Drawer{Dst: v.img, Src: image.NewUniform(c), Face: face}
	for i, words := range lines(&d, known(f, s), width, most) {
		d.Dot = fixed.P(x, y+int(float64(i)*size*1.2))
		d.DrawString(words)
	}
	return nil
}

// known leaves out what the font has no sign for.
func known(f *sfnt.Font, s string) string {
	var b sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if i, err := f.GlyphIndex(&b, r); err != nil || i == 0 {
			return -1
		}
		return r
	}, s)
}

func lines(d *font.Drawer, s string, width, most int) []string {
	fits := func(s string) bool { return d.MeasureString(s).Ceil() <= width }
	list := []string{""}
	for _, word := range strings.Fields(s) {
		last := len(list) - 1
		switch longer := strings.TrimSpace(list[last] + " " + word); {
		case fits(longer) || list[last] == "" && len(list) < most:
			list[last] = longer
		case len(list) < most:
			list = append(list, word)
		default:
			list[last] = longer + "…"
			return cut(list, fits)
		}
	}
	return cut(list, fits)
}

// cut shortens what is still too long.
func cut(list []string, fits func(string) bool) []string {
	for i, l := range list {
		for r := []rune(strings.TrimSuffix(l, "…")); !fits(list[i]) && len(r) > 0; r = r[:len(r)-1] {
			list[i] = strings.TrimRight(string(r), " ") + "…"
		}
	}
	return list
}

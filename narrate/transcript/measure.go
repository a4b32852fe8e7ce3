package transcript

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// font is how a text of a picture is set. Which typeface a viewer has is not
// known: widths are those of the widest that are common, DejaVu's.
type font struct {
	class string  // of the style sheet
	size  float64 // pixels
	mono  bool
	bold  bool
}

// width bounds how wide the text will be, in pixels.
func (f font) width(text string) float64 {
	var em float64
	for _, r := range text {
		em += f.advance(r)
	}
	return em * f.size
}

// advance is the width of one letter in ems.
func (f font) advance(r rune) float64 {
	switch {
	case ansi.StringWidth(string(r)) == 2:
		return 1.02 // Korean and its kin are square
	case f.mono:
		return 0.615
	}
	em := 0.64
	switch {
	case strings.ContainsRune("iIjl", r):
		em = 0.3
	case r == ' ':
		em = 0.34
	case strings.ContainsRune("ftr.,:;'|!", r):
		em = 0.42
	case strings.ContainsRune("()[]-/\\\"", r):
		em = 0.47
	case strings.ContainsRune("sczkvxy", r):
		em = 0.6
	case strings.ContainsRune("mwMW@%—→…✓✗", r):
		em = 1.02
	case r >= 'A' && r <= 'Z':
		em = 0.8
	case r >= 0x80:
		em = 0.9
	}
	if f.bold {
		em = em*1.1 + 0.05
	}
	return em
}

// fit cuts a text to a width. Of a path both ends are kept.
func (f font) fit(text string, width float64) string {
	if f.width(text) <= width {
		return text
	}
	tail := ""
	if slash := strings.LastIndex(text, "/"); strings.HasPrefix(strings.TrimPrefix(text, "…"), "/") && f.width(text[slash:]) < width*0.6 {
		text, tail = text[:slash], text[slash:]
	}
	for text != "" && f.width(text+"…"+tail) > width {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + "…" + tail
}

// wrap breaks a text at spaces into at most most lines, 0 for as many as it takes.
func (f font) wrap(text string, width float64, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && f.width(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
		for f.width(line) > width { // a word longer than the line
			piece := strings.TrimSuffix(f.fitHead(line, width), "…")
			if piece == "" {
				break
			}
			lines, line = append(lines, piece), line[len(piece):]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	if most > 0 && len(lines) > most {
		rest := strings.Join(lines[most-1:], " ")
		lines = append(lines[:most-1], f.fitHead(rest, width))
	}
	return lines
}

// fitHead cuts the end off.
func (f font) fitHead(text string, width float64) string {
	if f.width(text) <= width {
		return text
	}
	for text != "" && f.width(text+"…") > width {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + "…"
}

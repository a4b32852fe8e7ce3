package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// markdown renders prose: paragraphs, lists, code, emphasis. Pages use no more.
func markdown(source string, width int, s style) []string {
	src := []byte(source)
	doc := goldmark.DefaultParser().Parse(text.NewReader(src))
	var lines []string
	for block := doc.FirstChild(); block != nil; block = block.NextSibling() {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, blockLines(block, src, width, s)...)
	}
	return lines
}

func blockLines(block ast.Node, src []byte, width int, s style) []string {
	switch b := block.(type) {
	case *ast.List:
		var lines []string
		for item := b.FirstChild(); item != nil; item = item.NextSibling() {
			for i, line := range wrap(inline(item, src, s), width-2) {
				lead := "  "
				if i == 0 {
					lead = "• "
				}
				lines = append(lines, lead+line)
			}
		}
		return lines
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		var lines []string
		for i := range block.Lines().Len() {
			segment := block.Lines().At(i)
			lines = append(lines, "  "+s.code(strings.TrimRight(string(segment.Value(src)), "\n")))
		}
		return lines
	}
	return wrap(inline(block, src, s), width)
}

// inline renders a block's text on one line.
func inline(n ast.Node, src []byte, s style) string {
	var out strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			out.Write(c.Segment.Value(src))
			if c.SoftLineBreak() || c.HardLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(c.Value)
		case *ast.CodeSpan:
			out.WriteString(s.code(inline(c, src, newStyle(false))))
		case *ast.Emphasis:
			out.WriteString(s.strong(inline(c, src, newStyle(false))))
		default:
			out.WriteString(inline(c, src, s))
		}
	}
	return out.String()
}

// wrap breaks at spaces, and long words where it must. It counts cells, not
// bytes: escape sequences take none, Korean letters two.
// Names and paths with hyphens stay whole.
func wrap(text string, width int) []string {
	const unbreakable = "\u2011"
	text = ansi.Wrap(strings.ReplaceAll(text, "-", unbreakable), max(width, 10), "")
	return strings.Split(strings.ReplaceAll(text, unbreakable, "-"), "\n")
}

func cut(s string, width int) string { return ansi.Truncate(s, max(width, 1), "…") }

func cells(s string) int { return ansi.StringWidth(s) }

func pad(s string, width int) string {
	if n := width - cells(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

package site

import (
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Whatever a container, an image or a lesson wrote is text here, never markup:
// what looks like HTML is shown as it is written, an image by its description.
type asText struct{}

func (asText) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindRawHTML, rawHTML)
	r.Register(ast.KindHTMLBlock, htmlBlock)
	r.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) { return ast.WalkContinue, nil })
	r.Register(ast.KindLink, link)
	r.Register(ast.KindAutoLink, autoLink)
}

func rawHTML(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		writeText(w, string(n.(*ast.RawHTML).Segments.Value(source)))
	}
	return ast.WalkSkipChildren, nil
}

func htmlBlock(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.HTMLBlock)
	text := string(block.Lines().Value(source))
	if block.HasClosure() {
		text += string(block.ClosureLine.Value(source))
	}
	_, err := w.WriteString("<p>" + template.HTMLEscapeString(strings.TrimSpace(text)) + "</p>\n")
	return ast.WalkSkipChildren, err
}

// link makes links to the web only.
func link(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	to := string(n.(*ast.Link).Destination)
	if !isWeb(to) {
		return ast.WalkContinue, nil
	}
	if entering {
		return ast.WalkContinue, openLink(w, to)
	}
	_, err := w.WriteString("</a>")
	return ast.WalkContinue, err
}

func autoLink(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	l := n.(*ast.AutoLink)
	to, label := string(l.URL(source)), string(l.Label(source))
	if !isWeb(to) {
		writeText(w, label)
		return ast.WalkContinue, nil
	}
	if err := openLink(w, to); err != nil {
		return ast.WalkStop, err
	}
	writeText(w, label)
	_, err := w.WriteString("</a>")
	return ast.WalkContinue, err
}

func openLink(w util.BufWriter, to string) error {
	_, err := w.WriteString(`<a rel="noopener noreferrer" href="` + template.HTMLEscapeString(string(util.URLEscape([]byte(to), false))) + `">`)
	return err
}

func isWeb(address string) bool {
	address = strings.ToLower(address)
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

func writeText(w util.BufWriter, s string) { _, _ = w.WriteString(template.HTMLEscapeString(s)) }

func newMarkdown() goldmark.Markdown {
	return goldmark.New(goldmark.WithRenderer(renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(asText{}, 100), util.Prioritized(html.NewRenderer(), 1000)))))
}

// block renders prose.
func block(source string) (template.HTML, error) {
	var b strings.Builder
	if err := newMarkdown().Convert([]byte(source), &b); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil // made of escaped text, see asText
}

// inline renders one line, without the paragraph around it.
func inline(source string) (template.HTML, error) {
	h, err := block(strings.Join(strings.Fields(source), " "))
	s := strings.TrimSpace(string(h))
	if inner, ok := strings.CutPrefix(s, "<p>"); ok && strings.Count(s, "<p>") == 1 {
		return template.HTML(strings.TrimSuffix(inner, "</p>")), err
	}
	return template.HTML(template.HTMLEscapeString(source)), err
}

// plain is Markdown without its marks, for titles, descriptions and the search.
func plain(source string) string {
	src := []byte(source)
	var b strings.Builder
	doc := goldmark.DefaultParser().Parse(text.NewReader(src))
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			value := n.Value(src)
			if !n.IsRaw() {
				value = util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(value)))
			}
			b.Write(value)
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(src))
		case *ast.RawHTML:
			b.Write(n.Segments.Value(src))
		case *ast.HTMLBlock:
			b.Write(n.Lines().Value(src))
		case *ast.CodeBlock:
			b.Write(n.Lines().Value(src))
		case *ast.FencedCodeBlock:
			b.Write(n.Lines().Value(src))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// brief cuts a text to a description, at a word's end.
func brief(s string, runes int) string {
	r := []rune(s)
	if len(r) <= runes {
		return s
	}
	cut := string(r[:runes])
	if at := strings.LastIndexByte(cut, ' '); at > len(cut)/2 {
		cut = cut[:at]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}

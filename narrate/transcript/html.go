package transcript

import (
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// plain takes the HTML, and links that are none to a page, out of Markdown that
// is not wholly the authors': its fields were filled with what was observed, or
// it comes from a recording that anybody may have written. The letters stay.
func plain(markdown string) string {
	for range maxRounds {
		places, links := findHTML([]byte(markdown))
		if len(places) == 0 && !links {
			return markdown
		}
		if links {
			return strings.NewReplacer("<", "&lt;", "[", `\[`).Replace(markdown)
		}
		for _, at := range slices.Backward(places) {
			markdown = markdown[:at] + "&lt;" + markdown[at+1:]
		}
	}
	return strings.ReplaceAll(markdown, "<", "&lt;") // what is so nested was meant so
}

// maxRounds: where a tag is taken out, what it hid may be read as one.
const maxRounds = 8

// findHTML finds the places of each "<" that belongs to HTML, in order, and reports
// whether there is a link that leads to no page.
func findHTML(source []byte) (places []int, links bool) {
	add := func(s text.Segment) {
		for i := s.Start; i < s.Stop && i < len(source); i++ {
			if source[i] == '<' {
				places = append(places, i)
			}
		}
	}
	doc := goldmark.DefaultParser().Parse(text.NewReader(source))
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the visitor has no errors
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.RawHTML:
			for i := range n.Segments.Len() {
				add(n.Segments.At(i))
			}
		case *ast.HTMLBlock:
			for i := range n.Lines().Len() {
				add(n.Lines().At(i))
			}
			if n.HasClosure() {
				add(n.ClosureLine)
			}
		case *ast.Link:
			links = links || !isPage(n.Destination)
		case *ast.Image:
			links = links || !isPage(n.Destination)
		case *ast.AutoLink:
			links = links || !isPage(n.URL(source))
		}
		return ast.WalkContinue, nil
	})
	slices.Sort(places)
	return slices.Compact(places), links
}

// isPage reports whether a link leads to a page, and runs nothing.
func isPage(destination []byte) bool {
	u, err := url.Parse(html.UnescapeString(string(destination)))
	return err == nil && slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme)
}

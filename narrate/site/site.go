// Package site makes a web site of recordings: plain files that any host serves
// as they are, at its root or below it. Each step is a page of its own, readable
// without JavaScript; with it the same page is the player.
//
//	index.html, ko/index.html              the lessons, and a search over all steps
//	lessons/ID/, lessons/ID/N/             a lesson, and the deep link of its step N
//	lessons/ID/compare/                    two recordings of it beside each other
//	embed/ID/, embed.js                    the player in somebody else's page
//	recordings/ID/NAME.jsonl               as they were made, byte for byte
//	assets/DIGEST/                         the page of package web, and this site's own
//	feed.xml, sitemap.xml, robots.txt, 404.html, cards/    where the site's address is known
//
// The same recordings make the same bytes.
package site

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Options of a site.
type Options struct {
	Base  *url.URL                     // where it will be; nil where nobody knows, which leaves out what needs to say so
	Words map[string]map[string]string // language → fixed words, by their English text
}

// Source is a recording.
type Source struct {
	Name string // for messages: the file's
	Data []byte // JSON Lines
}

// Files are the site, by their slash-separated paths.
type Files map[string][]byte

// Build makes the site. Recordings of one lesson stand together, the first is
// the one that its pages tell.
func Build(sources []Source, o Options) (Files, error) {
	if len(sources) == 0 {
		return nil, errors.New("a site without a recording")
	}
	lessons, err := gather(sources)
	if err != nil {
		return nil, err
	}
	b := &builder{files: Files{}, lessons: lessons, base: o.Base, words: o.Words}
	b.languages = languagesOf(lessons)
	if err := b.assets(); err != nil {
		return nil, err
	}
	if err := b.pages(); err != nil {
		return nil, err
	}
	for _, l := range lessons {
		for _, r := range l.recordings {
			b.files[l.file(r)] = r.data
		}
	}
	if o.Base != nil {
		if err := b.addressed(); err != nil {
			return nil, err
		}
	}
	b.files[".nojekyll"] = nil // GitHub's host: the files are to be served as they are
	return b.files, nil
}

// builder is a site being made.
type builder struct {
	words     map[string]map[string]string
	files     Files
	lessons   []*lesson
	languages []string // the site's own first
	base      *url.URL
	digest    string // of the assets, which is their directory's name
}

// original is the language whose pages stand at the root.
const original = "en"

func languagesOf(lessons []*lesson) []string {
	found := map[string]bool{}
	for _, l := range lessons {
		for _, name := range l.languages {
			found[name] = true
		}
	}
	delete(found, original)
	return append([]string{original}, slices.Sorted(maps.Keys(found))...)
}

// prefix is where a language's pages begin.
func prefix(language string) string {
	if language == original {
		return ""
	}
	return language + "/"
}

// relative is the way from a page to a path, both from the site's root.
func relative(from, to string) string {
	up := strings.Repeat("../", strings.Count(from, "/"))
	if up+to == "" {
		return "./"
	}
	return up + to
}

// absolute is the whole address of a path; "" where the site's is not known.
func (b *builder) absolute(path string) string {
	if b.base == nil {
		return ""
	}
	return strings.TrimSuffix(b.base.String(), "/") + "/" + path
}

// asset is the path of one of the assets.
func (b *builder) asset(name string) string { return "assets/" + b.digest + "/" + name }

// ParseBase reads the address that a site will have.
func ParseBase(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("address %q: want one like https://example.org/learndocker/", address)
	}
	return u, nil
}

package site

import (
	"encoding/xml"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// addressed makes what has to say where the site is: feeds, sitemap, robots.txt,
// the page for what is not found, and pictures for links to it.
func (b *builder) addressed() error {
	for _, language := range b.languages {
		if err := b.feed(language); err != nil {
			return err
		}
	}
	if err := b.sitemap(); err != nil {
		return err
	}
	b.files["robots.txt"] = []byte("User-agent: *\nAllow: /\n\nSitemap: " + b.absolute("sitemap.xml") + "\n")
	// The 404 page is served at any depth, so its links are whole addresses.
	if err := b.render("404.html", &page{Path: "404.html", Language: original, Title: "learndocker", Description: "learndocker", Hidden: true, Absolutely: true}); err != nil {
		return err
	}
	return b.cards()
}

// atom is a feed after RFC 4287.
type atom struct {
	XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Language string      `xml:"xml:lang,attr"`
	ID       string      `xml:"id"`
	Title    string      `xml:"title"`
	Updated  string      `xml:"updated"`
	Author   string      `xml:"author>name"`
	Links    []atomLink  `xml:"link"`
	Entries  []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Link    atomLink `xml:"link"`
	Content atomText `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (b *builder) feed(language string) error {
	home := b.absolute(prefix(language))
	f := atom{
		Language: language, ID: home, Title: "learndocker", Author: "learndocker",
		Links: []atomLink{{"self", "application/atom+xml", b.absolute(prefix(language) + "feed.xml")}, {"alternate", "text/html", home}},
	}
	var latest time.Time
	for _, l := range b.lessons {
		r, in := l.told(), l.speaks(language)
		made := r.header.Made.UTC()
		if made.After(latest) {
			latest = made
		}
		content, err := block(r.steps[0].localized(in).Prose)
		if err != nil {
			return err
		}
		address := b.absolute(l.path(language))
		f.Entries = append(f.Entries, atomEntry{
			ID: address, Title: plain(r.title(in)), Updated: made.Format(time.RFC3339), Link: atomLink{"alternate", "text/html", address}, Content: atomText{"html", string(content)},
		})
	}
	f.Updated = latest.Format(time.RFC3339)
	return b.xml(prefix(language)+"feed.xml", f)
}

// urlset is a sitemap, https://www.sitemaps.org/protocol.html, with the pages in
// other languages as Google's extension has them.
type urlset struct {
	XMLName xml.Name     `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	XHTML   string       `xml:"xmlns:xhtml,attr"`
	URLs    []sitemapURL `xml:"url"`
}

type sitemapURL struct {
	Loc     string         `xml:"loc"`
	Lastmod string         `xml:"lastmod,omitempty"`
	Links   []sitemapOther `xml:"xhtml:link"`
}

type sitemapOther struct {
	Rel      string `xml:"rel,attr"`
	Language string `xml:"hreflang,attr"`
	Href     string `xml:"href,attr"`
}

func (b *builder) sitemap() error {
	set := urlset{XHTML: "http://www.w3.org/1999/xhtml"}
	add := func(made time.Time, languages []string, path func(language string) string) {
		var links []sitemapOther
		if len(languages) > 1 {
			for _, l := range languages {
				links = append(links, sitemapOther{"alternate", l, b.absolute(path(l))})
			}
		}
		for _, l := range languages {
			u := sitemapURL{Loc: b.absolute(path(l)), Links: links}
			if !made.IsZero() {
				u.Lastmod = made.UTC().Format("2006-01-02")
			}
			set.URLs = append(set.URLs, u)
		}
	}
	add(time.Time{}, b.languages, prefix)
	for _, l := range b.lessons {
		made := l.told().header.Made
		for i := range l.told().steps {
			add(made, l.languages, func(language string) string { return l.stepPath(language, i) })
		}
		if len(l.recordings) > 1 {
			add(made, l.languages, func(language string) string { return l.path(language) + "compare/" })
		}
	}
	return b.xml("sitemap.xml", set)
}

func (b *builder) xml(name string, v any) error {
	data, err := xml.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	b.files[name] = []byte(xml.Header + string(data) + "\n")
	return nil
}

// card is the path of a step's picture.
func (l *lesson) card(i int) string {
	name := strings.TrimSuffix(strings.TrimPrefix(l.stepPath(l.languages[0], i), prefix(l.languages[0])+"lessons/"), "/")
	return "cards/" + name + ".png"
}

// cards draws the pictures, as many at a time as there are processors.
func (b *builder) cards() error {
	fonts, err := loadFonts()
	if err != nil {
		return err
	}
	type job struct {
		path string
		card card
	}
	jobs := []job{{"cards/index.png", card{title: b.say(original, "What containers really do"), above: "learndocker"}}}
	for _, l := range b.lessons {
		for i, s := range l.told().steps {
			c := card{title: plain(s.Title), above: plain(l.told().header.Title), stage: string(s.Stage()), edge: s.Edge, n: s.N, of: s.Of}
			if i == 0 {
				c.above = "$ " + strings.Join(l.told().commands(), "; ")
			}
			jobs = append(jobs, job{l.card(i), c})
		}
	}
	drawn := make([][]byte, len(jobs))
	var group errgroup.Group
	group.SetLimit(4)
	for i, j := range jobs {
		group.Go(func() (err error) {
			drawn[i], err = j.card.png(fonts)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, j := range jobs {
		b.files[j.path] = drawn[i]
	}
	return nil
}

//go:build linux

package site

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/learndocker/learndocker/narrate/internal/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// hosted serves a site below a path, with nothing that a plain file server has not.
func hosted(t *testing.T, recordings ...Source) (origin, home string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	home = server.URL + "/some/where/"
	base, err := url.Parse(home)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Build(recordings, Options{Base: base, Words: fixedWords(t)})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "site")
	if err := files.Write(dir, false); err != nil {
		t.Fatal(err)
	}
	mux.Handle("/some/where/", http.StripPrefix("/some/where/", http.FileServer(http.Dir(dir))))
	return server.URL, home
}

func TestInBrowser(t *testing.T) {
	origin, home := hosted(t, append(bundled(t), korean("Two tongues"))...)
	b := browsertest.Start(t)

	t.Run("deep link and keys", func(t *testing.T) {
		p := browsertest.Open(t, b, 1280, 900)
		p.GoTo(home + "lessons/hello-world/14/")
		p.Until(`document.querySelector('#app .picture') && document.querySelector('#app h1').textContent === 'A process is born behind walls'`)
		p.Until(`document.getElementById('text') === null`) // the text does not stay beside the player
		if walls := browsertest.Ask[int](p, `document.querySelectorAll('.wall').length`); walls < 5 {
			t.Errorf("%d walls at the birth of the process", walls)
		}
		p.Shot("lesson")
		p.Press("n")
		p.Until(`location.pathname === '/some/where/lessons/hello-world/15/' && document.querySelector('#app h1').textContent === 'Who is root in there?'`)
		p.Press("b")
		p.Press("b")
		p.Until(`location.pathname === '/some/where/lessons/hello-world/13/'`)
		p.Do(chromedp.Reload())
		p.Until(`document.querySelector('#app h1')?.textContent === 'A control group is made'`)
		p.GoTo(home + "lessons/hello-world/#step=3")
		p.Until(`location.pathname === '/some/where/lessons/hello-world/3/'`)
		p.Run(`location.hash = 'step=5'`)
		p.Until(`location.pathname === '/some/where/lessons/hello-world/5/' && document.querySelector('#app .where').textContent.includes('5')`)
		p.Do(chromedp.Click(`.brand`))
		p.Until(`location.pathname === '/some/where/' && document.querySelector('.card')`)
		p.Fine(origin)
	})

	t.Run("search", func(t *testing.T) {
		p := browsertest.Open(t, b, 1280, 900)
		p.GoTo(home)
		p.Until(`document.querySelector('#search:not([hidden])')`)
		p.Shot("index-1280")
		p.Press("/")
		p.Until(`document.activeElement.id === 'wanted'`)
		browsertest.Ask[string](p, `document.activeElement.value = ''`) // the driver types what the page has taken as a key
		p.Do(chromedp.SendKeys(`#wanted`, "pivot_root"))
		p.Until(`document.querySelectorAll('#found a').length > 0`)
		p.Shot("search")
		p.Press("\r")
		p.Until(`/lessons\/hello-world\/\d+\/$/.test(location.pathname) && document.querySelector('#app .picture')`)
		p.Fine(origin)
	})

	t.Run("languages", func(t *testing.T) {
		p := browsertest.Open(t, b, 360, 740)
		p.GoTo(home + "ko/lessons/two-tongues/1/")
		p.Until(`document.querySelector('#app h1')?.textContent === '끝입니다' && document.documentElement.lang === 'ko'`)
		browsertest.Ask[bool](p, `(s => { s.value = 'en'; return s.dispatchEvent(new Event('change', { bubbles: true })); })(document.querySelector('#app select:not(.recordings)'))`)
		p.Until(`document.querySelector('#app h1').textContent === 'The end' && location.pathname === '/some/where/lessons/two-tongues/1/'`)
		p.GoTo(home + "ko/")
		p.Until(`document.querySelector('#search:not([hidden])')`)
		if browsertest.Ask[bool](p, `document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the index is wider than a small screen")
		}
		p.Shot("index-360-ko")
		p.Do(chromedp.SendKeys(`#wanted`, "말합"))
		p.Until(`document.querySelector('#found a')?.textContent === '두 언어'`)
		p.GoTo(home + "lessons/hello-world/compare/#step=14")
		p.Until(`document.querySelector('.pair h1')`)
		p.Shot("compare-360")
		if browsertest.Ask[bool](p, `document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the comparison is wider than a small screen")
		}
		p.Fine(origin)
	})

	t.Run("dark", func(t *testing.T) {
		p := browsertest.Open(t, b, 1280, 900)
		p.Prefer("prefers-color-scheme", "dark")
		p.GoTo(home)
		p.Until(`getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'`)
		p.Shot("index-dark")
		p.Fine(origin)
	})

	t.Run("compare", func(t *testing.T) {
		p := browsertest.Open(t, b, 1280, 1000)
		p.GoTo(home + "lessons/hello-world/13/")
		p.Until(`document.querySelector('#app .tools a.button')`)
		p.Do(chromedp.Click(`#app .tools a.button`))
		p.Until(`document.querySelector('.pair h1')?.textContent === 'A control group is made'`)
		if got := browsertest.Ask[string](p, `document.querySelector('.side.b .claims .fresh').textContent`); !strings.Contains(got, "Not done here") {
			t.Errorf("as an ordinary user the claim is %q", got)
		}
		if got := browsertest.Ask[string](p, `document.querySelector('.side.a .claims .fresh').textContent`); !strings.Contains(got, "cgroup v1") {
			t.Errorf("as root the claim is %q", got)
		}
		p.Shot("compare")
		p.Press("n")
		p.Until(`location.hash === '#step=14'`)
		file, err := filepath.Abs("../../lessons/recordings/hello-world.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		p.Do(chromedp.SetUploadFiles(`input[type=file]`, []string{file}))
		p.Until(`document.querySelector('.none') && document.querySelectorAll('.steps .count').length === 0`)
		p.Fine(origin, "blob:")
	})

	t.Run("another recording", func(t *testing.T) {
		p := browsertest.Open(t, b, 1280, 900)
		p.GoTo(home + "lessons/hello-world/13/")
		p.Until(`document.querySelector('select.recordings')`)
		browsertest.Ask[bool](p, `(s => { s.selectedIndex = 1; return s.dispatchEvent(new Event('change', { bubbles: true })); })(document.querySelector('select.recordings'))`)
		p.Until(`location.search.startsWith('?recording=rootless') && document.querySelector('#app .claims')?.textContent.includes('Not done here')`)
		p.Fine(origin)
	})

	t.Run("embed", func(t *testing.T) { embedded(t, b, origin, home) })
}

// embedded puts the lesson into a page of another origin, twice.
func embedded(t *testing.T, b context.Context, origin, home string) {
	lesson := browsertest.Open(t, b, 1280, 900)
	lesson.GoTo(home + "lessons/hello-world/14/")
	lesson.Until(`document.querySelector('button.embed')`)
	lesson.Do(chromedp.Click(`button.embed`))
	lesson.Until(`document.querySelectorAll('.codes code').length === 2`)
	lesson.Shot("embed-code")
	script := browsertest.Ask[string](lesson, `document.querySelectorAll('.codes code')[0].textContent`)
	frame := browsertest.Ask[string](lesson, `document.querySelectorAll('.codes code')[1].textContent`)

	blog := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>A blog</title><meta name="viewport" content="width=device-width">
<style>body { font: 18px/1.6 Georgia, serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #333 } h1 { color: maroon }</style>
<h1>What I learned about containers</h1><p>A process is born behind walls:</p>` + script + `<p>And from the beginning, in a frame:</p>` + frame + `<p>The end.</p></html>`))
	}))
	t.Cleanup(blog.Close)
	p := browsertest.Open(t, b, 900, 1800)
	// The frame is of another origin: a name that is not the blog's.
	p.GoTo(strings.Replace(blog.URL, "127.0.0.1", "localhost", 1) + "/")
	p.Until(`document.querySelectorAll('iframe').length === 2`)
	p.Until(`parseInt(document.querySelector('iframe').style.height) > 300 && document.querySelector('iframe').style.height !== '640px'`)
	p.Shot("blog")
	high := browsertest.Ask[int](p, `parseInt(document.querySelector('iframe').style.height)`)
	if high > 1500 {
		t.Errorf("the frame is %d pixels high", high)
	}
	p.Do(chromedp.Focus(`iframe`))
	p.Fine(origin, strings.Replace(blog.URL, "127.0.0.1", "localhost", 1))

	inner := browsertest.Open(t, b, 700, 900)
	inner.GoTo(home + "embed/hello-world/#step=14&theme=dark")
	browsertest.Ask[bool](inner, `localStorage.clear(), true`) // what the lesson's own pages have kept
	inner.Do(chromedp.Reload())
	inner.Until(`document.querySelector('#app h1')?.textContent === 'A process is born behind walls'`)
	if browsertest.Ask[bool](inner, `document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the embedded player is wider than its frame")
	}
	inner.Shot("embed-dark")
	inner.Press("n")
	inner.Until(`location.hash.includes('step=15') && document.querySelector('#app h1').textContent === 'Who is root in there?'`)
	if got := browsertest.Ask[string](inner, `document.querySelector('.whole a').href`); got != home+"lessons/hello-world/15/" {
		t.Errorf("the whole lesson is at %s", got)
	}
	if kept := browsertest.Ask[int](inner, `localStorage.length + document.cookie.length`); kept != 0 {
		t.Errorf("the embedded player keeps %d things", kept)
	}
	inner.Fine(origin)
}

package site

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in a real browser. What the console and the network saw of it is
// kept.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	wrong    []string // complaints on the console
	requests []string // addresses
	changed  bool     // the machine's network, which makes the browser give up what it was loading
}

// patience is how long a browser on a busy machine may take for one thing.
const patience = 30 * time.Second

func browser(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: apt-get install chromium (scripts/test-deps does)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return ctx
}

func open(t *testing.T, browser context.Context, width, height int64) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	p := &tab{T: t, ctx: ctx}
	p.do(chromedp.EmulateViewport(width, height))
	if err := chromedp.Listen(ctx, p.heard); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tab) heard(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(ev.ExceptionDetails)
		p.wrong = append(p.wrong, string(text))
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			text, _ := json.Marshal(ev.Args)
			p.wrong = append(p.wrong, string(text))
		}
	case *log.EventEntryAdded:
		if strings.Contains(ev.Entry.Text, "ERR_NETWORK_CHANGED") {
			p.changed = true
			return
		}
		p.wrong = append(p.wrong, ev.Entry.Text+" "+ev.Entry.URL)
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, ev.Request.URL)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// ask evaluates an expression.
func ask[T any](p *tab, expression string) T {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// again tells whether the network has changed, as it does where containers are
// made beside this test. What was being loaded has to be asked for again.
func (p *tab) again() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.changed = false }()
	return p.changed
}

// until waits for an expression to be true.
func (p *tab) until(expression string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	for ; ctx.Err() == nil; time.Sleep(30 * time.Millisecond) {
		if p.again() {
			p.do(chromedp.Reload())
		}
		if v, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && v {
			return
		}
	}
	p.shot("failed")
	p.Fatalf("it does not come to this: %s\nat %s\n%s\nconsole: %v", expression, ask[string](p, "location.href"), ask[string](p, "document.body.innerText"), p.wrong)
}

func (p *tab) goTo(address string) {
	p.Helper()
	document, _, _ := strings.Cut(address, "#")
	for range 5 {
		p.do(chromedp.Navigate(address))
		if ask[bool](p, `performance.getEntriesByType('navigation')[0]?.name.split('#')[0] === `+quoted(document)) {
			return
		}
	}
	p.Fatalf("the browser does not go to %s; it is at %s", address, ask[string](p, "location.href"))
}

func (p *tab) press(key string) { p.Helper(); p.do(chromedp.KeyEvent(key)) }

// fine holds that nothing was complained about, and nothing asked of others.
func (p *tab) fine(origins ...string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		p.Error("no request was seen at all")
	}
	for _, w := range p.wrong {
		p.Errorf("console: %s", w)
	}
	for _, r := range p.requests {
		ours := strings.HasPrefix(r, "data:")
		for _, o := range origins {
			ours = ours || strings.HasPrefix(r, o+"/")
		}
		if !ours {
			p.Errorf("asks for %s", r)
		}
	}
}

// shot keeps a picture of the page where LEARNDOCKER_SHOTS names a directory, for
// people to look at.
func (p *tab) shot(name string) {
	p.Helper()
	dir := os.Getenv("LEARNDOCKER_SHOTS")
	if dir == "" {
		return
	}
	time.Sleep(time.Second) // movements end
	data, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o600)
	}
	if err != nil {
		p.Error(err)
	}
}

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
	b := browser(t)

	t.Run("deep link and keys", func(t *testing.T) {
		p := open(t, b, 1280, 900)
		p.goTo(home + "lessons/hello-world/14/")
		p.until(`document.querySelector('#app .picture') && document.querySelector('#app h1').textContent === 'A process is born behind walls'`)
		if ask[bool](p, `document.getElementById('text') !== null`) {
			t.Error("the text stays beside the player")
		}
		if walls := ask[int](p, `document.querySelectorAll('.wall').length`); walls < 5 {
			t.Errorf("%d walls at the birth of the process", walls)
		}
		p.shot("lesson")
		p.press("n")
		p.until(`location.pathname === '/some/where/lessons/hello-world/15/' && document.querySelector('#app h1').textContent === 'Who is root in there?'`)
		p.press("b")
		p.press("b")
		p.until(`location.pathname === '/some/where/lessons/hello-world/13/'`)
		p.do(chromedp.Reload())
		p.until(`document.querySelector('#app h1')?.textContent === 'A control group is made'`)
		p.goTo(home + "lessons/hello-world/#step=3")
		p.until(`location.pathname === '/some/where/lessons/hello-world/3/'`)
		p.do(chromedp.Click(`.brand`))
		p.until(`location.pathname === '/some/where/' && document.querySelector('.card')`)
		p.fine(origin)
	})

	t.Run("search", func(t *testing.T) {
		p := open(t, b, 1280, 900)
		p.goTo(home)
		p.until(`document.querySelector('#search:not([hidden])')`)
		p.shot("index-1280")
		p.press("/")
		p.until(`document.activeElement.id === 'wanted'`)
		ask[string](p, `document.activeElement.value = ''`) // the driver types what the page has taken as a key
		p.do(chromedp.SendKeys(`#wanted`, "pivot_root"))
		p.until(`document.querySelectorAll('#found a').length > 0`)
		p.shot("search")
		p.press("\r")
		p.until(`/lessons\/hello-world\/\d+\/$/.test(location.pathname) && document.querySelector('#app .picture')`)
		p.fine(origin)
	})

	t.Run("languages", func(t *testing.T) {
		p := open(t, b, 360, 740)
		p.goTo(home + "ko/lessons/two-tongues/1/")
		p.until(`document.querySelector('#app h1')?.textContent === '끝입니다' && document.documentElement.lang === 'ko'`)
		ask[bool](p, `(s => { s.value = 'en'; return s.dispatchEvent(new Event('change', { bubbles: true })); })(document.querySelector('#app select:not(.recordings)'))`)
		p.until(`document.querySelector('#app h1').textContent === 'The end' && location.pathname === '/some/where/lessons/two-tongues/1/'`)
		p.goTo(home + "ko/")
		p.until(`document.querySelector('#search:not([hidden])')`)
		if ask[bool](p, `document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the index is wider than a small screen")
		}
		p.shot("index-360-ko")
		p.do(chromedp.SendKeys(`#wanted`, "말합"))
		p.until(`document.querySelector('#found a')?.textContent === '두 언어'`)
		p.goTo(home + "lessons/hello-world/compare/#step=14")
		p.until(`document.querySelector('.pair h1')`)
		p.shot("compare-360")
		if ask[bool](p, `document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the comparison is wider than a small screen")
		}
		p.fine(origin)
	})

	t.Run("dark", func(t *testing.T) {
		p := open(t, b, 1280, 900)
		p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
			return err
		}))
		p.goTo(home)
		p.until(`getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'`)
		p.shot("index-dark")
		p.fine(origin)
	})

	t.Run("compare", func(t *testing.T) {
		p := open(t, b, 1280, 1000)
		p.goTo(home + "lessons/hello-world/13/")
		p.until(`document.querySelector('#app .tools a.button')`)
		p.do(chromedp.Click(`#app .tools a.button`))
		p.until(`document.querySelector('.pair h1')?.textContent === 'A control group is made'`)
		if got := ask[string](p, `document.querySelector('.side.b .claims .fresh').textContent`); !strings.Contains(got, "Not done here") {
			t.Errorf("as an ordinary user the claim is %q", got)
		}
		if got := ask[string](p, `document.querySelector('.side.a .claims .fresh').textContent`); !strings.Contains(got, "cgroup v1") {
			t.Errorf("as root the claim is %q", got)
		}
		p.shot("compare")
		p.press("n")
		p.until(`location.hash === '#step=14'`)
		file, err := filepath.Abs("../../lessons/recordings/hello-world.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		p.do(chromedp.SetUploadFiles(`input[type=file]`, []string{file}))
		p.until(`document.querySelector('.none') && document.querySelectorAll('.steps .count').length === 0`)
		p.fine(origin, "blob:")
	})

	t.Run("another recording", func(t *testing.T) {
		p := open(t, b, 1280, 900)
		p.goTo(home + "lessons/hello-world/13/")
		p.until(`document.querySelector('select.recordings')`)
		ask[bool](p, `(s => { s.selectedIndex = 1; return s.dispatchEvent(new Event('change', { bubbles: true })); })(document.querySelector('select.recordings'))`)
		p.until(`location.search.startsWith('?recording=rootless') && document.querySelector('#app .claims')?.textContent.includes('Not done here')`)
		p.fine(origin)
	})

	t.Run("embed", func(t *testing.T) { embedded(t, b, origin, home) })
}

// embedded puts the lesson into a page of another origin, twice.
func embedded(t *testing.T, b context.Context, origin, home string) {
	lesson := open(t, b, 1280, 900)
	lesson.goTo(home + "lessons/hello-world/14/")
	lesson.until(`document.querySelector('button.embed')`)
	lesson.do(chromedp.Click(`button.embed`))
	lesson.until(`document.querySelectorAll('.codes code').length === 2`)
	lesson.shot("embed-code")
	script := ask[string](lesson, `document.querySelectorAll('.codes code')[0].textContent`)
	frame := ask[string](lesson, `document.querySelectorAll('.codes code')[1].textContent`)

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
	p := open(t, b, 900, 1800)
	// The frame is of another origin: a name that is not the blog's.
	p.goTo(strings.Replace(blog.URL, "127.0.0.1", "localhost", 1) + "/")
	p.until(`document.querySelectorAll('iframe').length === 2`)
	p.until(`parseInt(document.querySelector('iframe').style.height) > 300 && document.querySelector('iframe').style.height !== '640px'`)
	p.shot("blog")
	high := ask[int](p, `parseInt(document.querySelector('iframe').style.height)`)
	if high > 1500 {
		t.Errorf("the frame is %d pixels high", high)
	}
	p.do(chromedp.Focus(`iframe`))
	p.fine(origin, strings.Replace(blog.URL, "127.0.0.1", "localhost", 1))

	inner := open(t, b, 700, 900)
	inner.goTo(home + "embed/hello-world/#step=14&theme=dark")
	ask[bool](inner, `localStorage.clear(), true`) // what the lesson's own pages have kept
	inner.do(chromedp.Reload())
	inner.until(`document.querySelector('#app h1')?.textContent === 'A process is born behind walls'`)
	if ask[bool](inner, `document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the embedded player is wider than its frame")
	}
	inner.shot("embed-dark")
	inner.press("n")
	inner.until(`location.hash.includes('step=15') && document.querySelector('#app h1').textContent === 'Who is root in there?'`)
	if got := ask[string](inner, `document.querySelector('.whole a').href`); got != home+"lessons/hello-world/15/" {
		t.Errorf("the whole lesson is at %s", got)
	}
	if kept := ask[int](inner, `localStorage.length + document.cookie.length`); kept != 0 {
		t.Errorf("the embedded player keeps %d things", kept)
	}
	inner.fine(origin)
}

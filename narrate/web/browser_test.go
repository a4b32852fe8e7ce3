//go:build linux

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/internal/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// tab is one of the class's pages.
type tab struct{ *browsertest.Tab }

func openTab(t *testing.T, browser context.Context, address string, width, height int64) *tab {
	t.Helper()
	p := openEmpty(t, browser, width, height)
	p.GoTo(address)
	p.Until("document.querySelector('h1')")
	return p
}

func openEmpty(t *testing.T, browser context.Context, width, height int64) *tab {
	t.Helper()
	p := &tab{browsertest.Open(t, browser, width, height)}
	t.Cleanup(func() { p.Sound("http://127.0.0.1:") })
	return p
}

func (p *tab) eval(code string) string { p.Helper(); return browsertest.Ask[string](p.Tab, code) }

func (p *tab) heading() string { return p.eval("document.querySelector('.where').innerText") }

func (p *tab) at(step int) {
	p.Helper()
	p.Until(fmt.Sprintf("document.querySelector('.where')?.innerText.startsWith('Step %d ')", step))
}

func (c *class) teacher() string { return "http://" + c.lead + "/#token=" + c.server.token }
func (c *class) student() string { return "http://" + c.follow + "/" }

// TestWholeLessonByKeyboard leads from the introduction to the end without a
// mouse, predicts where it is asked to, and goes back and forth.
func TestWholeLessonByKeyboard(t *testing.T) {
	c := newClass(t)
	c.next(1)
	p := openTab(t, browsertest.Start(t), c.teacher(), 1280, 800)
	p.Until("!location.hash.includes('token')") // lest it be projected
	questions := 0
	for n := 1; ; n++ {
		if step := c.session.Step(); step.Question != nil {
			questions++
			p.Press("1")
			p.Until("document.querySelector('.question .chosen')")
		}
		p.Press("n")
		if n == 25 {
			break
		}
		p.at(n)
		if n > 1 && c.session.Step().Kind == narrate.KindStop {
			p.Until("document.querySelector('.picture .busy')")
		}
	}
	p.Until("document.querySelector('.where').innerText === 'the end'")
	if questions == 0 {
		t.Error("nothing was asked")
	}
	for _, want := range []string{"Hello from learndocker!", "Unable to find image"} {
		p.Until(fmt.Sprintf("document.querySelector('.terminal').innerText.includes(%q)", want))
	}
	p.Press("b")
	p.at(24)
	p.Do(chromedp.KeyEvent("b"), chromedp.KeyEvent("b"))
	p.at(22)
	p.Until("document.querySelector('.outcome')")
	p.Press("?")
	p.Until("document.querySelector('[role=dialog]')")
	p.Press("\u001b")
	p.Until("!document.querySelector('[role=dialog]')")
	p.Until("document.querySelector('[aria-live]').innerText.includes('exit')")
}

// TestChosenInThePicture opens what the picture holds, by keyboard.
func TestChosenInThePicture(t *testing.T) {
	c := newClass(t)
	c.next(22)
	p := openTab(t, browsertest.Start(t), c.teacher(), 1280, 800)
	p.at(21)
	for choice, want := range map[string]string{
		"namespace pid": "inode", "layer": "diffID", "control group": "memory", "process": "CapEff", "overlay": "upper", "image hello-world": "index.json", "the API socket": "",
	} {
		p.eval(fmt.Sprintf("document.querySelector('.picture [role=button][data-name^=%q]').focus(), ''", choice))
		p.Press("\r")
		p.Until(fmt.Sprintf("document.querySelector('.detail')?.innerText.includes(%q)", want))
		p.Press("\u001b")
		p.Until("!document.querySelector('.detail')")
	}
}

// TestClassFollows: a teacher and three students. One comes late, one reloads,
// one has no network for ten seconds; all end at the teacher's step. Their votes
// are the teacher's bars.
func TestClassFollows(t *testing.T) {
	c := newClass(t)
	c.next(2)
	b := browsertest.Start(t)
	lead := openTab(t, b, c.teacher(), 1280, 800)
	wire := newCable(t, c.follow)
	anna, ben := openTab(t, b, c.student(), 360, 780), openTab(t, b, "http://"+wire.address+"/", 1280, 800)
	lead.Press("n")
	for _, p := range []*tab{lead, anna, ben} {
		p.at(2)
	}
	anna.Press("1")
	ben.Press("2")
	lead.Until("[...document.querySelectorAll('.choices .votes')].map(v => v.innerText.trim()).join() === '1,1,0'")

	wire.set(true)
	lead.Press("n")
	lead.at(3)
	lead.Press("n")
	lead.at(4)
	carl := openTab(t, b, c.student(), 1280, 800)
	carl.at(4)
	anna.Do(chromedp.Reload())
	anna.at(4)
	time.Sleep(10 * time.Second) // what the network is away
	if got := ben.heading(); !strings.HasPrefix(got, "Step 2 ") {
		t.Errorf("without a network came %s", got)
	}
	ben.Until("document.querySelector('.banner.bad')")
	wire.set(false)
	ben.at(4)

	carl.Press("b")
	carl.at(3)
	lead.Press("n")
	lead.at(5)
	carl.Until("document.querySelector('.banner button')")
	carl.at(3) // looks around while the teacher goes on
	carl.Do(chromedp.Click(chromedp.CSS(".banner button")))
	for _, p := range []*tab{anna, ben, carl} {
		p.at(5)
	}
	anna.Until("!document.querySelector('.timeline .primary:not(:disabled)')") // nobody but the teacher leads
	c.stop()
	anna.Until("document.querySelector('.banner')?.innerText.includes('over')")
}

// cable is a way to a server that can be cut.
type cable struct {
	address string
	mu      sync.Mutex
	cut     bool
	open    []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l := listen(t)
	t.Cleanup(func() { l.Close() })
	k := &cable{address: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			k.mu.Lock()
			out, err := net.Dial("tcp", to)
			if err != nil || k.cut {
				in.Close()
			} else {
				k.open = append(k.open, in, out)
				go func() { _, _ = io.Copy(in, out) }()
				go func() { _, _ = io.Copy(out, in) }()
			}
			k.mu.Unlock()
		}
	}()
	return k
}

func (k *cable) set(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	for _, c := range k.open {
		c.Close()
	}
	k.open = nil
}

// TestDeepLink opens a session at a step.
func TestDeepLink(t *testing.T) {
	c := newClass(t)
	c.next(20)
	p := openTab(t, browsertest.Start(t), c.student()+"#step=12", 1280, 800)
	p.at(12)
	p.Until("document.querySelector('.words code').innerText === 'overlay.mount'")
}

// TestFitsEveryScreen: no step is wider than the screen, from a telephone to a
// projector, light and dark; axe finds nothing serious.
func TestFitsEveryScreen(t *testing.T) {
	axe := axeCore(t)
	c := newClass(t)
	c.next(26)
	b := browsertest.Start(t)
	for _, screen := range []struct {
		width, height int64
		theme         string
	}{{360, 780, "light"}, {1280, 800, "dark"}, {1920, 1080, "light"}} {
		p := openEmpty(t, b, screen.width, screen.height)
		p.Prefer("prefers-color-scheme", screen.theme)
		p.GoTo(c.student())
		p.Until("document.querySelector('h1')")
		for _, step := range []int{0, 1, 2, 5, 7, 13, 14, 18, 21, 22, 24} {
			p.eval(fmt.Sprintf("document.querySelectorAll('.timeline li button')[%d].click(), ''", step))
			if step > 0 {
				p.at(step)
			}
			if over := p.eval("String(document.scrollingElement.scrollWidth - innerWidth)"); over != "0" && !strings.HasPrefix(over, "-") {
				t.Errorf("%d px, step %d: %s px wider than the screen", screen.width, step, over)
			}
			if step == 2 || step == 21 {
				p.Shot(fmt.Sprintf("%d-%s-%d", screen.width, screen.theme, step))
				p.accessible(axe, fmt.Sprintf("%d px, %s, step %d", screen.width, screen.theme, step))
			}
		}
	}
}

func axeCore(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(cache, "learndocker-test", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("axe-core is missing: scripts/test-deps (%v)", err)
	}
	return string(data)
}

// accessible asks axe for faults, and takes the serious ones as failures.
func (p *tab) accessible(axe, where string) {
	p.Helper()
	p.eval(axe + ";''")
	p.eval("window.found = null; axe.run().then(r => { window.found = r.violations }, e => { window.found = [{id: String(e), impact: 'critical', nodes: []}] }); ''")
	p.Until("window.found")
	for line := range strings.Lines(p.eval(`window.found.filter(v => v.impact === 'serious' || v.impact === 'critical').map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + (n.failureSummary ?? '').replaceAll('\n', ' ')).slice(0, 3).join(' | ')).join('\n')`)) {
		p.Errorf("%s: axe: %s", where, line)
	}
}

// TestTextStaysText: what a container, an image or a lesson has written is
// shown, never obeyed.
func TestTextStaysText(t *testing.T) {
	const evil = `<img src=x onerror="window.obeyed=1"><script>window.obeyed=1</script>[x](javascript:window.obeyed=1)"'`
	step := map[string]any{
		"kind": "stop", "n": 1, "of": 1, "at": "2026-01-01T00:00:00Z", "command": "docker run " + evil, "title": evil, "prose": evil + "\n\n" + evil, "more": evil,
		"point": map[string]any{"seq": 1, "pid": 1, "stage": "image.tag", "fact": map[string]any{"reference": evil, "familiar": evil, "digest": evil, "id": evil, "index": evil}},
		"edge":  map[string]any{"from": "daemon", "to": "store"}, "claims": []any{map[string]any{"say": evil, "holds": false}}, "failed": []string{evil},
		"show": []string{"store", "acts"}, "output": []any{map[string]any{"stream": "stdout", "text": evil}},
		"panels": []any{
			map[string]any{"kind": "store", "title": evil, "head": []string{evil, evil}, "rows": []any{map[string]any{"cells": []string{evil, evil}}}},
			map[string]any{"kind": "acts", "title": evil, "rows": []any{map[string]any{"cells": []string{evil, evil, evil}}}},
		},
		"try":      []any{map[string]any{"run": evil, "why": evil}},
		"question": map[string]any{"id": evil, "question": evil, "choices": []any{map[string]any{"key": evil, "text": evil}}},
		"probe":    map[string]any{"processes": []any{map[string]any{"role": "daemon", "pid": 1, "name": evil, "nspid": []int{1}}}},
	}
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	for _, v := range []any{map[string]any{"learndocker-recording": 1, "lesson": evil, "title": evil, "language": "en", "made": "2026-01-01T00:00:00Z", "machine": map[string]any{"kernel": evil}}, step} {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	recording, err := narrate.ReadRecording(&lines)
	if err != nil {
		t.Fatal(err)
	}
	c := newClassOf(t, narrate.NewReplay(recording))
	c.next(1)
	p := openTab(t, browsertest.Start(t), c.teacher(), 1280, 800)
	p.Until("document.querySelector('.terminal').innerText.includes('onerror')")
	p.eval("document.querySelector('.picture [data-name^=image]').dispatchEvent(new MouseEvent('click', {bubbles: true})), document.querySelectorAll('a[href]').forEach(a => a.click()), ''")
	p.Until("document.querySelector('.detail')")
	if got := p.eval("String(window.obeyed) + document.querySelectorAll('img, #app script, a[href^=javascript]').length"); got != "undefined0" {
		t.Errorf("text was obeyed: %s", got)
	}
}

// TestInTwoLanguages turns the page to Korean in place and back.
func TestInTwoLanguages(t *testing.T) {
	c := newClass(t)
	c.next(15)
	p := openTab(t, browsertest.Start(t), c.student(), 1280, 800)
	p.at(14)
	title := p.eval("document.querySelector('h1').innerText")
	p.Press("g")
	p.Until("document.documentElement.lang === 'ko' && document.querySelector('.where').innerText.startsWith('단계 14 ')")
	for what, where := range map[string]string{"title": "h1", "prose": ".prose", "claims": ".claims", "picture": ".picture", "panels": ".evidence"} {
		if text := p.eval(fmt.Sprintf("document.querySelector(%q).innerText || document.querySelector(%q).textContent", where, where)); !strings.ContainsFunc(text, func(r rune) bool { return r >= '가' && r <= '힣' }) {
			t.Errorf("the %s is not in Korean: %s", what, text)
		}
	}
	p.Press("g")
	p.at(14)
	if back := p.eval("document.querySelector('h1').innerText"); back != title {
		t.Errorf("%q has become %q", title, back)
	}
}

// TestPresenter opens the notes in a window of their own.
func TestPresenter(t *testing.T) {
	c := newClass(t)
	c.next(3)
	b := browsertest.Start(t)
	lead := openTab(t, b, c.teacher(), 1920, 1080)
	lead.at(2)
	lead.Press("p")
	lead.Until("document.body.classList.contains('presenter')")
	lead.Shot("presenter")
	// The window that it opens shares the tab's session storage; a test cannot
	// follow it there, so the notes are opened in the tab itself.
	lead.Do(chromedp.Navigate("http://" + c.lead + "/?notes"))
	lead.Until("document.querySelector('.clock') && document.querySelector('.notes .where').innerText.includes('2')")
	lead.Shot("notes")
	c.next(1)
	lead.Until("document.querySelector('.notes .where').innerText.includes('3')")
}

// TestLanguageOfTheLesson: a page is shown in the language that was asked for
// where the lesson was started, until its reader chooses.
func TestLanguageOfTheLesson(t *testing.T) {
	c := newClass(t)
	c.server.options.Language = "ko"
	c.next(2)
	p := openTab(t, browsertest.Start(t), c.student(), 1280, 800)
	p.Until("document.documentElement.lang === 'ko' && document.querySelector('.where').innerText.startsWith('단계 1 ')")
	p.Press("g") // the next of the languages
	p.at(1)
	p.Do(chromedp.Reload())
	p.at(1)
}

// TestContainersSideBySide: both containers' columns are there on every screen,
// with the rows that the step is about.
func TestContainersSideBySide(t *testing.T) {
	data, err := os.ReadFile("../../lessons/recordings/run-again.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	recording, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := newClassOf(t, narrate.NewReplay(recording))
	c.next(10)
	b := browsertest.Start(t)
	for _, width := range []int64{360, 1280, 1366, 1920} {
		p := openTab(t, b, c.student(), width, 768)
		p.at(9)
		p.Until("[...document.querySelectorAll('.k-walls td')].some(td => td.innerText === 'mnt')")
		p.Until("document.querySelectorAll('.k-walls th').length >= 3")
		if width > 360 { // there it is scrolled to
			p.Until("[...document.querySelectorAll('.k-walls .scroll')].every(s => s.scrollWidth <= s.clientWidth + 1)")
			p.Press("l") // all panels, the containers' too
			p.Until("[...document.querySelectorAll('.k-containers .scroll')].some(s => s.scrollWidth <= s.clientWidth + 1)")
		}
	}
}

//go:build linux

// Package browsertest drives a real Chromium, for tests of pages. What a page
// says on its console, and what it asks of other origins, fails the test.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds what a busy machine may take for one thing.
const patience = time.Minute

// Main is the TestMain of a package with browser tests. It runs them in a
// network namespace of their own: Chromium breaks off every request when an
// interface comes or goes, and on a machine that runs containers, as other tests
// do meanwhile, they come and go.
func Main(m *testing.M) {
	const apart = "LEARNDOCKER_TEST_APART"
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Getenv(apart) != "" {
		os.Exit(m.Run())
	}
	line := []string{unshare, "-rn", "sh", "-c", `ip link set lo up && exec "$0" "$@"`}
	if os.Geteuid() == 0 {
		line[1] = "-n"
	}
	err = syscall.Exec(unshare, append(line, os.Args...), append(os.Environ(), apart+"=1"))
	fmt.Fprintln(os.Stderr, "run apart:", err)
	os.Exit(1)
}

// Start starts Chromium, for one test.
func Start(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium (scripts/test-deps does)")
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

// Tab is one page in the browser.
type Tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	thrown   []string // exceptions that nothing has caught
	wrong    []string // complaints on the console
	requests []string // addresses
}

// Open opens an empty tab of that many pixels.
func Open(t *testing.T, browser context.Context, width, height int64) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	p := &Tab{T: t, ctx: ctx}
	p.Do(chromedp.EmulateViewport(width, height))
	if err := chromedp.Listen(ctx, p.heard); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Tab) heard(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(ev.ExceptionDetails)
		p.thrown = append(p.thrown, string(text))
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			text, _ := json.Marshal(ev.Args)
			p.wrong = append(p.wrong, string(text))
		}
	case *log.EventEntryAdded:
		p.wrong = append(p.wrong, ev.Entry.Text+" "+ev.Entry.URL)
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, ev.Request.URL)
	}
}

// Do does what the driver knows to do, or fails the test.
func (p *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// GoTo loads an address.
func (p *Tab) GoTo(address string) { p.Helper(); p.Do(chromedp.Navigate(address)) }

// Press types a key.
func (p *Tab) Press(key string) { p.Helper(); p.Do(chromedp.KeyEvent(key)) }

// Prefer sets what the page may ask of its reader: prefers-color-scheme, say.
func (p *Tab) Prefer(feature, value string) {
	p.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: feature, Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
}

// Ask evaluates an expression.
func Ask[T any](p *Tab, expression string) T {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Run runs JavaScript for what it does.
func (p *Tab) Run(code string) { p.Helper(); Ask[string](p, code+"; ''") }

// Until waits for an expression to be true.
func (p *Tab) Until(expression string) {
	p.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(30 * time.Millisecond) {
		// While a page is loaded there is nothing to ask.
		if v, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && v {
			return
		}
	}
	p.Shot("failed")
	p.Fatalf("it does not come to this: %s\nat %s\n%s\nexceptions: %v\nconsole: %v", expression, Ask[string](p, "location.href"), Ask[string](p, "document.body.innerText"), p.thrown, p.wrong)
}

// Fine holds that the page has complained of nothing, and is sound.
func (p *Tab) Fine(origins ...string) {
	p.Helper()
	p.mu.Lock()
	for _, w := range p.wrong {
		p.Errorf("console: %s", w)
	}
	p.mu.Unlock()
	p.Sound(origins...)
}

// Sound holds that the page has thrown nothing, and has asked nothing of other
// origins than these. It may have complained: of a server that went away, say.
func (p *Tab) Sound(origins ...string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		p.Error("no request was seen at all")
	}
	for _, e := range p.thrown {
		p.Errorf("exception: %s", e)
	}
	for _, r := range p.requests {
		ours := strings.HasPrefix(r, "data:") || r == "about:blank"
		for _, o := range origins {
			ours = ours || strings.HasPrefix(r, o)
		}
		if !ours {
			p.Errorf("asks for %s", r)
		}
	}
}

// Shot keeps a picture of the page where LEARNDOCKER_SHOTS names a directory, for
// people to look at.
func (p *Tab) Shot(name string) {
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

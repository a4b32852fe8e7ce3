//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/learndocker/learndocker/narrate"
)

// longSteps is how many steps the recording has by which the page is measured.
const longSteps = 100

// measurePage prints, of the page on a recording of longSteps steps in headless
// Chromium: ms from the navigation to the paint of the first step's largest part, and the median of
// the ms of script for each of the steps after it.
func measurePage(ctx context.Context, learndocker, recording string) error {
	dir, err := os.MkdirTemp("", "learndocker-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	long := filepath.Join(dir, "long.jsonl")
	if err := lengthen(recording, long); err != nil {
		return err
	}
	site := exec.CommandContext(ctx, learndocker, "site", "--serve", "--recording", long)
	site.Cancel = func() error { return site.Process.Signal(syscall.SIGTERM) }
	said, err := site.StdoutPipe()
	if err != nil {
		return err
	}
	if err := site.Start(); err != nil {
		return err
	}
	defer func() {
		_ = site.Process.Signal(syscall.SIGTERM) // an error: it has ended
		_ = site.Wait()
	}()
	address, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the site did not start: %w", err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return look(ctx, strings.TrimSpace(address)+"lessons/long/")
}

// lengthen repeats a recording's steps.
func lengthen(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	r, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Lesson, r.Header.Title, r.Header.Titles = "long", "long", nil
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w, err := narrate.NewRecorder(out, r.Header)
	for n := 0; n < longSteps && err == nil; n++ {
		step := *r.Steps[1+n%(len(r.Steps)-2)] // neither introduction nor end
		step.N, step.Of = n+1, longSteps
		err = w.Step(&step)
	}
	return errors.Join(err, out.Close())
}

// walk goes through the steps by key and times each until the page has changed,
// which preact does in a microtask.
const walk = `(async () => {
  const paint = await new Promise(then => new PerformanceObserver(list => then(list.getEntries().at(-1).startTime)).observe({type: 'largest-contentful-paint', buffered: true}));
  const times = [];
  const where = () => document.querySelector('.where').textContent;
  for (let i = 1; i < 60; i++) {
    const old = where();
    const began = performance.now();
    dispatchEvent(new KeyboardEvent('keydown', {key: 'n'}));
    for (let turns = 0; where() === old && turns < 10000; turns++) await Promise.resolve();
    times.push(performance.now() - began);
    await new Promise(then => setTimeout(then, 60));
  }
  times.sort((a, b) => a - b);
  window.walked = JSON.stringify([paint, times[Math.floor(times.length / 2)]]);
})(), ''`

func look(ctx context.Context, address string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.EmulateViewport(1280, 800), chromedp.Navigate(address), chromedp.WaitVisible("h1")); err != nil {
		return err
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](walk)); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.walked ?? ''"))
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		var found [2]float64
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			return err
		}
		fmt.Printf("%.1f %.2f\n", found[0], found[1])
		return nil
	}
	return errors.New("the page did not come to its end")
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// class is a shared session with many followers.
type class struct {
	program *exec.Cmd
	lead    string // address
	token   string
	follow  string

	mu   sync.Mutex
	got  map[int]int       // steps → followers that have so many
	last map[int]time.Time // when the last of them came
	lost int
}

// measureClass lets followers follow a recording through, and prints the longest
// time in ms from the teacher's key to the step's arrival at the last of them,
// the followers lost, and the server's memory before and after in KiB.
func measureClass(ctx context.Context, learndocker string, followers int) error {
	c := &class{got: map[int]int{}, last: map[int]time.Time{}}
	if err := c.start(ctx, learndocker); err != nil {
		return err
	}
	defer c.end()
	for range followers {
		go c.followOne(ctx)
	}
	if err := c.await(ctx, 1, followers); err != nil {
		return err
	}
	before, err := c.memory()
	if err != nil {
		return err
	}
	var longest time.Duration
	steps := 1
	for ; ; steps++ {
		began := time.Now()
		if err := c.next(ctx, steps-1); err != nil {
			return err
		}
		if err := c.await(ctx, steps+1, followers); err != nil {
			if errors.Is(err, errNoMore) {
				break
			}
			return err
		}
		c.mu.Lock()
		longest = max(longest, c.last[steps+1].Sub(began))
		c.mu.Unlock()
	}
	after, err := c.memory()
	if err != nil {
		return err
	}
	fmt.Println(longest.Milliseconds(), c.lost, before>>10, after>>10)
	return nil
}

var addresses = regexp.MustCompile(`http://([^/]+)/#token=(\w+)`)

func (c *class) start(ctx context.Context, learndocker string) error {
	c.follow = "127.0.0.1:17817"
	c.program = exec.CommandContext(ctx, learndocker, "replay", "hello-world", "--web", "--share", c.follow)
	c.program.Cancel = func() error { return c.program.Process.Signal(syscall.SIGTERM) }
	said, err := c.program.StderrPipe()
	if err != nil {
		return err
	}
	if err := c.program.Start(); err != nil {
		return err
	}
	var found []string
	lines := bufio.NewReader(said)
	for found == nil {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("learndocker named no address: %w", err)
		}
		found = addresses.FindStringSubmatch(line)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	c.lead, c.token = found[1], found[2]
	return nil
}

func (c *class) end() {
	_ = c.program.Process.Signal(syscall.SIGTERM) // an error: it has ended
	_ = c.program.Wait()
}

func (c *class) next(ctx context.Context, latest int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.lead+"/do", strings.NewReader(fmt.Sprintf(`{"do":"next","step":%d}`, latest)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// followOne reads the stream as a browser does.
func (c *class) followOne(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.follow+"/session", nil)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.lose()
		return
	}
	defer answer.Body.Close()
	lines := bufio.NewReaderSize(answer.Body, 4<<10)
	for steps := 0; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			c.lose()
			return
		}
		isStep := bytes.HasPrefix(line, []byte(`{"step"`))
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if isStep {
			steps++
			c.note(steps)
		}
	}
}

func (c *class) note(steps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[steps]++
	c.last[steps] = time.Now()
}

func (c *class) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost++
}

// errNoMore is the end of the recording.
var errNoMore = errors.New("no more steps")

// await waits until all have so many steps.
func (c *class) await(ctx context.Context, steps, followers int) error {
	deadline := time.Now().Add(patience)
	for {
		c.mu.Lock()
		got, lost := c.got[steps], c.lost
		c.mu.Unlock()
		switch {
		case got+lost >= followers:
			return nil
		case got == 0 && steps > 1 && time.Since(deadline.Add(-patience)) > 3*time.Second:
			return errNoMore
		case time.Now().After(deadline):
			return fmt.Errorf("%d of %d followers have %d steps", got, followers, steps)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// memory is the server's resident set in bytes: proc_pid_statm(5).
func (c *class) memory() (int64, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.program.Process.Pid), "statm"))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/learndocker/learndocker/content"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// class is a server for the bundled recording, on loopback.
type class struct {
	t       *testing.T
	session *narrate.Session
	server  *Server
	lead    string
	follow  string
	stop    context.CancelFunc
}

func newClass(t *testing.T) *class {
	t.Helper()
	data, err := os.ReadFile("../../lessons/recordings/hello-world.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	recording, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return newClassOf(t, narrate.NewReplay(recording))
}

func newClassOf(t *testing.T, source narrate.Source) *class {
	t.Helper()
	c := &class{t: t, session: narrate.NewSession(source)}
	lead, follow := listen(t), listen(t)
	c.lead, c.follow = lead.Addr().String(), follow.Addr().String()
	c.server = New(c.session, Options{Join: "http://class.example:1/", Words: fixedWords(t)})
	var ctx context.Context
	ctx, c.stop = context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.server.Serve(ctx, lead, follow) }()
	t.Cleanup(func() {
		c.stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask sends a request. headers are "Name: value"; Host may be among them.
func (c *class) ask(method, at, path, body string, headers ...string) (status int, said string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+at+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func (c *class) token() string { return "Authorization: Bearer " + c.server.token }

// message is one line of a stream.
type message struct {
	Header *narrate.Header
	Role   role
	Step   *narrate.Step
	State  *state
}

// follower reads a stream line by line.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error
}

func (c *class) join(at string, after int, headers ...string) *follower {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("http://%s/session?after=%d", at, after), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		c.t.Fatalf("join: %s", answer.Status)
	}
	f := &follower{c.t, bufio.NewScanner(answer.Body), answer.Body.Close}
	f.lines.Buffer(nil, 4<<20)
	return f
}

// until reads on to the first message that is wanted.
func (f *follower) until(wanted func(message) bool) message {
	f.t.Helper()
	late := time.AfterFunc(30*time.Second, func() { _ = f.close() })
	defer late.Stop()
	for f.lines.Scan() {
		if len(f.lines.Bytes()) == 0 {
			continue
		}
		var m message
		if err := json.Unmarshal(f.lines.Bytes(), &m); err != nil {
			f.t.Fatal(err)
		}
		if wanted(m) {
			return m
		}
	}
	f.t.Fatalf("the stream ended first: %v", f.lines.Err())
	return message{}
}

func (f *follower) step(n int) {
	f.t.Helper()
	f.until(func(m message) bool { return m.Step != nil && m.Step.N == n })
}

func (c *class) next(times int) {
	c.t.Helper()
	for range times {
		if _, err := c.session.Next(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestOnlyTheTeacherLeads: without the token of the address nothing can be read
// or done where the teacher's page is served, and a student's page has no way to
// do more than vote.
func TestOnlyTheTeacherLeads(t *testing.T) {
	c := newClass(t)
	c.next(1)
	for _, r := range []struct {
		method, at, path, body string
		headers                []string
		want                   int
	}{
		{"POST", c.lead, "/do", `{"do":"next"}`, nil, http.StatusUnauthorized},
		{"POST", c.lead, "/do", `{"do":"next"}`, []string{"Authorization: Bearer wrong"}, http.StatusUnauthorized},
		{"GET", c.lead, "/session", "", nil, http.StatusUnauthorized},
		{"POST", c.lead, "/do", `{"do":"next"}`, []string{c.token(), "Origin: http://evil.example"}, http.StatusForbidden},
		{"POST", c.lead, "/do", `{"do":"next"}`, []string{c.token(), "Host: evil.example:80"}, http.StatusMisdirectedRequest},
		{"GET", c.lead, "/", "", []string{"Host: evil.example"}, http.StatusMisdirectedRequest},
		{"POST", c.follow, "/do", `{"do":"next"}`, []string{c.token()}, http.StatusMethodNotAllowed},
		{"POST", c.follow, "/vote", `{"step":0,"key":"x","voter":"v"}`, nil, http.StatusBadRequest},
		{"POST", c.follow, "/vote", `{`, nil, http.StatusBadRequest},
		{"POST", c.follow, "/vote", `{"voter":"` + strings.Repeat("v", maxBody) + `"}`, nil, http.StatusRequestEntityTooLarge},
		{"POST", c.lead, "/do", `{"do":"dance"}`, []string{c.token()}, http.StatusBadRequest},
		{"POST", c.lead, "/do", `{"do":"goto","step":99}`, []string{c.token()}, http.StatusBadRequest},
		{"POST", c.lead, "/do", `{"do":"type","text":"x"}`, []string{c.token()}, http.StatusConflict},
		{"GET", c.follow, "/../web.go", "", nil, http.StatusNotFound},
	} {
		if status, said := c.ask(r.method, r.at, r.path, r.body, r.headers...); status != r.want {
			t.Errorf("%s %s %v: %d, want %d: %s", r.method, r.path, r.headers, status, r.want, said)
		}
	}
	if v := c.session.View(); len(v.Seen) != 1 || v.Cursor != 0 {
		t.Errorf("something was done: %d steps, cursor %d", len(v.Seen), v.Cursor)
	}
	if status, _ := c.ask("POST", c.lead, "/do", `{"do":"next"}`, c.token(), "Origin: http://"+c.lead); status != http.StatusNoContent {
		t.Errorf("the teacher may not: %d", status)
	}
	f := c.join(c.lead, 0, c.token())
	f.step(1)
	if status, _ := c.ask("POST", c.lead, "/do", `{"do":"next"}`, c.token()); status != http.StatusNoContent || len(c.session.Seen()) != 2 {
		t.Errorf("a wish that came twice: %d, %d steps", status, len(c.session.Seen()))
	}
}

// TestStudentsCatchUp: one who joins late gets what was shown, one who comes
// back what has been missed, each step once.
func TestStudentsCatchUp(t *testing.T) {
	c := newClass(t)
	early := c.join(c.follow, 0)
	c.next(5)
	early.step(4)
	late := c.join(c.follow, 0)
	late.until(func(m message) bool { return m.Header != nil && m.Role == student })
	for n := range 5 {
		m := late.until(func(m message) bool { return m.Step != nil })
		if m.Step.N != n {
			t.Errorf("step %d came where %d should", m.Step.N, n)
		}
	}
	back := c.join(c.follow, 3)
	if m := back.until(func(m message) bool { return m.Step != nil }); m.Step.N != 3 {
		t.Errorf("who had 3 steps got step %d", m.Step.N)
	}
	c.session.Back()
	for _, f := range []*follower{early, late, back} {
		f.until(func(m message) bool { return m.State != nil && m.State.Cursor == 3 })
	}
}

// TestVotes: they are counted once for each voter, shown to the teacher at once
// and to students when the truth is known.
func TestVotes(t *testing.T) {
	c := newClass(t)
	for c.session.Step() == nil || c.session.Step().Question == nil {
		c.next(1)
	}
	at := c.session.View().Cursor
	choices := c.session.Step().Question.Choices
	vote := func(voter, key string) int {
		status, _ := c.ask("POST", c.follow, "/vote", fmt.Sprintf(`{"step":%d,"key":%q,"voter":%q}`, at, key, voter))
		return status
	}
	leader, pupil := c.join(c.lead, at, c.token()), c.join(c.follow, at)
	for i, key := range []string{choices[0].Key, choices[0].Key, choices[1].Key} {
		if status := vote(fmt.Sprint("v", i), key); status != http.StatusNoContent {
			t.Fatalf("vote: %d", status)
		}
	}
	vote("v0", choices[1].Key) // has changed their mind
	leader.until(func(m message) bool {
		return m.State != nil && m.State.Followers == 1 && m.State.Votes[at][choices[0].Key] == 1 && m.State.Votes[at][choices[1].Key] == 2
	})
	if status := vote("v9", "nonsense"); status != http.StatusBadRequest {
		t.Errorf("a choice that is none: %d", status)
	}
	if status := vote(strings.Repeat("v", maxVoter+1), choices[0].Key); status != http.StatusBadRequest {
		t.Errorf("a voter's number without end: %d", status)
	}
	c.session.Back() // a new state for all, with the votes still open
	if m := pupil.until(func(m message) bool { return m.State != nil && m.State.Cursor == at-1 }); len(m.State.Votes) != 0 {
		t.Errorf("students see votes before the truth: %v", m.State.Votes)
	}
	c.next(2)
	pupil.until(func(m message) bool { return m.State != nil && m.State.Votes[at][choices[1].Key] == 2 })
	if status := vote("late", choices[0].Key); status != http.StatusConflict {
		t.Errorf("a vote after the truth: %d", status)
	}
}

// TestTheEndIsTold: a page is told that the program ends, and the server leaves
// nothing open.
func TestTheEndIsTold(t *testing.T) {
	c := newClass(t)
	c.next(1)
	f := c.join(c.follow, 0)
	f.step(0)
	c.stop()
	f.until(func(m message) bool { return m.State != nil && m.State.Over })
}

// TestPageIsSmallAndItsOwn: all that a browser loads is below the budget and
// names no other origin.
func TestPageIsSmallAndItsOwn(t *testing.T) {
	const budget = 200 << 10 // bytes
	total := 0
	c := newClass(t)
	var names []string
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("the page's files: %v, %v", names, err)
	}
	for _, name := range names {
		status, body := c.ask("GET", c.follow, "/"+strings.TrimPrefix(name, "index.html"), "")
		if status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
		total += len(body)
		if strings.HasPrefix(name, "vendor/") {
			continue
		}
		for _, outside := range []string{`src="http`, `from 'http`, `fetch('http`, "url(http", "innerHTML", "eval("} {
			if strings.Contains(body, outside) {
				t.Errorf("%s holds %q", name, outside)
			}
		}
	}
	answer, err := http.Get("http://" + c.follow)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; script-src 'self'; ") || !strings.Contains(got, "frame-ancestors 'none'") {
		t.Errorf("browsers are told %q", got)
	}
	if total > budget {
		t.Errorf("the page takes %d bytes, more than %d", total, budget)
	}
}

// fixedWords are the interface's in every language.
func fixedWords(t *testing.T) map[string]map[string]string {
	t.Helper()
	library, err := prose.OpenAll(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	return library.AllWords()
}

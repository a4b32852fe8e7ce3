//go:build linux

package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, max int64, kept int) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "json.log")
	l, err := Open(path, max, kept)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.End() })
	return l, path
}

func write(t *testing.T, l *Log, stream, text string) {
	t.Helper()
	if err := l.Write(stream, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string, w Wish) []string {
	t.Helper()
	var got []string
	if err := Read(t.Context(), path, nil, w, func(e Entry) error { got = append(got, e.Stream+" "+e.Text); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

var all = Wish{Stdout: true, Stderr: true, Tail: -1}

func TestLinesAreKeptWhole(t *testing.T) {
	l, path := open(t, 0, 1)
	write(t, l, "stdout", "one\ntw")
	write(t, l, "stderr", "<oops> \xff\n")
	write(t, l, "stdout", "o\nrest")
	if got, want := read(t, path, all), []string{"stdout one\n", "stderr <oops> �\n", "stdout two\n"}; !slices.Equal(got, want) {
		t.Errorf("before the end: %q, want %q", got, want)
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path, all); got[len(got)-1] != "stdout rest" {
		t.Errorf("what does not end with a line is lost: %q", got)
	}
}

func TestLongLinesAreParted(t *testing.T) {
	l, path := open(t, 0, 1)
	write(t, l, "stdout", strings.Repeat("x", maxLine+10)+"\n")
	got := read(t, path, all)
	if len(got) != 2 || len(got[0]) != maxLine+len("stdout ") || !strings.HasSuffix(got[1], "xxxxxxxxxx\n") {
		t.Errorf("%d parts", len(got))
	}
}

func TestWishes(t *testing.T) {
	l, path := open(t, 0, 1)
	write(t, l, "stdout", "1\n2\n")
	time.Sleep(2 * time.Millisecond)
	between := time.Now()
	time.Sleep(2 * time.Millisecond)
	write(t, l, "stderr", "3\n")
	write(t, l, "stdout", "4\n")
	for name, c := range map[string]struct {
		wish Wish
		want string
	}{
		"tail":      {Wish{Stdout: true, Stderr: true, Tail: 2}, "3 4"},
		"tail of 0": {Wish{Stdout: true, Stderr: true, Tail: 0}, ""},
		"stderr":    {Wish{Stderr: true, Tail: -1}, "3"},
		"since":     {Wish{Stdout: true, Stderr: true, Tail: -1, Since: between}, "3 4"},
		"until":     {Wish{Stdout: true, Stderr: true, Tail: -1, Until: between}, "1 2"},
	} {
		var texts []string
		for _, line := range read(t, path, c.wish) {
			_, text, _ := strings.Cut(line, " ")
			texts = append(texts, strings.TrimSpace(text))
		}
		if got := strings.Join(texts, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestFollowing reads while the log grows, beyond the bound of a file, to its end.
func TestFollowing(t *testing.T) {
	l, path := open(t, 500, 3)
	wish := all
	wish.Follow = true
	got := make(chan string, 1000)
	ended := make(chan error, 1)
	go func() {
		ended <- Read(context.Background(), path, l, wish, func(e Entry) error { got <- strings.TrimSpace(e.Text); return nil })
	}()
	for i := range 40 {
		write(t, l, "stdout", fmt.Sprintln(i))
		if line := <-got; line != fmt.Sprint(i) {
			t.Fatalf("line %s, want %d", line, i)
		}
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Errorf("files %v, %v; want 3", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 500 {
			t.Errorf("%s: %d bytes, %v", f, info.Size(), err)
		}
	}
}

// TestHalfALine: a daemon that is killed while it writes leaves half an object.
func TestHalfALine(t *testing.T) {
	l, path := open(t, 0, 1)
	write(t, l, "stdout", "whole\n")
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"log":"ha`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := read(t, path, all); !slices.Equal(got, []string{"stdout whole\n"}) {
		t.Errorf("read %q", got)
	}
}

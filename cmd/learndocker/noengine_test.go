//go:build linux

package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// withoutEngine builds learndocker as it is for macOS and Windows: the same
// files, but for this system.
func withoutEngine(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "learndocker")
	build := exec.Command("go", "build", "-tags", "noengine", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return path
}

// TestNoEngine drives the program that other systems get.
func TestNoEngine(t *testing.T) {
	path := withoutEngine(t)
	on := func(t *testing.T, args ...string) *terminal {
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
		return openTerminal(t, cmd)
	}
	say := func(t *testing.T, args ...string) outcome {
		t.Helper()
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent/docker.sock")
		return finish(t, cmd)
	}
	t.Run("no engine in it", func(t *testing.T) { hasNoEngine(t) })
	t.Run("keys", func(t *testing.T) { pressKeys(t, on(t, "replay", "hello-world", "--step")) })
	t.Run("questions", func(t *testing.T) { answerAll(t, on(t, "replay", "hello-world", "--step")) })
	t.Run("offer", func(t *testing.T) {
		for answer, status := range map[string]int{"\r": 0, "y\r": 0, "Yes\r": 0, "n\r": 1, "later\r": 1, "\x04": 1} {
			x := on(t, "lesson", "hello-world", "--step")
			x.expect("cannot run live", "learndocker doctor", "Play its recording instead? [Y/n]")
			x.press(answer)
			if status == 0 {
				x.expect("n next", "q quit")
				x.press("q")
			}
			if got, shown := x.end(); got != status {
				t.Errorf("%q: status %d, want %d\n%s", answer, got, status, shown)
			}
		}
	})
	t.Run("page", func(t *testing.T) { servesPage(t, path) })
	t.Run("transcript", func(t *testing.T) { sameTranscript(t, path) })
	t.Run("lists", func(t *testing.T) {
		if got, want := say(t, "lesson", "list").must(t), finish(t, exec.Command(program(t), "lesson", "list")); got != want {
			t.Errorf("%+v, with the engine %+v", got, want)
		}
	})
	t.Run("doctor", func(t *testing.T) {
		o := say(t, "doctor")
		if o.status != 3 || !strings.Contains(o.stdout, "without its engine") || !strings.Contains(o.stdout, "replay hello-world --step") || o.stderr != "" {
			t.Errorf("%+v", o)
		}
		if o := say(t, "doctor", "--json"); o.status != 3 || !strings.Contains(o.stdout, `"verdict": "recordings"`) {
			t.Errorf("%+v", o)
		}
	})
	t.Run("messages", func(t *testing.T) {
		for _, c := range []struct {
			line   string
			status int
			stderr []string
		}{
			{"lesson hello-world", 1, []string{"cannot run live", "learndocker doctor", "learndocker replay hello-world --step"}},
			{"lesson hello-world --hub --docker docker", 1, []string{"learndocker replay hello-world --step"}},
			{"lesson check hello-world", 1, []string{"check: ", "learndocker doctor"}},
			{"daemon --hub", 1, []string{"daemon: ", "learndocker doctor", "learndocker replay hello-world --step"}},
			{"watch --step", 1, []string{"watch: ", "learndocker doctor"}},
			{"ps", 1, []string{"Cannot connect to the Docker daemon at unix:", "learndocker doctor"}},
			{"images", 1, []string{"Cannot connect to the Docker daemon at unix:"}},
			{"pull hello-world", 1, []string{"Cannot connect to the Docker daemon at unix:"}},
			{"run hello-world", 125, []string{"Cannot connect to the Docker daemon at unix:", "learndocker doctor"}},
			{"rm x", 1, []string{"Cannot connect to the Docker daemon at unix:"}},
			{"rmi x", 1, []string{"Cannot connect to the Docker daemon at unix:"}},
			{"replay no-such", 1, []string{`no recording "no-such"`}},
		} {
			o := say(t, strings.Fields(c.line)...)
			if o.status != c.status {
				t.Errorf("%s: status %d, want %d", c.line, o.status, c.status)
			}
			for _, want := range c.stderr {
				if !strings.Contains(o.stderr, want) {
					t.Errorf("%s: no %q in\n%s", c.line, want, o.stderr)
				}
			}
		}
	})
}

// hasNoEngine: of the engine only what its clients share is linked.
func hasNoEngine(t *testing.T) {
	const engine = "github.com/learndocker/learndocker/engine"
	var linked []string
	for _, pkg := range strings.Fields(tool(t, "go", "list", "-deps", "-tags", "noengine", ".")) {
		if strings.HasPrefix(pkg, engine) {
			linked = append(linked, strings.TrimPrefix(pkg, engine+"/"))
		}
	}
	slices.Sort(linked)
	if want := []string{"api", "client", "stage", "stage/wire"}; !slices.Equal(linked, want) {
		t.Errorf("linked of the engine: %v, want %v", linked, want)
	}
}

// pressKeys presses every key that there is.
func pressKeys(t *testing.T, x *terminal) {
	x.expect("What docker run hello-world really does", "n next")
	x.press("n")
	x.expect("1/24", "api.request", "recorded", "d more")
	x.press("d")
	x.expect("HEAD /_ping came before", "d more")
	x.press("d")
	if less := x.expect("1/24", "d more"); strings.Contains(less, "HEAD /_ping came before") {
		t.Error("d a second time does not take away what it has shown")
	}
	x.press("\x1b[C") // →
	x.expect("2/24", "image.lookup", "b back")
	x.press("d")
	x.expect("this page has nothing more")
	x.press("d")
	x.expect("2/24", "q quit")
	x.press("b")
	x.expect("1/24", "f forward")
	x.press("fffbbb") // faster than they can be shown
	x.expect("What docker run hello-world really does")
	x.press("\x1b[D") // ←
	x.expect("this is the first step")
	x.press("f")
	x.expect("1/24")
	x.press(" ")
	x.expect("2/24")
	x.press("f")
	x.expect("this is the latest step")
	x.press("s")
	x.expect("there is no machine behind a recording")
	x.press("i")
	x.expect("there is no machine behind a recording")
	x.press("z")
	x.expect("no such key here")
	x.press("l")
	x.expect("Look at", "a  page", "b  store")
	x.press("b")
	x.expect("any key goes back")
	x.press("x")
	x.expect("2/24")
	x.press("?")
	x.expect("Keys", "out of a panel or this help, back to the step")
	x.press("x")
	x.expect("2/24", "q quit")
	x.press("q")
	status, shown := x.end()
	if status != 0 || !strings.HasSuffix(strings.TrimSpace(shown), "\x1b[?1049l") {
		t.Errorf("status %d; the terminal's own screen must come back: %q", status, shown[max(len(shown)-80, 0):])
	}
}

// question is the footer's part that tells how to answer.
var question = regexp.MustCompile(`\d-\d predict`)

// answerAll plays to the end and answers each question with its first choice.
func answerAll(t *testing.T, x *terminal) {
	asked, seen := 0, 0
	for {
		text := x.expect("q quit")
		if strings.Contains(text, strconv.Itoa(seen+1)+"/24") {
			seen++
		}
		key := "n"
		if question.MatchString(text) {
			asked++
			key = "1"
		}
		x.press(key)
		if seen == 24 {
			break
		}
	}
	x.expect("q quit") // the last page
	x.press("n")
	if status, shown := x.end(); status != 0 {
		t.Errorf("status %d\n%s", status, shown)
	}
	recording, err := readRecording("hello-world")
	if err != nil {
		t.Fatal(err)
	}
	questions := 0
	for _, s := range recording.Steps {
		if s.Question != nil {
			questions++
		}
	}
	if asked != questions || questions == 0 {
		t.Errorf("%d questions came, the recording has %d", asked, questions)
	}
}

// servesPage: the page of a recording opens there too.
func servesPage(t *testing.T, path string) {
	cmd := exec.CommandContext(t.Context(), path, "replay", "hello-world", "--web")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "The page: ")
	if err != nil || !found {
		t.Fatalf("%q %v", line, err)
	}
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "<html") {
		t.Errorf("%s %v\n%.200s", answer.Status, err, body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := awaitExit(t, cmd); err != nil {
		t.Errorf("told to end, it ends with %v", err)
	}
}

// sameTranscript: a recording becomes the same post on every system.
func sameTranscript(t *testing.T, path string) {
	var posts []string
	for _, program := range []string{path, program(t)} {
		file := filepath.Join(t.TempDir(), "post.md")
		finish(t, exec.Command(program, "replay", "hello-world", "--transcript", file, "--front-matter", "hugo")).must(t)
		posts = append(posts, readText(t, file))
	}
	if posts[0] != posts[1] {
		t.Error("the transcripts differ")
	}
	if !strings.Contains(posts[0], "api.request") {
		t.Errorf("this is no transcript of the lesson:\n%.400s", posts[0])
	}
}

package byhand

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

func recorded(t *testing.T) *narrate.Recording {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "lessons", "recordings", "hello-world.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := narrate.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// change puts each fact through a function.
func change(r *narrate.Recording, f func(stage.Fact) stage.Fact) {
	for _, s := range r.Steps {
		for _, p := range s.Points() {
			p.Fact = f(p.Fact)
		}
	}
}

// config changes the container's config.json.
func config(t *testing.T, r *narrate.Recording, f func(*specs.Spec)) {
	t.Helper()
	change(r, func(fact stage.Fact) stage.Fact {
		c, ok := fact.(stage.Created)
		if !ok {
			return fact
		}
		var spec specs.Spec
		if err := json.Unmarshal(c.Config, &spec); err != nil {
			t.Fatal(err)
		}
		f(&spec)
		data, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		c.Config = data
		return c
	})
}

func v2(fact stage.Fact) stage.Fact {
	if c, ok := fact.(stage.Cgroup); ok {
		dir := "/sys/fs/cgroup" + c.Path
		c.Version, c.Hybrid, c.Dirs = "v2", false, []string{dir}
		c.Writes = []stage.Write{
			{File: dir + "/memory.max", Value: "67108864", Meaning: "--memory"}, {File: dir + "/memory.swap.max", Value: "67108864", Meaning: "--memory-swap", Error: "no such file"},
			{File: dir + "/cpu.max", Value: "50000 100000", Meaning: "--cpus"},
		}
		return c
	}
	return fact
}

// TestScripts: whatever the run was, the script is a good one for sh and
// shellcheck, and says what the run had.
func TestScripts(t *testing.T) {
	for _, tool := range []string{"sh", "shellcheck"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: apt-get install %s", tool, tool)
		}
	}
	for name, c := range map[string]struct {
		change func(*narrate.Recording)
		want   []string
		not    []string
	}{
		"as recorded": {want: []string{"--reuid=0 --regid=0", "base64 -d", "type veth", "# --- overlay.mount: Layers are stacked into a root directory", "/tasks", "seccomp filter"}, not: []string{"no-new-privs", "ROOTFS"}},
		"v2": {change: func(r *narrate.Recording) { change(r, v2) },
			want: []string{"echo '50000 100000' > /sys/fs/cgroup/learndocker/$ID/cpu.max", "cgroup.procs", "place /sys/fs/cgroup cgroup2 ro,nosuid,noexec,nodev cgroup", "cgroup.subtree_control", "echo 67108864 2>/dev/null > /sys/fs/cgroup/learndocker/$ID/memory.swap.max || :"},
			not:  []string{"/tasks"}},
		"no cgroup, no network": {change: func(r *narrate.Recording) {
			change(r, func(f stage.Fact) stage.Fact {
				switch f.(type) {
				case stage.Cgroup:
					return stage.Cgroup{Refused: "permission denied"}
				case stage.Network:
					return stage.Network{Mode: "none"}
				}
				return f
			})
			r.Header.Rootless = true
		}, want: []string{"There was none in the run: permission denied", "an ordinary user's", "ip link set lo up"}, not: []string{"veth", "subtree_control", "/tasks"}},
		"walled": {change: func(r *narrate.Recording) {
			config(t, r, func(s *specs.Spec) {
				s.Root.Readonly, s.Process.NoNewPrivileges, s.Process.Cwd, s.Linux.Seccomp = true, true, "/work here", nil
			})
		}, want: []string{"--no-new-privs", `remount,bind,ro "$ROOT"`, `mkdir -p "$ROOT"'/work here'`, "without a seccomp filter"}},
		"large": {change: func(r *narrate.Recording) {
			for _, s := range r.Steps {
				s.Blobs = nil
			}
		}, want: []string{"ROOTFS", "docker export"}, not: []string{"base64 -d <<"}},
		"a layer that deletes": {change: func(r *narrate.Recording) {
			change(r, withEntry(stage.Entry{Name: "etc/.wh.passwd", Type: "file"}))
		}, want: []string{"base64 -d <<", "mknod", ".wh."}, not: []string{"ROOTFS"}},
		"a layer that hides": {change: func(r *narrate.Recording) {
			change(r, withEntry(stage.Entry{Name: "etc/.wh..wh..opq", Type: "file"}))
		}, want: []string{"ROOTFS"}},
		"detached": {change: func(r *narrate.Recording) {
			change(r, func(f stage.Fact) stage.Fact {
				if q, ok := f.(stage.Request); ok {
					q.Body = strings.NewReplacer(`"AttachStdout":true`, `"AttachStdout":false`, `"AttachStderr":true`, `"AttachStderr":false`).Replace(q.Body)
					return q
				}
				return f
			})
		}, want: []string{"detached (-d)", "^C ends it"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(t)
			if c.change != nil {
				c.change(r)
			}
			script, err := Script(r.Header, r.Steps, "x.sh")
			if err != nil {
				t.Fatal(err)
			}
			lint(t, script)
			for _, w := range c.want {
				if !strings.Contains(string(script), w) {
					t.Errorf("%q is not in it", w)
				}
			}
			for _, n := range c.not {
				if strings.Contains(string(script), n) {
					t.Errorf("%q is in it", n)
				}
			}
		})
	}
}

// withEntry adds one entry to each layer.
func withEntry(e stage.Entry) func(stage.Fact) stage.Fact {
	return func(f stage.Fact) stage.Fact {
		u, ok := f.(stage.Unpacked)
		if !ok {
			return f
		}
		u.First = append(u.First, e)
		u.Entries++
		return u
	}
}

func lint(t *testing.T, script []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.sh")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"sh", "-n", file}, {"shellcheck", "-S", "warning", "-s", "sh", file}} {
		if said, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command[0], err, said)
		}
	}
}

// smuggled is what a recording from elsewhere may try to have run as root.
var smuggled = []string{"$(touch /PWNED)", "x\ntouch /PWNED\n", "'; touch /PWNED; '", "`touch /PWNED`", "END\ntouch /PWNED", "\"; touch /PWNED #"}

// TestNothingIsSmuggled: a word of the recording's is a word of the script's,
// whatever is in it.
func TestNothingIsSmuggled(t *testing.T) {
	for _, word := range smuggled {
		r := recorded(t)
		r.Header.Version, r.Header.Machine.Kernel = word, word
		change(r, func(f stage.Fact) stage.Fact {
			switch f := f.(type) {
			case stage.Exec:
				f.Argv, f.Env = append(f.Argv, word), append(f.Env, "WORD="+word)
				return f
			case stage.Cgroup:
				f.Writes = append(f.Writes, stage.Write{File: f.Dirs[0] + "/" + word, Value: word, Meaning: word})
				return f
			case stage.Unpacked:
				f.Digest = word
				return f
			case stage.Overlay:
				f.Lower = append(f.Lower, word)
				return f
			case stage.Created:
				f.Image = word
				return f
			}
			return f
		})
		config(t, r, func(s *specs.Spec) {
			s.Hostname, s.Process.Cwd = word, "/"+word
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/" + word, Type: word, Source: word, Options: []string{word}})
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/"+word)
		})
		for _, s := range r.Steps {
			s.Title, s.Command = s.Title+word, s.Command+word
		}
		script, err := Script(r.Header, r.Steps, word)
		if err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command("sh", "-n", "-c", string(script)).CombinedOutput(); err != nil {
			t.Errorf("%q: %v: %s", word, err, said)
		}
		if bare := outsideQuotes(string(script)); strings.Contains(bare, "touch /PWNED") {
			at := strings.Index(bare, "touch /PWNED")
			t.Errorf("%q is run:\n%s", word, bare[max(0, at-200):min(len(bare), at+100)])
		}
	}
	for _, name := range []string{"br0; touch /PWNED", "$(touch /PWNED)"} {
		r := recorded(t)
		change(r, func(f stage.Fact) stage.Fact {
			if n, ok := f.(stage.Network); ok {
				n.Veth = name
				return n
			}
			return f
		})
		if _, err := Script(r.Header, r.Steps, "x"); err == nil {
			t.Errorf("an interface called %q is taken", name)
		}
	}
}

// outsideQuotes is the script without comments and single-quoted words. The
// contents of here-documents are shell too, or data without quotes.
func outsideQuotes(script string) string {
	var out strings.Builder
	quoted, comment, start, escaped := false, false, true, false
	for _, r := range script {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && !quoted && !comment:
			escaped = true
		case comment:
			comment = r != '\n'
		case quoted:
			quoted = r != '\''
		case r == '\'':
			quoted = true
		case r == '#' && start:
			comment = true
		default:
			out.WriteRune(r)
		}
		start = r == '\n' || r == ' ' || r == '\t'
	}
	return out.String()
}

// TestQuote: the shell reads a quoted word as it was.
func TestQuote(t *testing.T) {
	for _, word := range append(smuggled, "", "plain", "it's", "*", "~", "-n", `\`, "a b", "$HOME") {
		said, err := exec.Command("sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(said) != word && !(word == "-n" && string(said) == "-n") {
			t.Errorf("%q is read as %q (%v)", word, said, err)
		}
	}
}

// TestLayersAreStackedInOrder: the lowest is unpacked first and named last.
func TestLayersAreStackedInOrder(t *testing.T) {
	r := recorded(t)
	var first stage.Unpacked
	change(r, func(f stage.Fact) stage.Fact {
		if u, ok := f.(stage.Unpacked); ok {
			first = u
		}
		return f
	})
	change(r, func(f stage.Fact) stage.Fact {
		if o, ok := f.(stage.Overlay); ok {
			o.Lower = []string{"/layers/upper", first.Dir}
			return o
		}
		return f
	})
	step := r.Steps[len(r.Steps)-1]
	upper := first
	upper.Digest, upper.Dir = "sha256:upper", "/layers/upper"
	step.Passed = append(step.Passed, stage.Point{Fact: upper})
	step.Blobs = append(step.Blobs, narrate.Blob{Digest: "sha256:upper", Data: []byte("plain tar")})
	script, err := Script(r.Header, r.Steps, "x.sh")
	if err != nil {
		t.Fatal(err)
	}
	text := string(script)
	if !strings.Contains(text, `LOWER="$W/layer2:$W/layer1"`) || !strings.Contains(text, `tar -x -C "$W/layer2"`) ||
		strings.Index(text, first.Digest) > strings.Index(text, "sha256:upper") {
		t.Errorf("%.2000s", text)
	}
}

// TestNoContainer: without a container there is no script.
func TestNoContainer(t *testing.T) {
	r := recorded(t)
	if _, err := Script(r.Header, r.Steps[:8], "x"); !errors.Is(err, ErrNoContainer) {
		t.Errorf("%v", err)
	}
}

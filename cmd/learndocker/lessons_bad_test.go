//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBadLessons gives the program lessons that are wrong in what only shows
// beside the pages, or when they run. Each is refused with its place, before
// anything runs, and nothing is left.
func TestBadLessons(t *testing.T) {
	needRoot(t)
	const head = "format: 1\nid: mine\nsteps:\n  - run: docker run hello-world\n    stops:\n      - stage: image.lookup\n"
	dir := t.TempDir()
	for _, c := range []struct{ name, script, want string }{
		{"a page that is not there", head + "        page: hello-world/lok\n", `mine.yaml:7:15: no such page: hello-world/lok; `},
		{"a page outside", head + "        page: ../../etc/passwd\n", `mine.yaml:7:15: no such page`},
		{"an introduction that is not there", "page: nothing\n" + head, `mine.yaml:1:7: no such page: nothing`},
		{"a question that is not there", head + "        predict: {ask: wo-prints-unable, answer: a}\n", `mine.yaml:7:24: no such question: wo-prints-unable; `},
		{"a condition that is none", head + "        expect: ['fact.found ==']\n", `mine.yaml:7:17: expression`},
		{"a when that is none", head + "        when: 'fact['\n", `mine.yaml:7:15: expression`},
		{"an answer that is none", head + "        predict: {ask: cache, answer: '(('}\n", `mine.yaml:7:`},
		{"a field without an end", head + "        say: 'It is {{ fact.found'\n", `mine.yaml:7:14: field without an end`},
		{"a page whose head has no end", head + "        say: |\n          ---\n          title: x\n", `mine.yaml:7:14: page say: its head has no end`},
		{"a page with aliases by the million", head + "        say: |\n          ---\n          title: &a x\n          claims: *a\n          ---\n", `mine.yaml:7:14: page say`},
		{"a field that asks too much", head + "        say: '{{ let r = 1..1000; all(r, all(r, all(r, true))) }}'\n", `goes round more than`},
		{"a field of nothing", head + "        say: '{{ nothing }}'\n", `unknown name nothing`},
		{"a command that is none of docker's", strings.Replace(head, "docker run hello-world", "rm -rf /", 1), `mine.yaml:4:10: a lesson runs docker commands`},
		{"a command of our own", strings.Replace(head, "docker run hello-world", "docker daemon --ephemeral "+dir, 1), `mine.yaml:4:10: docker daemon is no command for a lesson`},
		{"another daemon", strings.Replace(head, "docker run hello-world", "docker run -H tcp://127.0.0.1:1 x", 1), `mine.yaml:4:10: option -H`},
		{"too large", head + strings.Repeat("# more\n", 200_000), `at most 1048576 are read`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, "mine.yaml")
			if err := os.WriteFile(file, []byte(c.script), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, command := range [][]string{{"lesson", file}, {"lesson", "check", file}} {
				o := finish(t, exec.CommandContext(t.Context(), program(t), command...))
				if o.status != 1 || !strings.Contains(o.stdout+o.stderr, c.want) {
					t.Errorf("%v: status %d, %.600s%.600s\nwant 1, %s", command[:len(command)-1], o.status, o.stdout, o.stderr, c.want)
				}
			}
		})
	}
	t.Run("a pipe that nobody fills", func(t *testing.T) {
		file := filepath.Join(dir, "pipe.yaml")
		if err := unix.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
		if o := finish(t, exec.CommandContext(t.Context(), program(t), "lesson", file)); o.status != 1 || !strings.Contains(o.stderr, "is no regular file") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("a device without end", func(t *testing.T) {
		file := filepath.Join(dir, "zero.yaml")
		if err := os.Symlink("/dev/zero", file); err != nil {
			t.Fatal(err)
		}
		if o := finish(t, exec.CommandContext(t.Context(), program(t), "lesson", file)); o.status != 1 || !strings.Contains(o.stderr, "is no regular file") {
			t.Errorf("%+v", o)
		}
	})
}

//go:build linux

package main

import (
	"cmp"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const parityHead = `# Parity

What learndocker's daemon does for each command and flag of docker %s, beside a real dockerd 20.10. This page is written
by a test, %s: it types the rows of cmd/learndocker/testdata/parity against both daemons and holds status, stdout
and stderr side by side, ids, times and addresses aside. %s rewrites it.

- **works**: a row with it is the same on both sides.
- **differs**: the engine does it another way; how is said.
- **absent**: the engine does not do it; why is said. "not yet" is work to be done.

%d rows: %d are the same, %d differ, %d are absent, %d of these not yet.
`

// holdParity holds PARITY.md against what has come out.
func holdParity(t *testing.T, docker string, scenarios []*scenario, statements []statement, results *parityResults) {
	t.Helper()
	version := dockerVersion(t, docker)
	if !strings.HasPrefix(version, "28.") {
		t.Logf("PARITY.md is about the flags of docker 28: this machine has %s", version)
		return
	}
	page := newParityPage(t, docker, scenarios, statements, results)
	text := fmt.Sprintf(parityHead, version, "`TestParity`", "`make golden`", page.counts["rows"], page.counts["works"], page.counts["differs"], page.counts["absent"], page.counts[notYet])
	for _, c := range slices.SortedFunc(maps.Values(page.commands), func(a, b *dockerCommand) int { return cmp.Compare(a.name, b.name) }) {
		text += page.section(c)
	}
	holdAgainst(t, "../../PARITY.md", []byte(text))
}

// dockerCommand is a command as its own help tells of it.
type dockerCommand struct {
	name    string // without docker: "container prune"
	aliases []string
	flags   []dockerFlag
}

type dockerFlag struct {
	long, short string
	takesValue  bool
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*)\*? {2,}\S`)
	helpFlag    = regexp.MustCompile(`(?m)^ {2,6}(?:-(\w), )?--([a-z0-9-]+)(?: ([a-z<][\w<>=\[\].:-]*))?(?: {2,}|$)`)
)

// readHelp asks the docker command for all that it knows, by the first name of
// each command.
func readHelp(t *testing.T, docker string) map[string]*dockerCommand {
	t.Helper()
	known := map[string]*dockerCommand{}
	var ask func(path ...string)
	ask = func(path ...string) {
		said := helpOf(t, docker, path)
		_, commands, group := strings.Cut(said, "Commands:\n")
		if group && len(path) < 2 {
			for _, m := range helpCommand.FindAllStringSubmatch(commands, -1) {
				ask(append(slices.Clone(path), m[1])...)
			}
			return
		}
		c := &dockerCommand{name: strings.Join(path, " ")}
		if _, names, ok := strings.Cut(said, "Aliases:\n"); ok {
			names, _, _ = strings.Cut(names, "\n\n")
			for name := range strings.SplitSeq(names, ",") {
				c.aliases = append(c.aliases, strings.TrimPrefix(strings.TrimSpace(name), "docker "))
			}
		}
		for _, alias := range c.aliases { // docker ps rather than docker container ls
			if strings.Count(alias, " ") < strings.Count(c.name, " ") {
				c.name = alias
			}
		}
		_, options, _ := strings.Cut(said, "\nOptions:\n")
		for _, m := range helpFlag.FindAllStringSubmatch(options, -1) {
			if m[2] != "help" {
				c.flags = append(c.flags, dockerFlag{m[2], m[1], m[3] != ""})
			}
		}
		known[c.name] = c
	}
	ask()
	return known
}

// helpOf asks on no daemon: what one cannot do is hidden from its users.
func helpOf(t *testing.T, docker string, path []string) string {
	t.Helper()
	cmd := exec.Command(docker, append(slices.Clone(path), "--help")...)
	cmd.Env = []string{"DOCKER_HOST=unix:///no/such", "DOCKER_CONFIG=/nonexistent", "PATH=/usr/bin:/bin", "DOCKER_BUILDKIT=0"}
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %v --help: %v", path, err)
	}
	return string(said)
}

// use is a docker command typed in a row.
type use struct {
	command string
	flags   []string // their long names
}

var shellWord = regexp.MustCompile(`'[^']*'|"[^"]*"|&&|\|\||[;|()&\n]|[^\s;|()&]+`)

// usesOf finds what docker commands a line types.
func usesOf(line string, known map[string]*dockerCommand) (uses []use) {
	words := shellWord.FindAllString(line, -1)
	for i, w := range words {
		if strings.TrimLeft(w, "$'\"") != "docker" && w != "docker" {
			continue
		}
		end := len(words)
		for j := i + 1; j < end; j++ {
			if strings.ContainsAny(words[j][:1], ";|()&\n") {
				end = j
			}
		}
		if c, rest := findCommand(words[i+1:end], known); c != nil {
			uses = append(uses, use{c.name, c.flagsIn(rest)})
		}
	}
	return uses
}

// findCommand looks the command's name up, which is of one word or two.
func findCommand(words []string, known map[string]*dockerCommand) (*dockerCommand, []string) {
	for n := 2; n > 0; n-- {
		if len(words) < n {
			continue
		}
		name := strings.Join(words[:n], " ")
		for _, c := range known {
			if c.name == name || slices.Contains(c.aliases, name) {
				return c, words[n:]
			}
		}
	}
	return nil, nil
}

// interspersed are the commands that take flags after their first argument.
// run, exec and create leave the rest to the container's program.
func (c *dockerCommand) interspersed() bool {
	return c.name != "run" && c.name != "exec" && c.name != "create" && c.name != "top"
}

func (c *dockerCommand) flagsIn(words []string) (found []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			if !c.interspersed() {
				return found
			}
			continue
		}
		name, _, hasValue := strings.Cut(w, "=")
		if long, ok := strings.CutPrefix(name, "--"); ok {
			f := c.flag(func(f dockerFlag) bool { return f.long == long })
			if f.long != "" {
				found = append(found, f.long)
			}
			if f.takesValue && !hasValue {
				i++
			}
			continue
		}
		for j, letter := range w[1:] { // -dit, -n2
			f := c.flag(func(f dockerFlag) bool { return f.short == string(letter) })
			if f.long == "" {
				break
			}
			found = append(found, f.long)
			if f.takesValue {
				if j == len(w)-2 {
					i++
				}
				break
			}
		}
	}
	return found
}

func (c *dockerCommand) flag(is func(dockerFlag) bool) dockerFlag {
	if i := slices.IndexFunc(c.flags, is); i >= 0 {
		return c.flags[i]
	}
	return dockerFlag{}
}

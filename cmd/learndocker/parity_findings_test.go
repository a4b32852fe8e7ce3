//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// finding is what one row, or one statement, says of a command or a flag.
type finding struct {
	verdict string // works, refused, differs, absent
	why     string
}

// parityPage is what PARITY.md says.
type parityPage struct {
	commands map[string]*dockerCommand
	found    map[string][]finding // by "command" and "command --flag"
	counts   map[string]int
}

func newParityPage(t *testing.T, docker string, scenarios []*scenario, statements []statement, results *parityResults) *parityPage {
	t.Helper()
	p := &parityPage{commands: readHelp(t, docker), found: map[string][]finding{}, counts: map[string]int{}}
	p.readRows(scenarios, results)
	p.readStatements(t, statements)
	return p
}

// readRows learns from the rows' outcomes: the mark tells where they are not
// the same.
func (p *parityPage) readRows(scenarios []*scenario, results *parityResults) {
	for _, s := range scenarios {
		for _, r := range s.rows {
			f := finding{verdict: results.howSame(r)}
			if r.mark != nil && r.mark.only == "" {
				f = finding{r.mark.kind, r.mark.why}
			}
			if unmarked, stale := results.verdict(r); stale && r.mark.why == notYet {
				f = finding{verdict: results.howSame(r)} // its mark is about to go
			} else if len(unmarked) > 0 {
				f = finding{"absent", notYet} // its mark is about to come
			}
			p.counts["rows"]++
			if f.verdict == refused {
				p.counts["works"]++
			}
			p.counts[f.verdict]++
			if f.why == notYet {
				p.counts[notYet]++
			}
			for _, u := range usesOf(r.line, p.commands) {
				p.found[u.command] = append(p.found[u.command], f)
				for _, flag := range u.flags {
					key := u.command + " --" + flag
					p.found[key] = append(p.found[key], f)
				}
			}
		}
	}
}

// readStatements learns what no row tries. One about what does not exist, or
// about what a row has shown to work, is wrong.
func (p *parityPage) readStatements(t *testing.T, statements []statement) {
	t.Helper()
	for _, s := range statements {
		var told []*dockerCommand
		for _, c := range p.commands {
			if c.name == s.command || strings.HasPrefix(c.name, s.command+" ") || slices.Contains(c.aliases, s.command) {
				told = append(told, c)
			}
		}
		if len(told) == 0 {
			t.Errorf("! %s: docker has no such command", s.command)
		}
		for _, c := range told {
			p.state(t, c, s)
		}
	}
}

func (p *parityPage) state(t *testing.T, c *dockerCommand, s statement) {
	t.Helper()
	keys := []string{c.name}
	if len(s.flags) == 0 {
		for _, f := range c.flags {
			keys = append(keys, c.name+" --"+f.long)
		}
	} else {
		keys = nil
		for _, name := range s.flags {
			long := strings.TrimPrefix(name, "--")
			if c.flag(func(f dockerFlag) bool { return f.long == long }).long == "" {
				t.Errorf("! %s %s: docker has no such flag", c.name, name)
			}
			keys = append(keys, c.name+" --"+long)
		}
	}
	for _, key := range keys {
		if len(s.flags) > 0 && sum(p.found[key]).verdict == "works" {
			t.Errorf("! %s: a row shows that it works", key)
		}
		p.found[key] = append(p.found[key], finding{"absent", s.why})
	}
}

// refused is said of a row in which both daemons say the same no.
const refused = "refused"

// howSame tells a row in which a command did its work from one in which it was
// refused: a command whose errors are right need not work.
func (p *parityResults) howSame(r *row) string {
	for _, result := range p.byRow[r] {
		if result.theirs.status != 0 {
			return refused
		}
	}
	return "works"
}

// sum makes one verdict of many: what works in one row works. Otherwise a
// reason counts more than that it is not yet done, and that more than the same
// error on both sides.
func sum(list []finding) finding {
	rank := func(f finding) int {
		switch {
		case f.verdict == "works":
			return 0
		case f.verdict == refused:
			return 3
		case strings.HasPrefix(f.why, notYet):
			return 2
		}
		return 1
	}
	if len(list) == 0 {
		return finding{}
	}
	best := slices.MinFunc(list, func(a, b finding) int { return rank(a) - rank(b) })
	if best.verdict == refused {
		return finding{"works", "where dockerd refuses it on this machine, in the same words"}
	}
	return best
}

// section tells of one command.
func (p *parityPage) section(c *dockerCommand) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## docker %s\n\n", c.name)
	if others := slices.DeleteFunc(slices.Clone(c.aliases), func(a string) bool { return a == c.name }); len(others) > 0 {
		fmt.Fprintf(&b, "Also `docker %s`.\n\n", strings.Join(others, "`, `docker "))
	}
	b.WriteString("| | | |\n| --- | --- | --- |\n")
	b.WriteString(p.line(c.name, "the command"))
	if names := c.flagNames(); len(names) > 0 && p.untried(c) {
		f := sum(p.found[c.name])
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(names, "`, `"), f.verdict, f.why)
		return b.String()
	}
	for _, f := range c.flags {
		name := "`--" + f.long + "`"
		if f.short != "" {
			name = "`-" + f.short + "`, " + name
		}
		b.WriteString(p.line(c.name+" --"+f.long, name))
	}
	return b.String()
}

func (c *dockerCommand) flagNames() (names []string) {
	for _, f := range c.flags {
		names = append(names, "--"+f.long)
	}
	return names
}

// untried reports whether all that is known of the command and its flags is
// one statement.
func (p *parityPage) untried(c *dockerCommand) bool {
	only := p.found[c.name]
	if len(only) != 1 || only[0].verdict != "absent" {
		return false
	}
	return !slices.ContainsFunc(c.flags, func(f dockerFlag) bool {
		list := p.found[c.name+" --"+f.long]
		return len(list) != 1 || list[0] != only[0]
	})
}

func (p *parityPage) line(key, name string) string {
	f := sum(p.found[key])
	return fmt.Sprintf("| %s | %s | %s |\n", name, f.verdict, f.why)
}

// TestParityForgetsNothing: each command and flag that docker's own help names
// is tried by a row, or a statement says why not.
func TestParityForgetsNothing(t *testing.T) {
	scenarios, statements := readScenarios(t)
	page := newParityPage(t, dockers(t)[0], scenarios, statements, newParityResults())
	for _, c := range page.commands {
		keys := []string{c.name}
		for _, f := range c.flags {
			keys = append(keys, c.name+" --"+f.long)
		}
		for _, key := range keys {
			if len(page.found[key]) == 0 {
				t.Errorf("no row of testdata/parity tries docker %s: write one, or say why with ! in a scenario file", key)
			}
		}
	}
}

// TestParityUses: each flag is found where it is typed, and nowhere else.
func TestParityUses(t *testing.T) {
	known := map[string]*dockerCommand{
		"run": {name: "run", aliases: []string{"container run", "run"}, flags: []dockerFlag{{"detach", "d", false}, {"interactive", "i", false}, {"tty", "t", false}, {"name", "", true}, {"env", "e", true}}},
		"rm":  {name: "rm", flags: []dockerFlag{{"force", "f", false}}},
	}
	for line, want := range map[string]string{
		"docker run -dit --name x img cmd --env y":            "[{run [detach interactive tty name]}]",
		"docker run --name=x -eA=1 img; docker rm x -f":       "[{run [name env]} {rm [force]}]",
		"x=$(docker container run -d img) && docker rm $x":    "[{run [detach]} {rm []}]",
		"docker run img sh -c 'docker rm -f x' | grep docker": "[{run []}]",
		"timeout 2 docker rm --force x":                       "[{rm [force]}]",
		"docker nothing -f":                                   "[]",
	} {
		if got := fmt.Sprint(usesOf(line, known)); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestParityVerdict: what differs needs a mark, and a mark needs a difference.
func TestParityVerdict(t *testing.T) {
	same, other := outcome{stdout: "a"}, outcome{stdout: "b"}
	for _, c := range []struct {
		mark            *mark
		newer, older    outcome // what ours says to each docker command; theirs is "a"
		unmarked, stale bool
	}{
		{nil, same, same, false, false},
		{nil, same, other, true, false},
		{&mark{kind: "differs"}, other, other, false, false},
		{&mark{kind: "differs"}, same, other, false, false},
		{&mark{kind: "absent"}, same, same, false, true},
		{&mark{kind: "differs", only: "20.10"}, same, other, false, false},
		{&mark{kind: "differs", only: "20.10"}, other, other, true, false},
		{&mark{kind: "differs", only: "20.10"}, other, same, true, true},
		{&mark{kind: "differs", only: "28"}, same, other, true, true},
	} {
		r := &row{mark: c.mark}
		results := newParityResults()
		results.add(parityResult{row: r, version: "28.2.2", theirs: same, ours: c.newer}, parityResult{row: r, version: "20.10.24", theirs: same, ours: c.older})
		unmarked, stale := results.verdict(r)
		if len(unmarked) > 0 != c.unmarked || stale != c.stale {
			t.Errorf("%+v: %d unmarked, stale %v", c, len(unmarked), stale)
		}
	}
	works, no, later, why := finding{verdict: "works"}, finding{verdict: refused}, finding{"absent", notYet}, finding{"differs", "so"}
	for _, c := range []struct {
		list []finding
		want finding
	}{
		{[]finding{later, no, works}, works}, {[]finding{no, later}, later}, {[]finding{later, no, why}, why}, {nil, finding{}},
	} {
		if got := sum(c.list); got != c.want {
			t.Errorf("%v sums up as %v, want %v", c.list, got, c.want)
		}
	}
}

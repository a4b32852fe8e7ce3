//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A scenario file holds rows, which one docker command types against two
// daemons, one after the other:
//
//	== NAME [alone]          begins a scenario: names are its own, unless it is alone
//	$ LINE                   a row: a line for sh(1), with the docker command in its PATH
//	% ROWSxCOLUMNS LINE      a row on a terminal, and what a person does before it:
//	  wait "TEXT"              until the text is shown
//	  type "KEYS"              as a Go string: "\x10\x11"
//	  size ROWSxCOLUMNS        another size
//	  pause                    a moment, for what shows nothing
//	  ~ EXPRESSION           what is volatile in this row beside ids, times and addresses
//	  # differs: WHY         the row's outcome is not dockerd's, for a reason
//	  # absent: WHY          the engine does not do it, for a reason
//	! COMMAND [FLAG…]: WHY   no row tries it: the engine does not do it, for a reason
//
// A row without a mark is the same on both sides. A mark holds for all docker
// commands, or for one: # differs (20.10): WHY. A mark that is no longer true
// fails the test. A line that begins with # is a comment.
type scenario struct {
	file, name string
	alone      bool // it sees all that the daemon has
	rows       []*row
}

type row struct {
	line     string
	number   int // of the line in its file
	terminal [2]uint16
	steps    []terminalStep
	volatile []*regexp.Regexp
	mark     *mark
}

type terminalStep struct {
	what, text string
	size       [2]uint16
}

// mark says that a row is not the same, and why.
type mark struct {
	kind   string // differs or absent
	only   string // one docker command's version; "" is every one
	why    string
	number int // of its line
}

// statement says of a command, or of flags of it, why no row tries it.
type statement struct {
	command string
	flags   []string
	why     string
}

// notYet marks what is still to be done: -update takes such marks away where
// they are no longer true.
const notYet = "not yet"

var markLine = regexp.MustCompile(`^# (differs|absent)(?: \(([\d.]+)\))?: (.+)$`)

// readScenarios reads all scenario files.
func readScenarios(t *testing.T) (list []*scenario, statements []statement) {
	t.Helper()
	files, err := filepath.Glob("testdata/parity/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		found, said, err := parseScenarios(file, readText(t, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			if seen[s.name] {
				t.Fatalf("%s: two scenarios are named %s", file, s.name)
			}
			seen[s.name] = true
		}
		list, statements = append(list, found...), append(statements, said...)
	}
	return list, statements
}

// parseScenarios reads one file.
func parseScenarios(file, text string) (list []*scenario, statements []statement, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := parseLine(file, strings.TrimRight(line, "\n"), number, &list, &statements); err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
	}
	return list, statements, nil
}

func parseLine(file, line string, number int, list *[]*scenario, statements *[]statement) error {
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if words, ok := strings.CutPrefix(line, "== "); ok {
		name, how, _ := strings.Cut(words, " ")
		if how != "" && how != "alone" {
			return fmt.Errorf("a scenario is alone or not, it is not %q", how)
		}
		*list = append(*list, &scenario{file: file, name: name, alone: how == "alone"})
		return nil
	}
	if words, ok := strings.CutPrefix(line, "! "); ok {
		said, err := parseStatement(words)
		*statements = append(*statements, said)
		return err
	}
	if len(*list) == 0 {
		return fmt.Errorf("no scenario has begun: == NAME")
	}
	s := (*list)[len(*list)-1]
	if detail, ok := strings.CutPrefix(line, "  "); ok {
		if len(s.rows) == 0 {
			return fmt.Errorf("no row has begun")
		}
		return s.rows[len(s.rows)-1].detail(detail, number)
	}
	r, err := parseRow(line, number)
	s.rows = append(s.rows, r)
	return err
}

func parseStatement(words string) (statement, error) {
	subject, why, ok := strings.Cut(words, ": ")
	if !ok {
		return statement{}, fmt.Errorf("it says not why: ! COMMAND: WHY")
	}
	command, flags, _ := strings.Cut(subject, " -")
	s := statement{command: command, why: why}
	if flags != "" {
		s.flags = strings.Fields("-" + flags)
	}
	return s, nil
}

func parseRow(line string, number int) (*row, error) {
	if typed, ok := strings.CutPrefix(line, "$ "); ok {
		return &row{line: typed, number: number}, nil
	}
	words, ok := strings.CutPrefix(line, "% ")
	if !ok {
		return nil, fmt.Errorf("%q is no row, which begins with $ or %%", line)
	}
	size, typed, _ := strings.Cut(words, " ")
	r := &row{line: typed, number: number}
	var err error
	r.terminal, err = parseSize(size)
	return r, err
}

func parseSize(text string) (size [2]uint16, err error) {
	if n, _ := fmt.Sscanf(text, "%dx%d", &size[0], &size[1]); n != 2 {
		return size, fmt.Errorf("%q is no size: ROWSxCOLUMNS", text)
	}
	return size, nil
}

// detail reads a line that belongs to a row.
func (r *row) detail(line string, number int) error {
	if m := markLine.FindStringSubmatch(line); m != nil {
		if r.mark != nil {
			return fmt.Errorf("the row is marked already")
		}
		r.mark = &mark{m[1], m[2], m[3], number}
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "~":
		x, err := regexp.Compile(rest)
		r.volatile = append(r.volatile, x)
		return err
	case "size":
		size, err := parseSize(rest)
		r.steps = append(r.steps, terminalStep{what: word, size: size})
		return err
	case "pause":
		r.steps = append(r.steps, terminalStep{what: word})
		return nil
	case "wait", "type":
		text, err := strconv.Unquote(rest)
		r.steps = append(r.steps, terminalStep{what: word, text: text})
		return err
	}
	return fmt.Errorf("%q says nothing of a row", line)
}

// holds reports whether the mark speaks of that docker command.
func (m *mark) holds(version string) bool {
	return m != nil && (m.only == "" || strings.HasPrefix(version, m.only))
}

// rewriteMarks writes a file's scenarios anew: without the marks in gone, with
// one for each row in fresh.
func rewriteMarks(t *testing.T, file string, gone map[int]bool, fresh map[int]string) {
	t.Helper()
	var b strings.Builder
	number := 0
	for line := range strings.Lines(readText(t, file)) {
		number++
		if !gone[number] {
			b.WriteString(line)
		}
		if text, ok := fresh[number]; ok {
			b.WriteString("  # " + text + "\n")
		}
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestParityFiles: what a scenario file has wrong is told with its line.
func TestParityFiles(t *testing.T) {
	readScenarios(t)
	for text, want := range map[string]string{
		"$ docker ps":            "f:1: no scenario has begun",
		"== a\n  ~ x":            "f:2: no row has begun",
		"== a\n$ x\n  # same: y": "f:3: \"# same: y\" says nothing of a row",
		"== a\n$ x\n  # absent: y\n  # absent: z": "f:4: the row is marked already",
		"== a\ndocker ps":                         "is no row",
		"== a\n% 10 x":                            "is no size",
		"== a\n$ x\n  ~ (":                        "error parsing regexp",
		"== a often":                              "it is not \"often\"",
		"! swarm":                                 "it says not why",
		"== a\n$ x\n  wait text":                  "invalid syntax",
		"== a\n$ x\n  # differs (20.10): in the older\n": "",
	} {
		_, _, err := parseScenarios("f", text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	list, said, err := parseScenarios("f", "== a alone\n% 30x100 docker run -it x\n  wait \"#\"\n  type \"\\x04\"\n  # differs (20.10): older\n! build --squash --ssh: no builder\n")
	if err != nil {
		t.Fatal(err)
	}
	r := list[0].rows[0]
	if !list[0].alone || r.terminal != [2]uint16{30, 100} || r.steps[1].text != "\x04" || r.mark.holds("28.2.2") || !r.mark.holds("20.10.24") {
		t.Errorf("read as %+v", r)
	}
	if said[0].command != "build" || len(said[0].flags) != 2 {
		t.Errorf("read as %+v", said)
	}
}

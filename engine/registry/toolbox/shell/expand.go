package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// environ shows the shell's variables to the library that expands.
type environ struct{ *Shell }

func (e environ) Get(name string) expand.Variable {
	text := func(v string) expand.Variable { return expand.Variable{Set: true, Kind: expand.String, Str: v} }
	switch name {
	case "@", "*":
		return expand.Variable{Set: len(e.params) > 0, Kind: expand.Indexed, List: e.params}
	case "#":
		return text(strconv.Itoa(len(e.params)))
	case "?":
		return text(strconv.Itoa(e.status))
	case "$":
		return text(strconv.Itoa(e.pid))
	case "!":
		if e.last == 0 {
			return expand.Variable{}
		}
		return text(strconv.Itoa(e.last))
	case "-":
		return text(e.letters())
	case "0":
		return text(e.name)
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > len(e.params) {
			return expand.Variable{}
		}
		return text(e.params[n-1])
	}
	if user, ok := strings.CutPrefix(name, "HOME "); ok {
		return homeOf(user)
	}
	v, ok := e.vars[name]
	if !ok || !v.Set {
		return expand.Variable{}
	}
	return expand.Variable{Set: true, Kind: expand.String, Str: v.Value, Exported: v.Exported, ReadOnly: v.ReadOnly}
}

// homeOf is ~USER, from /etc/passwd.
func homeOf(user string) expand.Variable {
	uid, err := applet.ID("/etc/passwd", user)
	if fields := applet.User(uid); err == nil && len(fields) > 5 {
		return expand.Variable{Set: true, Kind: expand.String, Str: fields[5]}
	}
	return expand.Variable{}
}

func (e environ) Each(f func(string, expand.Variable) bool) {
	for name := range e.vars {
		if !f(name, e.Get(name)) {
			return
		}
	}
}

// Set is what ${NAME:=VALUE} and $((NAME = VALUE)) call.
func (e environ) Set(name string, v expand.Variable) error { return e.assign(name, v.Str) }

func (s *Shell) config() *expand.Config {
	c := &expand.Config{Env: environ{s}, CmdSubst: s.substitute, ReadDir2: os.ReadDir, NoUnset: s.options['u']}
	if s.options['f'] {
		c.ReadDir2 = nil
	}
	return c
}

func (s *Shell) fields(words []*syntax.Word) ([]string, error) {
	return expand.Fields(s.config(), words...)
}

// substitute is $(…): a subshell whose output is read. It sets $?.
func (s *Shell) substitute(w io.Writer, cs *syntax.CmdSubst) error {
	if len(cs.Stmts) == 0 {
		return nil
	}
	r, out, err := pipe()
	if err != nil {
		return err
	}
	stmt := cs.Stmts[0]
	if len(cs.Stmts) > 1 || stmt.Background {
		stmt = &syntax.Stmt{Cmd: &syntax.Subshell{Stmts: cs.Stmts}}
	}
	j := &job{quiet: true}
	s.launch(j, stmt, s.files[0], out)
	closeFD(out)
	_, err = io.Copy(w, struct{ io.Reader }{applet.FD(r)})
	closeFD(r)
	s.status, s.substituted = s.await(j), true
	return err
}

func (s *Shell) valueOf(a *syntax.Assign) (string, error) {
	if a.Value == nil {
		return "", nil
	}
	return expand.Literal(s.config(), a.Value)
}

func (s *Shell) assign(name, value string) error {
	v := s.vars[name]
	if v.ReadOnly {
		return fmt.Errorf("%s: is read only", name)
	}
	v.Value, v.Set = value, true
	if s.options['a'] {
		v.Exported = true
	}
	s.put(name, v)
	return nil
}

// put sets a variable as it is, and tells the process of what its libraries
// look at.
func (s *Shell) put(name string, v variable) {
	s.vars[name] = v
	if !v.Set && !v.Exported && !v.ReadOnly {
		delete(s.vars, name)
	}
	if name == "PATH" || name == "HOME" || name == "PWD" {
		_ = os.Setenv(name, v.Value) // names are valid, and values have no NUL byte
	}
}

// assignFor sets variables for one command, and returns what undoes it. Those
// in front of POSIX's special commands stay.
func (s *Shell) assignFor(assigns []*syntax.Assign, command string) (undo func(), err error) {
	old := map[string]variable{}
	undo = func() {
		for name, v := range old {
			s.put(name, v)
		}
	}
	special := slices.Contains([]string{"export", "readonly", "eval", ".", "set", "unset", ":", "exec", "exit", "return", "shift", "trap", "break", "continue"}, command)
	for _, a := range assigns {
		value, err := s.valueOf(a)
		if err != nil {
			return undo, err
		}
		name := a.Name.Value
		if _, seen := old[name]; !seen && !special {
			old[name] = s.vars[name]
		}
		if err := s.assign(name, value); err != nil {
			return undo, err
		}
		if v := s.vars[name]; !special {
			v.Exported = true
			s.put(name, v)
		}
	}
	return undo, nil
}

// environment is what programs are given.
func (s *Shell) environment() []string {
	var list []string
	for name, v := range s.vars {
		if v.Exported && v.Set {
			list = append(list, name+"="+v.Value)
		}
	}
	slices.Sort(list)
	return list
}

// matches holds a word against a pattern of case.
func matches(text, value string) bool {
	source, err := pattern.Regexp(text, pattern.EntireString)
	if err != nil {
		return text == value
	}
	x, err := regexp.Compile(source)
	return err == nil && x.MatchString(value)
}

// letters are the options as $- has them.
func (s *Shell) letters() string {
	var b strings.Builder
	for _, letter := range []byte("aceCfiumsx") {
		if s.options[letter] {
			b.WriteByte(letter)
		}
	}
	return b.String()
}

// longOptions are set -o's names.
func longOption(name string) (byte, bool) {
	letter, ok := map[string]byte{"allexport": 'a', "errexit": 'e', "noclobber": 'C', "noglob": 'f', "nounset": 'u', "xtrace": 'x', "monitor": 'm', "interactive": 'i', "stdin": 's'}[name]
	return letter, ok
}

// option sets what the first word says, and tells how many words it used.
func (s *Shell) option(args []string) (int, error) {
	on := args[0][0] == '-'
	used := 1
	for _, letter := range []byte(args[0][1:]) {
		if letter != 'o' {
			if !strings.ContainsRune("aceCfilmsuvx", rune(letter)) {
				return 0, applet.Usage("unknown option -%c", letter)
			}
			s.options[letter] = on
			continue
		}
		if len(args) <= used {
			return 0, applet.Usage("-o wants a name")
		}
		name := args[used]
		used++
		if name == "pipefail" {
			s.pipefail = on
			continue
		}
		letter, ok := longOption(name)
		if !ok {
			return 0, applet.Usage("unknown option -o %s", name)
		}
		s.options[letter] = on
	}
	return used, nil
}

var errInterrupted = errors.New("interrupted")

func (s *Shell) document(word *syntax.Word) (string, error) { return expand.Document(s.config(), word) }

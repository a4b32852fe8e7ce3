// Package shell is the toolbox's sh: POSIX's grammar, which mvdan.cc/sh reads
// and expands, run as a shell runs it: every subshell, pipeline and job is a
// process of its own, cd moves the shell's process, exec replaces it, and traps
// are the kernel's signals. The interpreter that comes with that library has
// goroutines for these, and lessons on processes would be told lies.
package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// maxFD is one more than the highest file that a redirection can name.
const maxFD = 10

// Shell is one shell process.
type Shell struct {
	name    string // $0
	params  []string
	vars    map[string]variable
	locals  []map[string]variable // what local has hidden, function by function
	funcs   map[string]*syntax.Stmt
	files   [maxFD]int // -1 is closed
	status  int
	pid     int // $$, of the shell that was started first
	last    int // $!
	options map[byte]bool

	pipefail bool
	tested   int // depth of conditions, in which -e does not end the shell
	loops    int
	calls    int // depth of functions

	substituted bool // $? is a substitution's
	flow        flow

	traps   map[string]string
	caught  chan os.Signal
	jobs    []*job
	control *terminal // of an interactive shell

	builtins  map[string]applet.Func // commands that need no process
	inherited string                 // what a subshell is to run
}

// variable is one of the shell's.
type variable struct {
	Value    string
	Set      bool
	Exported bool
	ReadOnly bool
}

// flow is where a command has sent the shell: out of loops, functions, itself.
type flow struct {
	kind flowKind
	n    int
}

type flowKind int

const (
	goesOn flowKind = iota
	breaks
	continues
	returns
	exits
)

// Command is sh, given the commands that it runs without a process of their own.
func Command(builtins map[string]applet.Func) applet.Func {
	return func(c *applet.Call) error {
		s := newShell(builtins)
		if s.inherit() {
			return applet.Status(s.runInherited())
		}
		return s.main(c)
	}
}

func newShell(builtins map[string]applet.Func) *Shell {
	s := &Shell{
		name: "sh", vars: map[string]variable{}, funcs: map[string]*syntax.Stmt{}, options: map[byte]bool{},
		pid: os.Getpid(), traps: map[string]string{}, caught: make(chan os.Signal, 64), builtins: builtins,
	}
	for n := range s.files {
		s.files[n] = -1
		// What is not to be closed on exec was given; the rest is the runtime's.
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			s.files[n] = n
		}
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if syntax.ValidName(name) {
			s.vars[name] = variable{Value: value, Set: true, Exported: true}
		}
	}
	return s
}

// main reads the command line: sh [-eux…] [-c SCRIPT | FILE] [ARGUMENT]….
func (s *Shell) main(c *applet.Call) error {
	args := c.Args
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		if args[0] == "--" {
			args = args[1:]
			break
		}
		used, err := s.option(args)
		if err != nil {
			return err
		}
		args = args[used:]
	}
	s.startVars()
	switch {
	case s.options['c']:
		if len(args) == 0 {
			return applet.Usage("-c wants a script")
		}
		script := args[0]
		if s.params = args[1:]; len(args) > 1 {
			s.name, s.params = args[1], args[2:]
		}
		return applet.Status(s.script(script))
	case len(args) > 0 && !s.options['s']:
		s.name, s.params = args[0], args[1:]
		data, err := os.ReadFile(args[0])
		if err != nil {
			c.Warn(err)
			return applet.Status(127)
		}
		return applet.Status(s.script(string(data)))
	}
	s.params = args
	if s.options['i'] || applet.IsTerminal(c.In) && applet.IsTerminal(c.Err) {
		s.options['i'] = true
		return applet.Status(s.interact())
	}
	return applet.Status(s.readLines(func(string) (string, error) { return s.readLine(0) }))
}

// startVars are the variables that a shell begins with.
func (s *Shell) startVars() {
	if dir, err := os.Getwd(); err == nil {
		s.vars["PWD"] = variable{Value: dir, Set: true, Exported: true}
	}
	s.vars["PPID"] = variable{Value: strconv.Itoa(os.Getppid()), Set: true}
	s.vars["IFS"] = variable{Value: " \t\n", Set: true}
	if !s.vars["PATH"].Set {
		s.vars["PATH"] = variable{Value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", Set: true}
	}
}

// script runs a text as a whole shell does, up to its end. Where its last
// command is a program, the shell becomes it.
func (s *Shell) script(text string) int {
	file, err := parser().Parse(strings.NewReader(text), "")
	if err != nil {
		s.complain(err)
		return 2
	}
	for i, stmt := range file.Stmts {
		if i == len(file.Stmts)-1 && s.becomes(stmt) {
			break // only where there is no such program
		}
		s.stmt(stmt)
		if s.flow.kind != goesOn {
			break
		}
	}
	return s.end()
}

// readLines runs line by line; a command may go over several.
func (s *Shell) readLines(read func(prompt string) (string, error)) int {
	var text strings.Builder
	for s.flow.kind != exits {
		prompt := "PS1"
		if text.Len() > 0 {
			prompt = "PS2"
		}
		line, err := read(prompt)
		if errors.Is(err, errInterrupted) {
			text.Reset()
			s.status = 130
			continue
		}
		text.WriteString(line)
		ended := err != nil
		if ended && text.Len() == 0 {
			break
		}
		file, err := parser().Parse(strings.NewReader(text.String()), "")
		if !ended && (syntax.IsIncomplete(err) || continued(line)) {
			continue
		}
		text.Reset()
		if err != nil {
			s.complain(err)
			if s.status = 2; !s.options['i'] {
				break
			}
			continue
		}
		s.stmts(file.Stmts)
		if s.options['i'] && s.flow.kind != exits {
			s.flow = flow{}
		}
		if ended {
			break
		}
	}
	return s.end()
}

// continued is a line that ends in a backslash which is not one itself.
func continued(line string) bool {
	line = strings.TrimSuffix(line, "\n")
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func parser() *syntax.Parser { return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)) }

// readLine reads one line and nothing of the next: a command may read on.
func (s *Shell) readLine(file int) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		if file >= maxFD || s.files[file] < 0 {
			return string(line), unix.EBADF
		}
		n, err := applet.FD(s.files[file]).Read(one)
		if n == 0 {
			return string(line), err
		}
		if line = append(line, one[0]); one[0] == '\n' {
			return string(line), nil
		}
	}
}

// end runs what was asked for at the shell's end, and returns its status.
func (s *Shell) end() int {
	s.runTraps()
	if s.flow.kind == exits {
		s.status = s.flow.n
	}
	action, ok := s.traps["EXIT"]
	if delete(s.traps, "EXIT"); ok && action != "" {
		status := s.status
		s.flow = flow{}
		s.eval(action)
		if s.status = status; s.flow.kind == exits {
			s.status = s.flow.n
		}
	}
	s.flow = flow{kind: exits, n: s.status}
	return s.status
}

// eval runs a text in this shell.
func (s *Shell) eval(text string) {
	file, err := parser().Parse(strings.NewReader(text), "")
	if err != nil {
		s.complain(err)
		s.status = 2
		return
	}
	s.status = 0
	s.stmts(file.Stmts)
}

// complain writes an error of the shell's own.
func (s *Shell) complain(err error) {
	out := s.files[2]
	if out < 0 {
		return
	}
	text := applet.Message(err)
	var parse syntax.ParseError
	var lang syntax.LangError
	if errors.As(err, &parse) {
		text = fmt.Sprintf("syntax error: line %d: %s", parse.Pos.Line(), parse.Text)
	} else if errors.As(err, &lang) {
		text = fmt.Sprintf("syntax error: line %d: %s is not POSIX's", lang.Pos.Line(), lang.Feature)
	}
	_, _ = io.WriteString(applet.FD(out), filepath.Base(s.name)+": "+text+"\n") // nobody is there to be told otherwise
}

// lookup finds a program as execvp(3) does. The status is 127 for none, 126 for
// one that cannot be run.
func (s *Shell) lookup(name string) (string, int, error) {
	if strings.Contains(name, "/") {
		return runnable(name, name)
	}
	status, failure := 127, error(errors.New(name+": not found"))
	for dir := range strings.SplitSeq(s.vars["PATH"].Value, ":") {
		path, got, err := runnable(name, filepath.Join(dir, name))
		if err == nil {
			return path, 0, nil
		}
		if got == 126 {
			status, failure = got, err
		}
	}
	return "", status, failure
}

func runnable(name, path string) (string, int, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name != path:
		return "", 127, fmt.Errorf("%s: not found", name)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "", 127, fmt.Errorf("%s: not found", path)
	case err != nil:
		return "", 126, fmt.Errorf("%s: %s", path, applet.Message(errors.Unwrap(err)))
	case info.IsDir(), unix.Access(path, unix.X_OK) != nil:
		return "", 126, fmt.Errorf("%s: Permission denied", path)
	}
	return path, 0, nil
}

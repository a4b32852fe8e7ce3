package shell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// A Go program cannot go on in a copy of itself, as fork(2) makes one. So a
// subshell is a new process of the same program, which is handed what a copy
// would have: the state below, as a file in memory, and what to run.

// stateFile is the number by which a subshell knows the file.
const stateFile = maxFD

// magic is what the file begins with.
const magic = "toolbox subshell 1\n"

type handedDown struct {
	Name     string
	Params   []string
	Vars     map[string]variable
	Funcs    map[string]string
	Status   int
	PID      int
	Last     int
	Options  map[string]bool
	Pipefail bool
	Ignored  []string
	Loops    int
	Calls    int
	Files    []int // that are open
	Source   string
}

// subshell starts a command in a process of its own.
func (s *Shell) subshell(j *job, stmt *syntax.Stmt, in, out int) {
	file, err := s.writeState(stmt)
	if err != nil {
		s.complain(err)
		j.procs = append(j.procs, &proc{done: true, status: 2})
		return
	}
	defer closeFD(file)
	files := s.given(in, out)
	for len(files) < stateFile {
		files = append(files, ^uintptr(0))
	}
	files = append(files, uintptr(file))
	s.forkExec(j, s.self(), append([]string{"sh"}, os.Args[1:]...), files)
}

// self is this program's path.
func (s *Shell) self() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	if path, err := exec.LookPath("sh"); err == nil { // where there is no /proc
		return path
	}
	return "/bin/sh"
}

func (s *Shell) writeState(stmt *syntax.Stmt) (int, error) {
	st := handedDown{
		Name: s.name, Params: s.params, Vars: s.vars, Funcs: map[string]string{}, Status: s.status, PID: s.pid, Last: s.last,
		Options: map[string]bool{}, Pipefail: s.pipefail, Source: source(stmt), Loops: s.loops, Calls: s.calls,
	}
	for letter, on := range s.options {
		st.Options[string(rune(letter))] = on && letter != 'i' && letter != 'm'
	}
	for name, body := range s.funcs {
		st.Funcs[name] = source(body)
	}
	for name, action := range s.traps {
		if action == "" {
			st.Ignored = append(st.Ignored, name)
		}
	}
	for n, file := range s.files {
		if file >= 0 || n < 2 { // these two are given
			st.Files = append(st.Files, n)
		}
	}
	data, err := json.Marshal(st)
	if err != nil {
		return -1, err
	}
	return here(magic + string(data))
}

// inherit takes over what a shell has handed down; false where none has.
func (s *Shell) inherit() bool {
	head := make([]byte, len(magic))
	if n, err := unix.Pread(stateFile, head, 0); err != nil || n != len(magic) || string(head) != magic {
		return false
	}
	var text bytes.Buffer
	_, err := text.ReadFrom(applet.FD(stateFile))
	closeFD(stateFile)
	st := handedDown{Files: []int{0, 1, 2}}
	if err == nil {
		err = json.Unmarshal(bytes.TrimPrefix(text.Bytes(), []byte(magic)), &st)
	}
	if err != nil {
		s.complain(fmt.Errorf("subshell: %w", err))
		st.Source = "exit 2"
	}
	s.take(st)
	return true
}

func (s *Shell) take(st handedDown) {
	s.name, s.params = st.Name, st.Params
	if st.Vars != nil {
		s.vars = st.Vars
	}
	s.status, s.pid, s.last, s.pipefail = st.Status, st.PID, st.Last, st.Pipefail
	s.loops, s.calls = st.Loops, st.Calls
	for letter, on := range st.Options {
		s.options[letter[0]] = on
	}
	for name, text := range st.Funcs {
		if file, err := parser().Parse(strings.NewReader(text), ""); err == nil && len(file.Stmts) == 1 {
			s.funcs[name] = file.Stmts[0]
		}
	}
	for _, name := range st.Ignored {
		_ = s.trap(name, "") // was possible before
	}
	for n := range s.files {
		s.files[n] = -1
	}
	for _, n := range st.Files {
		unix.CloseOnExec(n)
		s.files[n] = n
	}
	s.inherited = st.Source
}

// runInherited runs what the subshell is for.
func (s *Shell) runInherited() int {
	file, err := parser().Parse(strings.NewReader(s.inherited), "")
	if err != nil {
		s.complain(err)
		return 2
	}
	list := file.Stmts
	// Here a ( ) is this process.
	if sub, ok := inner(list); ok {
		if _, err := s.redirect(list[0].Redirs); err != nil {
			s.complain(err)
			return 1
		}
		list = sub.Stmts
	}
	for i, stmt := range list {
		if i == len(list)-1 && s.becomes(stmt) {
			break
		}
		if s.stmt(stmt); s.flow.kind != goesOn {
			break
		}
	}
	if s.flow.kind == returns {
		s.status = s.flow.n
	}
	return s.end()
}

func inner(list []*syntax.Stmt) (*syntax.Subshell, bool) {
	if len(list) != 1 || list[0].Negated || list[0].Background {
		return nil, false
	}
	sub, ok := list[0].Cmd.(*syntax.Subshell)
	return sub, ok
}

// execve(2), where no file of the Go runtime's is handed on.
func execve(path string, args, env []string) error { return syscall.Exec(path, args, env) }

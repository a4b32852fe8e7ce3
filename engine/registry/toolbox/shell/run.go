package shell

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

func (s *Shell) stmts(list []*syntax.Stmt) {
	for _, stmt := range list {
		s.stmt(stmt)
		if s.flow.kind != goesOn {
			return
		}
	}
}

// stmt runs one command, in the background where that is asked for.
func (s *Shell) stmt(stmt *syntax.Stmt) {
	if s.runTraps(); s.flow.kind != goesOn {
		return
	}
	if stmt.Background {
		s.background(stmt)
		return
	}
	plain := *stmt
	plain.Negated = false
	if stmt.Negated {
		s.tested++
	}
	s.command(&plain)
	if stmt.Negated {
		s.tested--
		if s.flow.kind == goesOn {
			s.status = not(s.status)
		}
	}
	s.runTraps()
	if s.status != 0 && s.options['e'] && s.tested == 0 && s.flow.kind == goesOn && !stmt.Negated && counts(stmt.Cmd) {
		s.flow = flow{exits, s.status}
	}
}

func not(status int) int {
	if status == 0 {
		return 1
	}
	return 0
}

// counts is a command whose failure ends a shell with -e: not a list, whose
// last command has been looked at already.
func counts(cmd syntax.Command) bool {
	switch cmd := cmd.(type) {
	case *syntax.CallExpr, *syntax.Subshell, nil:
		return true
	case *syntax.BinaryCmd:
		return cmd.Op == syntax.Pipe
	}
	return false
}

// command runs what is neither negated nor in the background.
func (s *Shell) command(stmt *syntax.Stmt) {
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		s.simple(stmt, cmd)
		return
	case *syntax.Subshell:
		s.foreground([]*syntax.Stmt{stmt})
		return
	case *syntax.BinaryCmd:
		if cmd.Op == syntax.Pipe {
			s.foreground(pipeline(stmt))
			return
		}
	}
	restore, err := s.redirect(stmt.Redirs)
	defer restore()
	if err != nil {
		s.complain(err)
		s.status = 1
		return
	}
	s.compound(stmt.Cmd)
}

func (s *Shell) compound(cmd syntax.Command) {
	switch cmd := cmd.(type) {
	case nil: // redirections only
		s.status = 0
	case *syntax.Block:
		s.stmts(cmd.Stmts)
	case *syntax.BinaryCmd:
		s.tested++
		s.stmt(cmd.X)
		s.tested--
		if s.flow.kind == goesOn && (s.status == 0) == (cmd.Op == syntax.AndStmt) {
			s.stmt(cmd.Y)
		}
	case *syntax.IfClause:
		s.branch(cmd)
	case *syntax.WhileClause:
		s.while(cmd)
	case *syntax.ForClause:
		s.forEach(cmd)
	case *syntax.CaseClause:
		s.choose(cmd)
	case *syntax.FuncDecl:
		s.funcs[cmd.Name.Value] = cmd.Body
		s.status = 0
	default:
		s.complain(errors.New("this is not POSIX's, and not supported"))
		s.status = 2
	}
}

// holds runs a condition.
func (s *Shell) holds(list []*syntax.Stmt) bool {
	s.tested++
	s.stmts(list)
	s.tested--
	return s.status == 0 && s.flow.kind == goesOn
}

func (s *Shell) branch(cmd *syntax.IfClause) {
	for ; cmd != nil; cmd = cmd.Else {
		if len(cmd.Cond) == 0 || s.holds(cmd.Cond) { // else has no condition
			s.stmts(cmd.Then)
			return
		}
		if s.flow.kind != goesOn {
			return
		}
	}
	s.status = 0
}

func (s *Shell) while(cmd *syntax.WhileClause) {
	s.loops++
	defer func() { s.loops-- }()
	status := 0
	for s.holds(cmd.Cond) != cmd.Until && s.flow.kind == goesOn {
		s.stmts(cmd.Do)
		status = s.status
		if s.leaves() {
			return
		}
	}
	if s.leaves() {
		return
	}
	s.status = status
}

// leaves looks, at the end of a round, whether the loop is left. A break of
// several loops leaves the outer ones too.
func (s *Shell) leaves() bool {
	switch s.flow.kind {
	case goesOn:
		return false
	case breaks, continues:
		if s.flow.n > 1 {
			s.flow.n--
			return true
		}
		leave := s.flow.kind == breaks
		s.flow = flow{}
		return leave
	}
	return true
}

func (s *Shell) forEach(cmd *syntax.ForClause) {
	loop, ok := cmd.Loop.(*syntax.WordIter)
	if !ok {
		s.complain(errors.New("this loop is not POSIX's, and not supported"))
		s.status = 2
		return
	}
	words := slices.Clone(s.params)
	if loop.InPos.IsValid() {
		var err error
		if words, err = s.fields(loop.Items); err != nil {
			s.failed(err)
			return
		}
	}
	s.loops++
	defer func() { s.loops-- }()
	s.status = 0
	for _, word := range words {
		if err := s.assign(loop.Name.Value, word); err != nil {
			s.failed(err)
			return
		}
		s.stmts(cmd.Do)
		if s.leaves() {
			return
		}
	}
}

func (s *Shell) choose(cmd *syntax.CaseClause) {
	value, err := expand.Literal(s.config(), cmd.Word)
	if err != nil {
		s.failed(err)
		return
	}
	s.status = 0
	for _, item := range cmd.Items {
		for _, word := range item.Patterns {
			text, err := expand.Pattern(s.config(), word)
			if err != nil {
				s.failed(err)
				return
			}
			if matches(text, value) {
				s.stmts(item.Stmts)
				return
			}
		}
	}
}

// simple runs assignments, a function, a built-in command or a program.
func (s *Shell) simple(stmt *syntax.Stmt, cmd *syntax.CallExpr) {
	s.substituted = false
	args, err := s.fields(cmd.Args)
	if err != nil {
		s.failed(err)
		return
	}
	if len(args) == 0 {
		s.assignments(stmt, cmd)
		return
	}
	s.trace(cmd.Assigns, args)
	_, isFunc := s.funcs[args[0]]
	builtin := s.builtin(args[0])
	if !isFunc && builtin == nil {
		s.program(stmt, cmd, args)
		return
	}
	before := s.files
	restore, err := s.redirect(stmt.Redirs)
	if err == nil && args[0] == "exec" && len(args) == 1 { // for good
		restore = func() { s.drop(before) }
	}
	defer restore()
	if err != nil {
		s.complain(err)
		s.status = 1
		return
	}
	undo, err := s.assignFor(cmd.Assigns, args[0])
	defer undo()
	switch {
	case err != nil:
		s.failed(err)
	case isFunc:
		s.call(args)
	default:
		s.status = builtin(s, args)
	}
}

// assignments without a command are the shell's own.
func (s *Shell) assignments(stmt *syntax.Stmt, cmd *syntax.CallExpr) {
	restore, err := s.redirect(stmt.Redirs)
	defer restore()
	if err != nil {
		s.complain(err)
		s.status = 1
		return
	}
	for _, a := range cmd.Assigns {
		value, err := s.valueOf(a)
		if err == nil {
			s.trace([]*syntax.Assign{a}, nil)
			err = s.assign(a.Name.Value, value)
		}
		if err != nil {
			s.failed(err)
			return
		}
	}
	if !s.substituted {
		s.status = 0
	}
}

// call runs a function with its own parameters.
func (s *Shell) call(args []string) {
	if s.calls > 1000 {
		s.complain(fmt.Errorf("%s: calls itself too often", args[0]))
		s.status = 2
		return
	}
	params, loops := s.params, s.loops
	s.params, s.loops = args[1:], 0
	s.calls++
	s.locals = append(s.locals, map[string]variable{})
	s.stmt(s.funcs[args[0]])
	for name, old := range s.locals[len(s.locals)-1] {
		s.put(name, old)
	}
	s.locals = s.locals[:len(s.locals)-1]
	s.calls--
	s.params, s.loops = params, loops
	if s.flow.kind == returns {
		s.status, s.flow = s.flow.n, flow{}
	}
}

// failed tells an error of expansion, which ends a shell that nobody types to.
func (s *Shell) failed(err error) {
	s.complain(err)
	if s.status = 2; !s.options['i'] {
		s.flow = flow{exits, 2}
		return
	}
	s.flow = flow{kind: returns, n: 2}
}

// trace shows a command that is about to run, for -x.
func (s *Shell) trace(assigns []*syntax.Assign, args []string) {
	if !s.options['x'] || s.files[2] < 0 {
		return
	}
	words := []string{"+"}
	for _, a := range assigns {
		if value, err := s.valueOf(a); err == nil {
			words = append(words, a.Name.Value+"="+quoted(value))
		}
	}
	for _, arg := range args {
		words = append(words, quoted(arg))
	}
	_, _ = io.WriteString(applet.FD(s.files[2]), strings.Join(words, " ")+"\n") // tracing hinders nothing
}

func quoted(text string) string {
	q, err := syntax.Quote(text, syntax.LangPOSIX)
	if err != nil {
		return text // a NUL byte, or the like
	}
	return q
}

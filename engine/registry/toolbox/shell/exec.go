package shell

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// becomes runs the shell's last command in the shell's own process, where that
// is a program: PID 1 of a container is then the program. It returns only where
// there is none, or where the command is none of these.
func (s *Shell) becomes(stmt *syntax.Stmt) bool {
	cmd, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(cmd.Args) == 0 || stmt.Background || stmt.Negated || len(s.traps) > 0 || len(s.jobs) > 0 || s.options['i'] {
		return false
	}
	name := cmd.Args[0].Lit()
	if name == "" || s.funcs[name] != nil || s.builtin(name) != nil || s.options['x'] {
		return false
	}
	args, err := s.fields(cmd.Args)
	if err != nil {
		s.failed(err)
		return true
	}
	if _, err := s.redirect(stmt.Redirs); err != nil {
		s.complain(err)
		s.status = 1
		return true
	}
	if _, err := s.assignFor(cmd.Assigns, name); err != nil {
		s.failed(err)
		return true
	}
	s.status = s.exec(args)
	return true
}

// exec replaces the shell. What it returns is the status where it could not.
func (s *Shell) exec(args []string) int {
	path, status, err := s.lookup(args[0])
	if err != nil {
		s.complain(err)
		return status
	}
	if err := s.settle(); err != nil {
		s.complain(err)
		return 126
	}
	err = execve(path, args, s.environment())
	if errors.Is(err, unix.ENOEXEC) {
		err = execve(s.self(), append([]string{"sh", path}, args[1:]...), s.environment())
	}
	s.complain(fmt.Errorf("%s: %s", path, applet.Message(err)))
	return 126
}

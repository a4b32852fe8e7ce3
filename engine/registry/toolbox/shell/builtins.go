package shell

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// builtin finds a command that the shell runs itself: one that changes it, or
// one that is the same in a process of its own and is called often.
func (s *Shell) builtin(name string) func(*Shell, []string) int {
	if f := special(name); f != nil {
		return func(s *Shell, args []string) int { return s.tell(args[0], f(s, args)) }
	}
	f, ok := s.builtins[name]
	if !ok {
		return nil
	}
	return func(s *Shell, args []string) int {
		return applet.Run(f, args[0], args[1:], s.files[0], s.files[1], s.files[2])
	}
}

// special are the commands that change the shell.
func special(name string) func(*Shell, []string) error {
	switch name {
	case ":":
		return func(*Shell, []string) error { return nil }
	case "cd":
		return (*Shell).cd
	case "exit", "return", "break", "continue":
		return (*Shell).leave
	case "export", "readonly":
		return (*Shell).mark
	case "unset":
		return (*Shell).unset
	case "local":
		return (*Shell).local
	case "set":
		return (*Shell).set
	case "shift":
		return (*Shell).shift
	case "eval":
		return func(s *Shell, args []string) error {
			s.eval(strings.Join(args[1:], " "))
			return applet.Status(s.status)
		}
	case ".", "source":
		return (*Shell).dot
	case "exec":
		return (*Shell).become
	case "command":
		return (*Shell).plain
	case "type":
		return (*Shell).types
	case "read":
		return (*Shell).read
	case "trap":
		return (*Shell).trapCommand
	case "umask":
		return (*Shell).umask
	case "ulimit":
		return (*Shell).ulimit
	case "wait":
		return (*Shell).wait
	case "jobs":
		return (*Shell).listJobs
	case "fg", "bg":
		return (*Shell).move
	case "kill":
		return (*Shell).kill
	case "help":
		return (*Shell).help
	}
	return nil
}

// tell writes the error of a command of the shell's own.
func (s *Shell) tell(name string, err error) int {
	var status applet.Status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	s.complain(fmt.Errorf("%s: %s", name, applet.Message(err)))
	if errors.Is(err, applet.ErrUsage) {
		return 2
	}
	return 1
}

func (s *Shell) print(form string, args ...any) error {
	if s.files[1] < 0 {
		return unix.EBADF
	}
	_, err := applet.FD(s.files[1]).Write([]byte(fmt.Sprintf(form, args...)))
	return err
}

func (s *Shell) cd(args []string) error {
	args = slices.DeleteFunc(args[1:], func(a string) bool { return a == "-L" || a == "-P" || a == "--" })
	to := s.vars["HOME"].Value
	if len(args) > 0 {
		to = args[0]
	}
	if to == "-" {
		if to = s.vars["OLDPWD"].Value; to == "" {
			return errors.New("OLDPWD not set")
		}
		if err := s.print("%s\n", to); err != nil {
			return err
		}
	}
	if to == "" {
		return errors.New("HOME not set")
	}
	if err := os.Chdir(to); err != nil {
		return fmt.Errorf("can't cd to %s: %s", to, applet.Message(errors.Unwrap(err)))
	}
	before := s.vars["PWD"].Value
	if !filepath.IsAbs(to) {
		to = filepath.Join(before, to)
	}
	if err := s.assign("OLDPWD", before); err != nil {
		return err
	}
	return s.assign("PWD", filepath.Clean(to))
}

// leave is exit, return, break and continue, with a number.
func (s *Shell) leave(args []string) error {
	n, given := s.status, false
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			return applet.Usage("%s: bad number", args[1])
		}
		given = true
	}
	switch args[0] {
	case "exit":
		s.flow = flow{exits, n & 255}
		return applet.Status(n & 255)
	case "return":
		s.flow = flow{returns, n & 255}
		return applet.Status(n & 255)
	}
	if !given {
		n = 1
	}
	if n = min(n, s.loops); n < 1 {
		return nil // nothing to leave
	}
	s.flow = flow{breaks, n}
	if args[0] == "continue" {
		s.flow.kind = continues
	}
	return nil
}

func (s *Shell) dot(args []string) error {
	if len(args) < 2 {
		return applet.Usage(". FILE")
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	s.calls++
	s.eval(string(data))
	s.calls--
	if s.flow.kind == returns {
		s.status, s.flow = s.flow.n, flow{}
	}
	return applet.Status(s.status)
}

// become is exec PROGRAM: the shell ends, whether it succeeds or not, unless
// somebody types to it. Redirections alone were done already.
func (s *Shell) become(args []string) error {
	if len(args) == 1 {
		return nil
	}
	status := s.exec(args[1:])
	if !s.options['i'] {
		s.flow = flow{exits, status}
	}
	return applet.Status(status)
}

// plain is command: no function of that name; with -v, what it would be.
func (s *Shell) plain(args []string) error {
	args = args[1:]
	if len(args) > 0 && (args[0] == "-v" || args[0] == "-V") {
		for _, name := range args[1:] {
			said := s.whatIs(name)
			if said == "" {
				return applet.Status(127)
			}
			if err := s.print("%s\n", said); err != nil {
				return err
			}
		}
		return nil
	}
	if len(args) > 0 && args[0] == "-p" {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil
	}
	if f := s.builtin(args[0]); f != nil {
		return applet.Status(f(s, args))
	}
	j := &job{text: strings.Join(args, " ")}
	s.spawn(j, &syntax.Stmt{}, &syntax.CallExpr{}, args, s.files[0], s.files[1])
	return applet.Status(s.await(j))
}

// whatIs is the name of a function or built-in command, or a program's path.
func (s *Shell) whatIs(name string) string {
	if s.funcs[name] != nil || s.builtin(name) != nil || syntax.IsKeyword(name) {
		return name
	}
	path, _, err := s.lookup(name)
	if err != nil {
		return ""
	}
	return path
}

func (s *Shell) types(args []string) error {
	failed := false
	for _, name := range args[1:] {
		said := s.whatIs(name)
		switch {
		case s.funcs[name] != nil:
			said = "a function"
		case s.builtin(name) != nil:
			said = "a shell builtin"
		case syntax.IsKeyword(name):
			said = "a shell keyword"
		case said == "":
			s.complain(fmt.Errorf("%s: not found", name))
			failed = true
			continue
		}
		if err := s.print("%s is %s\n", name, said); err != nil {
			return err
		}
	}
	if failed {
		return applet.Status(127)
	}
	return nil
}

func (s *Shell) trapCommand(args []string) error {
	args = args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return s.print("%s", s.showTraps())
	}
	action, names := args[0], args[1:]
	if len(names) == 0 { // trap TERM takes a trap away
		action, names = "-", args
	}
	for _, name := range names {
		if err := s.trap(name, action); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shell) umask(args []string) error {
	if len(args) == 1 {
		mask := unix.Umask(0)
		unix.Umask(mask)
		return s.print("%04o\n", mask)
	}
	mask, err := strconv.ParseUint(args[1], 8, 12)
	if err != nil {
		return applet.Usage("%s: bad mask", args[1])
	}
	unix.Umask(int(mask))
	return nil
}

package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// mark is export and readonly.
func (s *Shell) mark(args []string) error {
	command, args := args[0], args[1:]
	if len(args) == 0 || args[0] == "-p" {
		return s.showMarked(command)
	}
	for _, arg := range args {
		name, value, assigned := strings.Cut(arg, "=")
		if !syntax.ValidName(name) {
			return fmt.Errorf("%s: bad variable name", name)
		}
		if assigned {
			if err := s.assign(name, value); err != nil {
				return err
			}
		}
		v := s.vars[name]
		if command == "export" {
			v.Exported = true
		} else {
			v.ReadOnly = true
		}
		s.put(name, v)
	}
	return nil
}

func (s *Shell) showMarked(command string) error {
	var lines []string
	for name, v := range s.vars {
		if command == "export" && v.Exported || command == "readonly" && v.ReadOnly {
			lines = append(lines, fmt.Sprintf("%s %s=%s\n", command, name, quoted(v.Value)))
		}
	}
	slices.Sort(lines)
	return s.print("%s", strings.Join(lines, ""))
}

func (s *Shell) unset(args []string) error {
	functions := false
	for _, name := range args[1:] {
		switch {
		case name == "-f":
			functions = true
		case name == "-v":
		case functions:
			delete(s.funcs, name)
		case s.vars[name].ReadOnly:
			return fmt.Errorf("%s: is read only", name)
		default:
			delete(s.vars, name)
		}
	}
	return nil
}

func (s *Shell) local(args []string) error {
	if len(s.locals) == 0 {
		return errors.New("not in a function")
	}
	hidden := s.locals[len(s.locals)-1]
	for _, arg := range args[1:] {
		name, value, assigned := strings.Cut(arg, "=")
		if !syntax.ValidName(name) {
			return fmt.Errorf("%s: bad variable name", name)
		}
		if _, ok := hidden[name]; !ok {
			hidden[name] = s.vars[name]
		}
		if assigned {
			if err := s.assign(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// set is options, parameters, or a list of variables.
func (s *Shell) set(args []string) error {
	args = args[1:]
	if len(args) == 0 {
		var lines []string
		for name, v := range s.vars {
			if v.Set {
				lines = append(lines, name+"="+quoted(v.Value)+"\n")
			}
		}
		slices.Sort(lines)
		return s.print("%s", strings.Join(lines, ""))
	}
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		if args[0] == "--" {
			s.params = args[1:]
			return nil
		}
		used, err := s.option(args)
		if err != nil {
			return err
		}
		args = args[used:]
	}
	if len(args) > 0 {
		s.params = args
	}
	return nil
}

func (s *Shell) shift(args []string) error {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			return applet.Usage("%s: bad number", args[1])
		}
	}
	if n > len(s.params) {
		return applet.Status(1)
	}
	s.params = s.params[n:]
	return nil
}

// read reads a line into variables: read [-r] [-p PROMPT] NAME….
func (s *Shell) read(args []string) error {
	c := &applet.Call{Args: args[1:]}
	f, err := c.Flags("rp:")
	if err != nil {
		return err
	}
	if len(f.Args) == 0 {
		f.Args = []string{"REPLY"}
	}
	if prompt := f.Value("p", ""); prompt != "" {
		s.say("%s", prompt)
	}
	line, err := s.readLine(0)
	for !f.Has("r") && err == nil && continued(line) {
		var more string
		more, err = s.readLine(0)
		line = strings.TrimSuffix(line, "\\\n") + more
	}
	ended := err != nil
	fields := expand.ReadFields(s.config(), strings.TrimSuffix(line, "\n"), len(f.Args), f.Has("r"))
	for i, name := range f.Args {
		value := ""
		if i < len(fields) {
			value = fields[i]
		}
		if err := s.assign(name, value); err != nil {
			return err
		}
	}
	if ended {
		return applet.Status(1)
	}
	return nil
}

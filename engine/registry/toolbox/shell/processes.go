package shell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// limit is one of ulimit's: its flag, its name, the bytes of its unit.
type limit struct {
	flag     string
	resource int
	name     string
	unit     uint64
}

func limits() []limit {
	return []limit{
		{"c", unix.RLIMIT_CORE, "core file size (blocks)", 512}, {"d", unix.RLIMIT_DATA, "data seg size (kb)", 1024},
		{"f", unix.RLIMIT_FSIZE, "file size (blocks)", 512}, {"l", unix.RLIMIT_MEMLOCK, "max locked memory (kb)", 1024},
		{"m", unix.RLIMIT_RSS, "max memory size (kb)", 1024}, {"n", unix.RLIMIT_NOFILE, "open files", 1},
		{"s", unix.RLIMIT_STACK, "stack size (kb)", 1024}, {"t", unix.RLIMIT_CPU, "cpu time (seconds)", 1},
		{"u", unix.RLIMIT_NPROC, "processes", 1}, {"v", unix.RLIMIT_AS, "virtual memory (kb)", 1024},
	}
}

// ulimit shows and sets limits: ulimit [-SH] [-a | -LETTER [VALUE]].
func (s *Shell) ulimit(args []string) error {
	hard, soft, all, letter, value := false, false, false, "f", ""
	for _, arg := range args[1:] {
		flags, isFlag := strings.CutPrefix(arg, "-")
		if !isFlag {
			value = arg
			continue
		}
		for _, one := range strings.Split(flags, "") {
			switch one {
			case "H":
				hard = true
			case "S":
				soft = true
			case "a":
				all = true
			default:
				letter = one
			}
		}
	}
	for _, l := range limits() {
		switch {
		case all:
			if err := s.showLimit(l, hard, fmt.Sprintf("%-24s(-%s) ", l.name, l.flag)); err != nil {
				return err
			}
		case l.flag == letter && value == "":
			return s.showLimit(l, hard, "")
		case l.flag == letter:
			return setLimit(l, value, hard || !soft, soft || !hard)
		}
	}
	if !all {
		return applet.Usage("unknown option -%s", letter)
	}
	return nil
}

func (s *Shell) showLimit(l limit, hard bool, before string) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(l.resource, &now); err != nil {
		return err
	}
	n := now.Cur
	if hard {
		n = now.Max
	}
	text := "unlimited"
	if n != unix.RLIM_INFINITY {
		text = strconv.FormatUint(n/l.unit, 10)
	}
	return s.print("%s%s\n", before, text)
}

func setLimit(l limit, value string, hard, soft bool) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(l.resource, &now); err != nil {
		return err
	}
	n := uint64(unix.RLIM_INFINITY)
	if value != "unlimited" {
		given, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return applet.Usage("%s: bad number", value)
		}
		n = given * l.unit
	}
	if hard {
		now.Max = n
	}
	if soft {
		now.Cur = n
	}
	if err := syscall.Setrlimit(l.resource, &now); err != nil {
		return fmt.Errorf("error setting limit: %w", err)
	}
	return nil
}

// wait waits for all jobs, or for those that are named. A trapped signal ends
// the waiting.
func (s *Shell) wait(args []string) error {
	if len(args) == 1 {
		for slices.ContainsFunc(s.jobs, func(j *job) bool { return !j.done() && !j.stopped }) {
			if sig, err := s.waitInterruptibly(); sig != 0 || err != nil && !errors.Is(err, errNone) {
				if sig != 0 {
					return applet.Status(128 + int(sig))
				}
				break
			}
		}
		s.jobs = slices.DeleteFunc(s.jobs, (*job).done)
		return nil
	}
	status := 0
	for _, spec := range args[1:] {
		j, p := s.waitedFor(spec)
		if j == nil {
			status = 127
			continue
		}
		for !p.done {
			sig, err := s.waitInterruptibly()
			if sig != 0 {
				return applet.Status(128 + int(sig))
			}
			if err != nil && !errors.Is(err, errNone) {
				break
			}
		}
		if status = p.status; j.done() {
			s.forget(j)
		}
	}
	return applet.Status(status)
}

// waitedFor is the process that a number, or a job's last that %1 names.
func (s *Shell) waitedFor(spec string) (*job, *proc) {
	if strings.HasPrefix(spec, "%") {
		j, err := s.find(spec)
		if err != nil {
			return nil, nil
		}
		return j, j.procs[len(j.procs)-1]
	}
	for _, j := range s.jobs {
		for _, p := range j.procs {
			if strconv.Itoa(p.pid) == spec {
				return j, p
			}
		}
	}
	return nil, nil
}

func (s *Shell) listJobs([]string) error {
	for s.reap(syscall.WNOHANG) == nil {
	}
	for _, j := range s.jobs {
		if err := s.print("[%d]+  %-26s %s\n", j.number, state(j), j.text); err != nil {
			return err
		}
	}
	s.jobs = slices.DeleteFunc(s.jobs, (*job).done)
	return nil
}

// move is fg and bg.
func (s *Shell) move(args []string) error {
	if s.control == nil {
		return errors.New("no job control here")
	}
	spec := ""
	if len(args) > 1 {
		spec = args[1]
	}
	j, err := s.find(spec)
	if err != nil {
		return err
	}
	if args[0] == "bg" {
		s.say("[%d] %s\n", j.number, j.text)
		return s.resume(j)
	}
	if err := s.print("%s\n", j.text); err != nil {
		return err
	}
	s.giveTerminal(j)
	if err := s.resume(j); err != nil {
		return err
	}
	s.forget(j)
	j.number = 0
	return applet.Status(s.await(j))
}

// kill knows jobs besides what kill(1) knows.
func (s *Shell) kill(args []string) error {
	args, given := slices.Clone(args), args[min(1, len(args)-1)]
	for i, arg := range args {
		if !strings.HasPrefix(arg, "%") {
			continue
		}
		j, err := s.find(arg)
		if err != nil {
			return err
		}
		args[i] = strconv.Itoa(j.procs[0].pid)
		if s.control != nil {
			args[i] = strconv.Itoa(-j.group)
		}
	}
	if strings.HasPrefix(given, "%") {
		args = slices.Insert(args, 1, "-TERM") // else the group would be taken for a signal
	}
	status := applet.Run(s.builtins["kill"], args[0], args[1:], s.files[0], s.files[1], s.files[2])
	if slices.Contains(args, strconv.Itoa(os.Getpid())) && len(s.traps) > 0 {
		// What a process sends to itself has come before kill(2) returns; here the
		// runtime has yet to hand it on.
		select {
		case sig := <-s.caught:
			s.runTrap(sig)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return applet.Status(status)
}

// help lists what can be typed.
func (s *Shell) help([]string) error {
	return s.print("Built-in commands:\n%s\nOther commands are in /bin.\n",
		". : [ bg break cd command continue echo eval exec exit export false fg help jobs kill local printf pwd read readonly return set shift test trap true type ulimit umask unset wait")
}

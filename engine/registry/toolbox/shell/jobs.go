package shell

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// job is a pipeline that was started, one process for each of its commands.
type job struct {
	number  int // %1; 0 in the foreground
	group   int // of processes, where the shell controls jobs
	procs   []*proc
	text    string
	quiet   bool
	stopped bool
}

// proc is one process of a job.
type proc struct {
	pid    int // 0 was never started
	done   bool
	status int
	signal syscall.Signal
}

func (j *job) done() bool {
	for _, p := range j.procs {
		if !p.done {
			return false
		}
	}
	return true
}

// result is the job's status: its last command's, or the last that failed.
func (j *job) result(pipefail bool) int {
	status := j.procs[len(j.procs)-1].status
	for _, p := range j.procs {
		if pipefail && status == 0 && p.status != 0 {
			status = p.status
		}
	}
	return status
}

// pipeline takes the commands of a | b | c apart.
func pipeline(stmt *syntax.Stmt) []*syntax.Stmt {
	cmd, ok := stmt.Cmd.(*syntax.BinaryCmd)
	if !ok || cmd.Op != syntax.Pipe || stmt.Negated {
		return []*syntax.Stmt{stmt}
	}
	return append(pipeline(cmd.X), cmd.Y)
}

// start starts a pipeline.
func (s *Shell) start(j *job, stmts []*syntax.Stmt, in int) error {
	for i, stmt := range stmts {
		out, next := s.files[1], -1
		if i < len(stmts)-1 {
			var err error
			if next, out, err = pipe(); err != nil {
				return err
			}
		}
		s.launch(j, stmt, in, out)
		if i > 0 {
			closeFD(in)
		}
		if i < len(stmts)-1 {
			closeFD(out)
		}
		in = next
	}
	return nil
}

// foreground runs a pipeline and waits for it.
func (s *Shell) foreground(stmts []*syntax.Stmt) {
	j := &job{text: source(stmts...)}
	if err := s.start(j, stmts, s.files[0]); err != nil {
		s.complain(err)
	}
	if len(j.procs) == 0 {
		s.status = 1
		return
	}
	s.status = s.await(j)
}

// background starts a pipeline and goes on.
func (s *Shell) background(stmt *syntax.Stmt) {
	front := *stmt
	front.Background = false
	j := &job{text: source(&front), number: 1}
	for _, other := range s.jobs {
		j.number = max(j.number, other.number+1)
	}
	in := s.files[0]
	if s.control == nil { // the terminal is not theirs
		if null, err := openFile("/dev/null", unix.O_RDONLY); err == nil {
			defer closeFD(null)
			in = null
		}
	}
	stmts := []*syntax.Stmt{&front}
	if !front.Negated {
		stmts = pipeline(&front)
	}
	if err := s.start(j, stmts, in); err != nil {
		s.complain(err)
	}
	s.status = 0
	if len(j.procs) == 0 {
		s.status = 1
		return
	}
	s.last = j.procs[len(j.procs)-1].pid
	s.jobs = append(s.jobs, j)
	if s.options['i'] {
		s.say("[%d] %d\n", j.number, s.last)
	}
}

func (s *Shell) say(form string, args ...any) {
	if s.files[2] >= 0 {
		_, _ = io.WriteString(applet.FD(s.files[2]), fmt.Sprintf(form, args...)) // as complain
	}
}

// source is commands as they could have been typed.
func source(stmts ...*syntax.Stmt) string {
	var parts []string
	for _, stmt := range stmts {
		var b strings.Builder
		if err := syntax.NewPrinter().Print(&b, stmt); err != nil {
			return err.Error()
		}
		parts = append(parts, b.String())
	}
	return strings.Join(parts, " | ")
}

// program runs an external command in the foreground.
func (s *Shell) program(stmt *syntax.Stmt, cmd *syntax.CallExpr, args []string) {
	j := &job{text: source(stmt)}
	s.spawn(j, stmt, cmd, args, s.files[0], s.files[1])
	s.status = s.await(j)
}

// launch starts one command of a pipeline: a program as such, anything else in
// a subshell.
func (s *Shell) launch(j *job, stmt *syntax.Stmt, in, out int) {
	cmd, ok := stmt.Cmd.(*syntax.CallExpr)
	if ok && len(cmd.Args) > 0 && !stmt.Negated && !stmt.Background {
		if name := cmd.Args[0].Lit(); name != "" && s.funcs[name] == nil && s.builtin(name) == nil {
			args, err := s.fields(cmd.Args)
			if err != nil {
				s.complain(err)
				j.procs = append(j.procs, &proc{done: true, status: 2})
				return
			}
			s.trace(cmd.Assigns, args)
			s.spawn(j, stmt, cmd, args, in, out)
			return
		}
	}
	s.subshell(j, stmt, in, out)
}

// spawn starts a program with its redirections and variables.
func (s *Shell) spawn(j *job, stmt *syntax.Stmt, cmd *syntax.CallExpr, args []string, in, out int) {
	before := s.files
	s.files[0], s.files[1] = in, out
	restore, err := s.redirect(stmt.Redirs)
	defer func() {
		restore()
		s.files = before
	}()
	undo := func() {}
	status := 1
	var path string
	if err == nil {
		undo, err = s.assignFor(cmd.Assigns, args[0])
	}
	defer func() { undo() }()
	if err == nil {
		path, status, err = s.lookup(args[0])
	}
	if err != nil {
		s.complain(err)
		j.procs = append(j.procs, &proc{done: true, status: status})
		return
	}
	s.forkExec(j, path, args, s.given(s.files[0], s.files[1]))
}

// forkExec starts a process of the job. A file that the kernel cannot run is a
// script.
func (s *Shell) forkExec(j *job, path string, args []string, files []uintptr) {
	attr := &syscall.ProcAttr{Env: s.environment(), Files: files, Sys: s.groupFor(j)}
	pid, err := syscall.ForkExec(path, args, attr)
	if errors.Is(err, syscall.ENOEXEC) {
		pid, err = syscall.ForkExec(s.self(), append([]string{"sh", path}, args[1:]...), attr)
	}
	if err != nil {
		text := fmt.Errorf("%s: %s", path, applet.Message(err))
		if errors.Is(err, syscall.EAGAIN) {
			text = errors.New("can't fork: Resource temporarily unavailable")
		}
		s.complain(text)
		status := 126
		if errors.Is(err, syscall.ENOENT) {
			status = 127
		}
		j.procs = append(j.procs, &proc{done: true, status: status})
		return
	}
	if j.group == 0 {
		j.group = pid
	}
	j.procs = append(j.procs, &proc{pid: pid})
}

// await waits for a job that is in the foreground, to its end or until it is
// stopped.
func (s *Shell) await(j *job) int {
	for !j.done() && !j.stopped {
		s.jobs = append(s.jobs, j)
		err := s.reap(0)
		s.jobs = s.jobs[:len(s.jobs)-1]
		if err != nil {
			for _, p := range j.procs {
				if !p.done {
					p.done, p.status = true, 127 // somebody else has waited for it
				}
			}
		}
	}
	s.takeTerminal(j)
	if j.stopped {
		if j.number == 0 {
			j.number = 1
			for _, other := range s.jobs {
				j.number = max(j.number, other.number+1)
			}
			s.jobs = append(s.jobs, j)
		}
		s.say("\n[%d]+  Stopped                    %s\n", j.number, j.text)
		return 128 + int(syscall.SIGTSTP)
	}
	s.tellSignal(j)
	return j.result(s.pipefail)
}

// tellSignal says by what a job was ended, but for what is usual.
func (s *Shell) tellSignal(j *job) {
	last := j.procs[len(j.procs)-1]
	switch last.signal {
	case 0, syscall.SIGPIPE:
	case syscall.SIGINT:
		if s.options['i'] {
			s.say("\n")
		}
	default:
		if !j.quiet {
			s.say("%s\n", described(last.signal))
		}
	}
}

// described is the signal's text, as strsignal(3) has it.
func described(sig syscall.Signal) string {
	text := sig.String()
	return strings.ToUpper(text[:1]) + text[1:]
}

// reap waits for any child and notes how it ended. So the orphans are waited
// for too which a shell that is PID 1 is given, whenever it waits for others.
func (s *Shell) reap(flags int) error {
	var ws syscall.WaitStatus
	if s.control != nil {
		flags |= syscall.WUNTRACED
	}
	for {
		pid, err := syscall.Wait4(-1, &ws, flags, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return err
		case pid == 0:
			return errNone
		}
		s.note(pid, ws)
		return nil
	}
}

var errNone = errors.New("no child has changed")

func (s *Shell) note(pid int, ws syscall.WaitStatus) {
	for _, j := range s.jobs {
		for _, p := range j.procs {
			if p.pid != pid {
				continue
			}
			switch {
			case ws.Stopped():
				j.stopped = true
			case ws.Signaled():
				p.done, p.signal, p.status = true, ws.Signal(), 128+int(ws.Signal())
			default:
				p.done, p.status = true, ws.ExitStatus()
			}
		}
	}
}

// tellJobs says which have ended since, before a prompt.
func (s *Shell) tellJobs() {
	for s.reap(syscall.WNOHANG) == nil {
	}
	kept := s.jobs[:0]
	for _, j := range s.jobs {
		if !j.done() {
			kept = append(kept, j)
			continue
		}
		s.say("[%d]+  %-26s %s\n", j.number, state(j), j.text)
	}
	s.jobs = kept
}

func state(j *job) string {
	last := j.procs[len(j.procs)-1]
	switch {
	case j.stopped:
		return "Stopped"
	case !j.done():
		return "Running"
	case last.signal != 0:
		return described(last.signal)
	case last.status != 0:
		return fmt.Sprintf("Done(%d)", last.status)
	}
	return "Done"
}

// find is the job that %1, %+, % or nothing names.
func (s *Shell) find(spec string) (*job, error) {
	for i := len(s.jobs) - 1; i >= 0; i-- {
		j := s.jobs[i]
		if spec == "" || spec == "%" || spec == "%+" || spec == "%%" || spec == fmt.Sprintf("%%%d", j.number) {
			return j, nil
		}
	}
	return nil, fmt.Errorf("%s: no such job", spec)
}

// forget drops a job that was waited for.
func (s *Shell) forget(gone *job) {
	for i, j := range s.jobs {
		if j == gone {
			s.jobs = append(s.jobs[:i:i], s.jobs[i+1:]...)
			return
		}
	}
}

// resume goes on with a stopped job.
func (s *Shell) resume(j *job) error {
	j.stopped = false
	if err := syscall.Kill(-j.group, syscall.SIGCONT); err != nil {
		return fmt.Errorf("signal %s to job %d: %w", signals.Name(syscall.SIGCONT), j.number, err)
	}
	return nil
}

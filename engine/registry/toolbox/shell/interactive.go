package shell

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// terminal is what an interactive shell shares with its jobs.
type terminal struct {
	file   int
	group  int // the shell's
	modes  *unix.Termios
	editor *term.Terminal
	input  *keys
}

// keys hands the editor one key at a time: what is typed ahead is the next
// program's. It notes ^C, of which the editor says that the input has ended.
type keys struct {
	file        applet.FD
	interrupted bool
}

func (k *keys) Read(p []byte) (int, error) {
	n, err := k.file.Read(p[:min(1, len(p))])
	if n == 1 && p[0] == 3 {
		k.interrupted = true
	}
	return n, err
}

// interact reads commands from a terminal, or as if from one (-i).
func (s *Shell) interact() int {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT} {
		_ = signals.Ignore(sig) // neither can be refused
	}
	if err := signals.Catch(s.caught, syscall.SIGINT); err != nil {
		s.complain(err)
	}
	modes, err := unix.IoctlGetTermios(s.files[0], unix.TCGETS)
	if err != nil {
		return s.readLines(func(prompt string) (string, error) {
			s.tellJobs()
			s.say("%s", s.prompt(prompt))
			return s.readLine(0)
		})
	}
	input := &keys{file: applet.FD(s.files[0])}
	t := &terminal{file: s.files[0], modes: modes, input: input}
	s.newEditor(t)
	s.lead(t)
	return s.readLines(s.edit)
}

// newEditor makes a line editor, with the lines that the last one has seen. One
// in which ^C was typed holds on to its half line.
func (s *Shell) newEditor(t *terminal) {
	before := t.editor
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t.input, applet.FD(s.files[2])}, "")
	t.editor.AutoCompleteCallback = s.complete
	if before != nil {
		t.editor.History = before.History
	}
}

// lead makes the shell the leader of a group of processes, and the terminal its
// own. Where it has none to control, jobs are not controlled.
func (s *Shell) lead(t *terminal) {
	s.control = t
	if group, err := unix.IoctlGetInt(t.file, unix.TIOCGPGRP); err != nil || group == 0 && os.Getpid() != 1 {
		s.say("sh: can't access tty; job control turned off\n")
		t.group = 0
		return
	}
	_ = unix.Setpgid(0, 0) // refused where it leads a session: it leads its group, too
	t.group = unix.Getpgrp()
	s.options['m'] = true
	s.foregroundGroup(t.group)
}

// foregroundGroup gives the terminal to a group. The kernel would stop whoever
// does that from the background.
func (s *Shell) foregroundGroup(group int) {
	_ = signals.Ignore(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(s.control.file, unix.TIOCSPGRP, group)
	_ = signals.Default(syscall.SIGTTOU)
}

// groupFor are the attributes of a job's next process: in the job's own group,
// which is given the terminal before the program starts.
func (s *Shell) groupFor(j *job) *syscall.SysProcAttr {
	if !s.options['m'] || s.control == nil || s.control.group == 0 || j.quiet {
		return nil
	}
	attr := &syscall.SysProcAttr{Setpgid: true, Pgid: j.group}
	if j.number == 0 {
		attr.Foreground, attr.Ctty = true, s.control.file
	}
	return attr
}

// giveTerminal makes a job the one that is typed to.
func (s *Shell) giveTerminal(j *job) {
	if s.control != nil && s.control.group != 0 && j.group != 0 {
		s.foregroundGroup(j.group)
	}
}

// takeTerminal takes it back, with the modes that the shell had.
func (s *Shell) takeTerminal(j *job) {
	t := s.control
	if t == nil || t.group == 0 || j.quiet || j.number != 0 {
		return
	}
	s.foregroundGroup(t.group)
	if j.stopped || j.procs[len(j.procs)-1].signal != 0 {
		_ = unix.IoctlSetTermios(t.file, unix.TCSETSW, t.modes) // a program that was cut off may have changed them
		return
	}
	if modes, err := unix.IoctlGetTermios(t.file, unix.TCGETS); err == nil {
		t.modes = modes // stty's are wanted
	}
}

// edit reads a line from the terminal.
func (s *Shell) edit(prompt string) (string, error) {
	t := s.control
	s.tellJobs()
	if modes, err := unix.IoctlGetTermios(t.file, unix.TCGETS); err == nil {
		t.modes = modes
	}
	raw, err := term.MakeRaw(t.file)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(t.file, raw) }()
	if width, height, err := term.GetSize(t.file); err == nil && width > 0 {
		_ = t.editor.SetSize(width, height)
	}
	t.editor.SetPrompt(s.prompt(prompt))
	t.input.interrupted = false
	line, err := t.editor.ReadLine()
	switch {
	case errors.Is(err, term.ErrPasteIndicator):
		err = nil
	case t.input.interrupted:
		_, _ = applet.FD(s.files[2]).Write([]byte("^C\r\n")) // as say
		s.newEditor(t)
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		_, _ = t.editor.Write([]byte("\r\n"))
	}
	if err != nil {
		return "", err
	}
	return line + "\n", nil
}

// prompt is PS1 or PS2, or the usual ones: the directory, and # for root.
func (s *Shell) prompt(name string) string {
	v := s.vars[name]
	if v.Set {
		if word, err := parser().Document(strings.NewReader(v.Value)); err == nil {
			if text, err := s.document(word); err == nil {
				return text
			}
		}
		return v.Value
	}
	if name == "PS2" {
		return "> "
	}
	sign := "$"
	if os.Geteuid() == 0 {
		sign = "#"
	}
	dir := s.vars["PWD"].Value
	if home := s.vars["HOME"].Value; dir == home && len(home) > 1 {
		dir = "~"
	}
	return dir + " " + sign + " "
}

// complete fills in, on a tab, as much of a name as there is only one way to.
func (s *Shell) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	start := strings.LastIndexAny(line[:pos], " \t;|&<>") + 1
	word := line[start:pos]
	var names []string
	if first := strings.TrimSpace(line[:start]); !strings.Contains(word, "/") && (first == "" || strings.HasSuffix(first, "|") || strings.HasSuffix(first, ";")) {
		for dir := range strings.SplitSeq(s.vars["PATH"].Value, ":") {
			names = append(names, below(dir, word)...)
		}
		slices.Sort(names)
		names = slices.Compact(names)
	} else {
		dir, base := filepath.Split(word)
		for _, name := range below(dir, base) {
			names = append(names, dir+name)
		}
	}
	if len(names) == 0 {
		return line, pos, true
	}
	filled := names[0]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, filled) {
			filled = filled[:len(filled)-1]
		}
	}
	if len(names) == 1 {
		if info, err := os.Stat(filled); strings.Contains(filled, "/") && err == nil && info.IsDir() || err == nil && info.IsDir() && start > 0 {
			filled += "/"
		} else {
			filled += " "
		}
	}
	return line[:start] + filled + line[pos:], start + len(filled), true
}

// below are the names in a directory that begin so.
func below(dir, base string) []string {
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base) && (base != "" || e.Name()[0] != '.') {
			names = append(names, e.Name())
		}
	}
	return names
}

package narrate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// startCommand runs the lesson's next command.
func (l *Live) startCommand() error {
	l.command = ""
	run, err := prose.Fill(l.lesson.Steps[l.step].Run, l.env(stage.Point{}, probe.Snapshot{}))
	if err != nil {
		return fmt.Errorf("command %q: %w", l.lesson.Steps[l.step].Run, err)
	}
	words := strings.Fields(run)
	if err := lesson.CheckCommand(words); err != nil { // the filled fields have brought words in, too
		return fmt.Errorf("command %q: %w", run, err)
	}
	program := l.options.Program
	if l.options.Docker != "" {
		program = l.options.Docker
	}
	cmd := exec.Command(program, words[1:]...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+l.host())
	cmd.SysProcAttr = ownGroup()
	stdout, errOut := cmd.StdoutPipe()
	stderr, errErr := cmd.StderrPipe()
	if err := errors.Join(errOut, errErr); err != nil {
		return err
	}
	if l.options.Input {
		if err := l.input.open(cmd); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the client: %w", err)
	}
	l.command, l.cursor, l.roles[BoxClient] = run, 0, cmd.Process.Pid
	p := &process{Cmd: cmd, ended: make(chan struct{})}
	l.client = p
	var reading sync.WaitGroup
	out, said := &tap{pipe: stdout}, &tap{pipe: stderr}
	l.taps = []*tap{out, said}
	reading.Go(func() { l.read("stdout", out) })
	reading.Go(func() { l.read("stderr", said) })
	go func() {
		reading.Wait()
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// Type passes text on to the client as its input; end says that there is no
// more to come.
func (l *Live) Type(text string, end bool) error { return l.input.write(text, end) }

func (l *Live) read(stream string, from io.Reader) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		l.output <- Line{stream, lines.Text()}
	}
	_, _ = io.Copy(io.Discard, from) // a line too long to show
}

// ErrNotCome is the error of a command that went another way than the lesson tells.
var ErrNotCome = errors.New("never came to")

// commandEnded goes on to the next command, unless this one went another way
// than the lesson tells.
func (l *Live) commandEnded() error {
	l.drain()
	l.exit = l.client.ProcessState.ExitCode()
	ended := l.client.ProcessState // "exit status 125", "signal: killed"
	stops := l.lesson.Steps[l.step].Stops
	l.client = nil
	delete(l.roles, BoxClient)
	if l.cursor < len(stops) {
		return fmt.Errorf("%q ended (%s) and %w %s; it said:\n%s", l.command, ended, ErrNotCome, stops[l.cursor].Stage, indent(l.lastWords()))
	}
	l.step++
	return nil
}

func (l *Live) lastWords() string {
	said := withoutTraces(l.stderr.String())
	if said == "" {
		said = l.stdout.String()
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(len(lines)-lastLines, 0):], "\n")
}

// withoutTraces keeps of a crashed program's words what it died of: Go's runtime
// says that first, then for many lines where.
func withoutTraces(text string) string {
	for _, head := range []string{"\n\ngoroutine ", "\n\nruntime stack:"} {
		text, _, _ = strings.Cut(text, head)
	}
	return text
}

// lastLines is how much of a program's last words is told.
const lastLines = 8

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

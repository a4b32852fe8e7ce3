package narrate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// A Source yields steps. The engine stays held at a step until the next one is
// asked for. Next returns io.EOF after the last.
type Source interface {
	Header() Header
	Next(context.Context) (*Step, error)
	// Close unwinds whatever is held and leaves nothing behind.
	Close() error
}

// Options of a live lesson.
type Options struct {
	Program  string // this program, for the daemon and the client
	Docker   string // the docker command to be the client; "" is this program
	Hub      bool
	Version  string
	Language string
	Rootless bool // the daemon will be root only in a user namespace
	Input    bool // somebody can type to the client (Live.Type); otherwise its input is empty
}

// Live is a lesson that runs: a daemon of its own in a directory of its own,
// and the lesson's commands as its clients, one after the other.
type Live struct {
	*builder
	*grip   // nil before the daemon is watched
	lesson  *lesson.Lesson
	options Options
	header  Header

	dir    string
	lock   io.Closer // on dir
	daemon *process

	step    int // of the lesson, under way
	cursor  int // stops of it that are done
	client  *process
	output  chan Line
	taps    []*tap // the client's pipes
	input   input  // the client's
	intro   bool
	closing bool
	once    sync.Once
	closed  error
}

// ErrCannotRun is the error of a machine on which a lesson cannot run live.
var ErrCannotRun = errors.New("this lesson cannot run live on this machine")

// ErrDaemonEnded is the error of a lesson whose daemon ended before it did.
var ErrDaemonEnded = errors.New("the lesson's daemon has ended")

// LeftError tells that things of a lesson could not be taken apart. The
// directory that knows of them is left too.
type LeftError struct {
	Dir string
	Err error
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("take apart what the lesson's daemon left: %s; %s is kept", e.Err, e.Dir)
}

func (e *LeftError) Unwrap() error { return e.Err }

// process is a child of the narrator's.
type process struct {
	*exec.Cmd
	ended chan struct{} // closed after Wait
	err   error
}

// NewLive prepares a lesson; nothing runs before the first Next. Whether the
// machine offers what the lesson needs is not looked at.
func NewLive(l *lesson.Lesson, library *prose.Library, o Options) (*Live, error) {
	title := l.ID
	if l.Page != "" {
		page, err := library.Page(l.Page)
		if err != nil {
			return nil, err
		}
		title = page.Title
	}
	live := &Live{
		builder: newBuilder(library, l.Stops()), lesson: l, options: o,
		output: make(chan Line, 256),
		header: Header{
			Format: RecordingFormat, Lesson: l.ID, Title: title, Language: o.Language, Made: time.Now().UTC().Truncate(time.Second),
			Version: o.Version, Machine: probe.Machine(runtime.GOARCH), Rootless: o.Rootless,
		},
	}
	live.header.inLanguages(library, l.Page)
	return live, nil
}

// Header says what this is and where it runs.
func (l *Live) Header() Header { return l.header }

// Next lets the engine go on to the next stop of the lesson.
func (l *Live) Next(ctx context.Context) (*Step, error) {
	if !l.intro {
		l.intro = true
		if l.lesson.Page != "" {
			return l.words(KindIntro, l.lesson.Page)
		}
	}
	if l.daemon == nil {
		if err := l.startDaemon(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.release(); err != nil {
		return nil, l.daemonGone(err)
	}
	for {
		if l.client == nil {
			if l.step == len(l.lesson.Steps) {
				return l.end()
			}
			if err := l.startCommand(); err != nil {
				return nil, err
			}
		}
		step, err := l.wait(ctx)
		if step != nil || err != nil {
			return step, err
		}
	}
}

// wait handles one event; it returns a step where the event is one.
func (l *Live) wait(ctx context.Context) (*Step, error) {
	select {
	case line := <-l.output:
		l.wrote(line.Stream, line.Text)
	case p := <-l.points:
		l.held = true
		l.drain()
		l.observe(p)
		if plan := l.match(p); plan != nil {
			return l.stop(*plan, p)
		}
		if err := l.release(); err != nil {
			return nil, l.daemonGone(err)
		}
	case <-l.client.ended:
		return nil, l.commandEnded()
	case err := <-l.gone:
		return nil, l.daemonGone(err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, nil
}

func (l *Live) end() (*Step, error) {
	if l.closing {
		return nil, io.EOF
	}
	l.closing = true
	l.n++
	l.of = l.n
	return l.words(KindEnd, l.lesson.End)
}

// match tells whether this point is the script's next stop. One that does not
// come holds up those after it; commandEnded reports it.
func (l *Live) match(p stage.Point) *lesson.Stop {
	stops := l.lesson.Steps[l.step].Stops
	if l.cursor == len(stops) || stops[l.cursor].Stage != p.Fact.Stage() {
		return nil
	}
	if when := stops[l.cursor].When; when != "" {
		held, err := prose.Holds(when, prose.Env{"fact": plain(p.Fact)})
		if err != nil || !held {
			return nil
		}
	}
	l.cursor++
	return &stops[l.cursor-1]
}

// quiet is how long the client must write nothing, with nothing on its way, for
// its output to be taken as complete at a stop; patience bounds the wait for a
// client that never pauses.
const (
	quiet    = 3 * time.Millisecond
	patience = 500 * time.Millisecond
)

// drain takes in what the client has written before the stop.
func (l *Live) drain() {
	end := time.After(patience)
	for {
		select {
		case line := <-l.output:
			l.wrote(line.Stream, line.Text)
		case <-time.After(quiet):
			if !slices.ContainsFunc(l.taps, func(t *tap) bool { return !t.dry() }) {
				return
			}
		case <-end:
			return
		}
	}
}

// startDaemon starts a daemon with a directory of its own and asks to watch it.
func (l *Live) startDaemon(ctx context.Context) error {
	dir, err := makeDir()
	if err != nil {
		return fmt.Errorf("make the lesson's directory: %w", err)
	}
	l.dir = dir
	if l.lock, err = hold(dir); err != nil {
		return err
	}
	if err := l.launch(); err != nil {
		return err
	}
	return l.watch(ctx)
}

// launch starts the daemon in the lesson's directory.
func (l *Live) launch() error {
	args := []string{"daemon", "--ephemeral", l.dir, "-H", l.host(), "--data-root", filepath.Join(l.dir, "data")}
	if l.options.Hub {
		args = append(args, "--hub")
	}
	log, err := os.OpenFile(l.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the daemon's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(l.options.Program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownGroup()
	daemon, err := start(cmd)
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	l.daemon = daemon
	return nil
}

// dirPrefix begins the name of every lesson's directory.
const dirPrefix = "learndocker-"

// makeDir makes the lesson's directory, with a short name: it is in every path
// that the learner reads.
func makeDir() (string, error) {
	dir := filepath.Join(os.TempDir(), dirPrefix+strconv.Itoa(os.Getpid()))
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return os.MkdirTemp("", dirPrefix)
	}
	return dir, err
}

func (l *Live) host() string    { return "unix://" + filepath.Join(l.dir, "docker.sock") }
func (l *Live) logPath() string { return filepath.Join(l.dir, "daemon.log") }

// startPatience is how long a daemon may take to answer.
const startPatience = 15 * time.Second

func (l *Live) watch(ctx context.Context) error {
	c, err := client.New(l.host())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := l.awaitDaemon(ctx, c); err != nil {
		return l.daemonFailed(err)
	}
	if l.grip, err = take(ctx, c); err != nil {
		return fmt.Errorf("watch the daemon: %w", err)
	}
	return nil
}

// awaitDaemon returns when the daemon answers, or will never.
func (l *Live) awaitDaemon(ctx context.Context, c *client.Client) error {
	ready, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	ended := l.daemon.ended
	go func() { // do not wait for one that has ended
		select {
		case <-ended:
			cancel()
		case <-ready.Done():
		}
	}()
	return c.Await(ready)
}

// daemonFailed tells what the daemon itself said before it ended.
func (l *Live) daemonFailed(err error) error {
	said, readErr := os.ReadFile(l.logPath())
	if text := strings.TrimSpace(withoutTraces(string(said))); readErr == nil && text != "" {
		return fmt.Errorf("%w: the daemon did not start: %s", ErrCannotRun, strings.TrimPrefix(text, "learndocker: "))
	}
	select {
	case <-l.daemon.ended:
		return fmt.Errorf("%w: the daemon ended at its start (%s), without a word in %s: is there room on that disk?", ErrCannotRun, l.daemon.ProcessState, l.logPath())
	default:
		return fmt.Errorf("%w: the daemon did not start: %w", ErrCannotRun, err)
	}
}

// daemonGone tells how the daemon ended, and what it said last. why is how the
// narrator noticed.
func (l *Live) daemonGone(why error) error {
	select {
	case <-l.daemon.ended:
	case <-time.After(closePatience):
		return fmt.Errorf("talk to the daemon: %w", why)
	}
	err := fmt.Errorf("%w (%s)", ErrDaemonEnded, l.daemon.ProcessState)
	said, readErr := os.ReadFile(l.logPath())
	if readErr != nil {
		return err
	}
	words := slices.DeleteFunc(strings.Split(strings.TrimSpace(withoutTraces(string(said))), "\n"), func(line string) bool {
		return line == "" || strings.Contains(line, "level=INFO")
	})
	if len(words) > 0 {
		err = fmt.Errorf("%w; it said:\n%s", err, indent(strings.Join(words[max(len(words)-lastLines, 0):], "\n")))
	}
	return err
}

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

func start(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

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
		return fmt.Errorf("%q ended (%s) and never came to %s; it said:\n%s", l.command, ended, stops[l.cursor].Stage, indent(l.lastWords()))
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

// closePatience is how long the daemon may take to unwind.
const closePatience = 10 * time.Second

// Close aborts what is held and ends the client and the daemon, which takes
// everything apart that it has made.
func (l *Live) Close() error {
	l.once.Do(func() { l.closed = l.close() })
	return l.closed
}

func (l *Live) close() error {
	var errs []error
	if l.lock != nil {
		defer l.lock.Close()
	}
	if l.grip != nil {
		errs = append(errs, l.loose())
	}
	go func() {
		for range l.output {
		}
	}()
	for _, p := range []*process{l.client, l.daemon} {
		if p != nil {
			errs = append(errs, p.end(closePatience))
		}
	}
	if l.daemon != nil && l.daemon.err != nil && l.grip != nil {
		err := l.sweep()
		if _, there := os.Stat(l.dir); err != nil && there == nil { // the directory is all that knows what is left
			return errors.Join(append(errs, &LeftError{l.dir, err})...)
		}
		errs = append(errs, err)
	}
	if l.dir != "" {
		errs = append(errs, l.removeDir())
	}
	return errors.Join(errs...)
}

// removeDir removes the lesson's directory. Where even that needs more than the
// machine gives (descriptors), what a lesson has before its daemon still goes.
func (l *Live) removeDir() error {
	err := os.RemoveAll(l.dir)
	if err == nil {
		return nil
	}
	_ = os.Remove(l.logPath())
	if os.Remove(l.dir) == nil {
		return nil
	}
	return fmt.Errorf("remove the lesson's directory: %w", err)
}

// sweep takes apart what a daemon that did not end in order has left mounted,
// grouped or plugged in: the next one with the same data root does that when it
// starts.
func (l *Live) sweep() error {
	c, err := client.New(l.host())
	if err != nil {
		return err
	}
	defer c.Close()
	awaitGroup(l.daemon.Process, closePatience) // one that still unwinds has the data root's lock
	if err := l.launch(); err != nil {
		return err
	}
	if err := l.awaitDaemon(context.Background(), c); err != nil {
		return errors.Join(l.daemonFailed(err), l.daemon.end(closePatience))
	}
	if err := l.daemon.end(closePatience); err != nil {
		return err
	}
	return l.daemon.err
}

// end asks the process to end, and after a while makes it.
func (p *process) end(patience time.Duration) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := terminate(p.Process); errors.Is(err, os.ErrProcessDone) {
		<-p.ended
		return nil
	} else if err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
	}
	if err := kill(p.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return fmt.Errorf("%s did not end within %s and was killed", filepath.Base(p.Path), patience)
}

package narrate

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

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

// LastStop is the number of the lesson's last stop.
func (l *Live) LastStop() int { return l.lesson.Stops() }

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
			step, err := l.stop(*plan, p)
			return step, l.placed(err)
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

// placed tells of a mistake in the stop that was just matched where it stands in
// the script.
func (l *Live) placed(err error) error {
	var wrong *partError
	if !errors.As(err, &wrong) {
		return err
	}
	return l.lesson.Wrong(l.step, l.cursor-1, wrong.key, wrong.err.Error(), nil, "")
}

// quiet is how long the client must write nothing, and stand still, for its
// output to be taken as complete at a stop; patience bounds the wait for a client
// that never pauses.
const (
	quiet    = 3 * time.Millisecond
	patience = 2 * time.Second
)

// drain takes in what the client has written before the stop. What is written to
// the client wakes it at once, so one that stands still has nothing to pass on.
func (l *Live) drain() {
	end := time.After(patience)
	for {
		select {
		case line := <-l.output:
			l.wrote(line.Stream, line.Text)
		case <-time.After(quiet):
			still := standsStill(l.client.Process.Pid) // before the pipes: it may write as its last act
			if still && !slices.ContainsFunc(l.taps, func(t *tap) bool { return !t.dry() }) {
				return
			}
		case <-end:
			return
		}
	}
}

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

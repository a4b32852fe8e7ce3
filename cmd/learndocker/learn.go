package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/content"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/prose"
	"github.com/learndocker/learndocker/narrate/shell"
	controls "github.com/learndocker/learndocker/narrate/term"
)

// language is that in which lessons are written first.
const language = prose.Original

// showFlags say how steps are shown and kept: the same for a lesson, a
// recording and a watched daemon.
type showFlags struct {
	step       bool
	pace       time.Duration
	transcript transcriptFlags
	record     string
	language   languageFlag
	web        webFlags
	awaited    string // the command that a watched daemon waits for
	script     string // of a live lesson: its name or file, as it was typed
}

func (f *showFlags) declare(flags *pflag.FlagSet) {
	flags.BoolVar(&f.step, "step", false, "wait for a key at each stop")
	flags.DurationVar(&f.pace, "pace", 6*time.Second, "how long each stop stays, without --step")
	f.transcript.declare(flags)
	flags.StringVar(&f.record, "record", "", "write the recording to `FILE`, as JSON Lines")
	f.language.declare(flags)
	f.web.declare(flags)
}

// show plays a source and keeps what is asked for.
func (f *showFlags) show(ctx context.Context, source narrate.Source, env []string) (err error) {
	if err := f.check(source); err != nil { // better now than after the lesson
		return errors.Join(err, source.Close())
	}
	// A reader that has had enough (head) ends the session in order.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
	defer stop()
	words, err := f.language.words(source.Header())
	if err != nil {
		return errors.Join(err, source.Close())
	}
	session := narrate.NewSession(source)
	defer func() {
		err = errors.Join(err, session.Close())
		if err == nil {
			f.farewell(session, words)
		}
	}()
	if f.record != "" {
		finish, recordErr := f.recordTo(session)
		if recordErr != nil {
			return recordErr
		}
		defer func() { err = errors.Join(err, finish()) }()
	}
	address := ""
	if f.web.wanted() {
		if f.language.asked != "" || os.Getenv(languageVariable) != "" { // not by the locale: the class may have another
			f.web.language = words.language
		}
		address, err = f.serve(ctx, session, source)
		if err != nil {
			return err
		}
		if !onTerminal() {
			return f.served(ctx, session, words)
		}
	}
	c := &controls.Controls{
		Session: session, In: os.Stdin, Out: os.Stdout, Step: f.step || address != "", Pace: f.pace, Color: !color.NoColor,
		Language: words.language, Words: words.fixed, Page: address, Class: f.web.join, Awaited: f.awaited,
		Shell: func(step *narrate.Step, inside bool) error {
			if !inside {
				return shell.Host(step.Point.PID, env, words.fixed)
			}
			if step.Point == nil || step.Point.PID != containerPID(step) {
				return shell.ErrNothingHeld
			}
			return shell.Inside(step.Point.PID, words.fixed)
		},
	}
	if f.web.unopened != nil {
		c.Notice = words.fixed.Say("the browser did not open:") + " " + f.web.unopened.Error()
	}
	if err := c.Run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	err = f.transcript.writeSeen(session, words)
	if ctx.Err() != nil { // ^C, by which watching ends: what was seen is kept all the same
		return exitError{status: 130, cause: err}
	}
	return err
}

// check finds what is wrong with the flags.
func (f *showFlags) check(source narrate.Source) error {
	if f.pace < 0 {
		return fmt.Errorf("--pace %s: a stop cannot stay less than no time; want a time as in 3s", f.pace)
	}
	last := 0
	if s, ok := source.(interface{ LastStop() int }); ok {
		last = s.LastStop()
	}
	return f.transcript.check(last)
}

// serve opens the page beside the terminal. It ends with ctx.
func (f *showFlags) serve(ctx context.Context, session *narrate.Session, source narrate.Source) (address string, err error) {
	address, ended, err := f.web.serve(ctx, session, source)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(os.Stderr, "The page:", address)
	go func() {
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, "the page:", err)
		}
	}()
	return address, nil
}

// served lets browsers alone lead, where there is no terminal, until the program
// is told to end.
func (f *showFlags) served(ctx context.Context, session *narrate.Session, words wording) error {
	if _, err := session.Next(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return f.transcript.writeSeen(session, words)
}

func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// containerPID is the container's process where the probe saw one.
func containerPID(step *narrate.Step) int {
	for _, p := range step.Probe.Processes {
		if p.Role == narrate.BoxContainer {
			return p.PID
		}
	}
	return 0
}

func (f *showFlags) recordTo(session *narrate.Session) (finish func() error, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(f.record), ".recording-*")
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", f.record, errors.Unwrap(err))
	}
	r, err := narrate.NewRecorder(tmp, session.Header())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", f.record, err), tmp.Close(), os.Remove(tmp.Name()))
	}
	var failed error
	session.OnStep(func(s *narrate.Step) error {
		if err := r.Step(s); err != nil {
			failed = fmt.Errorf("write %s: %w", f.record, err)
		}
		return failed
	})
	return func() error {
		if len(session.Seen()) == 0 || failed != nil { // of a step that was cut off nothing can be replayed
			return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
		}
		if err := errors.Join(tmp.Chmod(0o644), tmp.Close()); err != nil {
			return errors.Join(fmt.Errorf("write %s: %w", f.record, err), os.Remove(tmp.Name()))
		}
		return os.Rename(tmp.Name(), f.record)
	}, nil
}

// canWrite makes sure that the file can be written once there is something to
// write.
func canWrite(name string) error {
	if name == "" {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Unwrap(err))
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// writeWhole writes a file so that there is never half of it.
func writeWhole(name string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	if err := errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(tmp.Name(), name)
}

func openLibrary() (*prose.Library, error) { return prose.OpenAll(content.Files) }

// colorless is set by the environment (NO_COLOR) and by output that is no
// terminal; fatih/color decides.
func init() {
	if os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(os.Stdout.Fd())) {
		color.NoColor = true
	}
}

func readLessonFile(name string, bundled fs.FS) (file string, data []byte, err error) {
	if filepath.Ext(name) == ".yaml" || filepath.Ext(name) == ".yml" {
		data, err = readBounded(name, lesson.MaxScript)
		return name, data, err
	}
	file = name + ".yaml"
	data, err = fs.ReadFile(bundled, file)
	return file, data, err
}

// readBounded reads a file, up to one byte more than is wanted: whoever wants it
// sees that it is too large. What is no file (a device, a pipe that nobody
// fills) is not waited for.
func readBounded(name string, most int64) ([]byte, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// addLearn adds commands to the group of those that teach.
func addLearn(root *cobra.Command, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = "learn"
		root.AddCommand(c)
	}
}

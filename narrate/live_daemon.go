package narrate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/client"
)

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
	args := []string{"daemon", "--ephemeral", l.dir, "-H", l.host(), "--data-root", filepath.Join(l.dir, "data"), "--ip-masq=false"}
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

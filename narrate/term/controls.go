package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Controls lead a session on a terminal.
type Controls struct {
	Session *narrate.Session
	In      *os.File
	Out     *os.File
	Step    bool          // wait for a key at each step
	Pace    time.Duration // otherwise: how long a step stays
	Color   bool
	Awaited string // a command that a watched daemon waits for; "" where the lesson runs its own
	Notice  string // one line for the learner, shown once
	Page    string // address of the page that leads the same session; "" where there is none
	Class   string // address at which a class follows; "" where none does

	Language string      // in which the steps are shown
	Words    prose.Words // the fixed words in that language

	// Shell opens a shell: on the host, or inside the held process's namespaces.
	Shell func(step *narrate.Step, inside bool) error

	view   narrate.View // what is on the screen
	screen bool         // Out is a terminal, taken over
	cooked *term.State
	more   bool
	cut    bool      // the shown step has not all found room
	auto   bool      // goes on by itself
	due    time.Time // when it does
	first  bool      // no key has been pressed yet
	alone  bool      // the keys have ended: input that is no terminal
	lines  *lineReader
	resize <-chan os.Signal
}

// Run plays the session to its end, or until the learner quits.
func (c *Controls) Run(ctx context.Context) error {
	c.screen = term.IsTerminal(int(c.In.Fd())) && term.IsTerminal(int(c.Out.Fd())) && os.Getenv("TERM") != "dumb"
	c.auto, c.first = !c.Step, true
	if c.auto && !c.screen {
		return c.play(ctx)
	}
	c.lines = newLineReader(c.In)
	if !c.screen {
		return c.lead(ctx)
	}
	leave, err := c.takeOver()
	if err != nil {
		return err
	}
	err = c.lead(ctx)
	leave()
	return err
}

// play shows one step after the other at a readable pace; into a pipe at once.
func (c *Controls) play(ctx context.Context) error {
	for {
		step, err := c.Session.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		step = step.Localized(c.Language)
		c.print(append(append(c.renderer(0).Step(step), c.question(step)...), ""))
		if !term.IsTerminal(int(c.Out.Fd())) {
			continue
		}
		select {
		case <-time.After(c.Pace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Controls) print(lines []string) {
	if !c.screen {
		fmt.Fprint(c.Out, strings.Join(lines, "\n")+"\n")
		return
	}
	screen := strings.Join(lines, "\r\n") + "\r\n" // raw mode
	fmt.Fprint(c.Out, strings.ReplaceAll(screen, "\r\n"+Continued, ""))
}

func (c *Controls) size() (width, height int) {
	width, height, err := term.GetSize(int(c.Out.Fd()))
	if err != nil || width < 20 {
		return 100, 0
	}
	return min(width, 160), height
}

func (c *Controls) width() int {
	width, _ := c.size()
	return width
}

func (c *Controls) renderer(height int) Renderer {
	width, _ := c.size()
	r := Renderer{Words: c.Words, Width: width, Height: height, Color: c.Color, More: c.more, Answers: c.Session.Answered, Lesson: c.Session.Header().Lesson}
	if c.Session.Replayed() {
		h := c.Session.Header()
		r.Replay = h.Made.Format("2006-01-02") + ", Linux " + h.Machine.Kernel + ", cgroup " + h.Machine.Cgroup
	}
	return r
}

// takeOver puts the terminal into single keys and a screen of our own, and
// returns how to give it back.
func (c *Controls) takeOver() (leave func(), err error) {
	state, err := term.MakeRaw(int(c.In.Fd()))
	if err != nil {
		return nil, fmt.Errorf("read single keys: %w", err)
	}
	c.cooked = state
	c.resize = onResize()
	fmt.Fprint(c.Out, "\x1b[?1049h\x1b[?25l")
	return func() {
		fmt.Fprint(c.Out, "\x1b[?25h\x1b[?1049l")
		_ = term.Restore(int(c.In.Fd()), state) // nothing else can be done
	}, nil
}

// errQuit is the learner's wish to end.
var errQuit = errors.New("quit")

// lead shows a step, takes a key, and does as it says.
func (c *Controls) lead(ctx context.Context) error {
	if err := c.next(ctx); err != nil {
		return ignoreEnd(err)
	}
	c.stay()
	for {
		before := c.view.Cursor
		if c.view = c.Session.View(); c.view.Cursor != before {
			c.stay()
		}
		c.paint()
		key, err := c.key(ctx, c.turn())
		if err != nil {
			return err
		}
		if key != resized {
			c.first = false
			c.stay()
		}
		if err := c.press(ctx, key); err != nil {
			return ignoreEnd(err)
		}
	}
}

// stay gives the shown step its time anew.
func (c *Controls) stay() { c.due = time.Now().Add(c.Pace) }

// turn tells when the shown step has had its time; never where the learner leads.
func (c *Controls) turn() <-chan time.Time {
	if !c.auto {
		return nil
	}
	return time.After(time.Until(c.due))
}

func ignoreEnd(err error) error {
	if errors.Is(err, errQuit) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *Controls) press(ctx context.Context, key string) error {
	step := c.shown()
	switch key {
	case "n", "", " ", "right", onward:
		return c.next(ctx)
	case "b", "left":
		c.pause()
		if !c.Session.Back() {
			c.say("this is the first step")
		}
	case "f":
		c.pause()
		if !c.Session.Forward() {
			c.say("this is the latest step; n lets the engine go on")
		}
	case "a":
		c.turnAuto()
	case "d":
		c.detail(step)
	case "l":
		return c.look(ctx, step)
	case "s", "i":
		c.shell(step, key == "i")
		c.stay()
	case resized:
	case "?", "h":
		return c.help(ctx)
	case "ctrl-d": // one too many for a shell that has ended
		c.say("^D ends a shell; the lesson is ended by q")
	case "q", "ctrl-c":
		return errQuit
	default:
		return c.answer(ctx, step, key)
	}
	return nil
}

// pause stops going on by itself: whoever looks back means to stay.
func (c *Controls) pause() {
	if c.auto {
		c.auto = false
		c.say("paused; a goes on by itself again")
	}
}

func (c *Controls) turnAuto() {
	if c.auto {
		c.pause()
		return
	}
	c.auto = true
	c.Notice = c.Words.Sayf("it goes on by itself, every %s; a stops that", c.Pace)
}

// detail shows what the page holds back, or takes it away again.
func (c *Controls) detail(step *narrate.Step) {
	c.more = !c.more
	switch {
	case !c.more || step.More != "":
	case c.cut:
		c.say("this page has nothing more, but not all of it has room here: l a shows it whole")
	default:
		c.say("this page has nothing more")
	}
}

// shown is the session's step in the learner's language.
func (c *Controls) shown() *narrate.Step { return c.Session.Step().Localized(c.Language) }

// say puts a message at the foot of the screen, once.
func (c *Controls) say(english string) { c.Notice = c.Words.Say(english) }

// next waits for the next step. On a terminal the learner may quit meanwhile;
// other keys are kept for the step to come.
func (c *Controls) next(ctx context.Context) error {
	if !c.screen {
		_, err := c.Session.Next(ctx)
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := c.Session.Next(ctx)
		done <- err
	}()
	slow := time.After(slowAfter)
	waiting := false
	for {
		select {
		case err := <-done:
			return err
		case <-slow:
			waiting = true
			c.sayWaiting()
		case got := <-c.lines.read(true):
			c.lines.busy = false
			if got.err != nil || got.key == "q" || got.key == "ctrl-c" {
				cancel()
				<-done
				return errQuit
			}
			if !waiting && got.key != "ctrl-d" { // one who sees that nothing is held means no step that is to come
				c.lines.kept = append(c.lines.kept, got.key)
			}
		}
	}
}

// slowAfter is when the learner is told that something is being waited for.
const slowAfter = 300 * time.Millisecond

func (c *Controls) sayWaiting() {
	_, height := c.size()
	s := newStyle(c.Color)
	if c.Awaited != "" {
		c.sayAwaited(s)
		return
	}
	if c.Session.Step() == nil {
		c.clear()
	}
	text := c.Words.Say("waiting for the engine") + " · " + c.Words.Say("q quits")
	fmt.Fprintf(c.Out, "\x1b[%d;1H\x1b[2K%s", max(height, 1), s.strong(cut(text, c.width())))
}

// sayAwaited takes the last step away, which is over, and says what is waited
// for. The command stands whole: it is there to be pasted.
func (c *Controls) sayAwaited(s style) {
	var lines []string
	if seen := len(c.Session.Seen()); seen > 0 {
		lines = append(lines, wrap(c.Words.Sayf("%d stops have been seen; nothing is held now.", seen), c.width())...)
	}
	lines = append(lines, wrap(c.Words.Say("Watching; waiting for a client, in another terminal for example:"), c.width())...)
	lines = append(lines, "")
	lines = append(lines, Renderer{Width: c.width(), Height: 1}.unbroken(c.Awaited, s)...)
	lines = append(lines, "", s.strong(c.Words.Say("q quits")))
	c.clear()
	c.print(lines)
}

// answer takes a digit as a prediction and goes on to see.
func (c *Controls) answer(ctx context.Context, step *narrate.Step, key string) error {
	n, err := strconv.Atoi(key)
	if err != nil || step.Question == nil || n < 1 || n > len(step.Question.Choices) {
		c.say("no such key here; ? lists them")
		return nil
	}
	if !c.Session.AtLatest() {
		c.say("the truth is known already; f goes forward")
		return nil
	}
	c.Session.Answer(step.Question.Choices[n-1].Key)
	if err := c.next(ctx); err != nil {
		return err
	}
	if len(c.Session.Step().Outcomes) == 0 {
		c.say("noted; the answer comes when it can be measured")
	}
	return nil
}

func (c *Controls) question(step *narrate.Step) []string {
	if step.Question == nil {
		return nil
	}
	width, _ := c.size()
	s := newStyle(c.Color)
	lines := bullet(s.active("? "), s.strong(step.Question.Question), width)
	for i, choice := range step.Question.Choices {
		lines = append(lines, bullet("  ", s.key(strconv.Itoa(i+1))+" "+choice.Text, width)...)
	}
	return lines
}

// paint shows the step, the question, and the keys.
func (c *Controls) paint() {
	step := c.shown()
	question := c.question(step)
	foot := append(question, c.footer(step)...)
	_, height := c.size()
	if !c.screen {
		c.print(append(c.renderer(0).Step(step), foot...))
		return
	}
	room := max(height-len(foot), 6)
	lines, whole := c.renderer(room).step(step)
	c.cut = !whole
	for len(lines) < room {
		lines = append(lines, "")
	}
	c.clear()
	screen := strings.Join(append(lines[:room], foot...), "\r\n")
	fmt.Fprint(c.Out, strings.ReplaceAll(screen, "\r\n"+Continued, ""))
}

func (c *Controls) clear() {
	if c.screen {
		fmt.Fprint(c.Out, "\x1b[H\x1b[2J")
	}
}

// shell hands the terminal to a shell and takes it back.
func (c *Controls) shell(step *narrate.Step, inside bool) {
	if c.Shell == nil || c.Session.Replayed() {
		c.say("there is no machine behind a recording; run the lesson itself to open a shell")
		return
	}
	if !c.Session.AtLatest() {
		c.say("the engine has moved on from this step; go forward (f) to where it is held")
		return
	}
	if step.Point == nil { // an introduction or an end
		c.say("nothing is held here; a shell opens beside a process that is held at a stop")
		return
	}
	back := c.handOver()
	err := c.Shell(step, inside)
	back()
	if err != nil {
		c.say(err.Error())
	}
}

// handOver makes the terminal as it was before takeOver and returns how to take
// it again.
func (c *Controls) handOver() (back func()) {
	if !c.screen {
		return func() {}
	}
	c.lines.ahead = nil // was typed for the shell
	fmt.Fprint(c.Out, "\x1b[?25h\x1b[?1049l")
	raw, err := term.GetState(int(c.In.Fd()))
	_ = term.Restore(int(c.In.Fd()), c.cooked)
	return func() {
		if err == nil {
			_ = term.Restore(int(c.In.Fd()), raw)
		}
		fmt.Fprint(c.Out, "\x1b[?1049h\x1b[?25l")
	}
}

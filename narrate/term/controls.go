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
	Waiting string // what is waited for when the next step takes long
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
	lines  *lineReader
	resize <-chan os.Signal
}

// Run plays the session to its end, or until the learner quits.
func (c *Controls) Run(ctx context.Context) error {
	if !c.Step {
		return c.play(ctx)
	}
	c.lines = newLineReader(c.In)
	c.screen = term.IsTerminal(int(c.In.Fd())) && term.IsTerminal(int(c.Out.Fd()))
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
	ending := "\n"
	if c.screen {
		ending = "\r\n" // raw mode
	}
	fmt.Fprint(c.Out, strings.Join(lines, ending)+ending)
}

func (c *Controls) size() (width, height int) {
	width, height, err := term.GetSize(int(c.Out.Fd()))
	if err != nil || width < 20 {
		return 100, 0
	}
	return min(width, 160), height
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
	if c.Page != "" {
		c.Notice = "n " + c.Words.Say("next") + " · q " + c.Words.Say("quit") + " · " + c.Words.Say("the page:") + " " + c.Page
		if c.Class != "" { // what is told the class; the page's own address is in the help
			c.Notice = "n " + c.Words.Say("next") + " · q " + c.Words.Say("quit") + " · " + c.Words.Say("the class:") + " " + c.Class
		}
	}
	for {
		c.view = c.Session.View()
		c.paint()
		key, err := c.key(ctx)
		if err != nil {
			return err
		}
		if err := c.press(ctx, key); err != nil {
			return ignoreEnd(err)
		}
	}
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
	case "n", "", " ", "right":
		return c.next(ctx)
	case "b", "left":
		if !c.Session.Back() {
			c.say("this is the first step")
		}
	case "f":
		if !c.Session.Forward() {
			c.say("this is the latest step; n lets the engine go on")
		}
	case "d":
		c.more = !c.more
		if c.more && step.More == "" {
			c.say("this page has nothing more")
		}
	case "l":
		return c.look(ctx, step)
	case "s", "i":
		c.shell(step, key == "i")
	case resized:
	case "?", "h":
		return c.help(ctx)
	case "q", "ctrl-c":
		return errQuit
	default:
		return c.answer(ctx, step, key)
	}
	return nil
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
			if !waiting { // one who sees that nothing is held means no step that is to come
				c.lines.kept = append(c.lines.kept, got.key)
			}
		}
	}
}

// slowAfter is when the learner is told that something is being waited for.
const slowAfter = 300 * time.Millisecond

func (c *Controls) sayWaiting() {
	_, height := c.size()
	text := c.Waiting
	if text == "" {
		text = c.Words.Say("waiting for the engine")
	}
	s := newStyle(c.Color)
	if c.Session.Step() == nil {
		c.clear()
	}
	fmt.Fprintf(c.Out, "\x1b[%d;1H\x1b[2K%s", max(height, 1), s.strong(cut(text+" · "+c.Words.Say("q quits"), c.width())))
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
	foot := c.footer(step)
	_, height := c.size()
	if !c.screen {
		c.print(append(append(c.renderer(0).Step(step), question...), foot))
		return
	}
	room := max(height-len(question)-1, 6)
	lines := c.renderer(room).Step(step)
	for len(lines) < room {
		lines = append(lines, "")
	}
	c.clear()
	screen := strings.Join(append(append(lines[:room], question...), foot), "\r\n")
	fmt.Fprint(c.Out, strings.ReplaceAll(screen, "\r\n"+Continued, ""))
}

func (c *Controls) clear() {
	if c.screen {
		fmt.Fprint(c.Out, "\x1b[H\x1b[2J")
	}
}

func (c *Controls) footer(step *narrate.Step) string {
	width, _ := c.size()
	s := newStyle(c.Color)
	if c.Notice != "" {
		text := c.Notice
		c.Notice = ""
		return s.strong(cut(text, width))
	}
	keys := [][2]string{{"n", "next"}, {"b", "back"}, {"q", "quit"}, {"?", "help"}, {"l", "look"}}
	if step.More != "" {
		keys = append(keys, [2]string{"d", "more"})
	}
	if !c.Session.Replayed() {
		keys = append(keys, [2]string{"s", "shell"}, [2]string{"i", "inside"})
	}
	if step.Question != nil && c.Session.AtLatest() {
		keys = append([][2]string{{"1-" + strconv.Itoa(len(step.Question.Choices)), "predict"}}, keys...)
	}
	if !c.Session.AtLatest() {
		keys = append([][2]string{{"f", "forward"}}, keys...)
	}
	var parts []string
	for _, k := range keys {
		parts = append(parts, s.key(k[0])+s.dim(" "+c.Words.Say(k[1])))
	}
	return cut(strings.Join(parts, s.dim(" · ")), width)
}

// look shows any panel whole.
func (c *Controls) look(ctx context.Context, step *narrate.Step) error {
	s := newStyle(c.Color)
	lines := []string{s.heading(c.Words.Say("Look at")), "", "  " + s.key("a") + "  " + pad(c.Words.Say("page"), 12) + s.dim(c.Words.Say("all that is said and shown here, nothing cut"))}
	for i, p := range step.Panels {
		lines = append(lines, "  "+s.key(string(rune('b'+i)))+"  "+pad(p.Kind, 12)+s.dim(p.Localized(c.Words).Title))
	}
	lines = append(lines, "", s.dim(c.Words.Say("any other key goes back to the step")))
	c.clear()
	c.print(append(lines, ""))
	key, err := c.key(ctx)
	if err != nil {
		return err
	}
	whole := c.renderer(0)
	if key == "a" {
		whole.More = true
		return c.pages(ctx, append(whole.Step(step), c.question(step)...))
	}
	if len(key) != 1 || key[0] < 'b' || int(key[0]-'b') >= len(step.Panels) {
		return nil
	}
	return c.pages(ctx, whole.Whole(step.Panels[key[0]-'b'], c.width()))
}

func (c *Controls) width() int {
	width, _ := c.size()
	return width
}

// pages shows lines a screenful at a time.
func (c *Controls) pages(ctx context.Context, lines []string) error {
	_, height := c.size()
	s := newStyle(c.Color)
	if !c.screen {
		c.print(lines)
		return nil
	}
	for len(lines) > 0 {
		n := min(len(lines), max(height-1, 4))
		c.clear()
		c.print(lines[:n])
		lines = lines[n:]
		text := c.Words.Say("any key goes back to the step")
		if len(lines) > 0 {
			text = c.Words.Sayf("%d more lines: any key", len(lines))
		}
		fmt.Fprint(c.Out, s.dim(text))
		if _, err := c.key(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controls) help(ctx context.Context) error {
	s := newStyle(c.Color)
	lines := []string{s.heading(c.Words.Say("Keys")), ""}
	for _, k := range [][2]string{
		{"n, space, →", "next: let the engine go on to the next stop"},
		{"b, ←", "back through the steps seen; the engine stays where it is held"},
		{"f", "forward through the steps seen"},
		{"1, 2, …", "answer the question, then go on and see"},
		{"d", "more detail, where the page has more"},
		{"l", "look at any panel, whole"},
		{"s", "a shell on this machine, beside the held process ($HELD is its pid)"},
		{"i", "a shell inside the held process's namespaces"},
		{"q", "quit: everything is unwound, nothing is left behind"},
	} {
		lines = append(lines, bullet("  ", s.key(pad(c.Words.Say(k[0]), 16))+c.Words.Say(k[1]), c.width())...)
	}
	if c.Page != "" {
		lines = append(lines, "", "  "+c.Words.Say("the page:")+" "+c.Page)
	}
	if c.Class != "" {
		lines = append(lines, "  "+c.Words.Say("the class:")+" "+c.Class)
	}
	lines = append(lines, "")
	for _, line := range wrap(c.Words.Say("▌ marks what changed since the step before. │ is the client's stdout, ┊ its stderr."), c.width()) {
		lines = append(lines, s.dim(line))
	}
	lines = append(lines, "")
	return c.pages(ctx, lines)
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

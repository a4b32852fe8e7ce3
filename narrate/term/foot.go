package term

import (
	"context"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// footer is a message, or else the keys that do something here. Until the first
// key the addresses stand above them, whole.
func (c *Controls) footer(step *narrate.Step) []string {
	if c.alone {
		return nil
	}
	s := newStyle(c.Color)
	var lines []string
	if c.first {
		lines = c.addresses()
	}
	if c.Notice != "" {
		text := c.Notice
		c.Notice = ""
		for _, line := range wrap(text, c.width()) {
			lines = append(lines, s.strong(line))
		}
		if !c.first {
			return lines
		}
	}
	var parts []string
	for _, k := range c.keys(step) {
		parts = append(parts, s.key(k[0])+s.dim(" "+c.Words.Say(k[1])))
	}
	return append(lines, cut(strings.Join(parts, s.dim(" · ")), c.width()))
}

// keys are those that do something at this step, the most wanted first.
func (c *Controls) keys(step *narrate.Step) [][2]string {
	var keys [][2]string
	latest := c.Session.AtLatest()
	if step.Question != nil && latest {
		keys = append(keys, [2]string{"1-" + strconv.Itoa(len(step.Question.Choices)), "predict"})
	}
	if !latest {
		keys = append(keys, [2]string{"f", "forward"})
	}
	if step.Kind != narrate.KindEnd {
		keys = append(keys, [2]string{"n", "next"})
	}
	if c.auto {
		keys = append(keys, [2]string{"a", "pause"})
	}
	if c.view.Cursor > 0 {
		keys = append(keys, [2]string{"b", "back"})
	}
	keys = append(keys, [2]string{"q", "quit"}, [2]string{"?", "help"}, [2]string{"l", "look"})
	if step.More != "" {
		keys = append(keys, [2]string{"d", "more"})
	}
	if c.held(step) {
		keys = append(keys, [2]string{"s", "shell"})
		if step.ContainerHeld() {
			keys = append(keys, [2]string{"i", "inside"})
		}
	}
	return keys
}

// held reports whether something is held at this step that a shell can be opened
// beside.
func (c *Controls) held(step *narrate.Step) bool {
	return c.Shell != nil && !c.Session.Replayed() && step.Point != nil && c.Session.AtLatest()
}

// addresses are those of the page and of the class.
func (c *Controls) addresses() []string {
	var lines []string
	for _, each := range [][2]string{{"the page:", c.Page}, {"the class:", c.Class}} {
		if each[1] != "" {
			lines = append(lines, c.Words.Say(each[0])+" "+each[1])
		}
	}
	return lines
}

// keyWide is the width of the keys in the help.
const keyWide = 16

func (c *Controls) help(ctx context.Context) error {
	s := newStyle(c.Color)
	lines := []string{s.heading(c.Words.Say("Keys")), ""}
	for _, k := range c.explained() {
		lines = append(lines, hanging("  "+s.key(pad(c.Words.Say(k[0]), keyWide)), c.Words.Say(k[1]), c.width())...)
	}
	if addresses := c.addresses(); len(addresses) > 0 {
		lines = append(lines, "")
		lines = append(lines, addresses...)
	}
	lines = append(lines, "")
	for _, line := range wrap(c.Words.Say("▌ marks what changed since the step before. │ is the client's stdout, ┊ its stderr."), c.width()) {
		lines = append(lines, s.dim(line))
	}
	return c.pages(ctx, append(lines, ""))
}

// explained are all keys of this session, whether they do something at this step
// or not.
func (c *Controls) explained() [][2]string {
	next, quit := "next: let the engine go on to the next stop", "quit: everything is unwound, nothing is left behind"
	switch {
	case c.Session.Replayed():
		next, quit = "next step", "quit"
	case c.Awaited != "":
		quit = "quit: the daemon is let go, and works on unwatched"
	}
	keys := [][2]string{
		{"n, space, →", next},
		{"b, ←", "back through the steps seen; the engine stays where it is held"},
		{"f", "forward through the steps seen"},
		{"a", "go on by itself, and stop doing so"},
		{"1, 2, …", "answer the question, then go on and see"},
		{"d", "more detail, where the page has more"},
		{"l", "look at any panel, whole"},
	}
	if !c.Session.Replayed() {
		keys = append(keys,
			[2]string{"s", "a shell on this machine, beside the held process ($HELD is its pid)"},
			[2]string{"i", "a shell inside the held process's namespaces"},
			[2]string{"^D, exit", "out of such a shell, back to the step"})
	}
	return append(keys, [2]string{"Esc, q, ^C", "out of a panel or this help, back to the step"}, [2]string{"q, ^C", quit})
}

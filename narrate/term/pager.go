package term

import (
	"context"
	"fmt"

	"github.com/learndocker/learndocker/narrate"
)

// look shows any panel whole.
func (c *Controls) look(ctx context.Context, step *narrate.Step) error {
	key, err := c.choose(ctx, step)
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

// choose lists what there is to look at and returns the key that was pressed.
func (c *Controls) choose(ctx context.Context, step *narrate.Step) (string, error) {
	s := newStyle(c.Color)
	lines := []string{s.heading(c.Words.Say("Look at")), ""}
	entry := func(key, name, about string) {
		lines = append(lines, hanging("  "+s.key(key)+"  "+pad(name, 12), s.dim(about), c.width())...)
	}
	entry("a", c.Words.Say("page"), c.Words.Say("all that is said and shown here; each panel by itself is cut nowhere"))
	for i, p := range step.Panels {
		entry(string(rune('b'+i)), p.Kind, p.Localized(c.Words).Title)
	}
	lines = append(lines, "", s.dim(c.Words.Say("any other key goes back to the step")))
	for {
		c.clear()
		c.print(append(lines, ""))
		key, err := c.key(ctx, nil)
		if err != nil || key != resized {
			return key, err
		}
		c.view = c.Session.View()
	}
}

// pages shows lines a screenful at a time, until the reader has had enough.
func (c *Controls) pages(ctx context.Context, lines []string) error {
	if !c.screen {
		c.print(lines)
		return nil
	}
	for at := 0; ; {
		_, height := c.size()
		room := max(height-1, 4)
		last := max(len(lines)-room, 0) // where the last screenful begins
		at = min(max(at, 0), last)
		c.clear()
		c.print(lines[at:min(at+room, len(lines))])
		fmt.Fprint(c.Out, newStyle(c.Color).dim(cut(c.pagesFoot(len(lines), at, room), c.width())))
		key, err := c.key(ctx, nil)
		if err != nil {
			return err
		}
		switch key {
		case resized:
			c.view = c.Session.View()
		case "b", "left", "pageup":
			at -= room
		case "up":
			at--
		case "n", " ", "right", "pagedown":
			if at == last {
				return nil
			}
			at += room
		case "down":
			at++
		case "q", "esc", "ctrl-c":
			return nil
		default:
			if last == 0 {
				return nil
			}
		}
	}
}

// pagesFoot says where the reader is, and how to go on.
func (c *Controls) pagesFoot(all, at, room int) string {
	if all <= room {
		return c.Words.Say("any key goes back to the step")
	}
	return c.Words.Sayf("lines %d–%d of %d · n, b turn the page · q goes back to the step", at+1, min(at+room, all), all)
}

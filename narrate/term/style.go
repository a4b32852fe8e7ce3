package term

import (
	"github.com/fatih/color"
)

// style is the few ways in which text differs. Colours are of the basic eight,
// which every terminal's theme, light or dark, makes readable; nothing is told
// by colour alone.
type style struct {
	heading, stage, strong, code, dim, good, bad, changed, active, key func(...any) string
}

func newStyle(colored bool) style {
	paint := func(attributes ...color.Attribute) func(...any) string {
		c := color.New(attributes...)
		if colored {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c.SprintFunc()
	}
	return style{
		heading: paint(color.Bold),
		stage:   paint(color.FgMagenta, color.Bold),
		strong:  paint(color.Bold),
		code:    paint(color.FgCyan),
		dim:     paint(color.Faint),
		good:    paint(color.FgGreen),
		bad:     paint(color.FgRed, color.Bold),
		changed: paint(color.FgGreen, color.Bold),
		active:  paint(color.FgMagenta, color.Bold),
		key:     paint(color.Bold),
	}
}

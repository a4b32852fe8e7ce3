package term

import (
	"context"
	"os"
	"testing"

	"github.com/learndocker/learndocker/narrate"
)

// live is a source of one introduction, which is no recording.
type live struct{ step *narrate.Step }

func (l live) Header() narrate.Header                      { return narrate.Header{} }
func (l live) Next(context.Context) (*narrate.Step, error) { return l.step, nil }
func (l live) Close() error                                { return nil }

// TestNoShellWhereNothingIsHeld: before the first stop there is no process to
// open a shell beside.
func TestNoShellWhereNothingIsHeld(t *testing.T) {
	for _, key := range []string{"s", "i"} {
		opened := false
		c := &Controls{
			Session: narrate.NewSession(live{&narrate.Step{Kind: narrate.KindIntro}}), In: os.Stdin, Out: os.Stdout,
			Shell: func(*narrate.Step, bool) error { opened = true; return nil },
		}
		if _, err := c.Session.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.press(t.Context(), key); err != nil || opened || c.Notice == "" {
			t.Errorf("%s: %v, opened %t, notice %q", key, err, opened, c.Notice)
		}
	}
}

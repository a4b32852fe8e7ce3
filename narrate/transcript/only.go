package transcript

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// PanelPicture names the picture of a step where a panel is asked for.
const PanelPicture = "picture"

// only is a choice of one step, or of one panel of it.
type only struct {
	step  int
	panel string // "" for the whole step
	set   bool
}

func parseOnly(s string) (only, error) {
	if s == "" {
		return only{}, nil
	}
	number, panel, _ := strings.Cut(s, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return only{}, fmt.Errorf("only %s: want STEP or STEP:PANEL, as in 14:namespaces", s)
	}
	return only{step: n, panel: panel, set: true}, nil
}

// CheckOnly refuses the choice of a step that will not come. last is the number of
// the last stop, 0 where nobody knows.
func (o Options) CheckOnly(last int) error {
	chosen, err := parseOnly(o.Only)
	if err != nil || !chosen.set || last == 0 || chosen.step <= last {
		return err
	}
	return chosen.missing(last)
}

func (o only) missing(last int) error {
	return fmt.Errorf("only %d: there is no such step; the last is %d", o.step, last)
}

// pick returns the steps that are chosen. Of a step of which one panel is
// chosen nothing else is left.
func (o only) pick(steps []*narrate.Step) ([]*narrate.Step, error) {
	if !o.set {
		return steps, nil
	}
	last := 0
	for _, s := range steps {
		if s.Kind == narrate.KindEnd {
			continue
		}
		last = max(last, s.N)
		if s.N != o.step {
			continue
		}
		if o.panel == "" {
			return []*narrate.Step{s}, nil
		}
		return o.panelOf(s)
	}
	return nil, o.missing(last)
}

func (o only) panelOf(s *narrate.Step) ([]*narrate.Step, error) {
	alone := *s
	alone.Prose, alone.More, alone.Claims, alone.Failed, alone.Try, alone.Question, alone.Outcomes, alone.Output = "", "", nil, nil, nil, nil, nil, nil
	alone.Show = nil
	if o.panel == PanelPicture && drawn(s.Edge) {
		return []*narrate.Step{&alone}, nil
	}
	if _, ok := s.Panel(o.panel); !ok {
		var there []string
		for _, p := range s.Panels {
			there = append(there, p.Kind)
		}
		return nil, fmt.Errorf("only %d:%s: step %d has no such panel; it has %s", o.step, o.panel, o.step, strings.Join(append(there, PanelPicture), ", "))
	}
	alone.Show = []string{o.panel}
	return []*narrate.Step{&alone}, nil
}

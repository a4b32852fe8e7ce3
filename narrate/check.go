package narrate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/prose"
)

// CheckWords holds scripts against the prose: every page and question that a
// lesson names exists, and, where all bundled lessons are given, none is there
// that no lesson uses, and every translation is whole and up to date. It returns
// what is wrong.
func CheckWords(lessons []*lesson.Lesson, library *prose.Library, all bool) ([]string, error) {
	used := map[string]bool{}
	asked := map[string]bool{}
	pages, err := library.Pages()
	if err != nil {
		return nil, err
	}
	var wrong []string
	for _, l := range lessons {
		for _, own := range [][2]string{{"page", l.Page}, {"end", l.End}} {
			key, name := own[0], own[1]
			if name == "" {
				continue
			}
			used[name] = true
			if _, err := library.Page(name); err != nil {
				wrong = append(wrong, l.WrongPage(key, err.Error(), pages, name).Error())
			}
		}
		for i, s := range l.Steps {
			for j, stop := range s.Stops {
				c := stopCheck{lesson: l, step: i, stop: j, library: library, pages: pages}
				c.words(stop, used, asked)
				wrong = append(wrong, c.wrong...)
			}
		}
	}
	if !all {
		return wrong, nil
	}
	wrong = append(wrong, missingNext(lessons)...)
	for _, l := range library.Translations {
		found, err := prose.Compare(library, l)
		if err != nil {
			return wrong, err
		}
		wrong = append(wrong, found...)
	}
	return orphans(wrong, library, used, asked)
}

// missingNext names the lessons after which one is to come that is not there.
func missingNext(lessons []*lesson.Lesson) []string {
	var wrong []string
	for _, l := range lessons {
		if l.Next != "" && !slices.ContainsFunc(lessons, func(other *lesson.Lesson) bool { return other.ID == l.Next }) {
			wrong = append(wrong, l.WrongPage("next", fmt.Sprintf("no lesson %q", l.Next), nil, "").Error())
		}
	}
	return wrong
}

func orphans(wrong []string, library *prose.Library, used, asked map[string]bool) ([]string, error) {
	pages, err := library.Pages()
	if err != nil {
		return wrong, err
	}
	for _, p := range pages {
		if !used[p] && !stage.Known(stage.Name(p)) { // a stage's own page is for whoever watches
			wrong = append(wrong, fmt.Sprintf("page %s: no lesson uses it", p))
		}
	}
	for _, name := range stage.Names() {
		if !slices.Contains(pages, string(name)) {
			wrong = append(wrong, fmt.Sprintf("stage %s: it has no page of its own", name))
		}
	}
	for _, q := range library.Questions() {
		if !asked[q] {
			wrong = append(wrong, fmt.Sprintf("question %s: no lesson asks it", q))
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// stopCheck holds one stop against the prose.
type stopCheck struct {
	lesson     *lesson.Lesson
	step, stop int
	library    *prose.Library
	pages      []string
	wrong      []string
}

func (c *stopCheck) report(key, problem string, known []string, word string) {
	c.wrong = append(c.wrong, c.lesson.Wrong(c.step, c.stop, key, problem, known, word).Error())
}

func (c *stopCheck) words(stop lesson.Stop, used, asked map[string]bool) {
	if stop.Say != "" {
		c.check("say", checkSay(stop.Say))
	} else {
		name := pageName(stop)
		used[name] = true
		if _, err := c.library.Page(name); err != nil {
			key := "page"
			if stop.Page == "" {
				key = "stage"
			}
			c.report(key, err.Error(), c.pages, name)
		}
	}
	if stop.When != "" {
		c.check("when", prose.Check(stop.When))
	}
	for _, e := range stop.Expect {
		c.check("expect", prose.Check(e))
	}
	p := stop.Predict
	if p == nil {
		return
	}
	c.check("answer", prose.Check(p.Answer))
	c.check("question", prose.CheckFields(p.Question))
	c.check("why", prose.CheckFields(p.Why))
	if p.Ask == "" {
		return
	}
	asked[p.Ask] = true
	if _, err := c.library.Question(p.Ask); err != nil {
		c.report("ask", err.Error(), c.library.Questions(), p.Ask)
	}
}

func (c *stopCheck) check(key string, err error) {
	if err != nil {
		c.report(key, err.Error(), nil, "")
	}
}

// checkSay reads a page that is in the script, its fields and conditions too.
func checkSay(text string) error {
	p, err := prose.ParsePage("say", text)
	if err != nil {
		return err
	}
	errs := []error{prose.CheckFields(p.Title), prose.CheckFields(p.Body), prose.CheckFields(p.More)}
	for _, c := range p.Claims {
		errs = append(errs, prose.Check(c.If), prose.CheckFields(c.Say))
	}
	for _, t := range p.Try {
		errs = append(errs, prose.CheckFields(t.Run), prose.CheckFields(t.Why))
		if t.If != "" {
			errs = append(errs, prose.Check(t.If))
		}
	}
	return errors.Join(errs...)
}

// pageName is the stop's page, or its stage's own.
func pageName(stop lesson.Stop) string {
	if stop.Page != "" {
		return stop.Page
	}
	return string(stop.Stage)
}

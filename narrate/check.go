package narrate

import (
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
	var wrong []string
	page := func(id, name string) {
		used[name] = true
		if _, err := library.Page(name); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", id, err))
		}
	}
	for _, l := range lessons {
		for _, name := range []string{l.Page, l.End} {
			if name != "" {
				page(l.ID, name)
			}
		}
		for _, stop := range stopsOf(l) {
			if stop.Say == "" {
				page(l.ID, pageName(stop))
			}
			if stop.Predict != nil && stop.Predict.Ask != "" {
				asked[stop.Predict.Ask] = true
				if _, err := library.Question(stop.Predict.Ask); err != nil {
					wrong = append(wrong, fmt.Sprintf("%s: %v", l.ID, err))
				}
			}
		}
	}
	if !all {
		return wrong, nil
	}
	for _, l := range library.Translations {
		found, err := prose.Compare(library, l)
		if err != nil {
			return wrong, err
		}
		wrong = append(wrong, found...)
	}
	return orphans(wrong, library, used, asked)
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

func stopsOf(l *lesson.Lesson) []lesson.Stop {
	var stops []lesson.Stop
	for _, s := range l.Steps {
		stops = append(stops, s.Stops...)
	}
	return stops
}

// pageName is the stop's page, or its stage's own.
func pageName(stop lesson.Stop) string {
	if stop.Page != "" {
		return stop.Page
	}
	return string(stop.Stage)
}

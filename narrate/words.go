package narrate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/learndocker/learndocker/narrate/prose"
)

// Words are all that a step says, in one language. Claims and Tries stand in the
// order of the step's own. What is empty is said in the step's own language.
type Words struct {
	Title    string    `json:"title,omitempty"`
	Prose    string    `json:"prose,omitempty"`
	More     string    `json:"more,omitempty"`
	Claims   []string  `json:"claims,omitempty"` // their sentences
	Tries    []string  `json:"tries,omitempty"`  // why to try
	Question *Question `json:"question,omitempty"`
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// Translations are a step's words by language.
type Translations map[string]Words

// Localized is the step with its words in that language, or in the nearest that
// it has: the renderers know of no other.
func (s *Step) Localized(language string) *Step {
	have := []string{prose.Original}
	for name := range s.In {
		have = append(have, name)
	}
	slices.Sort(have[1:])
	words, ok := s.In[prose.Match(language, have)]
	if !ok {
		return s
	}
	local := *s
	local.In = nil
	local.Title, local.Prose, local.More = cmp.Or(words.Title, s.Title), cmp.Or(words.Prose, s.Prose), cmp.Or(words.More, s.More)
	if len(words.Claims) == len(s.Claims) {
		local.Claims = slices.Clone(s.Claims)
		for i, say := range words.Claims {
			local.Claims[i].Say = say
		}
	}
	if len(words.Tries) == len(s.Try) {
		local.Try = slices.Clone(s.Try)
		for i, why := range words.Tries {
			local.Try[i].Why = why
		}
	}
	if words.Question != nil && s.Question != nil {
		local.Question = words.Question
	}
	if len(words.Outcomes) == len(s.Outcomes) {
		local.Outcomes = words.Outcomes
	}
	return &local
}

// say sets words of the step in one language.
func (s *Step) say(language string, set func(*Words)) {
	if s.In == nil {
		s.In = Translations{}
	}
	w := s.In[language]
	set(&w)
	s.In[language] = w
}

// asks reports whether the step asks this question, in any language.
func (s *Step) asks(q Question) bool {
	if s.Question == nil || s.Question.ID != q.ID {
		return false
	}
	if s.Question.Question == q.Question {
		return true
	}
	for _, w := range s.In {
		if w.Question != nil && w.Question.Question == q.Question {
			return true
		}
	}
	return false
}

// Localized is the header with the title in that language, or in the nearest
// that the recording has.
func (h Header) Localized(language string) Header {
	if len(h.Languages) == 0 {
		return h
	}
	h.Language = prose.Match(language, h.Languages)
	h.Title = cmp.Or(h.Titles[h.Language], h.Title)
	return h
}

// inLanguages notes in a header which languages are told, and how the page that
// gives the title is called in each.
func (h *Header) inLanguages(library *prose.Library, page string) {
	h.Languages = library.Languages()
	for _, l := range library.Translations {
		p, err := l.Page(page)
		if err != nil {
			continue // told in the original
		}
		if h.Titles == nil {
			h.Titles = map[string]string{}
		}
		h.Titles[l.Language] = p.Title
	}
}

// translate says a page's words in the other languages. tries are the indices
// of those that are offered. A page without a translation, or whose translation
// does not make the same claims, is told in the original.
func (b *builder) translate(s *Step, page *prose.Page, tries []int, env prose.Env) error {
	for _, l := range b.library.Translations {
		of, err := l.Page(page.Name)
		if errors.Is(err, prose.ErrNoPage) || err == nil && !prose.SameConditions(page, of) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.Language, err)
		}
		words, err := wordsOf(of, tries, env)
		if err != nil {
			return fmt.Errorf("page %s/%s: %w", l.Language, page.Name, err)
		}
		s.say(l.Language, func(w *Words) { *w = words })
	}
	return nil
}

// wordsOf fills a translated page's fields. Its claims are not evaluated again:
// what is so does not depend on the language.
func wordsOf(p *prose.Page, tries []int, env prose.Env) (Words, error) {
	var wrong error
	fill := func(text string) string {
		filled, err := prose.Fill(text, env)
		wrong = errors.Join(wrong, err)
		return filled
	}
	w := Words{Title: fill(p.Title), Prose: fill(p.Body), More: fill(p.More)}
	for _, c := range p.Claims {
		w.Claims = append(w.Claims, fill(c.Say))
	}
	for _, i := range tries {
		w.Tries = append(w.Tries, fill(p.Try[i].Why))
	}
	return w, wrong
}

// askedIn is a bundled question in the other languages.
func (b *builder) askedIn(s *Step, id string, q prose.Question, env prose.Env) (map[string]asked, error) {
	in := map[string]asked{}
	for _, l := range b.library.Translations {
		of, err := l.Question(id)
		if err != nil || !prose.SameChoices(q, of) {
			continue // asked in the original
		}
		text, err := prose.Fill(of.Question, env)
		if err != nil {
			return nil, fmt.Errorf("question %s/%s: %w", l.Language, id, err)
		}
		local := Question{ID: id, Question: text, Choices: of.Choices}
		s.say(l.Language, func(w *Words) { w.Question = &local })
		in[l.Language] = asked{local, of.Why}
	}
	return in, nil
}

// asked is a question that was asked, and what to say when its truth is known,
// its fields not yet filled.
type asked struct {
	question Question
	why      string
}

// answerIn says in the other languages what came of a question. One that was
// asked in the original only is answered so.
func (b *builder) answerIn(s *Step, q predicted, o Outcome, env prose.Env) error {
	for _, l := range b.library.Translations {
		local := o
		if a, ok := q.in[l.Language]; ok {
			why, err := prose.Fill(a.why, env)
			if err != nil {
				return fmt.Errorf("answer to %s/%s: %w", l.Language, q.question.ID, err)
			}
			local.Question, local.Why = a.question, why
		}
		s.say(l.Language, func(w *Words) { w.Outcomes = append(w.Outcomes, local) })
	}
	return nil
}

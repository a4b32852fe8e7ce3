package prose

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Original is the language in which everything is written first.
const Original = "en"

// Match finds the language that suits best: ko for ko-KR or ko_KR.UTF-8. Where
// none suits it is the original, or the first where that is not among them.
func Match(wanted string, have []string) string {
	if len(have) == 0 {
		return Original
	}
	have = slices.Clone(have)
	if i := slices.Index(have, Original); i > 0 {
		have[0], have[i] = have[i], have[0]
	}
	var tags []language.Tag
	for _, name := range have {
		tags = append(tags, language.Make(name))
	}
	_, i, confidence := language.NewMatcher(tags).Match(language.Make(plainLocale(wanted)))
	if confidence < language.High { // a guess by what else people there may read
		i = 0
	}
	return have[i]
}

// Suits reports whether one of the languages is the wanted one.
func Suits(wanted string, have []string) bool {
	tag, err := language.Parse(plainLocale(wanted))
	if err != nil {
		return false
	}
	base, _ := tag.Base()
	return slices.ContainsFunc(have, func(name string) bool {
		b, _ := language.Make(name).Base()
		return b == base
	})
}

// plainLocale takes the encoding and the modifier off a locale's name.
func plainLocale(name string) string {
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "@")
	return name
}

// Languages of the library, the original first.
func (l *Library) Languages() []string {
	list := []string{l.Language}
	for _, t := range l.Translations {
		list = append(list, t.Language)
	}
	return list
}

// In is the library in one of its languages.
func (l *Library) In(language string) *Library {
	for _, t := range l.Translations {
		if t.Language == language {
			return t
		}
	}
	return l
}

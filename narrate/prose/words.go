package prose

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Words are the fixed words of the interface (labels, keys, heads of tables)
// in one language, by the English text. A text without a translation stays
// English; nil Words are English.
//
// They are in words.yaml of each language. The original's names, for each text,
// the place where it is met, for whoever translates.
type Words map[string]string

// Say is the text in this language.
func (w Words) Say(english string) string {
	if text, ok := w[english]; ok {
		return text
	}
	return english
}

// Sayf is the text in this language, its verbs filled in: %d, %s, or %[2]s
// where the order is another.
func (w Words) Sayf(english string, args ...any) string { return fmt.Sprintf(w.Say(english), args...) }

// Cell is a cell of a panel in this language. Panels are recorded in English;
// the words for "13 capabilities" are found as those for "%d capabilities".
func (w Words) Cell(english string) string {
	if text, ok := w[english]; ok {
		return text
	}
	numbers := number.FindAllString(english, -1)
	text, ok := w[number.ReplaceAllString(english, "%d")]
	if len(numbers) == 0 || !ok {
		return english
	}
	for _, n := range numbers {
		text = strings.Replace(text, "%d", n, 1)
	}
	return text
}

var number = regexp.MustCompile(`[0-9]+`)

// Words of the library's language, by the English text; none for English. They
// are there for whoever renders panels and steps elsewhere, too.
func (l *Library) Words() Words {
	if l.Language == Original {
		return Words{}
	}
	return l.words
}

// AllWords are the fixed words of every language but the original, for whoever
// switches between languages in place: language → text by the English text.
func (l *Library) AllWords() map[string]map[string]string {
	words := map[string]map[string]string{}
	for _, t := range l.Translations {
		words[t.Language] = t.Words()
	}
	return words
}

func readWords(files fs.FS) (Words, error) {
	data, err := fs.ReadFile(files, "words.yaml")
	if err != nil {
		return nil, err
	}
	var words Words
	return words, strictYAML(data, &words)
}

// compareWords lists what the translation's words lack, and what they have
// that the original does not.
func compareWords(original, translation Words) []string {
	var wrong []string
	for text := range original {
		switch translated, ok := translation[text]; {
		case !ok || translated == "":
			wrong = append(wrong, fmt.Sprintf("words.yaml: missing: add  %s: …", strconv.Quote(text)))
		case !slices.Equal(verbs(text), verbs(translated)):
			wrong = append(wrong, fmt.Sprintf("words.yaml: %q: want the verbs %v in it, has %v", text, verbs(text), verbs(translated)))
		}
	}
	for text := range translation {
		if _, ok := original[text]; !ok {
			wrong = append(wrong, fmt.Sprintf("words.yaml: %q: not a fixed word any more; remove it", text))
		}
	}
	slices.Sort(wrong)
	return wrong
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([sd])`)

// verbs are a format's, in the order of their arguments.
func verbs(format string) []string {
	var list []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		at := next
		if n, err := strconv.Atoi(m[1]); err == nil {
			at = n
		}
		list = append(list, fmt.Sprintf("%d%s", at, m[2]))
		next = at + 1
	}
	slices.Sort(list)
	return slices.Compact(list)
}

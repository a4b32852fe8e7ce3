package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// languageVariable asks for a language as the flag does.
const languageVariable = "LEARNDOCKER_LANG"

// languageFlag is the language in which lessons are shown. Commands, their help
// and their errors are English.
type languageFlag struct{ asked string }

func (f *languageFlag) declare(flags *pflag.FlagSet) {
	flags.StringVar(&f.asked, "lang", "", "show the lesson in this `LANGUAGE`: en, ko (default: LEARNDOCKER_LANG, then the locale's)")
}

// choose takes the language asked for by the flag, or that of the environment
// as far as it is there. Only what was asked for by the flag can be refused.
func (f *languageFlag) choose(have []string) (string, error) {
	if f.asked == "" {
		return prose.Match(environmentLanguage(), have), nil
	}
	if !prose.Suits(f.asked, have) {
		return "", fmt.Errorf("--lang %s: want one of %s", f.asked, strings.Join(have, ", "))
	}
	return prose.Match(f.asked, have), nil
}

// environmentLanguage is what the environment asks for: locale(7), with a
// variable of our own before it.
func environmentLanguage() string {
	for _, name := range []string{languageVariable, "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return prose.Original
}

// wording is a language and its fixed words.
type wording struct {
	language string
	fixed    prose.Words
}

// words finds the language in which a session is shown: one in which it is told.
func (f *languageFlag) words(h narrate.Header) (wording, error) {
	have := h.Languages
	if len(have) == 0 { // recorded before there were several
		have = []string{h.Language}
	}
	library, err := openLibrary()
	if err != nil {
		return wording{}, err
	}
	chosen, err := f.choose(have)
	if err != nil {
		return wording{}, err
	}
	return wording{chosen, library.In(chosen).Words()}, nil
}

// fixedWords are those of all languages, for a page on which the reader
// chooses.
func fixedWords() (map[string]map[string]string, error) {
	library, err := openLibrary()
	if err != nil {
		return nil, err
	}
	return library.AllWords(), nil
}

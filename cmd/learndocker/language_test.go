package main

import "testing"

// TestPageHasFixedWords: a page can show the interface in every language.
func TestPageHasFixedWords(t *testing.T) {
	words, err := fixedWords()
	if err != nil {
		t.Fatal(err)
	}
	if words["ko"]["next"] != "다음" || words["en"] != nil {
		t.Errorf("%d languages, next is %q in Korean", len(words), words["ko"]["next"])
	}
}

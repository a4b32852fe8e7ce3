package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/learndocker/learndocker/narrate"
)

// farewell says how a session ended, once all is unwound, and what to type next.
// What was not so is told wherever the words go.
func (f *showFlags) farewell(s *narrate.Session, words wording) {
	say := words.fixed
	if n := falseIn(s); n > 0 && f.script != "" {
		fmt.Fprintln(os.Stderr, say.Sayf("Not so here: %d of what the lesson says or expects. Which, and where:  learndocker lesson check %s", n, f.script))
	}
	if !term.IsTerminal(int(os.Stdout.Fd())) {
		return
	}
	switch ended := s.View().Ended; {
	case f.awaited != "":
		fmt.Fprintln(os.Stderr, say.Say("The daemon is let go, and works on unwatched."))
	case s.Replayed() && !ended:
	case s.Replayed():
		f.nextLesson(s, words, "replay")
	case !ended:
		fmt.Fprintln(os.Stderr, say.Say("The lesson was ended before its end. Everything is unwound, nothing is left behind."))
	default:
		fmt.Fprintln(os.Stderr, say.Say("Nothing is left behind."))
		f.nextLesson(s, words, "lesson")
	}
}

// nextLesson names the bundled lesson that goes on from this one.
func (f *showFlags) nextLesson(s *narrate.Session, words wording, command string) {
	l, err := readLesson(s.Header().Lesson)
	if err != nil { // one's own: what is next is not for us to say
		return
	}
	if l.Next != "" {
		fmt.Fprintf(os.Stderr, "%s  learndocker %s %s --step\n", words.fixed.Say("Next:"), command, l.Next)
		return
	}
	fmt.Fprintf(os.Stderr, "%s  learndocker lesson list\n", words.fixed.Say("All lessons:"))
}

// falseIn counts what was claimed or expected and was not so.
func falseIn(s *narrate.Session) int {
	n := 0
	for _, step := range s.Seen() {
		n += len(step.False())
	}
	return n
}

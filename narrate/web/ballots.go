package web

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/learndocker/learndocker/narrate/lesson"
)

// Bounds on a class.
const (
	maxFollowers = 5000
	maxVoter     = 64 // bytes of a voter's number
)

// tally counts votes by the choice's key.
type tally map[string]int

// ballots keeps who follows and what they predict. Nobody is known by name.
type ballots struct {
	mu        sync.Mutex
	followers int
	votes     map[int]map[string]string // step's index → voter → key
	change    chan struct{}             // closed and replaced at each change
}

func newBallots() *ballots {
	return &ballots{votes: map[int]map[string]string{}, change: make(chan struct{})}
}

func (b *ballots) tell() {
	close(b.change)
	b.change = make(chan struct{})
}

// changed returns a channel that is closed at the next change.
func (b *ballots) changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.change
}

// enter counts a follower in, unless the class is full.
func (b *ballots) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.followers == maxFollowers {
		return false
	}
	b.followers++
	b.tell()
	return true
}

func (b *ballots) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followers--
	b.tell()
}

func (b *ballots) present() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.followers
}

// cast takes a vote; a second one of the same voter replaces the first.
func (b *ballots) cast(step int, voter, key string) error {
	if voter == "" || len(voter) > maxVoter {
		return errors.New("a vote needs a voter")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.votes[step] == nil {
		b.votes[step] = map[string]string{}
	}
	if _, again := b.votes[step][voter]; !again && len(b.votes[step]) == maxFollowers {
		return errors.New("all votes have been cast")
	}
	b.votes[step][voter] = key
	b.tell()
	return nil
}

// tallies counts the votes on the steps that may be shown.
func (b *ballots) tallies(shown func(step int) bool) map[int]tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[int]tally{}
	for step, votes := range b.votes {
		if !shown(step) {
			continue
		}
		counts[step] = tally{}
		for key := range maps.Values(votes) {
			counts[step][key]++
		}
	}
	return counts
}

func offers(choices []lesson.Choice, key string) bool {
	return slices.ContainsFunc(choices, func(c lesson.Choice) bool { return c.Key == key })
}

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"rsc.io/qr"

	"github.com/learndocker/learndocker/narrate"
)

// role is what a page may see and do.
type role string

const (
	teacher role = "teacher"
	student role = "student"
)

// opening is a stream's first line.
type opening struct {
	Header   narrate.Header               `json:"header"`
	Role     role                         `json:"role"`
	Replay   bool                         `json:"replay"`
	Types    bool                         `json:"types"` // the client's input can be typed
	Words    map[string]map[string]string `json:"words,omitempty"`
	Language string                       `json:"language,omitempty"` // asked for by whoever leads
	Join     *join                        `json:"join,omitempty"`
}

// join tells students where to go.
type join struct {
	Address string   `json:"address"`
	QR      []string `json:"qr"` // rows of the code; "1" is black
}

// state is what changes besides the steps.
type state struct {
	Cursor    int            `json:"cursor"` // index of the step that the teacher shows
	Waiting   bool           `json:"waiting"`
	Ended     bool           `json:"ended"`
	Over      bool           `json:"over"` // the program ends
	Error     string         `json:"error,omitempty"`
	Followers int            `json:"followers,omitempty"`
	Votes     map[int]tally  `json:"votes,omitempty"`
	Answers   map[int]string `json:"answers,omitempty"` // the teacher's, by the step's index
}

// Rhythms of a stream.
const (
	heartbeat     = 15 * time.Second // an empty line, so that a dead connection is noticed
	writePatience = 30 * time.Second
	breath        = 100 * time.Millisecond // between two states with votes
)

// stream sends the session as it goes on. "after" is how many steps the page
// has already: one that lost the network goes on where it was.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, who role) {
	had, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil || had < 0 {
		had = 0
	}
	if who == student {
		if !s.ballots.enter() {
			http.Error(w, "the class is full", http.StatusServiceUnavailable)
			return
		}
		defer s.ballots.leave()
	}
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	c := &channel{w: w, control: http.NewResponseController(w)}
	c.send(s.opening(who))
	var last []byte
	for c.err == nil {
		view, votes := s.session.View(), s.ballots.changed()
		for ; had < len(view.Seen); had++ {
			line, err := s.line(view.Seen, had)
			if err != nil {
				return
			}
			c.write(line)
		}
		now, err := json.Marshal(map[string]state{"state": s.state(view, who)})
		if err != nil {
			return
		}
		if !bytes.Equal(now, last) {
			last = now
			c.write(append(now, '\n'))
		}
		c.flush()
		if who == student {
			votes = nil // what the others think is not theirs to see before the truth is
		}
		select {
		case <-view.Changed:
		case <-votes:
			time.Sleep(breath)
		case <-time.After(heartbeat):
			c.write([]byte{'\n'})
		case <-s.done:
			c.send(map[string]state{"state": {Cursor: view.Cursor, Ended: true, Over: true}})
			c.flush()
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Server) opening(who role) opening {
	o := opening{Header: s.session.Header(), Role: who, Replay: s.session.Replayed(), Words: s.options.Words, Language: s.options.Language}
	if who == teacher {
		o.Types, o.Join = s.options.Type != nil, newJoin(s.options.Join)
	}
	return o
}

func (s *Server) state(v narrate.View, who role) state {
	st := state{Cursor: v.Cursor, Waiting: v.Waiting, Ended: v.Ended}
	latest := len(v.Seen) - 1
	if who == student {
		st.Votes = s.ballots.tallies(func(step int) bool { return step < latest })
		return st
	}
	if v.Err != nil {
		st.Error = v.Err.Error()
	}
	st.Followers, st.Votes = s.ballots.present(), s.ballots.tallies(func(int) bool { return true })
	st.Answers = map[int]string{}
	for i, step := range v.Seen {
		if step.Question != nil {
			if key := s.session.Answered(*step.Question); key != "" {
				st.Answers[i] = key
			}
		}
	}
	return st
}

func newJoin(address string) *join {
	if address == "" {
		return nil
	}
	j := &join{Address: address}
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return j // longer than a code can hold: the address alone will do
	}
	for y := range code.Size {
		row := make([]byte, code.Size)
		for x := range row {
			row[x] = '0'
			if code.Black(x, y) {
				row[x] = '1'
			}
		}
		j.QR = append(j.QR, string(row))
	}
	return j
}

// channel writes lines until the first error.
type channel struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (c *channel) send(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		c.err = err
		return
	}
	c.write(append(data, '\n'))
}

func (c *channel) write(line []byte) {
	if c.err != nil {
		return
	}
	if c.err = c.control.SetWriteDeadline(time.Now().Add(writePatience)); c.err == nil {
		_, c.err = c.w.Write(line)
	}
}

func (c *channel) flush() {
	if c.err == nil {
		c.err = c.control.Flush()
	}
}

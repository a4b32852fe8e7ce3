package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// wish is what a page asks for.
type wish struct {
	Do   string `json:"do"`             // "next", "back", "forward", "goto", "answer", "type"
	Step int    `json:"step,omitempty"` // index: of goto, where to; of next, the latest step, so that a wish sent twice counts once
	Key  string `json:"key,omitempty"`  // of a choice, of answer
	Text string `json:"text,omitempty"` // of type
	End  bool   `json:"end,omitempty"`  // of type: there is no more to come
}

// do does what the teacher's page asks for. What comes of it is seen in the
// stream.
func (s *Server) do(w http.ResponseWriter, r *http.Request) {
	var q wish
	if !readJSON(w, r, &q) {
		return
	}
	switch q.Do {
	case "next":
		if q.Step != len(s.session.Seen())-1 {
			break
		}
		// The engine may take its time, and goes on though the page be closed.
		go s.next(context.WithoutCancel(r.Context()))
	case "back":
		s.session.Back()
	case "forward":
		s.session.Forward()
	case "goto":
		if !s.session.GoTo(q.Step) {
			http.Error(w, "no such step", http.StatusBadRequest)
			return
		}
	case "answer":
		s.session.Answer(q.Key)
	case "type":
		if s.options.Type == nil {
			http.Error(w, "nobody reads input here", http.StatusConflict)
			return
		}
		if err := s.options.Type(q.Text, q.End); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
	default:
		http.Error(w, "unknown wish", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) next(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	_, _ = s.session.Next(ctx) // the view tells of an error
}

// vote counts a student's prediction.
func (s *Server) vote(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Step  int    `json:"step"`
		Key   string `json:"key"`
		Voter string `json:"voter"` // a number that the browser has made up
	}
	if !readJSON(w, r, &q) {
		return
	}
	seen := s.session.Seen()
	if q.Step < 0 || q.Step >= len(seen) || seen[q.Step].Question == nil || !offers(seen[q.Step].Question.Choices, q.Key) {
		http.Error(w, "no such question", http.StatusBadRequest)
		return
	}
	if q.Step < len(seen)-1 {
		http.Error(w, "the truth is known already", http.StatusConflict)
		return
	}
	if err := s.ballots.cast(q.Step, q.Voter, q.Key); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// bodyPatience is how long a body may take to come.
const bodyPatience = 10 * time.Second

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return false
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return false
	}
	if err != nil {
		http.Error(w, "the body is no such JSON: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

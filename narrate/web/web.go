// Package web shows a session in browsers. The page is a second set of controls
// on the session that the terminal leads too; students' browsers follow it.
//
//	browser ── GET /session ──► JSON Lines: a header, steps as they come, states
//	        ── POST /do ──────► what its user wants done
//
// The lines of steps are those of a recording, so the page plays a recording
// by the same code.
package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/learndocker/learndocker/narrate"
)

// Options of a server.
type Options struct {
	Words    map[string]map[string]string      // language → fixed words of the interface, by their English text
	Language string                            // in which a page is shown whose reader has not chosen; "" for the browser's
	Join     string                            // address that students open; "" where nobody may follow
	Type     func(text string, end bool) error // passes input on to the client; nil where there is none
}

// Server shows one session.
type Server struct {
	session *narrate.Session
	options Options
	token   string
	ballots *ballots
	done    chan struct{}

	mu    sync.Mutex
	lines [][]byte // steps as JSON, with the line's end
}

// New returns a server for the session.
func New(s *narrate.Session, o Options) *Server {
	return &Server{session: s, options: o, token: rand.Text(), ballots: newBallots(), done: make(chan struct{})}
}

// Address is what a teacher opens: the token in it is what lets a page lead. It
// stands behind the #, which browsers send to nobody.
func (s *Server) Address(l net.Listener) string {
	return "http://" + l.Addr().String() + "/#token=" + s.token
}

// Bounds on what a page may send.
const (
	maxHeader = 16 << 10 // bytes
	maxBody   = 8 << 10  // bytes
)

// Serve answers pages until ctx ends: the teacher's at lead, students' at
// follow, which may be nil.
func (s *Server) Serve(ctx context.Context, lead, follow net.Listener) error {
	servers := []*http.Server{s.server(s.leading())}
	listeners := []net.Listener{lead}
	if follow != nil {
		servers, listeners = append(servers, s.server(s.following())), append(listeners, follow)
	}
	ended := make(chan error, len(servers))
	for i, server := range servers {
		go func() { ended <- server.Serve(listeners[i]) }()
	}
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	close(s.done)
	for _, server := range servers {
		err = errors.Join(err, shutdown(server))
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdownPatience is how long open streams may take to say that it is over.
const shutdownPatience = time.Second

func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	if server.Shutdown(ctx) == nil {
		return nil
	}
	return server.Close()
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: guarded(hosts(s.options.Join), h), ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
	}
}

// leading serves the teacher, who shows the token.
func (s *Server) leading() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", pages())
	mux.HandleFunc("GET /session", s.withToken(func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, teacher) }))
	mux.HandleFunc("POST /do", s.withToken(s.do))
	return mux
}

// following serves students, who change nothing but their votes.
func (s *Server) following() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", pages())
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, student) })
	mux.HandleFunc("POST /vote", s.vote)
	return mux
}

// line is a step as JSON with its line's end, made once for all browsers.
func (s *Server) line(seen []*narrate.Step, i int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.lines); n <= i; n++ {
		data, err := json.Marshal(map[string]any{"step": seen[n]})
		if err != nil {
			return nil, err
		}
		s.lines = append(s.lines, append(data, '\n'))
	}
	return s.lines[i], nil
}

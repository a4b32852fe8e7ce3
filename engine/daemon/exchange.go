//go:build linux

package daemon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/stage"
)

// Bounds on a request's body: what is read, and what of it is shown.
const (
	maxBody  = 16 << 20
	maxShown = 64 << 10
)

// exchange is one request and its answer, each held where somebody watches.
type exchange struct {
	*engine.Engine // the view for this request
	w              http.ResponseWriter
	r              *http.Request
	body           []byte
}

// operation makes a handler of a function on the exchange. An error of the
// function becomes the answer, in the form that the docker command reads.
func (d *Daemon) operation(f func(*exchange) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer d.idle.begin()()
		x := &exchange{Engine: d.view(), w: w, r: r}
		err := x.begin(d.socket)
		if err == nil {
			err = f(x)
		}
		if err == nil {
			return
		}
		d.log.Debug("request", "method", r.Method, "path", r.URL.Path, "error", err)
		x.fail(err)
	}
}

// begin reads the body and holds the request.
func (x *exchange) begin(socket string) error {
	if !isUpgrade(x.r) && !streamsBody(x.r) { // the bytes after an upgrade's header are the stream's
		if err := x.readBody(); err != nil {
			return badRequest{fmt.Errorf("read request: %w", err)}
		}
	}
	if !x.IsWatched() {
		return nil
	}
	return x.At(x.r.Context(), stage.Request{
		Method: x.r.Method, Path: x.r.RequestURI, Headers: headers(x.r.Header), Body: x.shownBody(), Peer: peerOf(x.r.Context()), Socket: socket,
	})
}

// bodyPatience is how long a client may take to send a request's body.
const bodyPatience = 30 * time.Second

func (x *exchange) readBody() error {
	control := http.NewResponseController(x.w)
	if err := control.SetReadDeadline(time.Now().Add(bodyPatience)); err != nil {
		return err
	}
	var err error
	if x.body, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody)); err != nil {
		return err
	}
	return control.SetReadDeadline(time.Time{})
}

// decode reads the body as JSON. Its errors tell the place.
func (x *exchange) decode(into any) error {
	err := json.Unmarshal(x.body, into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := x.body[:min(int(syntax.Offset), len(x.body))]
		line := bytes.Count(before, []byte("\n")) + 1
		err = fmt.Errorf("line %d, byte %d: %w", line, len(before)-(bytes.LastIndexByte(before, '\n')+1), err)
	}
	if err != nil {
		return badRequest{fmt.Errorf("read request: %w", err)}
	}
	return nil
}

func shown(body []byte) string {
	return strings.ToValidUTF8(string(body[:min(len(body), maxShown)]), "�")
}

func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// headers flattens; credentials are not shown to anybody.
func headers(h http.Header) map[string]string {
	flat := map[string]string{}
	for name, values := range h {
		flat[name] = strings.Join(values, ", ")
		if strings.Contains(name, "Auth") && flat[name] != "" && flat[name] != "e30=" && flat[name] != "e30" {
			flat[name] = "(hidden)"
		}
	}
	return flat
}

// hold shows the answer to the watcher before it is sent.
func (x *exchange) hold(status int, body []byte, stream bool) error {
	if !x.IsWatched() {
		return nil
	}
	return x.At(x.r.Context(), stage.Response{
		Method: x.r.Method, Path: x.r.RequestURI, Status: status, Headers: headers(x.w.Header()), Body: shown(body), Stream: stream,
	})
}

// json answers with a document; nil is an answer without a body.
func (x *exchange) json(status int, v any) error {
	var body []byte
	if v != nil {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return err
		}
		body = b.Bytes()
		x.w.Header().Set("Content-Type", "application/json")
	}
	if err := x.hold(status, body, false); err != nil {
		return err
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // an error is a client that has gone
	return nil
}

// stream begins an answer whose body follows piece by piece.
func (x *exchange) stream() error { return x.streamOf("application/json") }

func (x *exchange) streamOf(kind string) error {
	x.w.Header().Set("Content-Type", kind)
	if err := x.hold(http.StatusOK, nil, true); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusOK)
	return http.NewResponseController(x.w).Flush()
}

// upgrade takes the connection over for a raw stream.
func (x *exchange) upgrade(contentType string) (net.Conn, *bufio.Reader, error) {
	x.w.Header().Set("Content-Type", contentType)
	status := http.StatusSwitchingProtocols
	if !isUpgrade(x.r) { // the older way: a body without end, in both directions
		status = http.StatusOK
	}
	if err := x.hold(status, nil, true); err != nil {
		return nil, nil, err
	}
	return hijack(x.w, status, contentType)
}

func hijack(w http.ResponseWriter, status int, contentType string) (net.Conn, *bufio.Reader, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}
	head := "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
	if status == http.StatusOK {
		head = "HTTP/1.1 200 OK\r\n"
	}
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, buffered.Reader, nil
}

// badRequest marks the client's own mistakes.
type badRequest struct{ error }

func (x *exchange) fail(err error) {
	status := http.StatusInternalServerError
	var bad badRequest
	switch {
	case errors.Is(err, engine.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, engine.ErrForbidden):
		status = http.StatusForbidden
	case errors.Is(err, engine.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, engine.ErrUnauthorized):
		status = http.StatusUnauthorized
	case errors.Is(err, errNotImplemented):
		status = http.StatusNotImplemented
	case errors.Is(err, engine.ErrInvalid), errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.Is(err, engine.ErrUnsupported):
		status = http.StatusNotImplemented
	}
	body, _ := json.Marshal(errorAnswer{err.Error()})
	x.w.Header().Set("Content-Type", "application/json")
	_ = x.hold(status, body, false) // an aborted operation still owes its client an answer
	writeError(x.w, status, err.Error())
}

type errorAnswer struct {
	Message string `json:"message"`
}

func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(errorAnswer{message})
}

// framed reports whether the client reads framed streams: API 1.42 and later.
func framedType(r *http.Request) string {
	if older(versionOf(r), "1.42") {
		return api.RawStream
	}
	return api.MultiplexedStream
}

// Package client is the mirror image of the daemon: one method for each
// request, over the daemon's socket.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/api"
)

// Client talks to one daemon.
type Client struct {
	network, address string
	http             *http.Client
	peer             peer
}

const userAgent = "learndocker-client"

// ErrNoDaemon is the error of a socket at which nobody listens.
var ErrNoDaemon = errors.New("is the docker daemon running?")

// AbsentError is a socket at which nobody listens; it is an ErrNoDaemon.
type AbsentError struct {
	Host  string
	Cause error
}

func (e *AbsentError) Error() string {
	return fmt.Sprintf("cannot connect to the docker daemon at %s: %s (%s)", e.Host, ErrNoDaemon, e.Cause)
}

func (e *AbsentError) Unwrap() []error { return []error{ErrNoDaemon, e.Cause} }

// Error is the daemon's own error answer.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// New returns a client for host, "unix:///PATH" or "tcp://ADDRESS". Nothing is
// connected yet.
func New(host string) (*Client, error) {
	network, address, err := ParseHost(host)
	if err != nil {
		return nil, err
	}
	c := &Client{network: network, address: address}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		// One connection for each request that waits, as the docker command has.
		DisableCompression: true,
	}}
	return c, nil
}

// ParseHost parts a daemon's address into network and address of net.Dial.
func ParseHost(host string) (network, address string, err error) {
	network, address, ok := strings.Cut(host, "://")
	if !ok || address == "" || (network != "unix" && network != "tcp") {
		return "", "", fmt.Errorf("host %q: want unix:///PATH or tcp://ADDRESS:PORT", host)
	}
	return network, address, nil
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, &AbsentError{c.Host(), err}
	}
	return conn, nil
}

// Listens reports whether somebody takes connections at the daemon's address.
func (c *Client) Listens() bool {
	conn, err := net.Dial(c.network, c.address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	if body == nil {
		return c.requestRaw(ctx, method, path, query, nil, "")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.requestRaw(ctx, method, path, query, bytes.NewReader(data), "application/json")
}

// requestRaw makes a request whose body is sent as it is read.
func (c *Client) requestRaw(ctx context.Context, method, path string, query url.Values, content io.Reader, mediaType string) (*http.Request, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	target := "http://docker/v" + version + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", userAgent)
	if mediaType != "" {
		q.Header.Set("Content-Type", mediaType)
	}
	return q, nil
}

// get sends a GET request and decodes its answer.
func (c *Client) get(ctx context.Context, path string, query url.Values, answer any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, answer)
}

// post sends a POST request and decodes its answer.
func (c *Client) post(ctx context.Context, path string, query url.Values, body, answer any) error {
	return c.do(ctx, http.MethodPost, path, query, body, answer)
}

// stream sends a request without a body and returns the answer's, to be read
// as it comes and closed.
func (c *Client) stream(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	q, err := c.request(ctx, method, path, query, nil)
	if err != nil {
		return nil, err
	}
	return c.send(q)
}

// do sends a request and decodes the answer's JSON into answer, where not nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	q, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	a, err := c.send(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if answer == nil {
		_, err := io.Copy(io.Discard, a.Body)
		return err
	}
	return json.NewDecoder(a.Body).Decode(answer)
}

func (c *Client) send(q *http.Request) (*http.Response, error) {
	a, err := c.http.Do(q)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL's host is made up
		}
		return nil, err
	}
	if a.StatusCode >= 400 {
		defer a.Body.Close()
		return nil, errorFrom(a)
	}
	return a, nil
}

func errorFrom(a *http.Response) error {
	var body struct{ Message string }
	data, _ := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if json.Unmarshal(data, &body) != nil {
		body.Message = string(data) // a daemon before all this, or a proxy
	}
	if body.Message = strings.TrimSpace(body.Message); body.Message == "" {
		body.Message = a.Status
	}
	return &Error{a.StatusCode, body.Message}
}

// Watch asks to be shown every stop of the daemon; stage/wire is spoken over
// the connection.
func (c *Client) Watch(ctx context.Context) (net.Conn, *bufio.Reader, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+api.WatchPath, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.upgrade(ctx, q)
}

func (c *Client) upgrade(ctx context.Context, q *http.Request) (net.Conn, *bufio.Reader, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	q.Header.Set("Connection", "Upgrade")
	q.Header.Set("Upgrade", "tcp")
	if err := q.Write(conn); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReader(conn)
	a, err := http.ReadResponse(r, q)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read answer: %w", err), conn.Close())
	}
	if a.StatusCode != http.StatusSwitchingProtocols {
		return nil, nil, errors.Join(errorFrom(a), conn.Close())
	}
	return conn, r, nil
}

// Await pings until the daemon answers or ctx ends.
func (c *Client) Await(ctx context.Context) error {
	for {
		err := c.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
}

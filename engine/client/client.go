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

	containertypes "github.com/moby/moby/api/types/container"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"

	"github.com/learndocker/learndocker/engine/api"
)

// Client talks to one daemon.
type Client struct {
	network, address string
	http             *http.Client
}

// ErrNoDaemon is the error of a socket at which nobody listens.
var ErrNoDaemon = errors.New("is the docker daemon running?")

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
		return nil, fmt.Errorf("cannot connect to the docker daemon at %s://%s: %w (%w)", c.network, c.address, ErrNoDaemon, err)
	}
	return conn, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	target := "http://docker/v" + api.Version + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "learndocker-client")
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	return q, nil
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
	if json.Unmarshal(data, &body) != nil || body.Message == "" {
		body.Message = a.Status
	}
	return &Error{a.StatusCode, body.Message}
}

// Ping asks whether the daemon is there and which version it speaks.
func (c *Client) Ping(ctx context.Context) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://docker/_ping", nil)
	if err != nil {
		return err
	}
	q.Header.Set("User-Agent", "learndocker-client")
	a, err := c.send(q)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

// Create makes a container.
func (c *Client) Create(ctx context.Context, name string, q containertypes.CreateRequest) (string, error) {
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	var answer containertypes.CreateResponse
	err := c.do(ctx, http.MethodPost, "/containers/create", query, q, &answer)
	return answer.ID, err
}

// Start starts a container.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/start", nil, nil, nil)
}

// Kill sends a signal to a container's first process.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	return c.do(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/kill", url.Values{"signal": {signal}}, nil, nil)
}

// Exit is how a container's run ended.
type Exit struct {
	Status int
	Err    error
}

// Wait asks to be told when the container's next run ends, or, with condition
// "removed", when it is gone. It returns once the daemon has taken the request.
func (c *Client) Wait(ctx context.Context, id, condition string) (<-chan Exit, error) {
	q, err := c.request(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/wait", url.Values{"condition": {condition}}, nil)
	if err != nil {
		return nil, err
	}
	a, err := c.send(q)
	if err != nil {
		return nil, err
	}
	exit := make(chan Exit, 1)
	go func() {
		defer a.Body.Close()
		var answer containertypes.WaitResponse
		err := json.NewDecoder(a.Body).Decode(&answer)
		if err == nil && answer.Error != nil {
			err = errors.New(answer.Error.Message)
		}
		exit <- Exit{int(answer.StatusCode), err}
	}()
	return exit, nil
}

// Remove removes a container.
func (c *Client) Remove(ctx context.Context, id string, force bool) error {
	query := url.Values{}
	if force {
		query.Set("force", "1")
	}
	return c.do(ctx, http.MethodDelete, "/containers/"+url.PathEscape(id), query, nil, nil)
}

// Containers lists the running containers, or all.
func (c *Client) Containers(ctx context.Context, all bool) ([]containertypes.Summary, error) {
	query := url.Values{}
	if all {
		query.Set("all", "1")
	}
	var answer []containertypes.Summary
	err := c.do(ctx, http.MethodGet, "/containers/json", query, nil, &answer)
	return answer, err
}

// Images lists the images.
func (c *Client) Images(ctx context.Context) ([]imagetypes.Summary, error) {
	var answer []imagetypes.Summary
	err := c.do(ctx, http.MethodGet, "/images/json", nil, nil, &answer)
	return answer, err
}

// RemoveImage removes an image's name, and with the last name the image.
func (c *Client) RemoveImage(ctx context.Context, name string, force bool) ([]imagetypes.DeleteResponse, error) {
	query := url.Values{}
	if force {
		query.Set("force", "1")
	}
	var answer []imagetypes.DeleteResponse
	err := c.do(ctx, http.MethodDelete, "/images/"+name, query, nil, &answer)
	return answer, err
}

// Pull pulls an image; progress is called for each line of it. auth is the
// value of X-Registry-Auth.
func (c *Client) Pull(ctx context.Context, name, tag, platform, auth string, progress func(jsonstream.Message)) error {
	query := url.Values{"fromImage": {name}, "tag": {tag}}
	if platform != "" {
		query.Set("platform", platform)
	}
	q, err := c.request(ctx, http.MethodPost, "/images/create", query, nil)
	if err != nil {
		return err
	}
	q.Header.Set("X-Registry-Auth", auth)
	a, err := c.send(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	lines := json.NewDecoder(a.Body)
	for {
		var m jsonstream.Message
		if err := lines.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read progress of pull: %w", err)
		}
		if m.Error != nil {
			return errors.New(m.Error.Message)
		}
		progress(m)
	}
}

// Attach connects to a container's streams. The answer's body is read from the
// returned reader; what is written goes to its input.
func (c *Client) Attach(ctx context.Context, id string, stdin bool) (net.Conn, *bufio.Reader, error) {
	query := url.Values{"stream": {"1"}, "stdout": {"1"}, "stderr": {"1"}}
	if stdin {
		query.Set("stdin", "1")
	}
	q, err := c.request(ctx, http.MethodPost, "/containers/"+url.PathEscape(id)+"/attach", query, nil)
	if err != nil {
		return nil, nil, err
	}
	return c.upgrade(ctx, q)
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

package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"

	containertypes "github.com/moby/moby/api/types/container"
)

// execBody is what is sent: the docker command says there, too, whether it
// will attach.
type execBody struct {
	containertypes.ExecCreateRequest
	Detach bool
}

// ExecCreate prepares another program in a container that runs, and returns
// the id by which it is started.
func (c *Client) ExecCreate(ctx context.Context, id string, q containertypes.ExecCreateRequest, detach bool) (string, error) {
	path, err := c.container(id, "/exec")
	if err != nil {
		return "", err
	}
	if sized, err := c.Speaks(ctx, "1.42"); err != nil {
		return "", err
	} else if !sized {
		q.ConsoleSize = nil
	}
	var answer containertypes.ExecCreateResponse
	if err := c.post(ctx, path, nil, execBody{q, detach}, &answer); err != nil {
		return "", err
	}
	if answer.ID == "" {
		return "", errors.New("exec ID empty")
	}
	return answer.ID, nil
}

func (c *Client) execStart(ctx context.Context, q containertypes.ExecStartRequest) (containertypes.ExecStartRequest, error) {
	sized, err := c.Speaks(ctx, "1.42")
	if !sized {
		q.ConsoleSize = nil
	}
	return q, err
}

// ExecStart starts a prepared program without its streams.
func (c *Client) ExecStart(ctx context.Context, exec string, q containertypes.ExecStartRequest) error {
	q, err := c.execStart(ctx, q)
	if err != nil {
		return err
	}
	return c.post(ctx, "/exec/"+url.PathEscape(exec)+"/start", nil, q, nil)
}

// ExecAttach starts a prepared program and connects to its streams.
func (c *Client) ExecAttach(ctx context.Context, exec string, q containertypes.ExecStartRequest) (net.Conn, *bufio.Reader, error) {
	q, err := c.execStart(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	data, err := json.Marshal(q)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.requestRaw(ctx, http.MethodPost, "/exec/"+url.PathEscape(exec)+"/start", nil, bytes.NewReader(data), "application/json")
	if err != nil {
		return nil, nil, err
	}
	return c.upgrade(ctx, r)
}

// ExecResize tells a program the size of the terminal before it.
func (c *Client) ExecResize(ctx context.Context, exec string, size Size) error {
	return c.post(ctx, "/exec/"+url.PathEscape(exec)+"/resize", size.query(), nil, nil)
}

// ExecStatus is the status with which a program has ended.
func (c *Client) ExecStatus(ctx context.Context, exec string) (int, error) {
	var answer struct{ ExitCode int }
	err := c.get(ctx, "/exec/"+url.PathEscape(exec)+"/json", nil, &answer)
	return answer.ExitCode, err
}

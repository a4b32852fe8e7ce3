package client

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
)

// Size is a terminal's, in characters.
type Size struct{ Height, Width uint }

func (s Size) query() url.Values {
	return url.Values{"h": {strconv.FormatUint(uint64(s.Height), 10)}, "w": {strconv.FormatUint(uint64(s.Width), 10)}}
}

// pair is the size as the API's bodies hold it; nil for none.
func (s Size) pair() *[2]uint { return &[2]uint{s.Height, s.Width} }

// AttachOptions say which of a container's streams are connected.
type AttachOptions struct {
	Stdin, Stdout, Stderr bool
	DetachKeys            string
}

// Attach connects to a container's streams. The answer's body is read from the
// returned reader; what is written goes to its input.
func (c *Client) Attach(ctx context.Context, id string, o AttachOptions) (net.Conn, *bufio.Reader, error) {
	path, err := c.container(id, "/attach")
	if err != nil {
		return nil, nil, err
	}
	query := url.Values{"stream": {"1"}}
	for name, wanted := range map[string]bool{"stdin": o.Stdin, "stdout": o.Stdout, "stderr": o.Stderr} {
		if wanted {
			query.Set(name, "1")
		}
	}
	if o.DetachKeys != "" {
		query.Set("detachKeys", o.DetachKeys)
	}
	q, err := c.requestRaw(ctx, http.MethodPost, path, query, nil, "text/plain")
	if err != nil {
		return nil, nil, err
	}
	return c.upgrade(ctx, q)
}

// LogsOptions say which lines of a container's output are read. Since and
// Until are a time or how long ago.
type LogsOptions struct {
	Since, Until, Tail          string
	Follow, Timestamps, Details bool
}

// Logs reads what a container has written; it is framed unless the container
// has a terminal. The caller closes it.
func (c *Client) Logs(ctx context.Context, id string, o LogsOptions) (io.ReadCloser, error) {
	path, err := c.container(id, "/logs")
	if err != nil {
		return nil, err
	}
	query := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {o.Tail}}
	if err := setTimes(query, o.Since, o.Until); err != nil {
		return nil, err
	}
	for name, wanted := range map[string]bool{"follow": o.Follow, "timestamps": o.Timestamps, "details": o.Details} {
		if wanted {
			query.Set(name, "1")
		}
	}
	return c.body(ctx, path, query)
}

// setTimes sets since and until, where there are any.
func setTimes(query url.Values, since, until string) error {
	now := time.Now()
	for name, value := range map[string]string{"since": since, "until": until} {
		if value == "" {
			continue
		}
		stamp, err := Timestamp(value, now)
		if err != nil {
			return fmt.Errorf("invalid value for %q: %w", name, err)
		}
		query.Set(name, stamp)
	}
	return nil
}

// body is the answer's body of a GET request.
func (c *Client) body(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	a, err := c.stream(ctx, http.MethodGet, path, query)
	if err != nil {
		return nil, err
	}
	return a.Body, nil
}

// Export reads a container's files as a tar archive. The caller closes it.
func (c *Client) Export(ctx context.Context, id string) (io.ReadCloser, error) {
	path, err := c.container(id, "/export")
	if err != nil {
		return nil, err
	}
	return c.body(ctx, path, nil)
}

// Stats reads what a container uses, one JSON object a second, or one only.
// The caller closes it.
func (c *Client) Stats(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	path, err := c.container(id, "/stats")
	if err != nil {
		return nil, err
	}
	query := url.Values{"stream": {"0"}}
	if follow {
		query.Set("stream", "1")
	}
	return c.body(ctx, path, query)
}

// StatPath says what there is at a path inside a container.
func (c *Client) StatPath(ctx context.Context, id, inside string) (containertypes.PathStat, error) {
	path, err := c.container(id, "/archive")
	if err != nil {
		return containertypes.PathStat{}, err
	}
	a, err := c.stream(ctx, http.MethodHead, path, url.Values{"path": {filepath.ToSlash(inside)}})
	if err != nil {
		return containertypes.PathStat{}, err
	}
	defer a.Body.Close()
	return pathStat(a.Header)
}

// CopyFrom reads a file or directory of a container as a tar archive, and says
// what it is. The caller closes the archive.
func (c *Client) CopyFrom(ctx context.Context, id, inside string) (io.ReadCloser, containertypes.PathStat, error) {
	path, err := c.container(id, "/archive")
	if err != nil {
		return nil, containertypes.PathStat{}, err
	}
	a, err := c.stream(ctx, http.MethodGet, path, url.Values{"path": {filepath.ToSlash(inside)}})
	if err != nil {
		return nil, containertypes.PathStat{}, err
	}
	stat, err := pathStat(a.Header)
	if err != nil {
		_ = a.Body.Close() // the error is the cause
		return nil, stat, fmt.Errorf("unable to get resource stat from response: %w", err)
	}
	return a.Body, stat, nil
}

func pathStat(h http.Header) (containertypes.PathStat, error) {
	var stat containertypes.PathStat
	data, err := base64.StdEncoding.DecodeString(h.Get("X-Docker-Container-Path-Stat"))
	if err == nil {
		err = json.Unmarshal(data, &stat)
	}
	if err != nil {
		return stat, fmt.Errorf("unable to decode container path stat header: %w", err)
	}
	return stat, nil
}

// CopyTo unpacks a tar archive into a directory of a container; owners keeps
// the owners that it names.
func (c *Client) CopyTo(ctx context.Context, id, dir string, archive io.Reader, owners bool) error {
	path, err := c.container(id, "/archive")
	if err != nil {
		return err
	}
	query := url.Values{"path": {filepath.ToSlash(dir)}, "noOverwriteDirNonDir": {"true"}}
	if owners {
		query.Set("copyUIDGID", "true")
	}
	q, err := c.requestRaw(ctx, http.MethodPut, path, query, archive, "text/plain")
	if err != nil {
		return err
	}
	a, err := c.send(q)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, a.Body)
	_ = a.Body.Close() // read to its end
	return err
}

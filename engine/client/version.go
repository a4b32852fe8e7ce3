package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/learndocker/learndocker/engine/api"
)

// peer is what the daemon has said of itself when it was first asked.
type peer struct {
	mu      sync.Mutex
	version string // the API's, that both speak; "" before the first answer
	os      string
}

// oldVersion is spoken with daemons that do not say which versions they speak:
// they are older than the header.
const oldVersion = "1.24"

// Ping asks whether the daemon is there and which version of the API it
// speaks: HEAD, or, with those that do not know that, GET.
func (c *Client) Ping(ctx context.Context) error {
	header, err := c.ping(ctx, http.MethodHead)
	var refused *Error
	if errors.As(err, &refused) {
		header, err = c.ping(ctx, http.MethodGet)
	}
	if err != nil {
		return err
	}
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	c.peer.os = header.Get("Ostype")
	if c.peer.version == "" {
		c.peer.version = common(header.Get("Api-Version"))
	}
	return nil
}

func (c *Client) ping(ctx context.Context, method string) (http.Header, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://docker/_ping", nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", userAgent)
	a, err := c.send(q)
	if err != nil {
		return nil, err
	}
	return a.Header, a.Body.Close()
}

// Version is the version of the API that the client and the daemon both speak.
// The daemon is asked once, before the first request that needs it.
func (c *Client) Version(ctx context.Context) (string, error) {
	c.peer.mu.Lock()
	version := c.peer.version
	c.peer.mu.Unlock()
	if version != "" {
		return version, nil
	}
	if err := c.Ping(ctx); err != nil {
		return "", err
	}
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	return c.peer.version, nil
}

// Pin makes the client speak that version, whatever the daemon says; "" leaves
// it to negotiation.
func (c *Client) Pin(version string) {
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	c.peer.version = strings.TrimPrefix(version, "v")
}

// DaemonOS is the system that the daemon runs containers of, as it said.
func (c *Client) DaemonOS() string {
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	return c.peer.os
}

// Host is the daemon's address.
func (c *Client) Host() string { return c.network + "://" + c.address }

// Speaks reports whether the daemon is spoken to in that version or a newer one.
func (c *Client) Speaks(ctx context.Context, version string) (bool, error) {
	agreed, err := c.Version(ctx)
	return err == nil && !Older(agreed, version), err
}

// Needs fails where the daemon is too old for something.
func (c *Client) Needs(ctx context.Context, what, version string) error {
	agreed, err := c.Version(ctx)
	if err != nil {
		return err
	}
	if Older(agreed, version) {
		return fmt.Errorf("%q requires API version %s, but the Docker daemon API version is %s", what, version, agreed)
	}
	return nil
}

// common is the newer version that both speak.
func common(daemons string) string {
	if daemons == "" {
		return oldVersion
	}
	if Older(daemons, api.Version) {
		return daemons
	}
	return api.Version
}

// Older reports whether one version of the API, MAJOR.MINOR, is before another.
func Older(a, b string) bool {
	aMajor, aMinor, _ := strings.Cut(a, ".")
	bMajor, bMinor, _ := strings.Cut(b, ".")
	if aMajor != bMajor {
		return number(aMajor) < number(bMajor)
	}
	return number(aMinor) < number(bMinor)
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // what is no number is older than all
	return n
}

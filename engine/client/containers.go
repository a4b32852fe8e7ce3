package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// container is the path of a request of one container.
func (c *Client) container(id, request string) (string, error) {
	name, err := trimmed("container", id)
	return "/containers/" + name + request, err
}

// act sends a POST request of one container, which answers nothing.
func (c *Client) act(ctx context.Context, id, request string, query url.Values) error {
	path, err := c.container(id, request)
	if err != nil {
		return err
	}
	return c.post(ctx, path, query, nil, nil)
}

// Create makes a container. platform is OS[/ARCH[/VARIANT]], or "" for the
// daemon's own.
func (c *Client) Create(ctx context.Context, name, platform string, q containertypes.CreateRequest) (containertypes.CreateResponse, error) {
	var answer containertypes.CreateResponse
	if hasAddress(q.NetworkingConfig) {
		if err := c.Needs(ctx, "specify mac-address per network", "1.44"); err != nil {
			return answer, err
		}
	}
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	if platform != "" {
		query.Set("platform", platform)
	}
	err := c.post(ctx, "/containers/create", query, q, &answer)
	return answer, err
}

// hasAddress reports whether an address is asked for, which once was the
// container's and is now its network's.
func hasAddress(n *network.NetworkingConfig) bool {
	if n == nil {
		return false
	}
	for _, e := range n.EndpointsConfig {
		if e != nil && len(e.MacAddress) > 0 {
			return true
		}
	}
	return false
}

// Start starts a container.
func (c *Client) Start(ctx context.Context, id string) error { return c.act(ctx, id, "/start", nil) }

// StopOptions say how a container is stopped: Signal first, "" for its own,
// and SIGKILL after Timeout seconds, nil for its own.
type StopOptions struct {
	Signal  string
	Timeout *int
}

func (o StopOptions) query(signals bool) url.Values {
	query := url.Values{}
	if o.Timeout != nil {
		query.Set("t", strconv.Itoa(*o.Timeout))
	}
	if o.Signal != "" && signals {
		query.Set("signal", o.Signal)
	}
	return query
}

// Stop stops a container.
func (c *Client) Stop(ctx context.Context, id string, o StopOptions) error {
	return c.halt(ctx, id, "/stop", o)
}

// Restart stops a container and starts it again.
func (c *Client) Restart(ctx context.Context, id string, o StopOptions) error {
	return c.halt(ctx, id, "/restart", o)
}

func (c *Client) halt(ctx context.Context, id, request string, o StopOptions) error {
	signals, err := c.Speaks(ctx, "1.42")
	if err != nil {
		return err
	}
	return c.act(ctx, id, request, o.query(signals))
}

// Kill sends a signal to a container's first process; "" is SIGKILL.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	query := url.Values{}
	if signal != "" {
		query.Set("signal", signal)
	}
	return c.act(ctx, id, "/kill", query)
}

// Pause freezes a container's processes.
func (c *Client) Pause(ctx context.Context, id string) error { return c.act(ctx, id, "/pause", nil) }

// Unpause thaws them.
func (c *Client) Unpause(ctx context.Context, id string) error {
	return c.act(ctx, id, "/unpause", nil)
}

// Rename gives a container another name.
func (c *Client) Rename(ctx context.Context, id, name string) error {
	return c.act(ctx, id, "/rename", url.Values{"name": {name}})
}

// Resize tells a container the size of the terminal before it.
func (c *Client) Resize(ctx context.Context, id string, size Size) error {
	return c.act(ctx, id, "/resize", size.query())
}

// Update changes a container's limits and its restart policy; the answer are
// the daemon's warnings.
func (c *Client) Update(ctx context.Context, id string, q containertypes.UpdateConfig) ([]string, error) {
	path, err := c.container(id, "/update")
	if err != nil {
		return nil, err
	}
	var answer containertypes.UpdateResponse
	err = c.post(ctx, path, nil, q, &answer)
	return answer.Warnings, err
}

// Exit is how a container's run ended. Err may be a WaitError.
type Exit struct {
	Status int
	Err    error
}

// WaitError is what the daemon says where a container's end was not of its own
// doing: it never began, say. It has a status all the same.
type WaitError struct{ Message string }

func (e *WaitError) Error() string { return e.Message }

// Wait asks to be told when the container's run ends: with condition
// "next-exit" the next one, with "removed" when it is gone, with "" when it
// does not run. It returns once the daemon has taken the request.
func (c *Client) Wait(ctx context.Context, id, condition string) (<-chan Exit, error) {
	path, err := c.container(id, "/wait")
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if condition != "" {
		query.Set("condition", condition)
	}
	a, err := c.stream(ctx, http.MethodPost, path, query)
	if err != nil {
		return nil, err
	}
	exit := make(chan Exit, 1)
	go func() {
		defer a.Body.Close()
		var answer containertypes.WaitResponse
		err := json.NewDecoder(a.Body).Decode(&answer)
		if err == nil && answer.Error != nil {
			err = &WaitError{answer.Error.Message}
		}
		exit <- Exit{int(answer.StatusCode), err}
	}()
	return exit, nil
}

// RemoveOptions say what goes with a container, and whether it may run.
type RemoveOptions struct{ Force, Volumes, Link bool }

// Remove removes a container.
func (c *Client) Remove(ctx context.Context, id string, o RemoveOptions) error {
	path, err := c.container(id, "")
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, wanted := range map[string]bool{"force": o.Force, "v": o.Volumes, "link": o.Link} {
		if wanted {
			query.Set(name, "1")
		}
	}
	return c.do(ctx, http.MethodDelete, path, query, nil, nil)
}

// ListOptions say which containers are listed: the running ones, or All, or
// the Limit newest ones, that pass the Filters.
type ListOptions struct {
	All, Size bool
	Limit     int
	Filters   Filters
}

// Containers lists containers.
func (c *Client) Containers(ctx context.Context, o ListOptions) ([]containertypes.Summary, error) {
	query := url.Values{}
	if o.All {
		query.Set("all", "1")
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Size {
		query.Set("size", "1")
	}
	o.Filters.set(query)
	var answer []containertypes.Summary
	err := c.get(ctx, "/containers/json", query, &answer)
	return answer, err
}

// InspectContainer is all that the daemon says of a container, also as it
// came, and with the size of its files, which takes a while.
func (c *Client) InspectContainer(ctx context.Context, id string, size bool) (containertypes.InspectResponse, []byte, error) {
	var answer containertypes.InspectResponse
	path, err := c.container(id, "/json")
	if err != nil {
		return answer, nil, err
	}
	query := url.Values{}
	if size {
		query.Set("size", "1")
	}
	raw, err := c.getRaw(ctx, path, query, &answer)
	return answer, raw, err
}

// getRaw is get that keeps the answer as it came, too.
func (c *Client) getRaw(ctx context.Context, path string, query url.Values, answer any) ([]byte, error) {
	a, err := c.stream(ctx, http.MethodGet, path, query)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	raw, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	return raw, json.Unmarshal(raw, answer)
}

// Top lists a container's processes, as ps with these arguments does.
func (c *Client) Top(ctx context.Context, id string, args []string) (containertypes.TopResponse, error) {
	var answer containertypes.TopResponse
	path, err := c.container(id, "/top")
	if err != nil {
		return answer, err
	}
	query := url.Values{}
	if len(args) > 0 {
		query.Set("ps_args", strings.Join(args, " "))
	}
	err = c.get(ctx, path, query, &answer)
	return answer, err
}

// Changes lists the files that a container has changed.
func (c *Client) Changes(ctx context.Context, id string) ([]containertypes.FilesystemChange, error) {
	path, err := c.container(id, "/changes")
	if err != nil {
		return nil, err
	}
	var answer []containertypes.FilesystemChange
	err = c.get(ctx, path, nil, &answer)
	return answer, err
}

// CommitOptions say what the image of a container is to be.
type CommitOptions struct {
	Reference, Comment, Author string
	Changes                    []string // lines of a Dockerfile
	Pause                      bool
}

// Commit makes an image of a container's files, and returns its id.
func (c *Client) Commit(ctx context.Context, id string, o CommitOptions) (string, error) {
	if _, err := trimmed("container", id); err != nil {
		return "", err
	}
	repository, tag, err := target(o.Reference)
	if err != nil {
		return "", err
	}
	query := url.Values{
		"container": {id}, "repo": {repository}, "tag": {tag}, "comment": {o.Comment}, "author": {o.Author},
		"changes": slices.Clone(o.Changes),
	}
	if !o.Pause {
		query.Set("pause", "0")
	}
	var answer containertypes.CommitResponse
	err = c.post(ctx, "/commit", query, nil, &answer)
	return answer.ID, err
}

// target parts the name that an image is to get. "" is an image without one.
func target(name string) (repository, tag string, err error) {
	if name == "" {
		return "", "", nil
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", "", err
	}
	if _, ok := named.(reference.Canonical); ok {
		return "", "", errors.New("refusing to create a tag with a digest reference")
	}
	if tagged, ok := reference.TagNameOnly(named).(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	return named.Name(), tag, nil
}

// PruneContainers removes the containers that do not run.
func (c *Client) PruneContainers(ctx context.Context, f Filters) (containertypes.PruneReport, error) {
	var answer containertypes.PruneReport
	query := url.Values{}
	f.set(query)
	err := c.post(ctx, "/containers/prune", query, nil, &answer)
	return answer, err
}

package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/moby/moby/api/types/build"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/plugin"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
)

// Info is what the daemon says of itself and its machine.
func (c *Client) Info(ctx context.Context) (system.Info, error) {
	var answer system.Info
	err := c.get(ctx, "/info", nil, &answer)
	return answer, err
}

// DaemonVersion is what the daemon says of its versions.
func (c *Client) DaemonVersion(ctx context.Context) (system.VersionResponse, error) {
	var answer system.VersionResponse
	err := c.get(ctx, "/version", nil, &answer)
	return answer, err
}

// DiskUsage is what the daemon's things take on the disk, as versions of the
// API up to 1.51 tell it.
type DiskUsage struct {
	LayersSize int64
	Images     []imagetypes.Summary
	Containers []containertypes.Summary
	Volumes    []volume.Volume
	BuildCache []build.CacheRecord
}

// DiskUsage asks the daemon to measure itself.
func (c *Client) DiskUsage(ctx context.Context) (DiskUsage, error) {
	var answer DiskUsage
	err := c.get(ctx, "/system/df", nil, &answer)
	return answer, err
}

// PruneBuilds removes what is kept of builds; all of it, or what none needs.
func (c *Client) PruneBuilds(ctx context.Context, all bool, f Filters) (build.CachePruneReport, error) {
	var answer build.CachePruneReport
	query := url.Values{"keep-storage": {"0"}, "all": {strconv.FormatBool(all)}}
	if !all {
		query.Del("all")
	}
	f.set(query)
	err := c.post(ctx, "/build/prune", query, nil, &answer)
	return answer, err
}

// InspectPlugin is all that the daemon says of a plugin, also as it came.
func (c *Client) InspectPlugin(ctx context.Context, name string) (plugin.Plugin, []byte, error) {
	var answer plugin.Plugin
	escaped, err := trimmed("plugin", name)
	if err != nil {
		return answer, nil, err
	}
	raw, err := c.getRaw(ctx, "/plugins/"+escaped+"/json", nil, &answer)
	return answer, raw, err
}

// Event is something that has happened. The first three are what events were
// before they had actors; they are told of containers and images still.
type Event struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

// Events calls each for every event that passes the filters, until its time is
// over, the daemon ends, each fails or ctx ends.
func (c *Client) Events(ctx context.Context, since, until string, f Filters, each func(Event) error) error {
	query := url.Values{}
	if err := setTimes(query, since, until); err != nil {
		return err
	}
	return c.events(ctx, query, f, func() {}, each)
}

// EventsFrom is Events from now on, for ever. It calls begun once none is
// missed any more, or none will come.
func (c *Client) EventsFrom(ctx context.Context, f Filters, begun func(), each func(Event) error) error {
	return c.events(ctx, url.Values{}, f, begun, each)
}

func (c *Client) events(ctx context.Context, query url.Values, f Filters, begun func(), each func(Event) error) error {
	f.set(query)
	body, err := c.body(ctx, "/events", query)
	begun()
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var e Event
		if err := lines.Decode(&e); err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

// Login lets the daemon try credentials.
func (c *Client) Login(ctx context.Context, auth registry.AuthConfig) (registry.AuthResponse, error) {
	var answer registry.AuthResponse
	err := c.post(ctx, "/auth", nil, auth, &answer)
	return answer, err
}

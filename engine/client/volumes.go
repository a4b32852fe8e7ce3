package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/volume"
)

// CreateVolume makes a volume.
func (c *Client) CreateVolume(ctx context.Context, q volume.CreateRequest) (volume.Volume, error) {
	var answer volume.Volume
	err := c.post(ctx, "/volumes/create", nil, q, &answer)
	return answer, err
}

// Volumes lists the volumes that pass the filters.
func (c *Client) Volumes(ctx context.Context, f Filters) ([]volume.Volume, error) {
	query := url.Values{}
	f.set(query)
	var answer struct{ Volumes []volume.Volume }
	err := c.get(ctx, "/volumes", query, &answer)
	return answer.Volumes, err
}

// InspectVolume is all that the daemon says of a volume, also as it came.
func (c *Client) InspectVolume(ctx context.Context, name string) (volume.Volume, []byte, error) {
	var answer volume.Volume
	escaped, err := trimmed("volume", name)
	if err != nil {
		return answer, nil, err
	}
	raw, err := c.getRaw(ctx, "/volumes/"+escaped, nil, &answer)
	return answer, raw, err
}

// RemoveVolume removes a volume that nobody uses; with force, one that is not
// there is no error.
func (c *Client) RemoveVolume(ctx context.Context, name string, force bool) error {
	escaped, err := trimmed("volume", name)
	if err != nil {
		return err
	}
	query := url.Values{}
	if force {
		query.Set("force", "1")
	}
	return c.do(ctx, http.MethodDelete, "/volumes/"+escaped, query, nil, nil)
}

// PruneVolumes removes the volumes that nobody uses.
func (c *Client) PruneVolumes(ctx context.Context, f Filters) (volume.PruneReport, error) {
	var answer volume.PruneReport
	query := url.Values{}
	f.set(query)
	err := c.post(ctx, "/volumes/prune", query, nil, &answer)
	return answer, err
}

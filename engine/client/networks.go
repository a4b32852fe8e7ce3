package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/network"
)

// CreateNetwork makes a network and returns its id.
func (c *Client) CreateNetwork(ctx context.Context, q network.CreateRequest) (string, error) {
	// Daemons of before 1.44 make a second one of the same name, unless told not to.
	told, err := c.Speaks(ctx, "1.44")
	if err != nil {
		return "", err
	}
	body := struct {
		network.CreateRequest
		CheckDuplicate bool `json:",omitempty"`
	}{q, !told}
	var answer network.CreateResponse
	err = c.post(ctx, "/networks/create", nil, body, &answer)
	return answer.ID, err
}

// Networks lists the networks that pass the filters.
func (c *Client) Networks(ctx context.Context, f Filters) ([]network.Summary, error) {
	query := url.Values{}
	f.set(query)
	var answer []network.Summary
	err := c.get(ctx, "/networks", query, &answer)
	return answer, err
}

// InspectNetwork is all that the daemon says of a network, also as it came.
func (c *Client) InspectNetwork(ctx context.Context, name string) (network.Inspect, []byte, error) {
	var answer network.Inspect
	escaped, err := trimmed("network", name)
	if err != nil {
		return answer, nil, err
	}
	raw, err := c.getRaw(ctx, "/networks/"+escaped, nil, &answer)
	return answer, raw, err
}

// PruneNetworks removes the networks that nobody uses, and lists them.
func (c *Client) PruneNetworks(ctx context.Context, f Filters) ([]string, error) {
	var answer network.PruneReport
	query := url.Values{}
	f.set(query)
	err := c.post(ctx, "/networks/prune", query, nil, &answer)
	return answer.NetworksDeleted, err
}

// RemoveNetwork removes a network on which nobody is.
func (c *Client) RemoveNetwork(ctx context.Context, name string) error {
	escaped, err := trimmed("network", name)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodDelete, "/networks/"+escaped, nil, nil, nil)
}

// ConnectNetwork puts a container on a network.
func (c *Client) ConnectNetwork(ctx context.Context, name, container string, s *network.EndpointSettings) error {
	escaped, err := trimmed("network", name)
	if err != nil {
		return err
	}
	if _, err := trimmed("container", container); err != nil {
		return err
	}
	return c.post(ctx, "/networks/"+escaped+"/connect", nil, network.ConnectRequest{Container: container, EndpointConfig: s}, nil)
}

// DisconnectNetwork takes a container off a network; with force, also off one that
// is no more.
func (c *Client) DisconnectNetwork(ctx context.Context, name, container string, force bool) error {
	escaped, err := trimmed("network", name)
	if err != nil {
		return err
	}
	if _, err := trimmed("container", container); err != nil {
		return err
	}
	return c.post(ctx, "/networks/"+escaped+"/disconnect", nil, network.DisconnectRequest{Container: container, Force: force}, nil)
}

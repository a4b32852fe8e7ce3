//go:build linux

package daemon

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine"
)

func listNetworks(x *exchange) error {
	f, err := x.filters("dangling", "driver", "id", "label", "label!", "name", "scope", "type")
	if err != nil {
		return err
	}
	dangling, asked, err := f.boolean("dangling")
	if err != nil {
		return err
	}
	for _, kind := range f["type"] {
		if kind != "custom" && kind != "builtin" {
			return badRequest{fmt.Errorf("invalid filter: 'type'='%s'", kind)}
		}
	}
	list := []networktypes.Inspect{}
	for _, n := range x.Networks() {
		if !f.wantsNetwork(n) || asked && (!isBuiltin(n) && len(x.Members(n)) == 0) != dangling {
			continue
		}
		list = append(list, networktypes.Inspect{Network: n, Containers: map[string]networktypes.EndpointResource{}})
	}
	return x.json(http.StatusOK, list)
}

func isBuiltin(n networktypes.Network) bool {
	return slices.Contains([]string{"bridge", "host", "none"}, n.Name)
}

func (f filters) wantsNetwork(n networktypes.Network) bool {
	kind := "custom"
	if isBuiltin(n) {
		kind = "builtin"
	}
	is := func(own string) func(string) bool { return func(v string) bool { return v == own } }
	like := func(own string) func(string) bool { return func(v string) bool { return matchesPattern(v, own) } }
	return f.any("driver", is(n.Driver)) && f.any("scope", is(n.Scope)) && f.any("type", is(kind)) &&
		f.any("name", like(n.Name)) && f.any("id", like(n.ID)) && f.labels(n.Labels)
}

func inspectNetwork(x *exchange) error {
	asked := x.r.PathValue("id")
	n, err := x.Network(asked)
	if err != nil {
		return err
	}
	if scope := x.r.URL.Query().Get("scope"); scope != "" && scope != n.Scope {
		return engine.ErrorOf(engine.ErrNotFound, "network %s not found", asked)
	}
	answer := networktypes.Inspect{Network: n, Containers: map[string]networktypes.EndpointResource{}}
	for _, m := range x.Members(n) {
		c, err := x.Container(m.Container)
		if err != nil {
			continue // has gone meanwhile
		}
		answer.Containers[m.Container] = networktypes.EndpointResource{
			Name: c.Snapshot().Name, EndpointID: m.Endpoint, MacAddress: networktypes.HardwareAddr(m.MAC), IPv4Address: m.Address,
		}
	}
	return x.json(http.StatusOK, answer)
}

func createNetwork(x *exchange) error {
	var q networktypes.CreateRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	n, err := x.CreateNetwork(q)
	if err != nil {
		return err
	}
	return x.json(http.StatusCreated, networktypes.CreateResponse{ID: n.ID})
}

func removeNetwork(x *exchange) error {
	if err := x.RemoveNetwork(x.r.PathValue("id")); err != nil {
		return err
	}
	return x.json(http.StatusNoContent, nil)
}

func pruneNetworks(x *exchange) error {
	f, err := x.filters("label", "label!", "until")
	if err != nil {
		return err
	}
	until, err := f.until(time.Now())
	if err != nil {
		return err
	}
	names, err := x.PruneNetworks(func(n networktypes.Network) bool {
		return !f.labels(n.Labels) || !until.IsZero() && n.Created.After(until)
	})
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, networktypes.PruneReport{NetworksDeleted: names})
}

func connectNetwork(x *exchange) error {
	var q networktypes.ConnectRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	c, err := x.Container(q.Container)
	if err != nil {
		return err
	}
	if err := x.Connect(x.lasting(), x.r.PathValue("id"), c, q.EndpointConfig); err != nil {
		return err
	}
	return x.json(http.StatusOK, nil)
}

func disconnectNetwork(x *exchange) error {
	var q networktypes.DisconnectRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	c, err := x.Container(q.Container)
	if err != nil {
		return err
	}
	if err := x.Disconnect(x.r.PathValue("id"), c, q.Force); err != nil {
		return err
	}
	return x.json(http.StatusOK, nil)
}

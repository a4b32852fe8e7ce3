//go:build linux

package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine/network"
)

// networkError puts the refusals of engine/network into the engine's kinds.
func networkError(err error) error {
	for from, to := range map[error]error{
		network.ErrForbidden: ErrForbidden, network.ErrInvalid: ErrInvalid, network.ErrNotFound: ErrNotFound, network.ErrConflict: ErrConflict,
	} {
		if errors.Is(err, from) {
			return errorOf(to, "%s", err)
		}
	}
	return err
}

// Networks lists the networks: those that each daemon has, and the users'.
func (e *Engine) Networks() []networktypes.Network {
	return append(e.network.List(), e.fixed...)
}

// fixedNetworks are those that are no bridge: of the host, and none at all.
func fixedNetworks(dataRoot string) []networktypes.Network {
	return []networktypes.Network{network.Fixed(dataRoot, network.Host, "host"), network.Fixed(dataRoot, network.None, "null")}
}

// Network finds one by its name, its id or the id's first digits.
func (e *Engine) Network(asked string) (networktypes.Network, error) {
	var found []networktypes.Network
	all := e.Networks()
	for _, is := range []func(networktypes.Network) bool{
		func(n networktypes.Network) bool { return n.ID == asked }, // before one whose name is another's id
		func(n networktypes.Network) bool { return n.Name == asked },
	} {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i], nil
		}
	}
	for _, n := range all {
		if asked != "" && strings.HasPrefix(n.ID, asked) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return networktypes.Network{}, errorOf(ErrNotFound, "network %s not found", asked)
	}
	return networktypes.Network{}, errorOf(ErrInvalid, "network %s is ambiguous (%d matches found based on ID prefix)", asked, len(found))
}

// Members are the containers that are on a network now.
func (e *Engine) Members(n networktypes.Network) []network.Member {
	members := e.network.Members(n.ID)
	for _, r := range e.Containers() {
		if p, ok := r.Endpoints[n.Name]; ok && r.State.Running && p.EndpointID != "" && e.isFixed(n) {
			members = append(members, network.Member{Container: r.ID, Endpoint: p.EndpointID})
		}
	}
	return members
}

func (e *Engine) isFixed(n networktypes.Network) bool {
	return slices.ContainsFunc(e.fixed, func(f networktypes.Network) bool { return f.ID == n.ID })
}

// CreateNetwork makes a network.
func (e *Engine) CreateNetwork(q networktypes.CreateRequest) (networktypes.Network, error) {
	d := network.Definition{Network: networktypes.Network{
		Name: q.Name, Driver: q.Driver, Scope: q.Scope, EnableIPv4: true, Internal: q.Internal, Attachable: q.Attachable, Ingress: q.Ingress,
		ConfigOnly: q.ConfigOnly, Options: q.Options, Labels: q.Labels,
	}}
	if q.EnableIPv4 != nil && !*q.EnableIPv4 {
		return d.Network, errorOf(ErrInvalid, "this engine's networks are IPv4")
	}
	d.EnableIPv6 = q.EnableIPv6 != nil && *q.EnableIPv6
	if q.IPAM != nil {
		d.IPAM = *q.IPAM
	}
	if q.ConfigFrom != nil {
		d.ConfigFrom = *q.ConfigFrom
	}
	for _, absent := range []struct {
		field   *string
		instead string
	}{{&d.Driver, network.Bridge}, {&d.Scope, "local"}, {&d.IPAM.Driver, "default"}} {
		if *absent.field == "" {
			*absent.field = absent.instead
		}
	}
	for _, m := range []*map[string]string{&d.Options, &d.Labels} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	if d.IPAM.Config == nil {
		d.IPAM.Config = []networktypes.IPAMConfig{}
	}
	made, err := e.network.Create(e.kernel(), d)
	if err != nil {
		return made.Network, networkError(err)
	}
	e.tellNetwork(made.Network, "create", "")
	return made.Network, nil
}

// tellNetwork publishes what has happened to a network, and to which container.
func (c *core) tellNetwork(n networktypes.Network, action, container string) {
	attributes := map[string]string{"name": n.Name, "type": n.Driver}
	if container != "" {
		attributes["container"] = container
	}
	c.events.publish(events.Message{Type: events.NetworkEventType, Action: events.Action(action), Actor: events.Actor{ID: n.ID, Attributes: attributes}})
}

// RemoveNetwork removes a network on which no container is that runs.
func (e *Engine) RemoveNetwork(asked string) error {
	n, err := e.Network(asked)
	if err != nil {
		return err
	}
	if network.IsPredefined(n.Name) {
		return errorOf(ErrForbidden, "%s is a pre-defined network and cannot be removed", n.Name)
	}
	if err := e.network.Destroy(n.ID); err != nil {
		return networkError(err)
	}
	e.tellNetwork(n, "destroy", "")
	return nil
}

// PruneNetworks removes the users' networks on which nobody is and that keep does
// not keep.
func (e *Engine) PruneNetworks(keep func(networktypes.Network) bool) (names []string, err error) {
	for _, n := range e.Networks() {
		if network.IsPredefined(n.Name) || keep(n) {
			continue
		}
		switch err := e.RemoveNetwork(n.ID); {
		case errors.Is(err, ErrForbidden), errors.Is(err, ErrNotFound): // is in use, or has gone meanwhile
		case err != nil:
			return names, err
		default:
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// Connect puts a container on a network: at once where it runs, else from its next
// start on.
func (e *Engine) Connect(ctx context.Context, asked string, c *Container, wish *networktypes.EndpointSettings) error {
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return errorOf(ErrNotFound, "No such container: %s", c.record.ID)
	}
	n, err := e.Network(asked)
	if err != nil {
		return err
	}
	r := c.Snapshot()
	p := newEndpoint(wish)
	if err := r.mayJoin(n, p); err != nil {
		return err
	}
	if _, there := r.Endpoints[n.Name]; there && !c.isRunning() {
		return nil // Docker's: the first wish stays
	} else if there {
		return errorOf(ErrForbidden, "endpoint with name %s already exists in network %s", r.Name, n.Name)
	}
	if c.isRunning() {
		return e.connect(ctx, c, n, p)
	}
	return c.setEndpoints(func(all map[string]Endpoint) { all[n.Name] = p })
}

// connect puts a container that runs on one more network.
func (e *Engine) connect(ctx context.Context, c *Container, n networktypes.Network, p Endpoint) error {
	pid := c.Snapshot().State.Pid
	if err := e.join(ctx, c, n, p, pid); err != nil {
		return err
	}
	if !c.Snapshot().stillRuns(pid) { // it has ended meanwhile, and may have been taken apart
		e.network.Detach(c.record.ID)
		return errorOf(ErrConflict, "Container %s is not running", c.record.ID)
	}
	return nil
}

// mayJoin refuses what a container of this kind cannot have, in Docker's words.
func (r Record) mayJoin(n networktypes.Network, p Endpoint) error {
	mode := r.HostConfig.NetworkMode
	switch {
	case mode.IsContainer(), mode.IsHost() && n.Name != network.Host:
		return errorOf(ErrInvalid, "container sharing network namespace with another container or host cannot be connected to any other network")
	case n.Name == network.Host && !mode.IsHost():
		return errorOf(ErrInvalid, "container cannot be disconnected from host network or connected to host network")
	}
	for name := range r.Endpoints {
		if name != n.Name && (name == network.None || n.Name == network.None) {
			return errorOf(ErrInvalid, "container cannot be connected to multiple networks with one of the networks in private (none) mode")
		}
	}
	return p.fits(n)
}

// fits refuses what there is on users' networks only, and what cannot be at all.
func (p Endpoint) fits(n networktypes.Network) error {
	own := containertypes.NetworkMode(n.Name).IsUserDefined()
	config := p.Asked.IPAMConfig
	switch {
	case config != nil && (config.IPv6Address.IsValid() || len(config.LinkLocalIPs) > 0):
		return errorOf(ErrInvalid, "this engine's networks are IPv4: no address of IPv6 and none that is link-local can be chosen")
	case config != nil && config.IPv4Address.IsValid() && !own:
		return errorOf(ErrInvalid, "user specified IP address is supported on user defined networks only")
	case len(p.Asked.Aliases) > 0 && !own:
		return errorOf(ErrInvalid, "network-scoped alias is supported only for containers in user defined networks")
	}
	return nil
}

// Disconnect takes a container off a network: at once where it runs.
func (e *Engine) Disconnect(asked string, c *Container, force bool) error {
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return errorOf(ErrNotFound, "No such container: %s", c.record.ID)
	}
	n, err := e.Network(asked)
	r := c.Snapshot()
	runs := c.isRunning()
	if err != nil && (runs && !force) {
		return err
	}
	if err != nil {
		n.Name = asked
	}
	switch _, there := r.Endpoints[n.Name]; {
	case n.Name == network.Host && r.HostConfig.NetworkMode.IsHost() && runs:
		return errorOf(ErrInvalid, "container cannot be disconnected from host network or connected to host network")
	case !there && runs && err == nil:
		return errorOf(ErrInvalid, "container %s is not connected to network %s", r.ID, n.Name)
	case !there:
		return errorOf(ErrInvalid, "container %s is not connected to the network %s", r.ID, n.Name)
	}
	if runs && err == nil && !e.isFixed(n) {
		if err := e.network.Disconnect(e.kernel(), r.ID, n.ID); err != nil && !errors.Is(err, network.ErrNotFound) {
			return networkError(err)
		}
	}
	if err := c.setEndpoints(func(all map[string]Endpoint) { delete(all, n.Name) }); err != nil {
		return err
	}
	if err == nil {
		e.tellNetwork(n, "disconnect", r.ID)
	}
	return c.writeHosts()
}

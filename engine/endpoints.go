//go:build linux

package engine

import (
	"cmp"
	"context"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Endpoint is a container's connection with a network: what was asked for, and what
// came of it in the present run, or the last.
type Endpoint struct {
	Asked      networktypes.EndpointSettings `json:"asked"`
	NetworkID  string                        `json:"networkID,omitempty"`
	EndpointID string                        `json:"endpointID,omitempty"`
	DNSNames   []string                      `json:"dnsNames,omitempty"`
	At         stage.Network                 `json:"at"`
}

// newEndpoint keeps of what a client says what is a wish.
func newEndpoint(s *networktypes.EndpointSettings) Endpoint {
	if s == nil {
		return Endpoint{}
	}
	return Endpoint{Asked: networktypes.EndpointSettings{
		IPAMConfig: s.IPAMConfig, Links: s.Links, Aliases: s.Aliases, DriverOpts: s.DriverOpts, GwPriority: s.GwPriority, MacAddress: s.MacAddress,
	}}
}

// modeName is the name of the network that a mode means.
func modeName(m containertypes.NetworkMode) string {
	if m == "" || m.IsDefault() {
		return network.Bridge
	}
	return string(m)
}

// wishedEndpoints are the networks that a new container is to be on, by their
// names: that of its mode, and those of which more is said. One that is not there
// keeps the name that it was asked by.
func (e *Engine) wishedEndpoints(q containertypes.CreateRequest) (map[string]Endpoint, error) {
	if q.HostConfig.NetworkMode.IsContainer() {
		return nil, nil
	}
	all := map[string]Endpoint{e.networkName(modeName(q.HostConfig.NetworkMode)): {}}
	if q.NetworkingConfig == nil {
		return all, nil
	}
	for name, s := range q.NetworkingConfig.EndpointsConfig {
		name = e.networkName(modeName(containertypes.NetworkMode(name)))
		p := newEndpoint(s)
		if mac := p.Asked.MacAddress; len(mac) > 0 && len(mac) != 6 {
			return nil, errorOf(ErrInvalid, "invalid MAC address: %s", mac)
		}
		for _, link := range p.Asked.Links {
			if _, _, err := parseLink(link); err != nil {
				return nil, err
			}
		}
		all[name] = p
	}
	if len(all) > maxEndpoints {
		return nil, errorOf(ErrInvalid, "a container is on %d networks at most", maxEndpoints)
	}
	return all, nil
}

// maxEndpoints bounds the networks of a container.
const maxEndpoints = 32

func (e *Engine) networkName(asked string) string {
	if n, err := e.Network(asked); err == nil {
		return n.Name
	}
	return asked
}

// EndpointNames are the networks of a container: that of its mode first, which
// eth0 is of.
func (r Record) EndpointNames() []string {
	first := modeName(r.HostConfig.NetworkMode)
	return slices.SortedFunc(maps.Keys(r.Endpoints), func(a, b string) int {
		if (a == first) != (b == first) {
			return map[bool]int{true: -1, false: 1}[a == first]
		}
		return cmp.Compare(a, b)
	})
}

// setEndpoints changes the container's networks. Who has a snapshot keeps what it
// has.
func (c *Container) setEndpoints(change func(map[string]Endpoint)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := maps.Clone(c.record.Endpoints)
	if all == nil {
		all = map[string]Endpoint{}
	}
	change(all)
	c.record.Endpoints = all
	return c.save()
}

// joinAll connects a new run with each of the container's networks.
func (r *run) joinAll(ctx context.Context) error {
	record := r.c.Snapshot()
	names := record.EndpointNames()
	if len(names) == 0 || names[0] == network.None {
		return r.loopback(ctx)
	}
	for _, name := range names {
		n, err := r.Network(name)
		if err != nil {
			return err
		}
		p := record.Endpoints[name]
		if err := record.mayJoin(n, p); err != nil {
			return err
		}
		if err := r.join(ctx, r.c, n, p, r.process.PID); err != nil {
			return err
		}
	}
	return nil
}

// loopback is all that a container without a network has.
func (r *run) loopback(ctx context.Context) error {
	got, err := r.network.Attach(r.kernel(), network.Wish{Container: r.c.record.ID, PID: r.process.PID})
	if err != nil {
		return err
	}
	return r.fixedNetwork(ctx, got.Fact)
}

// fixedNetwork notes a network at which there is nothing to connect.
func (r *run) fixedNetwork(ctx context.Context, fact stage.Network) error {
	n, err := r.Network(modeName(r.c.record.HostConfig.NetworkMode))
	if p, there := r.c.Snapshot().Endpoints[n.Name]; err == nil && there {
		p.NetworkID, p.EndpointID, p.At = n.ID, newID(), fact
		if err := r.c.setEndpoints(func(all map[string]Endpoint) { all[n.Name] = p }); err != nil {
			return err
		}
		r.tellNetwork(n, "connect", r.c.record.ID)
	}
	r.c.mu.Lock()
	r.c.record.Network, r.c.record.Ports = fact, nil
	r.c.mu.Unlock()
	return r.trail.At(ctx, r.process.PID, fact)
}

// join connects a container, whose first process is pid, with a network.
func (e *Engine) join(ctx context.Context, c *Container, n networktypes.Network, p Endpoint, pid int) error {
	r := c.Snapshot()
	own := containertypes.NetworkMode(n.Name).IsUserDefined()
	if own {
		p.DNSNames = r.namesOn(p)
	}
	w := network.Wish{
		Container: r.ID, PID: pid, Network: n.ID, MAC: net.HardwareAddr(p.Asked.MacAddress), Names: p.DNSNames, Links: e.linksOn(p),
		Priority: p.Asked.GwPriority, DNS: r.HostConfig.DNS,
	}
	if p.Asked.IPAMConfig != nil {
		w.Address = p.Asked.IPAMConfig.IPv4Address
	}
	got, err := e.network.Attach(e.kernel(), w)
	if err != nil {
		return networkError(err)
	}
	p.NetworkID, p.EndpointID, p.At = n.ID, got.Endpoint, got.Fact
	if err := c.joined(n.Name, p, own); err != nil {
		return err
	}
	e.tellNetwork(n, "connect", r.ID)
	return e.trail.At(ctx, pid, got.Fact)
}

// joined notes a connection, and writes the container's files of /etc that speak
// of it.
func (c *Container) joined(name string, p Endpoint, own bool) error {
	if err := c.setEndpoints(func(all map[string]Endpoint) { all[name] = p }); err != nil {
		return err
	}
	c.mu.Lock()
	if fact, ok := c.core.network.Way(c.record.ID); ok {
		c.record.Network = fact
	} else {
		c.record.Network = p.At
	}
	h := c.record.HostConfig
	c.mu.Unlock()
	if own {
		if err := os.WriteFile(filepath.Join(c.dir, "resolv.conf"), []byte(ownResolvConf(h)), 0o644); err != nil {
			return err
		}
	}
	if p.At.Address == "" {
		return nil
	}
	return c.writeHosts()
}

// namesOn are the names by which others on a user's network find the container.
func (r Record) namesOn(p Endpoint) []string {
	var names []string
	for _, name := range append(append([]string{r.Name}, p.Asked.Aliases...), r.ID[:12], r.Config.Hostname) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// linksOn are the container's own names for others on a network, by their ids where
// they are there.
func (e *Engine) linksOn(p Endpoint) map[string]string {
	links := map[string]string{}
	for _, link := range p.Asked.Links {
		name, alias, err := parseLink(link)
		if err != nil {
			continue // has been refused
		}
		links[alias] = name
		if other, err := e.Container(name); err == nil {
			links[alias] = other.Snapshot().ID
		}
	}
	return links
}

// leave ends what a run had of networks.
func (r *run) leave() {
	c := r.c
	had := c.Snapshot().Endpoints
	r.network.Detach(c.record.ID)
	for name, p := range had {
		if p.EndpointID == "" && p.NetworkID == "" {
			continue
		}
		if n, err := r.Network(name); err == nil {
			r.tellNetwork(n, "disconnect", c.record.ID)
		}
	}
	c.mu.Lock()
	all := maps.Clone(c.record.Endpoints)
	for name, p := range all {
		p.NetworkID, p.EndpointID = "", ""
		all[name] = p
	}
	c.record.Endpoints = all
	c.mu.Unlock()
}

// stillRuns reports whether the process of that number is the container's.
func (r Record) stillRuns(pid int) bool {
	started, err := sys.ProcessStart(pid)
	return err == nil && r.State.Pid == pid && started == r.PIDStart
}

// renameOn tells the networks a container's new name.
func (c *core) renameOn(r Record) {
	for _, p := range r.Endpoints {
		if p.NetworkID != "" && len(p.DNSNames) > 0 {
			c.network.Rename(r.ID, p.NetworkID, r.namesOn(p))
		}
	}
}

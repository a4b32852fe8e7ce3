//go:build linux

package network

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine/stage"
)

// Member is a container that runs, on a network.
type Member struct {
	Container, Endpoint string
	Address             netip.Prefix
	MAC                 net.HardwareAddr
}

// List lists all networks that have a bridge, by their names.
func (n *Networks) List() []networktypes.Network {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]networktypes.Network, 0, len(n.all))
	for _, b := range n.all {
		list = append(list, b.shown())
	}
	slices.SortFunc(list, func(a, b networktypes.Network) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// shown is what is told of a network: of the standard one, what its bridge has got
// so far.
func (b *bridge) shown() networktypes.Network {
	d := b.Network
	if b.link != nil && len(d.IPAM.Config) == 0 {
		d.IPAM.Config = []networktypes.IPAMConfig{{Subnet: b.subnet, Gateway: b.gateway}}
		d.Options = map[string]string{optionName: b.link.Name}
		for k, v := range b.Options {
			d.Options[k] = v
		}
	}
	return d
}

// Members are the containers that are on a network now.
func (n *Networks) Members(network string) []Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []Member
	b := n.all[network]
	if b == nil {
		return nil
	}
	for id, e := range b.endpoints {
		prefix, _ := netip.ParsePrefix(e.fact.Address) // written by us
		mac, _ := net.ParseMAC(e.fact.MAC)             // likewise
		list = append(list, Member{Container: id, Endpoint: e.id, Address: prefix, MAC: mac})
	}
	return list
}

// Way is the connection by which a container has its default route, and by which
// its published ports are reached: none, where it is on internal networks only.
func (n *Networks) Way(container string) (fact stage.Network, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.way(container); e != nil {
		return e.fact, true
	}
	return fact, false
}

// Rename changes the names by which others on a network find a container.
func (n *Networks) Rename(container, network string, names []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.all[network]; b != nil && b.endpoints[container] != nil {
		b.endpoints[container].Names = names
	}
}

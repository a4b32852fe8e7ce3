//go:build linux

package daemon

import (
	"net/netip"
	"slices"

	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine"
)

// endpoints are the networks that the container is on, or is to be; while it runs,
// with what it has got there.
func endpoints(r engine.Record) map[string]*networktypes.EndpointSettings {
	all := map[string]*networktypes.EndpointSettings{}
	for name, p := range r.Endpoints {
		e := p.Asked.Copy()
		if r.State.Running {
			fillEndpoint(e, p)
		}
		all[name] = e
	}
	return all
}

// fillEndpoint writes what the kernel was asked for when the container was
// connected.
func fillEndpoint(e *networktypes.EndpointSettings, p engine.Endpoint) {
	e.NetworkID, e.EndpointID, e.DNSNames = p.NetworkID, p.EndpointID, p.DNSNames
	prefix, err := netip.ParsePrefix(p.At.Address)
	if err != nil {
		return
	}
	e.IPAddress, e.IPPrefixLen = prefix.Addr(), prefix.Bits()
	e.Gateway, _ = netip.ParseAddr(p.At.Gateway) // written by us
	_ = e.MacAddress.UnmarshalText([]byte(p.At.MAC))
}

// withShortID is how clients before API 1.45 are told of names: the container's id
// was among the aliases of a user's network.
func withShortID(all map[string]*networktypes.EndpointSettings, id string) {
	for _, e := range all {
		if len(e.DNSNames) > 0 && !slices.Contains(e.Aliases, id[:12]) {
			e.Aliases = append(e.Aliases, id[:12])
		}
		e.DNSNames = nil
	}
}

// isOn reports whether a container is on a network of that name or id.
func isOn(r engine.Record, network string) bool {
	for name, p := range r.Endpoints {
		if name == network || p.NetworkID != "" && p.NetworkID == network {
			return true
		}
	}
	return false
}

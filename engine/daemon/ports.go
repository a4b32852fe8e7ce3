//go:build linux

package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine"
)

// isBridged reports whether a container runs and asked for a network of its own.
// Where the machine gives none, its ports can be published all the same.
func isBridged(r engine.Record) bool {
	mode := r.HostConfig.NetworkMode
	return r.State.Running && !mode.IsHost() && !mode.IsNone() && !mode.IsContainer()
}

// portMap are the ports of a container that runs: those that are exposed, with what
// they are published at.
func portMap(r engine.Record) networktypes.PortMap {
	ports := networktypes.PortMap{}
	for p := range r.Config.ExposedPorts {
		ports[p] = nil
	}
	for _, p := range r.Ports {
		inside, ok := networktypes.PortFrom(p.Inside, networktypes.IPProtocol(p.Protocol))
		host, err := netip.ParseAddrPort(p.Host)
		if !ok || err != nil {
			continue // written by us
		}
		ports[inside] = append(ports[inside], networktypes.PortBinding{HostIP: host.Addr(), HostPort: strconv.Itoa(int(host.Port()))})
	}
	return ports
}

// portSummaries are the same as a list, in order.
func portSummaries(r engine.Record) []containertypes.PortSummary {
	list := []containertypes.PortSummary{}
	if !isBridged(r) {
		return list
	}
	for p, bindings := range portMap(r) {
		one := containertypes.PortSummary{PrivatePort: p.Num(), Type: string(p.Proto())}
		if len(bindings) == 0 {
			list = append(list, one)
		}
		for _, b := range bindings {
			n, _ := strconv.ParseUint(b.HostPort, 10, 16) // written by portMap
			one.IP, one.PublicPort = b.HostIP, uint16(n)
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b containertypes.PortSummary) int {
		return cmp.Or(cmp.Compare(a.PrivatePort, b.PrivatePort), cmp.Compare(a.Type, b.Type), cmp.Compare(a.PublicPort, b.PublicPort), a.IP.Compare(b.IP))
	})
	return list
}

// hasPort reports whether a container has a port that a filter names: 80, 80/udp,
// 8000-8010/tcp.
func hasPort(r engine.Record, wanted string, number func(containertypes.PortSummary) uint16) bool {
	numbers, protocol, given := strings.Cut(wanted, "/")
	if !given {
		protocol = "tcp"
	}
	first, last, ranged := strings.Cut(numbers, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err != nil || err2 != nil {
		return false
	}
	return slices.ContainsFunc(portSummaries(r), func(p containertypes.PortSummary) bool {
		n := uint64(number(p))
		return p.Type == protocol && n != 0 && from <= n && n <= to
	})
}

//go:build linux

package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/sys"
)

// publish makes the host answer at the container's ports. A container without a
// network of its own has none to publish, nor has one whose networks are internal.
func (r *run) publish(ctx context.Context, k sys.Kernel) error {
	ports, err := portsOf(r.c.record)
	if err != nil {
		return err
	}
	at := r.c.Snapshot().Network
	_, outside := r.network.Way(r.c.record.ID)
	// Without a bridge, ports can be published all the same.
	if len(ports) == 0 || !outside && at.Refused == "" {
		return nil
	}
	fact, err := r.network.Publish(k, r.c.record.ID, at, ports)
	if err != nil {
		return fmt.Errorf("driver failed programming external connectivity on endpoint %s (%s): %w", r.c.record.Name, r.c.record.ID, err)
	}
	r.c.mu.Lock()
	r.c.record.Ports = fact.Ports
	r.c.mu.Unlock()
	return r.trail.At(ctx, r.process.PID, fact)
}

// portsOf are the ports that were asked for, -p and -P, in order.
func portsOf(r Record) ([]network.Port, error) {
	var ports []network.Port
	for inside, bindings := range r.HostConfig.PortBindings {
		for _, b := range bindings {
			p, err := portOf(inside, b)
			if err != nil {
				return nil, err
			}
			ports = append(ports, p)
		}
	}
	if r.HostConfig.PublishAllPorts {
		for inside := range r.Config.ExposedPorts {
			if len(r.HostConfig.PortBindings[inside]) == 0 {
				ports = append(ports, network.Port{Protocol: string(inside.Proto()), Inside: inside.Num()})
			}
		}
	}
	slices.SortFunc(ports, func(a, b network.Port) int {
		return cmp.Or(cmp.Compare(a.Inside, b.Inside), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.First, b.First), a.Host.Compare(b.Host))
	})
	return ports, nil
}

// portOf reads a binding: a port of the host, a range of them, or none for any.
func portOf(inside networktypes.Port, b networktypes.PortBinding) (network.Port, error) {
	p := network.Port{Protocol: string(inside.Proto()), Inside: inside.Num(), Host: b.HostIP}
	if b.HostPort == "" {
		return p, nil
	}
	first, last, ranged := strings.Cut(b.HostPort, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err != nil || err2 != nil || to < from {
		return p, errorOf(ErrInvalid, "invalid port specification: %q", b.HostPort)
	}
	p.First, p.Last = uint16(from), uint16(to)
	return p, nil
}

// mergePorts are the exposed ports of the image and the user's. An image may name
// what is no port; such a name says nothing.
func mergePorts(image map[string]struct{}, user networktypes.PortSet) networktypes.PortSet {
	if len(image) == 0 {
		return user
	}
	all := networktypes.PortSet{}
	for name := range image {
		if p, err := networktypes.ParsePort(name); err == nil {
			all[p] = struct{}{}
		}
	}
	for p := range user {
		all[p] = struct{}{}
	}
	return all
}

// checkPorts refuses ports that cannot be published.
func checkPorts(c *containertypes.Config, h *containertypes.HostConfig) error {
	ports, err := portsOf(Record{Config: c, HostConfig: h})
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.Protocol != "tcp" && p.Protocol != "udp" {
			return errorOf(ErrInvalid, "ports of %s are not published by this engine: tcp and udp are", p.Protocol)
		}
	}
	return nil
}

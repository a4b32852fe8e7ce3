//go:build linux

package engine

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/network"
)

// hostsFile is /etc/hosts as Docker writes it; addresses are the container's own.
func (c *Container) hostsFile(addresses []string) string {
	s := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	for _, extra := range c.record.HostConfig.ExtraHosts {
		name, ip, _ := strings.Cut(extra, ":")
		if ip == "host-gateway" {
			ip = c.record.Network.Gateway
		}
		if ip != "" {
			s += ip + "\t" + name + "\n"
		}
	}
	for _, l := range c.links {
		s += l.address + "\t" + l.alias + " " + l.id[:12] + " " + l.name + "\n"
	}
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address)
		if err != nil {
			continue // is on none
		}
		names := c.record.Config.Hostname
		if short, _, whole := strings.Cut(names, "."); whole {
			names += " " + short
		} else if domain := c.record.Config.Domainname; domain != "" {
			names = names + "." + domain + " " + names
		}
		s += prefix.Addr().String() + "\t" + names + "\n"
	}
	return s
}

// writeHosts writes it anew, in place: the container sees this file, and no other
// of the same name.
func (c *Container) writeHosts() error {
	r := c.Snapshot()
	var addresses []string
	for _, name := range r.EndpointNames() {
		if p := r.Endpoints[name]; p.EndpointID != "" {
			addresses = append(addresses, p.At.Address)
		}
	}
	return os.WriteFile(filepath.Join(c.dir, "hosts"), []byte(c.hostsFile(addresses)), 0o644)
}

// ownResolvConf is that of a container on a user's network, whose questions the
// daemon answers: who else is to be asked, the daemon knows.
func ownResolvConf(h *containertypes.HostConfig) string {
	var kept strings.Builder
	options := []string{}
	for line := range strings.Lines(resolvConf(h)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 0 && fields[0] == "nameserver":
		case len(fields) > 0 && fields[0] == "options":
			options = append(options, fields[1:]...)
		default:
			kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	if !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
		options = append(options, "ndots:0")
	}
	return kept.String() + "nameserver " + network.ResolverAddress + "\noptions " + strings.Join(options, " ") + "\n"
}

// resolvConf is the host's, without the name servers on its loopback, which a
// container cannot reach, and with what the user says in the place of each part.
func resolvConf(h *containertypes.HostConfig) string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		data = nil
	}
	instead := map[string][]string{}
	for _, address := range h.DNS {
		instead["nameserver"] = append(instead["nameserver"], "nameserver "+address.String()+"\n")
	}
	if len(h.DNSSearch) > 0 {
		instead["search"] = []string{"search " + strings.Join(h.DNSSearch, " ") + "\n"}
	}
	if len(h.DNSOptions) > 0 {
		instead["options"] = []string{"options " + strings.Join(h.DNSOptions, " ") + "\n"}
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && instead[fields[0]] != nil {
			continue
		}
		if len(fields) == 2 && fields[0] == "nameserver" && !reachable(fields[1], h) {
			continue
		}
		kept.WriteString(line)
	}
	for _, name := range []string{"search", "nameserver", "options"} {
		kept.WriteString(strings.Join(instead[name], ""))
	}
	return kept.String()
}

// reachable: the loopback of a container is another than the host's, unless it
// shares the host's network.
func reachable(server string, h *containertypes.HostConfig) bool {
	address, err := netip.ParseAddr(server)
	return h.NetworkMode.IsHost() || err == nil && !address.IsLoopback()
}

// borrowNames gives a container that shares another's network what that one knows
// of names, as it is now.
func (r *run) borrowNames(mode containertypes.NetworkMode) error {
	if !mode.IsContainer() {
		return nil
	}
	other, err := r.Container(mode.ConnectedContainer())
	if err != nil {
		return err
	}
	for _, name := range []string{"hosts", "resolv.conf"} {
		data, err := os.ReadFile(filepath.Join(other.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(r.c.dir, name), data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("share the network of %s: %w", other.record.Name, err)
		}
	}
	return nil
}

//go:build linux

package engine

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
)

// hostsFile is /etc/hosts as Docker writes it; address is the container's own,
// "" where it has none.
func (c *Container) hostsFile(address string) string {
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
	if prefix, err := netip.ParsePrefix(address); err == nil {
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

func (c *Container) writeHosts(address string) error {
	return os.WriteFile(filepath.Join(c.dir, "hosts"), []byte(c.hostsFile(address)), 0o644)
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

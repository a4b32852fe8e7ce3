package runflags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// endpoint is what is asked of one network.
type endpoint struct {
	target                    string
	aliases, links, linkLocal []string
	ip, ip6, mac              string
	options                   map[string]string
	priority                  int
}

// networks is the flag --network: a name, or KEY=VALUE with commas between.
type networks struct{ list []endpoint }

func (*networks) String() string { return "" }

// Type is what the flag's help calls a value.
func (*networks) Type() string { return "network" }

// Set takes one more network.
func (n *networks) Set(value string) error {
	if !regexp.MustCompile(`\w+=\w+(,\w+=\w+)*`).MatchString(value) {
		n.list = append(n.list, endpoint{target: value})
		return nil
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return err
	}
	e := endpoint{aliases: []string{}}
	for _, field := range fields {
		key, value, ok := strings.Cut(strings.ToLower(field), "=")
		if !ok || key == "" {
			return fmt.Errorf("invalid field %s", field)
		}
		if err := e.field(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	if e.target == "" {
		return errors.New("network name/id is not specified")
	}
	n.list = append(n.list, e)
	return nil
}

func (e *endpoint) field(key, value string) error {
	switch key {
	case "name":
		e.target = value
	case "alias":
		e.aliases = append(e.aliases, value)
	case "ip":
		e.ip = value
	case "ip6":
		e.ip6 = value
	case "mac-address":
		e.mac = value
	case "link-local-ip":
		e.linkLocal = append(e.linkLocal, value)
	case "driver-opt":
		k, v, ok := strings.Cut(value, "=")
		if !ok || k == "" {
			return errors.New("invalid key value pair format in driver options")
		}
		if e.options == nil {
			e.options = map[string]string{}
		}
		e.options[strings.TrimSpace(k)] = strings.TrimSpace(v)
	case "gw-priority":
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("invalid gw-priority (%s): %w", value, errors.Unwrap(err))
		}
		e.priority = n
	default:
		return errors.New("invalid field key " + key)
	}
	return nil
}

// mode is the network that the container gets first.
func (n *networks) mode() containertypes.NetworkMode {
	if len(n.list) == 0 {
		return "default"
	}
	return containertypes.NetworkMode(n.list[0].target)
}

// endpoints are the networks as the daemon wants them. The flags that name no
// network mean the first.
func (f *Flags) endpoints() (map[string]*network.EndpointSettings, error) {
	list := append([]endpoint{}, f.networks.list...)
	if len(list) == 0 {
		list = []endpoint{{target: "default"}}
	}
	if err := f.describe(&list[0]); err != nil {
		return nil, err
	}
	found := map[string]*network.EndpointSettings{}
	var own, others bool
	for _, e := range list {
		if len(f.networks.list) > 0 {
			defined := containertypes.NetworkMode(e.target).IsUserDefined()
			own, others = own || defined, others || !defined
		}
		s, err := e.settings()
		if err != nil {
			return nil, err
		}
		if found[e.target] != nil {
			return nil, fmt.Errorf("network %q is specified multiple times", e.target)
		}
		if len(f.networks.list) == 1 && reflect.ValueOf(*s).IsZero() {
			continue // the daemon makes it
		}
		found[e.target] = s
	}
	if own && others {
		return nil, errors.New("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
	}
	return found, nil
}

// describe adds what is said of the container's first network by flags of
// their own.
func (f *Flags) describe(e *endpoint) error {
	for _, c := range []struct {
		twice bool
		say   string
	}{
		{len(e.aliases) > 0 && len(f.aliases.Values) > 0, "both --network-alias and per-network alias"},
		{e.ip != "" && f.ip != "", "both --ip and per-network IPv4 address"},
		{e.ip6 != "" && f.ip6 != "", "both --ip6 and per-network IPv6 address"},
		{e.mac != "" && f.mac != "", "both --mac-address and per-network MAC address"},
		{len(e.linkLocal) > 0 && len(f.linkLocal.Values) > 0, "both --link-local-ip and per-network link-local IP addresses"},
	} {
		if c.twice {
			return errors.New("conflicting options: cannot specify " + c.say)
		}
	}
	e.aliases = append(e.aliases, f.aliases.Values...)
	if containertypes.NetworkMode(e.target).IsUserDefined() { // on others, links are the container's
		e.links = append(e.links, f.links.Values...)
	}
	e.linkLocal = append(e.linkLocal, f.linkLocal.Values...)
	for _, s := range []struct {
		into *string
		said string
	}{{&e.ip, f.ip}, {&e.ip6, f.ip6}, {&e.mac, f.mac}} {
		if s.said != "" {
			*s.into = s.said
		}
	}
	return nil
}

func (e endpoint) settings() (*network.EndpointSettings, error) {
	if strings.TrimSpace(e.target) == "" {
		return nil, errors.New("no name set for network")
	}
	if !containertypes.NetworkMode(e.target).IsUserDefined() {
		if len(e.aliases) > 0 {
			return nil, errors.New("network-scoped aliases are only supported for user-defined networks")
		}
		if len(e.links) > 0 {
			return nil, errors.New("links are only supported for user-defined networks")
		}
	}
	s := &network.EndpointSettings{GwPriority: e.priority, Links: e.links, DriverOpts: e.options}
	s.Aliases = append(s.Aliases, e.aliases...)
	if e.mac != "" {
		mac, err := net.ParseMAC(strings.TrimSpace(e.mac))
		if err != nil {
			return nil, fmt.Errorf("%s is not a valid mac address", e.mac)
		}
		s.MacAddress = network.HardwareAddr(mac)
	}
	if e.ip == "" && e.ip6 == "" && len(e.linkLocal) == 0 {
		return s, nil
	}
	s.IPAMConfig = &network.EndpointIPAMConfig{}
	var err error
	if s.IPAMConfig.IPv4Address, err = address("IPv4", e.ip); err != nil {
		return nil, err
	}
	if s.IPAMConfig.IPv6Address, err = address("IPv6", e.ip6); err != nil {
		return nil, err
	}
	for _, l := range e.linkLocal {
		a, err := address("link-local IP", l)
		if err != nil {
			return nil, err
		}
		s.IPAMConfig.LinkLocalIPs = append(s.IPAMConfig.LinkLocalIPs, a)
	}
	return s, nil
}

func address(kind, value string) (netip.Addr, error) {
	if value == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(value)
	if err != nil {
		return a, fmt.Errorf("invalid %s address: %s", kind, value)
	}
	return a, nil
}

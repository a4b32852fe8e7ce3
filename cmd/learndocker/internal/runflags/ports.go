package runflags

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
)

// span is a range of ports, ends included.
type span struct{ first, last uint16 }

func parseSpan(s string) (span, error) {
	first, last, isRange := strings.Cut(s, "-")
	a, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return span{}, err
	}
	if !isRange {
		return span{uint16(a), uint16(a)}, nil
	}
	b, err := strconv.ParseUint(last, 10, 16)
	if err != nil {
		return span{}, err
	}
	if b < a {
		return span{}, fmt.Errorf("invalid range specified for port: %s", s)
	}
	return span{uint16(a), uint16(b)}, nil
}

func (s span) length() int { return int(s.last) - int(s.first) }

// ports parts the values of -p, [[IP:]HOST:]CONTAINER[/PROTOCOL], and of
// --expose.
func ports(published, exposed []string) (network.PortSet, network.PortMap, error) {
	set, bindings := network.PortSet{}, network.PortMap{}
	for _, p := range published {
		spec, err := shortForm(p)
		if err != nil {
			return nil, nil, err
		}
		if err := publish(spec, set, bindings); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range exposed {
		if strings.Contains(e, ":") {
			return nil, nil, fmt.Errorf("invalid port format for --expose: %s", e)
		}
		number, protocol := protocolOf(e)
		s, err := parseSpan(number)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid range format for --expose: %s, error: %w", e, err)
		}
		for i := range s.length() + 1 {
			p, err := port(int(s.first)+i, protocol)
			if err != nil {
				return nil, nil, err
			}
			set[p] = struct{}{}
		}
	}
	return set, bindings, nil
}

// shortForm rewrites published=8080,target=80,protocol=tcp.
func shortForm(spec string) (string, error) {
	if !strings.Contains(spec, "=") {
		return spec, nil
	}
	said := map[string]string{"protocol": "tcp"}
	for _, field := range strings.Split(spec, ",") {
		k, v, ok := strings.Cut(field, "=")
		if !ok || k == "" {
			return "", fmt.Errorf("invalid publish opts format (should be name=value but got '%s')", field)
		}
		said[k] = v
	}
	return said["published"] + ":" + said["target"] + "/" + said["protocol"], nil
}

func protocolOf(s string) (number, protocol string) {
	number, protocol, _ = strings.Cut(s, "/")
	if protocol == "" {
		protocol = "tcp"
	}
	return number, protocol
}

func port(number int, protocol string) (network.Port, error) {
	protocol = strings.ToLower(protocol)
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return network.Port{}, errors.New("invalid proto: " + protocol)
	}
	p, ok := network.PortFrom(uint16(number), network.IPProtocol(protocol))
	if !ok {
		return network.Port{}, fmt.Errorf("invalid port: %d/%s", number, protocol)
	}
	return p, nil
}

func publish(spec string, set network.PortSet, bindings network.PortMap) error {
	parts := strings.Split(spec, ":")
	number, protocol := protocolOf(parts[len(parts)-1])
	if number == "" {
		return fmt.Errorf("no port specified: %s<empty>", spec)
	}
	host, ip := "", ""
	if n := len(parts); n > 1 {
		host, ip = parts[n-2], strings.Join(parts[:n-2], ":")
	}
	address, err := hostAddress(ip)
	if err != nil {
		return err
	}
	inside, err := parseSpan(number)
	if err != nil {
		return fmt.Errorf("invalid containerPort: %s", number)
	}
	outside := span{}
	if host != "" {
		if outside, err = parseSpan(host); err != nil {
			return fmt.Errorf("invalid hostPort: %s", host)
		}
		if inside.length() != outside.length() && inside.length() > 0 {
			return fmt.Errorf("invalid ranges specified for container and host Ports: %s and %s", number, host)
		}
	}
	for i := range inside.length() + 1 {
		p, err := port(int(inside.first)+i, protocol)
		if err != nil {
			return err
		}
		taken := ""
		if host != "" {
			taken = strconv.Itoa(int(outside.first) + i)
		}
		if inside.length() == 0 && outside.length() > 0 { // any of them
			taken += "-" + strconv.Itoa(int(outside.last))
		}
		set[p] = struct{}{}
		bindings[p] = append(bindings[p], network.PortBinding{HostIP: address, HostPort: taken})
	}
	return nil
}

func hostAddress(ip string) (netip.Addr, error) {
	if ip == "" {
		return netip.Addr{}, nil
	}
	if ip[0] == '[' {
		bare, _, err := net.SplitHostPort(ip + ":")
		if err != nil {
			return netip.Addr{}, fmt.Errorf("invalid IP address %v: %w", ip, err)
		}
		ip = bare
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return a, fmt.Errorf("invalid IP address: %s", ip)
	}
	return a, nil
}

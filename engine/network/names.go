//go:build linux

package network

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// maxAnswers is how many containers of one name are told.
const maxAnswers = 64

// find answers a question from what is known of the container's networks. known is
// false for what somebody else may know. A name that is here has no IPv6 address:
// that is an answer, too.
func (n *Networks) find(container string, q dnsmessage.Question) (found []dnsmessage.ResourceBody, known bool) {
	if q.Class != dnsmessage.ClassINET {
		return nil, false
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	if q.Type == dnsmessage.TypePTR {
		host := n.nameOf(container, name)
		full, err := dnsmessage.NewName(host + ".")
		if host == "" || err != nil {
			return nil, false
		}
		return []dnsmessage.ResourceBody{&dnsmessage.PTRResource{PTR: full}}, true
	}
	addresses := n.addresses(container, name)
	if q.Type == dnsmessage.TypeA {
		rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
		for _, a := range addresses[:min(len(addresses), maxAnswers)] {
			found = append(found, &dnsmessage.AResource{A: a.As4()})
		}
	}
	return found, len(addresses) > 0
}

// addresses are those of the containers that the container knows by a name: alone,
// or with the network's after it.
func (n *Networks) addresses(container, name string) (found []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.known(container) {
		short, _ := strings.CutSuffix(name, "."+strings.ToLower(b.Name))
		own := b.endpoints[container]
		for id, e := range b.endpoints {
			linked := slices.ContainsFunc([]string{name, short}, func(alias string) bool { return isLinked(own, alias, id, e) })
			if linked || e.named(name) || e.named(short) {
				found = append(found, e.address())
			}
		}
	}
	return found
}

// known are the networks of a container on which there are names: the standard one
// has none.
func (n *Networks) known(container string) (list []*bridge) {
	for _, b := range n.all {
		if b != n.standard && b.endpoints[container] != nil {
			list = append(list, b)
		}
	}
	return list
}

// isLinked reports whether own calls the container of that id by an alias.
func isLinked(own *endpoint, alias, id string, e *endpoint) bool {
	for link, target := range own.Links {
		if strings.EqualFold(link, alias) && (target == id || e.named(target)) {
			return true
		}
	}
	return false
}

func (e *endpoint) named(name string) bool {
	return slices.ContainsFunc(e.Names, func(own string) bool { return strings.EqualFold(own, name) })
}

func (e *endpoint) address() netip.Addr {
	prefix, _ := netip.ParsePrefix(e.fact.Address) // written by us
	return prefix.Addr()
}

const reverseSuffix = ".in-addr.arpa"

// nameOf is the name of who has the address that a question in reverse asks for.
func (n *Networks) nameOf(container, reversed string) string {
	digits, ok := strings.CutSuffix(reversed, reverseSuffix)
	if !ok {
		return ""
	}
	parts := strings.Split(digits, ".")
	slices.Reverse(parts)
	address, err := netip.ParseAddr(strings.Join(parts, "."))
	if err != nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.known(container) {
		for _, e := range b.endpoints {
			if e.address() == address && len(e.Names) > 0 {
				return e.Names[0] + "." + b.Name
			}
		}
	}
	return ""
}

// hostServers are the name servers of the host as they are now.
func hostServers() (servers []netip.Addr) {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(fields[1]); err == nil {
			servers = append(servers, a)
		}
	}
	return servers
}

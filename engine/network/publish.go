//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Port is a port of a container that the host is to answer at.
type Port struct {
	Protocol    string     // "tcp" or "udp"
	Inside      uint16     // the container's
	Host        netip.Addr // the host's; the zero Addr is each of its addresses, IPv4 and IPv6
	First, Last uint16     // the first free one of these; 0 is any
}

// addresses are those to listen at, as Docker has them.
func (p Port) addresses() []netip.Addr {
	if p.Host.IsValid() {
		return []netip.Addr{p.Host}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// Publish makes the host answer at ports for the container, whose network is as
// Attach has told, until Detach: the daemon listens and passes on what comes, as
// docker-proxy does. A port that is taken is an error in Docker's words.
func (n *Networks) Publish(k sys.Kernel, container string, at stage.Network, ports []Port) (stage.Published, error) {
	fact := stage.Published{Container: container, PID: at.PID, Ports: []stage.PublishedPort{}}
	for _, p := range ports {
		if err := n.publish(k, container, at, p, &fact); err != nil {
			n.withdraw(container)
			return fact, err
		}
	}
	return fact, nil
}

func (n *Networks) publish(k sys.Kernel, container string, at stage.Network, p Port, fact *stage.Published) error {
	to, err := n.targetOf(container, at, p)
	if err != nil {
		return err
	}
	opened, err := listenRange(k, p)
	if err != nil {
		to.close()
		if errors.Is(err, unix.EADDRINUSE) && n.holds(p) {
			return fmt.Errorf("Bind for %s failed: port is already allocated", netip.AddrPortFrom(p.addresses()[0], p.First))
		}
		return fmt.Errorf("Error starting userland proxy: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range opened {
		n.published[container] = append(n.published[container], serve(l, to))
		fact.Ports = append(fact.Ports, stage.PublishedPort{
			Protocol: p.Protocol, Host: l.at.String(), Inside: p.Inside, To: to.address, Within: to.ns != nil,
		})
	}
	return nil
}

// withdraw closes what was published for a container.
func (n *Networks) withdraw(container string) {
	n.mu.Lock()
	published := n.published[container]
	delete(n.published, container)
	n.mu.Unlock()
	for _, p := range published {
		p.close()
	}
	for _, p := range published {
		p.to.close()
	}
}

// holds reports whether the port is published already, for any container.
func (n *Networks) holds(p Port) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, published := range n.published {
		if slices.ContainsFunc(published, func(o *passing) bool { return o.to.protocol == p.Protocol && o.from.at.Port() == p.First }) {
			return true
		}
	}
	return false
}

// opened is a socket that listens at the host's address.
type opened struct {
	stream net.Listener // of TCP
	packet *net.UDPConn // of UDP
	at     netip.AddrPort
}

func (o opened) close() {
	if o.stream != nil {
		o.stream.Close()
		return
	}
	o.packet.Close()
}

// attempts bounds the search for a port that is free at each address.
const attempts = 16

// listenRange listens at the first port of the range that is free at each of the
// addresses.
func listenRange(k sys.Kernel, p Port) (all []opened, err error) {
	if p.First == 0 {
		for range attempts {
			if all, err = listenEach(k, p, 0); !errors.Is(err, unix.EADDRINUSE) {
				return all, err
			}
		}
		return nil, err
	}
	for port := int(p.First); port <= int(max(p.First, p.Last)); port++ {
		if all, err = listenEach(k, p, uint16(port)); !errors.Is(err, unix.EADDRINUSE) {
			return all, err
		}
	}
	return nil, err
}

// listenEach listens at a port of each address: that of the first, where the
// kernel chose it. A machine without IPv6 has no such address to listen at.
func listenEach(k sys.Kernel, p Port, port uint16) ([]opened, error) {
	var all []opened
	for _, address := range p.addresses() {
		one, err := listen(k, p.Protocol, netip.AddrPortFrom(address, port))
		if len(all) > 0 && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)) {
			break
		}
		if err != nil {
			for _, o := range all {
				o.close()
			}
			return nil, err
		}
		all, port = append(all, one), one.at.Port()
	}
	return all, nil
}

func listen(k sys.Kernel, protocol string, at netip.AddrPort) (o opened, err error) {
	family := "4"
	if at.Addr().Is6() {
		family = "6" // and not IPv4 as well: ipv6(7), IPV6_V6ONLY
	}
	if protocol == "udp" {
		o.packet, err = net.ListenUDP("udp"+family, net.UDPAddrFromAddrPort(at))
	} else {
		o.stream, err = net.Listen("tcp"+family, at.String())
	}
	k.Did("bind", err, "", protocol+family, at.String())
	if err != nil {
		return o, err
	}
	if o.stream != nil {
		o.at = o.stream.Addr().(*net.TCPAddr).AddrPort()
	} else {
		o.at = o.packet.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return o, nil
}

// target is where in a container the traffic goes.
type target struct {
	protocol string
	address  string
	now      func() string // the address as it is by now; nil where it stays
	ns       *namespace    // the container's, where the way leads through it; else nil
}

// targetOf is the container's address on the network that has its default route,
// which may be another by and by. A container that has loopback only is reached
// from inside its namespace.
func (n *Networks) targetOf(container string, at stage.Network, p Port) (*target, error) {
	to := &target{protocol: p.Protocol}
	if at.Address != "" {
		to.address = addressOf(at, p)
		to.now = func() string {
			fact, _ := n.Way(container) // one that is on no network any more has no address
			return addressOf(fact, p)
		}
		return to, nil
	}
	to.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(int(p.Inside)))
	var err error
	to.ns, err = openNamespace(at.PID)
	return to, err
}

func addressOf(at stage.Network, p Port) string {
	prefix, err := netip.ParsePrefix(at.Address)
	if err != nil {
		return ""
	}
	return netip.AddrPortFrom(prefix.Addr(), p.Inside).String()
}

// close lets go of the namespace.
func (t *target) close() {
	if t.ns != nil {
		t.ns.Close()
	}
}

// dial connects to the container.
func (t *target) dial(ctx context.Context) (conn net.Conn, err error) {
	address := t.address
	if t.now != nil {
		address = t.now()
	}
	dial := func() { conn, err = (&net.Dialer{}).DialContext(ctx, t.protocol, address) }
	if t.ns == nil {
		dial()
	} else if entered := t.ns.in(dial); entered != nil {
		return nil, entered
	}
	return conn, err
}

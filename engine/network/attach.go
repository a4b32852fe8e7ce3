//go:build linux

package network

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Wish is what a container asks of a network.
type Wish struct {
	Container string
	PID       int
	Network   string            // its id; "" is none, and loopback only
	Address   netip.Addr        // the zero Addr is any that is free
	MAC       net.HardwareAddr  // nil is one derived from the address
	Names     []string          // by which others on the network find it
	Links     map[string]string // names of its own for others: alias → container
	Priority  int               // of the networks with a way out, the highest has the default route
	DNS       []netip.Addr      // asked for names that nobody here has; none are the host's
}

// Attached is what came of a wish.
type Attached struct {
	Fact     stage.Network
	Endpoint string // its id, "" for none
}

// maxInterfaces bounds how many networks a container is on.
const maxInterfaces = 32

// Attach brings up loopback in the network namespace of process pid, where it is
// the first time, and adds eth0, or the next, for the network. Where the machine
// does not let us, the standard network's fact says so; a user's is an error.
func (n *Networks) Attach(k sys.Kernel, w Wish) (Attached, error) {
	got := Attached{Fact: stage.Network{PID: w.PID, Mode: None}}
	ns, err := openNamespace(w.PID)
	if err != nil {
		return got, err
	}
	defer ns.Close()
	inside, err := ns.handle()
	if err != nil {
		return got, fmt.Errorf("enter network namespace: %w", err)
	}
	defer inside.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.interfaces(w.Container) == 0 {
		if err := bringUp(k, inside, "lo", w.PID); err != nil {
			return got, err
		}
	}
	if w.Network == "" {
		return got, nil
	}
	b := n.all[w.Network]
	if b == nil {
		return got, refuse(ErrNotFound, "network %s not found", w.Network)
	}
	got.Fact.Mode = Bridge
	if n.refused != "" {
		return got, n.unplugged(b, &got.Fact, n.refused)
	}
	got.Endpoint, err = n.plug(k, inside, b, w, &got.Fact)
	if err != nil || b == n.standard || got.Endpoint == "" {
		return got, err
	}
	if err := n.answerNames(k, ns, w); err != nil {
		return got, errors.Join(err, n.unplug(b, w.Container))
	}
	return got, nil
}

// interfaces counts those of a container, loopback aside.
func (n *Networks) interfaces(container string) (count int) {
	for _, b := range n.all {
		if b.endpoints[container] != nil {
			count++
		}
	}
	return count
}

// unplugged is the network of a container that gets loopback only.
func (n *Networks) unplugged(b *bridge, fact *stage.Network, why string) error {
	if b != n.standard {
		return refuse(ErrForbidden, "network %s needs a bridge: %s", b.Name, why)
	}
	*fact = stage.Network{PID: fact.PID, Mode: None, Refused: why}
	return nil
}

func bringUp(k sys.Kernel, inside *netlink.Handle, name string, pid int) error {
	link, err := inside.LinkByName(name)
	if err == nil {
		err = inside.LinkSetUp(link)
	}
	k.Did("netlink", err, fmt.Sprintf("nsenter -t %d -n ip link set %s up", pid, name), "RTM_NEWLINK", name, "IFF_UP")
	if err != nil {
		return fmt.Errorf("bring up %s: %w", name, err)
	}
	return nil
}

// plug joins the container with the bridge and returns the endpoint's id, "" where
// the machine does not let us.
func (n *Networks) plug(k sys.Kernel, inside *netlink.Handle, b *bridge, w Wish, fact *stage.Network) (string, error) {
	if b.endpoints[w.Container] != nil {
		return "", refuse(ErrForbidden, "endpoint already exists in network %s", b.Name)
	}
	number, err := n.number(inside, w.Container)
	if err != nil {
		return "", err
	}
	if err := n.up(k, b); isRefusal(err) {
		return "", n.unplugged(b, fact, refusal("a bridge", err))
	} else if err != nil {
		return "", err
	}
	address, err := b.reserve(w, &n.leaving)
	if err != nil {
		return "", err
	}
	fact.Bridge, fact.Subnet = b.link.Name, b.subnet.String()
	fact.Masquerade, fact.NoWayOut = n.masquerade && b.masqueraded() && b.noWayOut == "", b.noWayOut
	if !b.Internal {
		fact.Gateway = b.gateway.String()
	}
	fact.Veth, fact.Name = vethName(w.Container, number), fmt.Sprintf("eth%d", number)
	fact.Address = netip.PrefixFrom(address, b.subnet.Bits()).String()
	n.leaving.await(fact.Veth, address.String())
	mac := w.MAC
	if mac == nil {
		mac = macOf(address)
	}
	fact.MAC = mac.String()
	err = addVeth(k, b, mac, fact)
	if isRefusal(err) {
		delete(b.used, address)
		return "", n.unplugged(b, fact, refusal("a veth pair", err))
	}
	if err == nil {
		e := &endpoint{Wish: w, id: newID(), fact: *fact}
		b.endpoints[w.Container] = e
		if err = addressInside(k, inside, fact); err == nil {
			err = n.route(k, inside, w.Container, w.PID)
		}
		if err == nil {
			return e.id, nil
		}
	}
	delete(b.used, address)
	return "", errors.Join(err, n.unplug(b, w.Container))
}

// number is that of the container's next interface.
func (n *Networks) number(inside *netlink.Handle, container string) (int, error) {
	if n.interfaces(container) == 0 {
		return 0, nil
	}
	for i := range maxInterfaces {
		_, err := inside.LinkByName(fmt.Sprintf("eth%d", i))
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			return i, nil
		}
		if err != nil {
			return 0, fmt.Errorf("find a name for the interface: %w", err)
		}
	}
	return 0, refuse(ErrForbidden, "the container is on %d networks already, which is as many as this engine connects it with", maxInterfaces)
}

func addVeth(k sys.Kernel, b *bridge, mac net.HardwareAddr, fact *stage.Network) error {
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: fact.Veth, MasterIndex: b.link.Index, Flags: net.FlagUp, MTU: b.mtu()},
		PeerName:  fact.Name, PeerNamespace: netlink.NsPid(fact.PID), PeerHardwareAddr: mac, PeerMTU: uint32(b.mtu()),
	}
	err := netlink.LinkAdd(veth)
	k.Did("netlink", err, fmt.Sprintf("ip link add %s master %s up type veth peer name %s address %s netns %d", fact.Veth, fact.Bridge, fact.Name, mac, fact.PID),
		"RTM_NEWLINK", "veth", fact.Veth, "IFLA_MASTER="+fact.Bridge, "peer "+fact.Name, fmt.Sprintf("IFLA_NET_NS_PID=%d", fact.PID))
	if err != nil {
		return fmt.Errorf("add veth pair: %w", err)
	}
	return nil
}

// addressInside sets up the interface from inside the namespace.
func addressInside(k sys.Kernel, inside *netlink.Handle, fact *stage.Network) error {
	link, err := inside.LinkByName(fact.Name)
	if err != nil {
		return fmt.Errorf("find %s: %w", fact.Name, err)
	}
	addr, err := netlink.ParseAddr(fact.Address)
	if err != nil {
		return err
	}
	err = inside.AddrAdd(link, addr)
	k.Did("netlink", err, fmt.Sprintf("nsenter -t %d -n ip addr add %s dev %s", fact.PID, fact.Address, fact.Name), "RTM_NEWADDR", fact.Name, fact.Address)
	if err != nil {
		return fmt.Errorf("give %s its address: %w", fact.Name, err)
	}
	return bringUp(k, inside, fact.Name, fact.PID)
}

// way is the container's endpoint that is to have the default route: of the
// highest priority, and of the first network by name. Docker's choice.
func (n *Networks) way(container string) (found *endpoint) {
	for _, b := range n.all {
		e := b.endpoints[container]
		if e == nil || b.Internal {
			continue
		}
		if found == nil || cmp.Or(cmp.Compare(found.Priority, e.Priority), cmp.Compare(b.Name, n.all[found.Network].Name)) < 0 {
			found = e
		}
	}
	return found
}

// route gives the container its default route, where it is to have another than
// it has. A route goes with its interface.
func (n *Networks) route(k sys.Kernel, inside *netlink.Handle, container string, pid int) error {
	e := n.way(container)
	if e == nil || n.ways[container] == e.Network {
		return nil
	}
	link, err := inside.LinkByName(e.fact.Name)
	if err != nil {
		return fmt.Errorf("find %s: %w", e.fact.Name, err)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(e.fact.Gateway)}
	verb, set := "add", inside.RouteAdd
	if n.ways[container] != "" {
		verb, set = "replace", inside.RouteReplace
	}
	err = set(route)
	k.Did("netlink", err, fmt.Sprintf("nsenter -t %d -n ip route %s default via %s", pid, verb, e.fact.Gateway), "RTM_NEWROUTE", "default", "via "+e.fact.Gateway)
	if err != nil {
		return fmt.Errorf("%s default route: %w", verb, err)
	}
	n.ways[container] = e.Network
	return nil
}

// reserve gives the container the address that it asks for, or the first that is
// free, rather one that nobody is just leaving.
func (b *bridge) reserve(w Wish, l *leaving) (netip.Addr, error) {
	if a := w.Address; a.IsValid() {
		if !b.Chosen { // a subnet of our choice may be another one by the next start
			return a, refuse(ErrInvalid, "user specified IP address is supported only when connecting to networks with user configured subnets")
		}
		if !isUsable(b.subnet, a) {
			return a, refuse(ErrInvalid, "Invalid address %s: It does not belong to any of this network's subnets", a)
		}
		if b.isTaken(a) {
			return a, refuse(ErrForbidden, "Address already in use")
		}
		b.used[a] = w.Container
		return a, nil
	}
	within := b.subnet
	if len(b.IPAM.Config) > 0 && b.IPAM.Config[0].IPRange.IsValid() {
		within = b.IPAM.Config[0].IPRange.Masked()
	}
	for _, also := range []bool{false, true} { // those that are being left
		for a := within.Addr(); within.Contains(a); a = a.Next() {
			if isUsable(b.subnet, a) && !b.isTaken(a) && (also || !l.has(a.String())) {
				b.used[a] = w.Container
				return a, nil
			}
		}
	}
	return netip.Addr{}, refuse(ErrForbidden, "no available IPv4 addresses on this network's address pools: %s (%s)", b.Name, b.ID)
}

func (b *bridge) isTaken(a netip.Addr) bool {
	_, taken := b.used[a]
	return taken || a == b.gateway || b.isAux(a)
}

// Disconnect takes a running container off one network.
func (n *Networks) Disconnect(k sys.Kernel, container, network string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.all[network]
	if b == nil || b.endpoints[container] == nil {
		return refuse(ErrNotFound, "container %s is not connected to network %s", container, network)
	}
	pid := b.endpoints[container].PID
	if err := n.unplug(b, container); err != nil {
		return err
	}
	if n.way(container) == nil {
		return nil
	}
	ns, err := openNamespace(pid)
	if err != nil {
		return err
	}
	defer ns.Close()
	inside, err := ns.handle()
	if err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	defer inside.Close()
	return n.route(k, inside, container, pid)
}

// unplug removes one interface of a container and frees its address.
func (n *Networks) unplug(b *bridge, container string) error {
	e := n.forget(b, container)
	if e == nil {
		return nil
	}
	return removeLink(e.fact.Veth)
}

// forget frees a container's address on a network, and returns what it was there;
// nil for nothing.
func (n *Networks) forget(b *bridge, container string) *endpoint {
	e := b.endpoints[container]
	if e == nil {
		return nil
	}
	delete(b.endpoints, container)
	for a, c := range b.used {
		if c == container {
			delete(b.used, a)
		}
	}
	if n.ways[container] == b.ID {
		delete(n.ways, container)
	}
	return e
}

func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return nil // went with the namespace
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// Detach withdraws a container's ports and frees its addresses. Its interfaces
// are removed, or go with their namespace, in the moments after.
func (n *Networks) Detach(container string) {
	n.withdraw(container)
	n.silence(container)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.all {
		if e := n.forget(b, container); e != nil {
			veth := e.fact.Veth
			n.leaving.begin(func() { _ = removeLink(veth) }, veth, e.address().String()) // it goes with the namespace as well
		}
	}
}

// vethName fits an interface's 15 characters.
func vethName(container string, number int) string {
	if number == 0 {
		return "veth" + container[:8]
	}
	return fmt.Sprintf("veth%s-%d", container[:8], number)
}

// macOf derives the hardware address from the IP address, as Docker does, so
// that a reused address has the same neighbour entry.
func macOf(a netip.Addr) net.HardwareAddr {
	ip := a.As4()
	return net.HardwareAddr{0x02, 0x42, ip[0], ip[1], ip[2], ip[3]}
}

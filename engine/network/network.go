//go:build linux

// Package network gives containers their interfaces: a bridge for the daemon,
// and for each container a veth pair with one end on the bridge and the other,
// eth0, in the container's network namespace. See veth(4).
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Modes of a container's network, Docker's names.
const (
	Bridge = "bridge"
	None   = "none"
)

// aliasPrefix marks a bridge as a learndocker daemon's. The rest of the alias is
// the daemon's data root: a bridge whose daemon has been killed is known by it.
const aliasPrefix = "learndocker "

// maxAlias is the kernel's IFALIASZ less the final zero, in bytes.
const maxAlias = 255

var namePattern = regexp.MustCompile(`^learndocker\d{1,3}$`)

func alias(dataRoot string) string {
	a := aliasPrefix + dataRoot
	return a[:min(len(a), maxAlias)]
}

// Network is the daemon's bridge; it is made when the first container asks.
type Network struct {
	alias      string
	refused    string // why there can be no bridge here; "" where there can
	masquerade bool   // containers are to reach beyond this machine
	noWayOut   string // why they do not, though they were to

	forwarded bool // by us: the machine's forwarding was off

	mu        sync.Mutex
	bridge    *netlink.Bridge
	subnet    netip.Prefix
	gateway   netip.Addr
	used      map[netip.Addr]string // address → container
	published map[string][]*passing // of each container
}

// Open prepares the network of the daemon with that data root and removes the
// bridge that a killed daemon left. A rootless daemon has no say over the
// host's interfaces: its containers get loopback only. masquerade lets containers
// reach beyond this machine, where the machine has what that takes.
func Open(dataRoot string, rootless, masquerade bool) (*Network, error) {
	n := &Network{alias: alias(dataRoot), masquerade: masquerade, used: map[netip.Addr]string{}, published: map[string][]*passing{}}
	if rootless {
		n.refused = "an ordinary user may not add interfaces to the host's network namespace"
		return n, nil
	}
	return n, n.removeLeft()
}

func (n *Network) removeLeft() error {
	left, err := Bridges()
	if err != nil {
		return err
	}
	for _, b := range left {
		if b.attrs.Alias != n.alias {
			continue
		}
		if err := b.Remove(); err != nil {
			return fmt.Errorf("remove the bridge of a killed daemon: %w", err)
		}
	}
	return nil
}

// Made is a bridge that some learndocker daemon has made.
type Made struct {
	Name     string
	DataRoot string // the daemon's; cut short where it is longer than an alias may be, "" in the moment before the bridge is marked
	attrs    *netlink.LinkAttrs
}

// Bridges lists the bridges of all learndocker daemons, living or not.
func Bridges() ([]Made, error) {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var made []Made
	for _, l := range links {
		a := l.Attrs()
		root, marked := strings.CutPrefix(a.Alias, aliasPrefix)
		unmarked := a.Alias == "" && namePattern.MatchString(a.Name)
		if l.Type() == "bridge" && (marked || unmarked) {
			made = append(made, Made{Name: a.Name, DataRoot: root, attrs: a})
		}
	}
	return made, nil
}

// whole lists again what has changed while it was listed, which the kernel tells
// by NLM_F_DUMP_INTR: other daemons come and go. On a machine that never rests the last
// list has to do.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	for range 20 {
		items, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return items, err
		}
	}
	items, err := list()
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return items, nil
	}
	return items, err
}

// Remove removes the bridge and its rules; one that has gone meanwhile is no error.
func (m Made) Remove() error {
	if err := untranslate(m.Name); err != nil {
		return fmt.Errorf("remove the rules of %s: %w", m.Name, err)
	}
	err := netlink.LinkDel(&netlink.Bridge{LinkAttrs: *m.attrs})
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// Close removes the bridge.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.bridge == nil {
		return nil
	}
	if n.masquerade {
		if err := untranslate(n.bridge.Name); err != nil {
			return fmt.Errorf("remove the rules of %s: %w", n.bridge.Name, err)
		}
	}
	if err := netlink.LinkDel(n.bridge); err != nil {
		return fmt.Errorf("remove bridge %s: %w", n.bridge.Name, err)
	}
	n.bridge = nil
	return n.unforward()
}

// Attach brings up loopback in the network namespace of process pid and, in
// bridge mode, adds eth0. Where the machine does not let us, the fact says so.
func (n *Network) Attach(k sys.Kernel, container, mode string, pid int) (stage.Network, error) {
	fact := stage.Network{PID: pid, Mode: mode}
	ns, err := openNamespace(pid)
	if err != nil {
		return fact, err
	}
	defer ns.Close()
	inside, err := ns.handle()
	if err != nil {
		return fact, fmt.Errorf("enter network namespace: %w", err)
	}
	defer inside.Close()
	if err := bringUp(k, inside, "lo", pid); err != nil {
		return fact, err
	}
	if mode != Bridge {
		return fact, nil
	}
	if n.refused != "" {
		fact.Mode, fact.Refused = None, n.refused
		return fact, nil
	}
	return fact, n.plug(k, inside, container, &fact)
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

func (n *Network) plug(k sys.Kernel, inside *netlink.Handle, container string, fact *stage.Network) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.ensureBridge(k); isRefusal(err) {
		*fact = refused(fact.PID, "a bridge", err)
		return nil
	} else if err != nil {
		return err
	}
	address, err := n.reserve(container)
	if err != nil {
		return err
	}
	fact.Bridge, fact.Subnet, fact.Gateway = n.bridge.Name, n.subnet.String(), n.gateway.String()
	fact.Masquerade, fact.NoWayOut = n.masquerade, n.noWayOut
	fact.Veth, fact.Name, fact.Address = vethName(container), "eth0", netip.PrefixFrom(address, n.subnet.Bits()).String()
	mac := macOf(address)
	fact.MAC = mac.String()

	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: fact.Veth, MasterIndex: n.bridge.Index, Flags: net.FlagUp},
		PeerName:  fact.Name, PeerNamespace: netlink.NsPid(fact.PID), PeerHardwareAddr: mac,
	}
	err = netlink.LinkAdd(veth)
	k.Did("netlink", err, fmt.Sprintf("ip link add %s master %s up type veth peer name eth0 address %s netns %d", fact.Veth, fact.Bridge, mac, fact.PID),
		"RTM_NEWLINK", "veth", fact.Veth, "IFLA_MASTER="+fact.Bridge, "peer eth0", fmt.Sprintf("IFLA_NET_NS_PID=%d", fact.PID))
	if isRefusal(err) {
		delete(n.used, address)
		*fact = refused(fact.PID, "a veth pair", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("add veth pair: %w", err)
	}
	return addressInside(k, inside, fact)
}

// isRefusal tells what the machine does not offer, or not to us, from what goes
// wrong.
func isRefusal(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM)
}

// refused is the network of a container that gets loopback only.
func refused(pid int, what string, err error) stage.Network {
	why := "this process may not add " + what + " to the host's network namespace"
	if errors.Is(err, unix.EOPNOTSUPP) {
		why = "this kernel cannot make " + what + ", or its module is not loaded"
	}
	return stage.Network{PID: pid, Mode: None, Refused: why}
}

// addressInside sets up eth0 from inside the namespace.
func addressInside(k sys.Kernel, inside *netlink.Handle, fact *stage.Network) error {
	enter := fmt.Sprintf("nsenter -t %d -n ", fact.PID)
	eth0, err := inside.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("find eth0: %w", err)
	}
	addr, err := netlink.ParseAddr(fact.Address)
	if err != nil {
		return err
	}
	err = inside.AddrAdd(eth0, addr)
	k.Did("netlink", err, enter+"ip addr add "+fact.Address+" dev eth0", "RTM_NEWADDR", "eth0", fact.Address)
	if err != nil {
		return fmt.Errorf("give eth0 its address: %w", err)
	}
	if err := bringUp(k, inside, "eth0", fact.PID); err != nil {
		return err
	}
	err = inside.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: net.ParseIP(fact.Gateway)})
	k.Did("netlink", err, enter+"ip route add default via "+fact.Gateway, "RTM_NEWROUTE", "default", "via "+fact.Gateway)
	if err != nil {
		return fmt.Errorf("add default route: %w", err)
	}
	return nil
}

// ensureBridge makes the bridge on the first free subnet. Its name carries the
// subnet's number, so that the kernel's refusal of a second interface of the
// same name keeps two daemons apart.
func (n *Network) ensureBridge(k sys.Kernel) error {
	if n.bridge != nil {
		return nil
	}
	routes, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for i := range 256 {
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 30, byte(i), 0}), 24)
		if overlaps(subnet, routes) {
			continue
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("learndocker%d", i)}}
		err := netlink.LinkAdd(bridge)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		k.Did("netlink", err, "ip link add "+bridge.Name+" type bridge", "RTM_NEWLINK", "bridge", bridge.Name)
		if err != nil {
			return fmt.Errorf("add bridge: %w", err)
		}
		return n.addressBridge(k, bridge, subnet)
	}
	return errors.New("add bridge: none of 172.30.0.0/24 to 172.30.255.0/24 is free")
}

func overlaps(subnet netip.Prefix, routes []netlink.Route) bool {
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		ones, _ := r.Dst.Mask.Size()
		ip, ok := netip.AddrFromSlice(r.Dst.IP.To4())
		if ok && ones > 0 && netip.PrefixFrom(ip, ones).Overlaps(subnet) {
			return true
		}
	}
	return false
}

func (n *Network) addressBridge(k sys.Kernel, bridge *netlink.Bridge, subnet netip.Prefix) error {
	// The kernel takes no alias with the making of an interface.
	err := netlink.LinkSetAlias(bridge, n.alias)
	k.Did("netlink", err, fmt.Sprintf("ip link set %s alias %q", bridge.Name, n.alias), "RTM_SETLINK", bridge.Name, fmt.Sprintf("IFLA_IFALIAS=%q", n.alias))
	if err != nil {
		return errors.Join(fmt.Errorf("mark bridge: %w", err), netlink.LinkDel(bridge))
	}
	gateway := subnet.Addr().Next()
	own := netip.PrefixFrom(gateway, subnet.Bits()).String()
	addr, err := netlink.ParseAddr(own)
	if err == nil {
		err = netlink.AddrAdd(bridge, addr)
	}
	k.Did("netlink", err, "ip addr add "+own+" dev "+bridge.Name, "RTM_NEWADDR", bridge.Name, own)
	if err == nil {
		err = netlink.LinkSetUp(bridge)
		k.Did("netlink", err, "ip link set "+bridge.Name+" up", "RTM_NEWLINK", bridge.Name, "IFF_UP")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("set up bridge: %w", err), netlink.LinkDel(bridge))
	}
	n.bridge, n.subnet, n.gateway = bridge, subnet, gateway
	if n.masquerade {
		if err := n.translate(k, bridge.Name, subnet); err != nil {
			n.masquerade, n.noWayOut = false, err.Error()
		}
	}
	return nil
}

func (n *Network) reserve(container string) (netip.Addr, error) {
	for a := n.gateway.Next(); n.subnet.Contains(a.Next()); a = a.Next() {
		if _, taken := n.used[a]; !taken {
			n.used[a] = container
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free address in %s", n.subnet)
}

// Detach withdraws a container's ports, removes its interfaces and frees its
// address.
func (n *Network) Detach(container string) error {
	n.withdraw(container)
	n.mu.Lock()
	defer n.mu.Unlock()
	plugged := false
	for a, c := range n.used {
		if c == container {
			delete(n.used, a)
			plugged = true
		}
	}
	if !plugged {
		return nil
	}
	link, err := netlink.LinkByName(vethName(container))
	if err != nil {
		return nil // went with the namespace
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s: %w", link.Attrs().Name, err)
	}
	return nil
}

// vethName fits an interface's 15 characters.
func vethName(container string) string { return "veth" + container[:8] }

// macOf derives the hardware address from the IP address, as Docker does, so
// that a reused address has the same neighbour entry.
func macOf(a netip.Addr) net.HardwareAddr {
	ip := a.As4()
	return net.HardwareAddr{0x02, 0x42, ip[0], ip[1], ip[2], ip[3]}
}

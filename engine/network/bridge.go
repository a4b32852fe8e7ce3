//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"

	networktypes "github.com/moby/moby/api/types/network"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// bridge is one network: what is known of it, and its bridge while there is one.
type bridge struct {
	Definition
	link       *netlink.Bridge
	subnet     netip.Prefix // none yet, where the kernel's routes are to tell which is free
	gateway    netip.Addr   // the bridge's own address
	translated bool
	noWayOut   string // why its containers do not reach beyond this machine, though they were to

	used      map[netip.Addr]string // address → container
	endpoints map[string]*endpoint  // by container
}

// endpoint is a container's connection with a network.
type endpoint struct {
	Wish
	id   string
	fact stage.Network
}

func newBridge(d Definition) *bridge {
	b := &bridge{Definition: d, used: map[netip.Addr]string{}, endpoints: map[string]*endpoint{}}
	if len(d.IPAM.Config) > 0 {
		b.subnet = d.IPAM.Config[0].Subnet.Masked()
		b.gateway = d.gateway()
	}
	return b
}

// down removes the bridge and its rules.
func (b *bridge) down() error {
	if b.link == nil {
		return nil
	}
	if b.translated {
		if err := untranslate(b.link.Name); err != nil {
			return fmt.Errorf("remove the rules of %s: %w", b.link.Name, err)
		}
	}
	if err := netlink.LinkDel(b.link); err != nil {
		return fmt.Errorf("remove bridge %s: %w", b.link.Name, err)
	}
	b.link, b.translated = nil, false
	return nil
}

// up makes the bridge of a network if it is not there.
func (n *Networks) up(k sys.Kernel, b *bridge) error {
	if b.link != nil {
		return nil
	}
	if b.Chosen {
		link, err := addNumbered(k, maxNumber)
		if err != nil {
			return err
		}
		return n.setUp(k, b, link)
	}
	routes, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, i := range b.numbers() {
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 30, byte(i), 0}), 24)
		if overlaps(subnet, routes) || n.isOthers(b, subnet) {
			continue
		}
		link, err := addLink(k, i)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return err
		}
		b.subnet, b.gateway = subnet, subnet.Addr().Next()
		return n.setUp(k, b, link)
	}
	return errors.New("add bridge: none of 172.30.0.0/24 to 172.30.255.0/24 is free")
}

// numbers are those of the subnets to try: the one that it had before comes first.
func (b *bridge) numbers() []int {
	var all []int
	if b.subnet.IsValid() {
		all = append(all, int(b.subnet.Addr().As4()[2]))
	}
	for i := range 256 {
		all = append(all, i)
	}
	return all
}

// addLink adds a bridge by a name that carries the subnet's number, so that the
// kernel's refusal of a second interface of the same name keeps two daemons apart.
func addLink(k sys.Kernel, number int) (*netlink.Bridge, error) {
	link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("learndocker%d", number)}}
	err := netlink.LinkAdd(link)
	if errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	k.Did("netlink", err, "ip link add "+link.Name+" type bridge", "RTM_NEWLINK", "bridge", link.Name)
	if err != nil {
		return nil, fmt.Errorf("add bridge: %w", err)
	}
	return link, nil
}

// maxNumber is the last number of three digits: those above 255 are no subnet's.
const maxNumber = 999

// addNumbered adds a bridge by the first free name from a number downwards.
func addNumbered(k sys.Kernel, number int) (*netlink.Bridge, error) {
	for ; number >= 0; number-- {
		link, err := addLink(k, number)
		if !errors.Is(err, unix.EEXIST) {
			return link, err
		}
	}
	return nil, errors.New("add bridge: no name from learndocker0 to learndocker999 is free")
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

// isOthers reports whether another network of this daemon has defined the subnet,
// whether or not its bridge is there.
func (n *Networks) isOthers(b *bridge, subnet netip.Prefix) bool {
	for _, other := range n.all {
		if other.ID != b.ID && other.subnet.IsValid() && other.subnet.Overlaps(subnet) {
			return true
		}
	}
	return false
}

// setUp marks the bridge, gives it its name and address, and lets it go. Until it
// is marked it has a name by which it is known to be ours.
func (n *Networks) setUp(k sys.Kernel, b *bridge, link *netlink.Bridge) error {
	// The kernel takes no alias with the making of an interface.
	err := netlink.LinkSetAlias(link, n.alias)
	k.Did("netlink", err, fmt.Sprintf("ip link set %s alias %q", link.Name, n.alias), "RTM_SETLINK", link.Name, fmt.Sprintf("IFLA_IFALIAS=%q", n.alias))
	if err != nil {
		return errors.Join(fmt.Errorf("mark bridge: %w", err), netlink.LinkDel(link))
	}
	if b != n.standard {
		if err := rename(k, link, b.linkName()); err != nil {
			return errors.Join(err, netlink.LinkDel(link))
		}
	}
	if err := b.address(k, link); err != nil {
		return errors.Join(fmt.Errorf("set up bridge: %w", err), netlink.LinkDel(link))
	}
	b.link, b.noWayOut = link, ""
	if b != n.standard && !b.Chosen {
		b.IPAM.Config = []networktypes.IPAMConfig{{Subnet: b.subnet, Gateway: b.gateway}}
	}
	if err := n.rule(k, b); err != nil {
		return errors.Join(err, b.down())
	}
	return nil
}

func rename(k sys.Kernel, link *netlink.Bridge, name string) error {
	err := netlink.LinkSetName(link, name)
	k.Did("netlink", err, "ip link set "+link.Name+" name "+name, "RTM_NEWLINK", link.Name, "IFLA_IFNAME="+name)
	if errors.Is(err, unix.EEXIST) {
		return refuse(ErrForbidden, "bridge device with name %s exists already", name)
	}
	if err != nil {
		return fmt.Errorf("name bridge: %w", err)
	}
	link.Name = name
	return nil
}

func (b *bridge) address(k sys.Kernel, link *netlink.Bridge) error {
	own := netip.PrefixFrom(b.gateway, b.subnet.Bits()).String()
	addr, err := netlink.ParseAddr(own)
	if err == nil {
		err = netlink.AddrAdd(link, addr)
	}
	k.Did("netlink", err, "ip addr add "+own+" dev "+link.Name, "RTM_NEWADDR", link.Name, own)
	if err == nil {
		err = netlink.LinkSetUp(link)
		k.Did("netlink", err, "ip link set "+link.Name+" up", "RTM_NEWLINK", link.Name, "IFF_UP")
	}
	return err
}

// rule lets the containers of a bridge reach beyond this machine, and keeps users'
// networks apart, which needs no rule where the machine passes nothing on. That there
// is no way out is told; that a network is apart, which is not, would be a lie.
func (n *Networks) rule(k sys.Kernel, b *bridge) error {
	if b != n.standard {
		if err := b.isolate(k); err != nil {
			if forwards() {
				return refuse(ErrForbidden, "network %s cannot be kept apart from others: %s", b.Name, err)
			}
			b.noWayOut = err.Error()
			return nil
		}
		b.translated = true
	}
	if !n.masquerade || !b.masqueraded() {
		return nil
	}
	if err := n.translate(k, b.link.Name, b.subnet); err != nil {
		b.noWayOut = err.Error()
		return nil
	}
	b.translated = true
	return nil
}

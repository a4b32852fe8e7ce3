package network

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// ip shows addresses, links and routes: ip addr|link [show [dev] NAME], ip
// route, ip neigh. It changes nothing.
func ip(c *applet.Call) error {
	args := slices.DeleteFunc(slices.Clone(c.Args), func(a string) bool {
		return a == "show" || a == "list" || a == "ls" || a == "dev" || a == "-4" || a == "-br"
	})
	if len(args) == 0 {
		return applet.Usage("ip addr|link|route|neigh [show [dev] NAME]")
	}
	v4 := slices.Contains(c.Args, "-4")
	name := ""
	if len(args) > 1 {
		name = args[1]
	}
	if len(args) > 2 || name == "add" || name == "del" || name == "set" {
		return applet.Usage("ip shows only: nothing can be changed with it")
	}
	switch object := args[0]; {
	case isShort(object, "address"):
		return showLinks(c, name, true, v4)
	case isShort(object, "link"):
		return showLinks(c, name, false, v4)
	case isShort(object, "route"):
		return showRoutes(c)
	case isShort(object, "neighbour"), isShort(object, "neighbor"):
		return showNeighbours(c)
	}
	return applet.Usage("%q is no object of ip: addr, link, route and neigh are", args[0])
}

func isShort(word, whole string) bool { return word != "" && strings.HasPrefix(whole, word) }

// record is one message of rtnetlink(7): its header, and its attributes by type.
type record struct {
	data       []byte
	attributes map[uint16][]byte
}

// records asks the kernel for all there are of a kind.
func records(request, answer int) ([]record, error) {
	raw, err := syscall.NetlinkRIB(request, syscall.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseNetlinkMessage(raw)
	if err != nil {
		return nil, err
	}
	var list []record
	for _, m := range messages {
		if int(m.Header.Type) != answer {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, err
		}
		r := record{m.Data, map[uint16][]byte{}}
		for _, a := range attributes {
			r.attributes[a.Attr.Type] = a.Value
		}
		list = append(list, r)
	}
	return list, nil
}

func (r record) text(kind uint16) string {
	return strings.TrimRight(string(r.attributes[kind]), "\x00")
}

func (r record) number(kind uint16) uint32 {
	if v := r.attributes[kind]; len(v) >= 4 {
		return native(v)
	}
	return 0
}

// native is a number as the kernel writes it: all architectures here are
// little endian.
func native(v []byte) uint32 {
	return uint32(v[0]) | uint32(v[1])<<8 | uint32(v[2])<<16 | uint32(v[3])<<24
}

// index and flags are fields of struct ifinfomsg.
func (r record) index() uint32 { return native(r.data[4:]) }
func (r record) flags() uint32 { return native(r.data[8:]) }

func showLinks(c *applet.Call, only string, addresses, v4 bool) error {
	links, err := records(syscall.RTM_GETLINK, syscall.RTM_NEWLINK)
	if err != nil {
		return err
	}
	all, err := records(syscall.RTM_GETADDR, syscall.RTM_NEWADDR)
	if err != nil {
		return err
	}
	shown := false
	for _, l := range links {
		if only != "" && l.text(unix.IFLA_IFNAME) != only {
			continue
		}
		shown = true
		showLink(c, l)
		for _, a := range all {
			if addresses && native(a.data[4:]) == l.index() && (a.data[0] == syscall.AF_INET || !v4 && a.data[0] == syscall.AF_INET6) {
				showAddress(c, a)
			}
		}
	}
	if !shown {
		return fmt.Errorf("can't find device '%s'", only)
	}
	return nil
}

func showLink(c *applet.Call, l record) {
	name, behind := l.text(unix.IFLA_IFNAME), ""
	if peer, ok := l.attributes[unix.IFLA_LINK]; ok && len(peer) == 4 {
		name += "@if" + strconv.Itoa(int(native(peer)))
	}
	if master := l.number(unix.IFLA_MASTER); master > 0 {
		behind = " master " + interfaceName(master)
	}
	states := []string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}
	state := states[0]
	if v := l.attributes[unix.IFLA_OPERSTATE]; len(v) > 0 && int(v[0]) < len(states) {
		state = states[v[0]]
	}
	queue := ""
	if n := l.number(unix.IFLA_TXQLEN); n > 0 {
		queue = fmt.Sprintf(" qlen %d", n)
	}
	fmt.Fprintf(c.Out, "%d: %s: <%s> mtu %d qdisc %s%s state %s%s\n", l.index(), name, linkFlags(l.flags()), l.number(unix.IFLA_MTU), l.text(unix.IFLA_QDISC), behind, state, queue)
	kind := map[uint16]string{unix.ARPHRD_LOOPBACK: "loopback", unix.ARPHRD_ETHER: "ether"}[uint16(l.data[2])|uint16(l.data[3])<<8]
	if kind == "" {
		kind = "void"
	}
	address := ""
	if hardware := l.attributes[unix.IFLA_ADDRESS]; len(hardware) == 6 {
		address = fmt.Sprintf(" %s brd %s", net.HardwareAddr(hardware), net.HardwareAddr(l.attributes[unix.IFLA_BROADCAST]))
	}
	fmt.Fprintf(c.Out, "    link/%s%s\n", kind, address)
}

func linkFlags(flags uint32) string {
	var list []string
	if flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING == 0 {
		list = append(list, "NO-CARRIER")
	}
	for _, f := range []struct {
		bit  uint32
		name string
	}{
		{unix.IFF_LOOPBACK, "LOOPBACK"}, {unix.IFF_BROADCAST, "BROADCAST"}, {unix.IFF_POINTOPOINT, "POINTOPOINT"}, {unix.IFF_MULTICAST, "MULTICAST"},
		{unix.IFF_NOARP, "NOARP"}, {unix.IFF_PROMISC, "PROMISC"}, {unix.IFF_UP, "UP"}, {unix.IFF_LOWER_UP, "LOWER_UP"},
	} {
		if flags&f.bit != 0 {
			list = append(list, f.name)
		}
	}
	return strings.Join(list, ",")
}

// showAddress reads struct ifaddrmsg: family, prefix length, flags, scope.
func showAddress(c *applet.Call, a record) {
	family, local := "inet", a.attributes[unix.IFA_LOCAL]
	if a.data[0] == syscall.AF_INET6 {
		family, local = "inet6", a.attributes[unix.IFA_ADDRESS]
	}
	broadcast := ""
	if b := a.attributes[unix.IFA_BROADCAST]; len(b) == 4 {
		broadcast = " brd " + net.IP(b).String()
	}
	scope := map[byte]string{0: "global", 200: "site", 253: "link", 254: "host"}[a.data[3]]
	label := ""
	if family == "inet" {
		label = " " + a.text(unix.IFA_LABEL)
	}
	fmt.Fprintf(c.Out, "    %s %s/%d%s scope %s%s\n", family, net.IP(local), a.data[1], broadcast, scope, label)
}

func interfaceName(index uint32) string {
	i, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return strconv.Itoa(int(index))
	}
	return i.Name
}

// showRoutes reads struct rtmsg: family, length of the destination, …, table at
// 4, protocol at 5, scope at 6. Only the main table's IPv4 routes are shown.
func showRoutes(c *applet.Call) error {
	routes, err := records(syscall.RTM_GETROUTE, syscall.RTM_NEWROUTE)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.data[0] != syscall.AF_INET || r.data[4] != unix.RT_TABLE_MAIN {
			continue
		}
		line := "default"
		if to := r.attributes[unix.RTA_DST]; len(to) == 4 {
			line = fmt.Sprintf("%s/%d", net.IP(to), r.data[1])
		}
		if via := r.attributes[unix.RTA_GATEWAY]; len(via) == 4 {
			line += " via " + net.IP(via).String()
		}
		if device := r.number(unix.RTA_OIF); device > 0 {
			line += " dev " + interfaceName(device)
		}
		if r.data[5] == unix.RTPROT_KERNEL {
			line += " proto kernel"
		}
		if r.data[6] == unix.RT_SCOPE_LINK {
			line += " scope link"
		}
		if source := r.attributes[unix.RTA_PREFSRC]; len(source) == 4 {
			line += " src " + net.IP(source).String()
		}
		if metric := r.number(unix.RTA_PRIORITY); metric > 0 {
			line += fmt.Sprintf(" metric %d", metric)
		}
		fmt.Fprintln(c.Out, line)
	}
	return nil
}

// showNeighbours reads /proc/net/arp.
func showNeighbours(c *applet.Call) error {
	data, err := os.ReadFile("/proc/net/arp")
	if err != nil {
		return err
	}
	for n, line := range slices.Collect(strings.Lines(string(data))) {
		fields := strings.Fields(line)
		if n == 0 || len(fields) < 6 {
			continue
		}
		state := "REACHABLE"
		if fields[2] == "0x0" {
			state = "FAILED"
		}
		fmt.Fprintf(c.Out, "%s dev %s lladdr %s %s\n", fields[0], fields[5], fields[3], state)
	}
	return nil
}

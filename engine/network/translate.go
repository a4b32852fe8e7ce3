//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// forwarding is the kernel's setting whether it passes packets on from one
// interface to another: ip-sysctl.rst.
const forwarding = "/proc/sys/net/ipv4/ip_forward"

// translate lets the containers of a bridge reach beyond this machine: packets are
// passed on, and those that leave carry the machine's own address, for nobody
// out there knows the way to theirs.
func (n *Networks) translate(k sys.Kernel, bridge string, subnet netip.Prefix) error {
	if err := n.forward(k); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	table := conn.AddTable(tableOf(bridge))
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: masquerade(bridge, subnet)})
	err = conn.Flush()
	did(k, err,
		"add table ip "+table.Name,
		"add chain ip "+table.Name+" postrouting { type nat hook postrouting priority srcnat; }",
		fmt.Sprintf("add rule ip %s postrouting ip saddr %s oifname != %q counter masquerade", table.Name, subnet, bridge))
	return err
}

func did(k sys.Kernel, err error, lines ...string) {
	for _, line := range lines {
		k.Did("netlink", err, "nft '"+line+"'", line)
	}
}

// tableOf is the table of a bridge's rules. It has the bridge's name, where that is
// of our choice: one of a user's choice may be that of a table that is not ours.
func tableOf(bridge string) *nftables.Table {
	name := bridge
	if !namePattern.MatchString(bridge) {
		name = "learndocker-" + bridge
	}
	return &nftables.Table{Name: name, Family: nftables.TableFamilyIPv4}
}

// masquerade is the rule `ip saddr SUBNET oifname != BRIDGE counter masquerade`.
func masquerade(bridge string, subnet netip.Prefix) []expr.Any {
	const sourceAddress, length = 12, 4 // in the header of IPv4: RFC 791
	network := subnet.Masked().Addr().As4()
	mask := binaryutil.BigEndian.PutUint32(^uint32(0) << (32 - subnet.Bits()))
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: sourceAddress, Len: length},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: mask, Xor: make([]byte, length)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: network[:]},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: ifname(bridge)},
		&expr.Counter{},
		&expr.Masq{},
	}
}

// forwards reports whether it does; where that cannot be read, it may.
func forwards() bool {
	now, err := os.ReadFile(forwarding)
	return err != nil || strings.TrimSpace(string(now)) != "0"
}

// forward turns forwarding on, and remembers whether it was off.
func (n *Networks) forward(k sys.Kernel) error {
	was, err := os.ReadFile(forwarding)
	if err != nil || strings.TrimSpace(string(was)) != "0" {
		return err
	}
	if err := k.WriteFile(forwarding, "1"); err != nil {
		return err
	}
	n.forwarded = true
	return nil
}

// unforward turns it off again, unless another daemon's containers need it by now.
func (n *Networks) unforward() error {
	if !n.forwarded {
		return nil
	}
	n.forwarded = false
	if others, err := Bridges(); err != nil || len(others) > 0 {
		return err
	}
	return os.WriteFile(forwarding, []byte("0"), 0)
}

// untranslate removes the rules of a bridge; none is no error.
func untranslate(bridge string) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	conn.DelTable(tableOf(bridge))
	err = conn.Flush()
	for _, harmless := range []error{unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EINVAL, unix.EPERM} { // there is none, or the kernel has no rules at all
		if errors.Is(err, harmless) {
			return nil
		}
	}
	return err
}

//go:build linux

package network

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// isolate keeps a user's network apart from others, where the machine passes
// packets on: nobody else begins to speak with who is on it, and who is on it not
// with who is on a daemon's own bridge. Of an internal one nothing goes out at all.
func (b *bridge) isolate(k sys.Kernel) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	name := b.link.Name
	table := conn.AddTable(tableOf(name))
	accept := nftables.ChainPolicyAccept
	chain := conn.AddChain(&nftables.Chain{
		Name: "forward", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	in, out := between(expr.CmpOpNeq, name, expr.CmpOpEq, ifname(name)), between(expr.CmpOpEq, name, expr.CmpOpEq, []byte(standardPrefix))
	inText, outText := fmt.Sprintf("iifname != %q oifname %q", name, name), fmt.Sprintf("iifname %q oifname \"%s*\"", name, standardPrefix)
	if b.Internal {
		out, outText = between(expr.CmpOpEq, name, expr.CmpOpNeq, ifname(name)), fmt.Sprintf("iifname %q oifname != %q", name, name)
	} else {
		in, inText = append(in, isNew()...), inText+" ct state != { established, related }"
	}
	for _, exprs := range [][]expr.Any{in, out} {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})})
	}
	err = conn.Flush()
	did(k, err,
		"add table ip "+table.Name,
		"add chain ip "+table.Name+" forward { type filter hook forward priority filter; }",
		"add rule ip "+table.Name+" forward "+inText+" counter drop",
		"add rule ip "+table.Name+" forward "+outText+" counter drop")
	return err
}

// standardPrefix begins the names of the bridges that are no user's.
const standardPrefix = "learndocker"

// between are packets that come in by one interface and go out by another. A name
// without its final zeros is how all names begin.
func between(inOp expr.CmpOp, in string, outOp expr.CmpOp, out []byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: inOp, Register: 1, Data: ifname(in)},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: outOp, Register: 1, Data: out},
	}
}

// isNew are packets that belong to nothing that has begun.
func isNew() []expr.Any {
	const length = 4
	known := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: known, Xor: make([]byte, length)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: make([]byte, length)},
	}
}

// ifname is an interface's name as the kernel compares it.
func ifname(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

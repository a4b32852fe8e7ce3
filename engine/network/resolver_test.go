//go:build linux

package network

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	networktypes "github.com/moby/moby/api/types/network"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/learndocker/learndocker/engine/stage"
)

// peopled are networks, with many containers of one alias on a user's, and nobody
// but the first on an internal one.
func peopled(t testing.TB) *Networks {
	t.Helper()
	n, err := Open(t.TempDir(), true, false)
	if err != nil {
		t.Fatal(err)
	}
	mine := newBridge(Definition{Network: networktypes.Network{ID: strings.Repeat("a", 64), Name: "mine", Internal: true}})
	for i := range 100 {
		id := fmt.Sprintf("%064d", i)
		mine.endpoints[id] = &endpoint{
			Wish: Wish{Container: id, Network: mine.ID, Names: []string{fmt.Sprintf("c%d", i), "many"}},
			fact: stage.Network{Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 2)}), 24).String()},
		}
	}
	n.all[mine.ID] = mine
	return n
}

func question(t testing.TB, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestAnswer(t *testing.T) {
	r := &resolver{networks: peopled(t), container: fmt.Sprintf("%064d", 0), ctx: t.Context()}
	for _, c := range []struct {
		name      string
		kind      dnsmessage.Type
		protocol  string
		answers   int
		code      dnsmessage.RCode
		truncated bool
	}{
		{"c3.", dnsmessage.TypeA, "udp", 1, dnsmessage.RCodeSuccess, false},
		{"C3.Mine.", dnsmessage.TypeA, "udp", 1, dnsmessage.RCodeSuccess, false},
		{"c3.", dnsmessage.TypeAAAA, "udp", 0, dnsmessage.RCodeSuccess, false},
		{"c3.", dnsmessage.TypeMX, "udp", 0, dnsmessage.RCodeSuccess, false},
		{"many.", dnsmessage.TypeA, "udp", 0, dnsmessage.RCodeSuccess, true},
		{"many.", dnsmessage.TypeA, "tcp", maxAnswers, dnsmessage.RCodeSuccess, false},
		{"5.0.0.10.in-addr.arpa.", dnsmessage.TypePTR, "udp", 1, dnsmessage.RCodeSuccess, false},
		{"5.0.0.11.in-addr.arpa.", dnsmessage.TypePTR, "udp", 0, dnsmessage.RCodeServerFailure, false},
		{"nobody.", dnsmessage.TypeA, "udp", 0, dnsmessage.RCodeServerFailure, false},
	} {
		var m dnsmessage.Message
		if err := m.Unpack(r.answer(question(t, c.name, c.kind), c.protocol)); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if m.ID != 7 || !m.Response || len(m.Answers) != c.answers || m.RCode != c.code || m.Truncated != c.truncated {
			t.Errorf("%s %s over %s: %+v", c.name, c.kind, c.protocol, m)
		}
	}
}

// FuzzAnswer: what a container sends is anything.
func FuzzAnswer(f *testing.F) {
	f.Add(question(f, "c3.", dnsmessage.TypeA))
	f.Add(question(f, "5.0.0.10.in-addr.arpa.", dnsmessage.TypePTR))
	f.Add([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1})
	f.Add([]byte{})
	r := &resolver{networks: peopled(f), container: fmt.Sprintf("%064d", 0), ctx: f.Context()}
	f.Fuzz(func(t *testing.T, asked []byte) {
		answer := r.answer(asked, "udp")
		if len(answer) == 0 {
			return
		}
		var p dnsmessage.Parser
		if h, err := p.Start(answer); err != nil || !h.Response || h.ID != uint16(asked[0])<<8|uint16(asked[1]) {
			t.Errorf("% x is answered with % x: %v", asked, answer, err)
		}
	})
}

// TestLoad: only files that a daemon has written are networks.
func TestLoad(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "networks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(file string, d Definition) {
		t.Helper()
		data, err := json.Marshal(d)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	made := func(id, name string) Definition {
		return Definition{Network: networktypes.Network{ID: id, Name: name, Driver: Bridge, Scope: "local", IPAM: networktypes.IPAM{Driver: "default"}}}
	}
	whole, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	write(whole+".json", made(whole, "mine"))
	write(other+".json", made(whole, "another's id"))
	write("short.json", made("short", "short"))
	write(whole+".json.new", made(whole, "half written"))
	write(strings.Repeat("c", 64)+".json", made(strings.Repeat("c", 64), Bridge))
	n, err := Open(root, true, false)
	if err != nil {
		t.Fatal(err)
	}
	if list := n.List(); len(list) != 2 || list[0].Name != Bridge || list[1].Name != "mine" {
		t.Errorf("there are %+v", list)
	}
}

package byhand

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/learndocker/learndocker/engine/stage"
)

// Version of the control groups: "v1", "v2"; "" where none was made.
func (s *story) Version() string {
	if s.group.Refused != "" || len(s.group.Dirs) == 0 {
		return ""
	}
	return s.group.Version
}

// Refused says why there is no group.
func (s *story) Refused() string { return s.group.Refused }

// Groups are the group's directories, with $ID for the container's id.
func (s *story) Groups() []string {
	var list []string
	for _, d := range s.group.Dirs {
		list = append(list, s.withID(d))
	}
	return list
}

// Controllers are the names under which v1's hierarchies are mounted inside.
func (s *story) Controllers() []string {
	var list []string
	for _, d := range s.group.Dirs {
		list = append(list, path.Base(strings.TrimSuffix(d, s.group.Path)))
	}
	return list
}

// Handing are the groups above, from the top, which on v2 hand controllers down.
func (s *story) Handing() []string {
	parent := path.Dir(s.group.Dirs[0])
	return []string{path.Dir(parent), parent}
}

// withID puts $ID for the container's id; the rest is quoted where it needs it.
func (s *story) withID(p string) string {
	before, after, found := strings.Cut(p, s.ID)
	if !found {
		return quote(p)
	}
	return quote(before) + "$ID" + strings.TrimSuffix(strings.TrimPrefix(quote(after), "''"), "''")
}

// Limit is what is written to one control file.
type Limit struct {
	File    string // with $ID
	Values  []string
	Meaning string
	First   bool // of its meaning
	// The kernel of the recording refused it, and that was no error.
	Optional bool
}

// Limits are the writes, those to one file together.
func (s *story) Limits() []Limit {
	var list []Limit
	for _, w := range s.group.Writes {
		file := s.withID(w.File)
		if n := len(list); n > 0 && list[n-1].File == file {
			list[n-1].Values = append(list[n-1].Values, w.Value)
			continue
		}
		first := w.Meaning != "" && (len(list) == 0 || list[len(list)-1].Meaning != w.Meaning)
		list = append(list, Limit{file, []string{w.Value}, w.Meaning, first, w.Error != ""})
	}
	return list
}

// Network is the container's.
type Network struct {
	stage.Network
	Prefix string // the first two numbers of the bridge's address: "172.30"
	Third  int    // the number by which networks of several bridges differ
	Bits   int
	Host   byte   // the last number of the container's address
	Stem   string // the bridge's name without its number
}

// Network returns nil where the container has loopback only.
func (s *story) Network() *Network {
	gateway, err := netip.ParseAddr(s.network.Gateway)
	address, err2 := netip.ParsePrefix(s.network.Address)
	if err != nil || err2 != nil || !gateway.Is4() || !address.Addr().Is4() {
		return nil
	}
	g := gateway.As4()
	return &Network{
		Network: s.network, Prefix: fmt.Sprintf("%d.%d", g[0], g[1]), Third: int(g[2]), Bits: address.Bits(), Host: address.Addr().As4()[3],
		Stem: strings.TrimRight(s.network.Bridge, "0123456789"),
	}
}

// Octets are the first two numbers of the address as hexadecimal digits, for
// the hardware address.
func (n *Network) Octets() string {
	var a, b int
	_, _ = fmt.Sscanf(n.Prefix, "%d.%d", &a, &b) // was written by ourselves
	return fmt.Sprintf("%02x:%02x", a, b)
}

// Last is the last number of the container's address as hexadecimal digits.
func (n *Network) Last() string { return fmt.Sprintf("%02x", n.Host) }

package probe

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// tables are where the kernel lists sockets, and the state of those that listen:
// proc(5), /proc/net/tcp; TCP_LISTEN and, of UDP, TCP_CLOSE in net/tcp_states.h.
var tables = []struct{ protocol, file, state string }{
	{"tcp", "tcp", "0A"}, {"tcp", "tcp6", "0A"}, {"udp", "udp", "07"}, {"udp", "udp6", "07"},
}

// listening are those of the wanted addresses, such as "tcp 0.0.0.0:8080", at which
// the kernel says that somebody listens in the network namespace of a process.
func listening(proc string, wanted []string) []string {
	if len(wanted) == 0 {
		return nil
	}
	var found []string
	for _, t := range tables {
		for line := range strings.Lines(read(proc + "/net/" + t.file)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[3] != t.state {
				continue
			}
			if at, ok := socketAddress(fields[1]); ok && slices.Contains(wanted, t.protocol+" "+at) {
				found = append(found, t.protocol+" "+at)
			}
		}
	}
	return found
}

// socketAddress reads "0100007F:1F90": the address in words of four bytes, each in
// the order of the machine, which is the small end first on all that we run on.
func socketAddress(text string) (string, bool) {
	address, port, ok := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(address)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(bytes)%4 != 0 {
		return "", false
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(ip, uint16(number)).String(), ok
}

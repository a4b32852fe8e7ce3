//go:build linux

package container

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
)

// defaultCapabilities are Docker's fourteen.
var defaultCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// capabilities applies --cap-add and --cap-drop to the default set. Names are
// taken with and without CAP_, in any case; ALL is every one.
func capabilities(add, drop []string) ([]string, error) {
	add, err := capabilityNames(add)
	if err != nil {
		return nil, err
	}
	drop, err = capabilityNames(drop)
	if err != nil {
		return nil, err
	}
	set := slices.Clone(defaultCapabilities)
	if slices.Contains(drop, "CAP_ALL") {
		set = nil
	}
	if slices.Contains(add, "CAP_ALL") {
		set = allCapabilities()
	}
	set = slices.DeleteFunc(set, func(c string) bool { return slices.Contains(drop, c) })
	for _, c := range add {
		if c != "CAP_ALL" && !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func capabilityNames(given []string) ([]string, error) {
	known := allCapabilities()
	var names []string
	for _, g := range given {
		n := strings.ToUpper(g)
		if !strings.HasPrefix(n, "CAP_") {
			n = "CAP_" + n
		}
		if n != "CAP_ALL" && !slices.Contains(known, n) {
			return nil, fmt.Errorf("invalid capability: %q", g)
		}
		names = append(names, n)
	}
	return names, nil
}

func allCapabilities() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, capabilityName(c))
	}
	return names
}

func capabilityName(c capability.Cap) string { return "CAP_" + strings.ToUpper(c.String()) }

// capabilityMask is the set as /proc/PID/status shows it.
func capabilityMask(names []string) uint64 {
	var mask uint64
	for _, c := range capability.ListKnown() {
		if slices.Contains(names, capabilityName(c)) {
			mask |= 1 << uint(c)
		}
	}
	return mask
}

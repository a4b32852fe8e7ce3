//go:build linux

// Package caps names capabilities: capabilities(7).
package caps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
)

// defaults are Docker's fourteen.
var defaults = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// Set applies --cap-add and --cap-drop to the default set. Names are
// taken with and without CAP_, in any case; ALL is every one.
func Set(add, drop []string) ([]string, error) {
	add, err := canonical(add)
	if err != nil {
		return nil, fmt.Errorf("invalid CapAdd: %w", err)
	}
	drop, err = canonical(drop)
	if err != nil {
		return nil, fmt.Errorf("invalid CapDrop: %w", err)
	}
	set := slices.Clone(defaults)
	if slices.Contains(drop, "CAP_ALL") {
		set = nil
	}
	if slices.Contains(add, "CAP_ALL") {
		set = available()
	}
	set = slices.DeleteFunc(set, func(c string) bool { return slices.Contains(drop, c) })
	for _, c := range add {
		if c != "CAP_ALL" && !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func canonical(given []string) ([]string, error) {
	known := all()
	var names []string
	for _, g := range given {
		n := strings.ToUpper(g)
		if !strings.HasPrefix(n, "CAP_") {
			n = "CAP_" + n
		}
		if n != "CAP_ALL" && !slices.Contains(known, n) {
			return nil, fmt.Errorf("unknown capability: %q", n)
		}
		names = append(names, n)
	}
	return names, nil
}

func all() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, Name(c))
	}
	return names
}

// available are those that this process can hand on: a daemon that is confined
// itself lacks some, and Docker's ALL means no more than there are.
func available() []string {
	supported, err := capability.ListSupported()
	if err != nil {
		return all()
	}
	var names []string
	for _, c := range supported {
		if bound, err := capability.GetBound(c); err == nil && bound {
			names = append(names, Name(c))
		}
	}
	return names
}

// Name is the capability's name as the manual writes it: CAP_CHOWN.
func Name(c capability.Cap) string { return "CAP_" + strings.ToUpper(c.String()) }

// Mask is the set as /proc/PID/status shows it.
func Mask(names []string) uint64 {
	var mask uint64
	for _, c := range capability.ListKnown() {
		if slices.Contains(names, Name(c)) {
			mask |= 1 << uint(c)
		}
	}
	return mask
}

//go:build linux

package sys

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// NamespaceInode reads the number that names a namespace, from the link
// /proc/PID/ns/TYPE: namespaces(7). pid may be "self".
func NamespaceInode(pid, kind string) (uint64, error) {
	link, err := os.Readlink("/proc/" + pid + "/ns/" + kind) // "pid:[4026531836]"
	if err != nil {
		return 0, fmt.Errorf("read namespace: %w", err)
	}
	_, number, _ := strings.Cut(strings.TrimSuffix(link, "]"), "[")
	return strconv.ParseUint(number, 10, 64)
}

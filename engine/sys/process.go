//go:build linux

package sys

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ProcessStart is when a process began, in clock ticks since the machine's
// start: field 22 of /proc/PID/stat, proc_pid_stat(5). With it a process is told
// from a later one that got the same number.
func ProcessStart(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold any character, these too.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // from field 3 on
	if len(fields) < 20 {
		return 0, fmt.Errorf("read start of process %d: too few fields", pid)
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}

//go:build linux

package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
)

// Stats is what the container uses now, as the kernel counts it; zeros where it
// does not run, or is not counted.
func (e *Engine) Stats(c *Container) containertypes.StatsResponse {
	c.mu.Lock()
	group, r := c.group, c.record
	c.mu.Unlock()
	s := containertypes.StatsResponse{ID: r.ID, Name: "/" + r.Name, OSType: "linux", Read: time.Now().UTC()}
	if group == nil || !r.State.Running {
		s.Read = time.Time{}
		return s
	}
	u := group.Usage()
	s.CPUStats = containertypes.CPUStats{
		CPUUsage:    containertypes.CPUUsage{TotalUsage: u.CPU, PercpuUsage: u.PerCPU, UsageInKernelmode: u.CPUSystem, UsageInUsermode: u.CPUUser},
		SystemUsage: systemCPU(), OnlineCPUs: uint32(allCPUs()),
		ThrottlingData: containertypes.ThrottlingData{Periods: u.Periods, ThrottledPeriods: u.Throttled, ThrottledTime: u.ThrottledTime},
	}
	s.MemoryStats = containertypes.MemoryStats{Usage: u.Memory, MaxUsage: u.MaxMemory, Stats: u.MemoryStat, Failcnt: u.OOMFailures, Limit: min(u.MemoryLimit, MachineMemory())}
	s.PidsStats = containertypes.PidsStats{Current: u.Pids, Limit: u.PidsLimit}
	s.BlkioStats = blkio(u.IO)
	s.Networks = networks(r.State.Pid, r)
	return s
}

func blkio(counted []cgroup.IO) containertypes.BlkioStats {
	var s containertypes.BlkioStats
	for _, io := range counted {
		s.IoServiceBytesRecursive = append(s.IoServiceBytesRecursive, containertypes.BlkioStatEntry{Major: io.Major, Minor: io.Minor, Op: io.Op, Value: io.Bytes})
		s.IoServicedRecursive = append(s.IoServicedRecursive, containertypes.BlkioStatEntry{Major: io.Major, Minor: io.Minor, Op: io.Op, Value: io.Ops})
	}
	return s
}

// systemCPU is the time that all CPUs have spent, in nanoseconds: the first line
// of /proc/stat, proc_stat(5), in ticks of a hundredth of a second.
func systemCPU() uint64 {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	var ticks uint64
	for i, field := range strings.Fields(line) {
		if i == 0 || i > 7 { // the name; guest times are in user's already
			continue
		}
		n, _ := strconv.ParseUint(field, 10, 64) // the kernel writes numbers
		ticks += n
	}
	return ticks * 10_000_000
}

// MachineMemory is what the machine has, in bytes.
func MachineMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

// networks counts what has passed the container's interfaces: /proc/PID/net/dev.
func networks(pid int, r Record) map[string]containertypes.NetworkStats {
	if r.HostConfig.NetworkMode.IsHost() || r.HostConfig.NetworkMode.IsContainer() {
		return nil // they are others'
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	all := map[string]containertypes.NetworkStats{}
	for line := range strings.Lines(string(data)) {
		name, counters, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || name == "lo" {
			continue
		}
		var n [16]uint64
		for i, field := range strings.Fields(counters) {
			if i < len(n) {
				n[i], _ = strconv.ParseUint(field, 10, 64) // the kernel writes numbers
			}
		}
		all[name] = containertypes.NetworkStats{
			RxBytes: n[0], RxPackets: n[1], RxErrors: n[2], RxDropped: n[3], TxBytes: n[8], TxPackets: n[9], TxErrors: n[10], TxDropped: n[11],
		}
	}
	return all
}

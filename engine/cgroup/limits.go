//go:build linux

package cgroup

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/stage"
)

// Limits are what a container may use at most; zero is no limit.
type Limits struct {
	Memory           int64   // bytes
	Swap             int64   // bytes of memory and swap together; 0 is twice Memory, -1 no limit
	Reservation      int64   // bytes that the kernel tries to come back to when memory is short
	Swappiness       *uint64 // 0 to 100; v1 only
	DisableOOMKiller bool    // v1 only
	NanoCPUs         int64   // billionths of a CPU
	Quota            int64   // microseconds in each Period; instead of NanoCPUs
	Period           uint64  // microseconds; 0 is Docker's 100 ms
	RealtimePeriod   uint64  // microseconds; v1 only
	RealtimeRuntime  int64   // microseconds in each RealtimePeriod; v1 only
	Shares           uint64  // weight beside others, 1024 is the usual
	CPUs             string  // which: "0-1,3"
	Mems             string  // NUMA nodes
	Pids             int64   // tasks; -1 is no limit
	BlkioWeight      uint16  // 10 to 1000
	ReadBps          []Rate  // bytes a second
	WriteBps         []Rate
	ReadIOps         []Rate // operations a second
	WriteIOps        []Rate
	HugePages        []specs.LinuxHugepageLimit
	Unified          map[string]string // files of v2 by name, written as they are
}

// Rate is a limit for one block device.
type Rate struct {
	Major, Minor int64
	Rate         uint64
}

// FromOCI reads the limits of a config.json: config-linux.md, "Control groups".
func FromOCI(r *specs.LinuxResources) Limits {
	var l Limits
	if r == nil {
		return l
	}
	if m := r.Memory; m != nil {
		l.Memory, l.Swap, l.Reservation = value(m.Limit), value(m.Swap), value(m.Reservation)
		l.Swappiness, l.DisableOOMKiller = m.Swappiness, m.DisableOOMKiller != nil && *m.DisableOOMKiller
		if l.Swap == 0 {
			l.Swap = -1 // Docker's doubling is Docker's
		}
	}
	if c := r.CPU; c != nil {
		l.Shares, l.Quota, l.Period, l.CPUs, l.Mems = value(c.Shares), value(c.Quota), value(c.Period), c.Cpus, c.Mems
		l.RealtimePeriod, l.RealtimeRuntime = value(c.RealtimePeriod), value(c.RealtimeRuntime)
	}
	if r.Pids != nil {
		l.Pids = value(r.Pids.Limit)
	}
	if b := r.BlockIO; b != nil {
		l.BlkioWeight = value(b.Weight)
		l.ReadBps, l.WriteBps = rates(b.ThrottleReadBpsDevice), rates(b.ThrottleWriteBpsDevice)
		l.ReadIOps, l.WriteIOps = rates(b.ThrottleReadIOPSDevice), rates(b.ThrottleWriteIOPSDevice)
	}
	l.HugePages, l.Unified = r.HugepageLimits, r.Unified
	return l
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func rates(list []specs.LinuxThrottleDevice) []Rate {
	var r []Rate
	for _, d := range list {
		r = append(r, Rate{d.Major, d.Minor, d.Rate})
	}
	return r
}

// OCI writes the limits as config.json has them.
func (l Limits) OCI() *specs.LinuxResources {
	r := &specs.LinuxResources{Unified: l.Unified, HugepageLimits: l.HugePages}
	memory := specs.LinuxMemory{Limit: given(l.Memory), Reservation: given(l.Reservation), Swappiness: l.Swappiness}
	if l.Memory > 0 || l.Swap != 0 {
		memory.Swap = given(l.swap())
	}
	if l.DisableOOMKiller {
		memory.DisableOOMKiller = &l.DisableOOMKiller
	}
	if memory != (specs.LinuxMemory{}) {
		r.Memory = &memory
	}
	cpu := specs.LinuxCPU{Shares: given(l.Shares), Cpus: l.CPUs, Mems: l.Mems, RealtimePeriod: given(l.RealtimePeriod), RealtimeRuntime: given(l.RealtimeRuntime)}
	if quota := l.quota(); quota != 0 {
		period := l.period()
		cpu.Quota, cpu.Period = &quota, &period
	}
	if cpu != (specs.LinuxCPU{}) {
		r.CPU = &cpu
	}
	if l.Pids != 0 {
		r.Pids = &specs.LinuxPids{Limit: &l.Pids}
	}
	block := specs.LinuxBlockIO{
		Weight: given(l.BlkioWeight), ThrottleReadBpsDevice: throttles(l.ReadBps), ThrottleWriteBpsDevice: throttles(l.WriteBps),
		ThrottleReadIOPSDevice: throttles(l.ReadIOps), ThrottleWriteIOPSDevice: throttles(l.WriteIOps),
	}
	if !reflect.DeepEqual(block, specs.LinuxBlockIO{}) {
		r.BlockIO = &block
	}
	return r
}

func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func throttles(list []Rate) []specs.LinuxThrottleDevice {
	var t []specs.LinuxThrottleDevice
	for _, r := range list {
		d := specs.LinuxThrottleDevice{Rate: r.Rate}
		d.Major, d.Minor = r.Major, r.Minor
		t = append(t, d)
	}
	return t
}

func (l Limits) none() bool { return reflect.DeepEqual(l, Limits{}) }

func (l Limits) mustHold(why error) error {
	if l.none() {
		return nil
	}
	return fmt.Errorf("limits cannot be set on this machine: %w", why)
}

// controllers are those without which the limits would not hold.
func (l Limits) controllers(version string) []string {
	var needed []string
	for _, c := range []struct {
		asked bool
		v1    string
		v2    string
	}{
		{l.NanoCPUs > 0 || l.Quota > 0 || l.Shares > 0 || l.RealtimePeriod > 0 || l.RealtimeRuntime > 0, "cpu", "cpu"},
		{l.Memory > 0 || l.Reservation > 0 || l.Swappiness != nil && version == "v1", "memory", "memory"},
		{l.Pids > 0, "pids", "pids"},
		{l.CPUs != "" || l.Mems != "", "cpuset", "cpuset"},
		{l.BlkioWeight > 0 || len(l.ReadBps)+len(l.WriteBps)+len(l.ReadIOps)+len(l.WriteIOps) > 0, "blkio", "io"},
		{len(l.HugePages) > 0, "hugetlb", "hugetlb"},
	} {
		if c.asked && version == "v2" {
			needed = append(needed, c.v2)
		} else if c.asked {
			needed = append(needed, c.v1)
		}
	}
	return needed
}

// optional: swap accounting is off on many kernels, as are weights of block
// devices, and Docker only warns.
func optional(w stage.Write) bool {
	return slices.Contains([]string{"memory.memsw.limit_in_bytes", "memory.swap.max", "blkio.weight", "blkio.bfq.weight", "io.weight", "io.bfq.weight", "memory.swappiness"}, filepath.Base(w.File))
}

const cpuPeriod = 100_000 // microseconds, Docker's

func (l Limits) period() uint64 {
	if l.Period == 0 {
		return cpuPeriod
	}
	return l.Period
}

func (l Limits) quota() int64 {
	if l.NanoCPUs > 0 {
		return l.NanoCPUs * cpuPeriod / 1_000_000_000
	}
	return l.Quota
}

func (l Limits) swap() int64 {
	if l.Swap == 0 {
		return 2 * l.Memory
	}
	return l.Swap
}

// writes lists what is to be written, in order.
func (g *Group) writes(l Limits, devices []Device) []stage.Write {
	if g.system.Version == "v2" {
		return g.writesV2(l)
	}
	return append(g.writesV1(l), g.deviceRules(devices)...)
}

func (g *Group) writesV1(l Limits) []stage.Write {
	var w []stage.Write
	add := func(controller, file, meaning, value string) {
		if dir := g.dir(controller); dir != "" && value != "" {
			w = append(w, stage.Write{File: filepath.Join(dir, file), Value: value, Meaning: meaning})
		}
	}
	add("memory", "memory.limit_in_bytes", "--memory", number64(l.Memory))
	if swap := l.swap(); l.Memory > 0 && swap > 0 {
		add("memory", "memory.memsw.limit_in_bytes", "--memory-swap", number64(swap))
	}
	add("memory", "memory.soft_limit_in_bytes", "--memory-reservation", number64(l.Reservation))
	if l.Swappiness != nil {
		add("memory", "memory.swappiness", "--memory-swappiness", strconv.FormatUint(*l.Swappiness, 10))
	}
	if l.DisableOOMKiller {
		add("memory", "memory.oom_control", "--oom-kill-disable", "1")
	}
	if quota := l.quota(); quota != 0 {
		add("cpu", "cpu.cfs_period_us", "--cpus", strconv.FormatUint(l.period(), 10))
		add("cpu", "cpu.cfs_quota_us", "--cpus", number64(quota))
	}
	add("cpu", "cpu.rt_period_us", "--cpu-rt-period", number64(l.RealtimePeriod))
	add("cpu", "cpu.rt_runtime_us", "--cpu-rt-runtime", number64(l.RealtimeRuntime))
	add("cpu", "cpu.shares", "--cpu-shares", number64(l.Shares))
	add("cpuset", "cpuset.cpus", "--cpuset-cpus", l.CPUs)
	add("cpuset", "cpuset.mems", "--cpuset-mems", l.Mems)
	add("pids", "pids.max", "--pids-limit", unlimited(l.Pids))
	add("blkio", "blkio.weight", "--blkio-weight", number64(l.BlkioWeight))
	for _, t := range l.throttles() {
		for _, r := range t.list {
			add("blkio", t.v1, t.meaning, fmt.Sprintf("%d:%d %d", r.Major, r.Minor, r.Rate))
		}
	}
	for _, h := range l.HugePages {
		add("hugetlb", "hugetlb."+h.Pagesize+".limit_in_bytes", "huge pages", strconv.FormatUint(h.Limit, 10))
	}
	return w
}

type throttle struct {
	list            []Rate
	v1, v2, meaning string
}

func (l Limits) throttles() []throttle {
	return []throttle{
		{l.ReadBps, "blkio.throttle.read_bps_device", "rbps", "--device-read-bps"},
		{l.WriteBps, "blkio.throttle.write_bps_device", "wbps", "--device-write-bps"},
		{l.ReadIOps, "blkio.throttle.read_iops_device", "riops", "--device-read-iops"},
		{l.WriteIOps, "blkio.throttle.write_iops_device", "wiops", "--device-write-iops"},
	}
}

func (g *Group) writesV2(l Limits) []stage.Write {
	var w []stage.Write
	add := func(file, meaning, value string) {
		if value != "" {
			w = append(w, stage.Write{File: filepath.Join(g.Dirs()[0], file), Value: value, Meaning: meaning})
		}
	}
	add("memory.max", "--memory", unlimited(l.Memory))
	if swap := l.swap(); l.Memory > 0 && swap > 0 {
		// v2 counts swap alone, Docker's option counts both together. No swap at all is a limit.
		w = append(w, stage.Write{File: filepath.Join(g.Dirs()[0], "memory.swap.max"), Value: fmt.Sprint(swap - l.Memory), Meaning: "--memory-swap"})
	}
	add("memory.low", "--memory-reservation", number64(l.Reservation))
	if quota := l.quota(); quota != 0 {
		add("cpu.max", "--cpus", fmt.Sprintf("%s %d", unlimited(quota), l.period()))
	}
	if l.Shares > 0 {
		add("cpu.weight", "--cpu-shares", strconv.FormatUint(weightOf(l.Shares), 10))
	}
	add("cpuset.cpus", "--cpuset-cpus", l.CPUs)
	add("cpuset.mems", "--cpuset-mems", l.Mems)
	add("pids.max", "--pids-limit", unlimited(l.Pids))
	if l.BlkioWeight > 0 {
		add("io.weight", "--blkio-weight", fmt.Sprint(1+(uint64(l.BlkioWeight)-10)*9999/990))
	}
	for _, t := range l.throttles() {
		for _, r := range t.list {
			add("io.max", t.meaning, fmt.Sprintf("%d:%d %s=%d", r.Major, r.Minor, t.v2, r.Rate))
		}
	}
	for _, h := range l.HugePages {
		add("hugetlb."+h.Pagesize+".max", "huge pages", strconv.FormatUint(h.Limit, 10))
	}
	return append(w, g.unified(l.Unified)...)
}

// unified are files of v2 that are named outright, in the order of their names.
func (g *Group) unified(files map[string]string) []stage.Write {
	var w []stage.Write
	for name, value := range files {
		if !strings.Contains(name, "/") {
			w = append(w, stage.Write{File: filepath.Join(g.Dirs()[0], name), Value: value, Meaning: name})
		}
	}
	slices.SortFunc(w, func(a, b stage.Write) int { return strings.Compare(a.File, b.File) })
	return w
}

// weightOf maps v1's 2 to 262144 onto v2's 1 to 10000, as runc does.
func weightOf(shares uint64) uint64 { return 1 + (min(max(shares, 2), 262144)-2)*9999/262142 }

// number64 writes a limit; "" is none.
func number64[T int64 | uint64 | uint16](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// unlimited writes a limit below 0 as the kernel does: "max".
func unlimited(n int64) string {
	if n < 0 {
		return "max"
	}
	return number64(n)
}

// Update writes limits of a group that is there already. What was not written
// before an error stays as it was.
func (g *Group) Update(write func(file, value string) error, l Limits) ([]stage.Write, error) {
	writes := g.writes(l, nil)
	if g.system.Version == "v1" {
		g.orderSwap(writes, l)
	}
	for i, w := range writes {
		if err := write(w.File, w.Value); err != nil {
			writes[i].Error = err.Error()
			if !optional(w) {
				return writes[:i+1], fmt.Errorf("set %s: %w", w.Meaning, err)
			}
		}
	}
	return writes, nil
}

// orderSwap: on v1 memory alone may never exceed memory and swap together, not
// even between two writes. A limit that grows begins with the sum.
func (g *Group) orderSwap(writes []stage.Write, l Limits) {
	if l.Memory <= 0 || l.swap() <= 0 {
		return
	}
	at := slices.IndexFunc(writes, func(w stage.Write) bool { return strings.HasSuffix(w.File, "memory.limit_in_bytes") })
	if at < 0 || at+1 >= len(writes) || !strings.HasSuffix(writes[at+1].File, "memory.memsw.limit_in_bytes") {
		return
	}
	if together, err := g.Read("memory", "memory.memsw.limit_in_bytes"); err == nil && together < l.Memory {
		writes[at], writes[at+1] = writes[at+1], writes[at]
	}
}

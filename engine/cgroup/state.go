//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Read reads a control file that holds one number; "max" is the largest.
func (g *Group) Read(controller, file string) (int64, error) {
	text, err := g.text(controller, file)
	if err != nil {
		return 0, err
	}
	if text == "max" {
		return 1<<63 - 1, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

func (g *Group) text(controller, file string) (string, error) {
	dir := g.dir(controller)
	if dir == "" {
		return "", fmt.Errorf("read %s: %w", file, os.ErrNotExist)
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	return strings.TrimSpace(string(data)), err
}

// table reads a control file of lines "name number".
func (g *Group) table(controller, file string) map[string]uint64 {
	text, err := g.text(controller, file)
	if err != nil {
		return nil
	}
	values := map[string]uint64{}
	for line := range strings.Lines(text) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			values[name] = n
		}
	}
	return values
}

// freezePatience bounds the wait for the kernel to stop every process.
const freezePatience = 10 * time.Second

// Freeze stops every process of the group where it is, or lets them go on:
// cgroup-v1/freezer-subsystem.rst and cgroup.freeze in cgroup-v2.rst. It returns
// when the kernel says that it is so.
func (g *Group) Freeze(k sys.Kernel, frozen bool) ([]stage.Write, error) {
	file, value, check, done := "freezer.state", "THAWED", "freezer.state", "THAWED"
	if frozen {
		value, done = "FROZEN", "FROZEN"
	}
	if g.system.Version == "v2" {
		file, check, value, done = "cgroup.freeze", "cgroup.events", "0", "frozen 0"
		if frozen {
			value, done = "1", "frozen 1"
		}
	}
	dir := g.dir("freezer")
	if dir == "" {
		return nil, errors.New("this machine has no freezer")
	}
	write := stage.Write{File: filepath.Join(dir, file), Value: value, Meaning: "freezer"}
	if err := k.WriteFile(write.File, value); err != nil {
		return nil, err
	}
	for end := time.Now().Add(freezePatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if text, err := g.text("freezer", check); err == nil && strings.Contains(text, done) {
			return []stage.Write{write}, nil
		}
	}
	return nil, fmt.Errorf("the kernel has not made the group %s within %s", strings.ToLower(done), freezePatience)
}

// Frozen reports whether the group's processes stand still.
func (g *Group) Frozen() bool {
	file, frozen := "freezer.state", "FROZEN"
	if g.system.Version == "v2" {
		file, frozen = "cgroup.events", "frozen 1"
	}
	text, err := g.text("freezer", file)
	return err == nil && strings.Contains(text, frozen)
}

// Usage is what the group's processes have used, as the kernel counts it.
type Usage struct {
	CPU, CPUUser, CPUSystem           uint64   // nanoseconds
	PerCPU                            []uint64 // nanoseconds; v1 only
	Periods, Throttled, ThrottledTime uint64   // of the CPU quota; nanoseconds
	Memory, MemoryLimit, MaxMemory    uint64   // bytes; MaxMemory is v1's only
	MemoryStat                        map[string]uint64
	OOMFailures                       uint64
	Pids, PidsLimit                   uint64 // PidsLimit 0 is none
	IO                                []IO
}

// IO counts one device's traffic.
type IO struct {
	Major, Minor uint64
	Op           string // "read", "write"
	Bytes, Ops   uint64
}

// Usage reads the group's counters; what the machine does not count is zero.
func (g *Group) Usage() Usage {
	if g.system.Version == "v2" {
		return g.usageV2()
	}
	return g.usageV1()
}

func (g *Group) count(controller, file string) uint64 {
	n, err := g.Read(controller, file)
	if err != nil || n < 0 {
		return 0
	}
	return uint64(n)
}

func (g *Group) usageV1() Usage {
	const tick = 10_000_000 // nanoseconds: cpuacct.stat counts in USER_HZ, 100 on every machine
	times, throttled := g.table("cpuacct", "cpuacct.stat"), g.table("cpu", "cpu.stat")
	u := Usage{
		CPU: g.count("cpuacct", "cpuacct.usage"), CPUUser: times["user"] * tick, CPUSystem: times["system"] * tick,
		Periods: throttled["nr_periods"], Throttled: throttled["nr_throttled"], ThrottledTime: throttled["throttled_time"],
		Memory: g.count("memory", "memory.usage_in_bytes"), MemoryLimit: g.count("memory", "memory.limit_in_bytes"),
		MaxMemory: g.count("memory", "memory.max_usage_in_bytes"), MemoryStat: g.table("memory", "memory.stat"),
		OOMFailures: g.count("memory", "memory.failcnt"), Pids: g.count("pids", "pids.current"), PidsLimit: g.pidsLimit(), IO: g.throttled(),
	}
	if text, err := g.text("cpuacct", "cpuacct.usage_percpu"); err == nil {
		for field := range strings.FieldsSeq(text) {
			n, _ := strconv.ParseUint(field, 10, 64) // the kernel writes numbers
			u.PerCPU = append(u.PerCPU, n)
		}
	}
	return u
}

// throttled reads the traffic of v1: lines "8:0 Read 4096", of bytes and of
// operations.
func (g *Group) throttled() []IO {
	var list []IO
	for _, file := range []string{"blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"} {
		text, _ := g.text("blkio", file) // "" where nobody counts
		for line := range strings.Lines(text) {
			var major, minor, n uint64
			var op string
			if _, err := fmt.Sscanf(line, "%d:%d %s %d", &major, &minor, &op, &n); err != nil {
				continue // the sum at the end
			}
			list = counted(list, IO{Major: major, Minor: minor, Op: strings.ToLower(op)}, n, file)
		}
	}
	return list
}

// counted adds a number to the entry of its device and operation.
func counted(list []IO, of IO, n uint64, file string) []IO {
	at := slices.IndexFunc(list, func(o IO) bool { return o.Major == of.Major && o.Minor == of.Minor && o.Op == of.Op })
	if at < 0 {
		list, at = append(list, of), len(list)
	}
	if strings.HasSuffix(file, "bytes") {
		list[at].Bytes = n
	} else {
		list[at].Ops = n
	}
	return list
}

func (g *Group) pidsLimit() uint64 {
	n, err := g.Read("pids", "pids.max")
	if err != nil || n == 1<<63-1 {
		return 0
	}
	return uint64(n)
}

func (g *Group) usageV2() Usage {
	cpu := g.table("cpu", "cpu.stat")
	const micro = 1000
	u := Usage{
		CPU: cpu["usage_usec"] * micro, CPUUser: cpu["user_usec"] * micro, CPUSystem: cpu["system_usec"] * micro,
		Periods: cpu["nr_periods"], Throttled: cpu["nr_throttled"], ThrottledTime: cpu["throttled_usec"] * micro,
		Memory: g.count("memory", "memory.current"), MemoryLimit: g.count("memory", "memory.max"), MemoryStat: g.table("memory", "memory.stat"),
		OOMFailures: g.table("memory", "memory.events")["max"], Pids: g.count("pids", "pids.current"), PidsLimit: g.pidsLimit(),
	}
	text, _ := g.text("io", "io.stat") // "" where nobody counts
	for line := range strings.Lines(text) {
		u.IO = append(u.IO, ioOf(line)...)
	}
	return u
}

// ioOf reads a line "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …".
func ioOf(line string) []IO {
	var read, write IO
	read.Op, write.Op = "read", "write"
	if _, err := fmt.Sscanf(line, "%d:%d", &read.Major, &read.Minor); err != nil {
		return nil
	}
	write.Major, write.Minor = read.Major, read.Minor
	for field := range strings.FieldsSeq(line) {
		name, number, _ := strings.Cut(field, "=")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "rbytes":
			read.Bytes = n
		case "wbytes":
			write.Bytes = n
		case "rios":
			read.Ops = n
		case "wios":
			write.Ops = n
		}
	}
	return []IO{read, write}
}

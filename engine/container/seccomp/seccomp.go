// Package seccomp compiles an OCI seccomp profile into the BPF program that
// the kernel runs before every system call of a container.
//
// The program looks like this, once for each architecture that the machine
// runs:
//
//	which architecture made the call?   unknown: kill
//	newer than any call we know?        ENOSYS, so that libc falls back
//	in a range that is always allowed?  allow
//	one with conditions?                test its arguments
//	anything else                       the profile's default, EPERM
//
// See seccomp(2) and the OCI runtime specification, config-linux.md.
package seccomp

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
)

//go:generate go run generate.go

//go:embed syscalls.tsv
var table string

// Offsets in struct seccomp_data, and the answers a filter gives.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16

	retAllow       = 0x7fff0000
	retErrno       = 0x00050000
	retKillProcess = 0x80000000
	retKillThread  = 0x00000000
	retTrap        = 0x00030000
	retTrace       = 0x7ff00000
	retLog         = 0x7ffc0000

	enosys = 38
)

// AUDIT_ARCH_* of linux/audit.h.
var auditArch = map[string]uint32{"amd64": 0xc000003e, "386": 0x40000003, "arm64": 0xc00000b7, "arm": 0x40000028}

// runs lists the architectures whose programs a machine runs, its own first.
var runs = map[string][]string{"amd64": {"amd64", "386"}, "arm64": {"arm64", "arm"}, "386": {"386"}}

// Filter is a compiled profile.
type Filter struct {
	Program []bpf.RawInstruction
	Flags   uint // for seccomp(2)
	Allowed int  // system calls of this machine's own architecture that pass in some form
}

// Compile compiles the profile for this machine.
func Compile(profile *specs.LinuxSeccomp) (*Filter, error) { return compile(profile, runtime.GOARCH) }

func compile(profile *specs.LinuxSeccomp, goarch string) (*Filter, error) {
	fallback, err := answer(profile.DefaultAction, profile.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	f := &Filter{}
	for _, flag := range profile.Flags {
		bit, ok := filterFlags[flag]
		if !ok {
			return nil, fmt.Errorf("seccomp flag %q is not supported", flag)
		}
		f.Flags |= bit
	}
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: offsetArch, Size: 4}}
	for i, arch := range runs[goarch] {
		rules, err := rulesFor(profile, arch)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			f.Allowed = rules.allowed()
		}
		section := rules.section(fallback)
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch[arch], SkipTrue: 1},
			bpf.Jump{Skip: uint32(len(section))})
		program = append(program, section...)
	}
	program = append(program, bpf.RetConstant{Val: retKillProcess})
	f.Program, err = bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("assemble seccomp filter: %w", err)
	}
	return f, nil
}

// filterFlags of seccomp(2). That for all threads at once is not among them: init
// has the filter in the one thread that execve keeps.
var filterFlags = map[specs.LinuxSeccompFlag]uint{
	specs.LinuxSeccompFlagLog: 1 << 1, specs.LinuxSeccompFlagSpecAllow: 1 << 2, "SECCOMP_FILTER_FLAG_TSYNC": 0,
}

// Bytes is the program as the kernel reads it: an array of struct sock_filter.
func (f *Filter) Bytes() []byte {
	var b []byte
	for _, i := range f.Program {
		b = binary.NativeEndian.AppendUint16(b, i.Op)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b
}

// rule is what one entry of the profile says of one system call.
type rule struct {
	answer uint32
	args   []specs.LinuxSeccompArg // all must hold
}

type rules struct {
	byNumber map[uint32][]rule
	newest   uint32 // the highest number known
	arch     string
}

func rulesFor(profile *specs.LinuxSeccomp, arch string) (*rules, error) {
	numbers, err := numbersOf(arch)
	if err != nil {
		return nil, err
	}
	r := &rules{byNumber: map[uint32][]rule{}, arch: arch}
	for _, n := range numbers {
		r.newest = max(r.newest, n)
	}
	for _, entry := range profile.Syscalls {
		a, err := answer(entry.Action, entry.ErrnoRet)
		if err != nil {
			return nil, fmt.Errorf("seccomp rule for %s: %w", strings.Join(entry.Names, ", "), err)
		}
		for _, name := range entry.Names {
			if n, ok := numbers[name]; ok { // not every machine has every call
				r.byNumber[n] = append(r.byNumber[n], rule{a, entry.Args})
			}
		}
	}
	return r, nil
}

func numbersOf(arch string) (map[string]uint32, error) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	column := slices.Index(strings.Split(lines[0], "\t"), arch)
	if column < 0 {
		return nil, fmt.Errorf("no table of system calls for %s", arch)
	}
	numbers := make(map[string]uint32, len(lines))
	for _, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if n, err := strconv.ParseUint(fields[column], 10, 32); err == nil {
			numbers[fields[0]] = uint32(n)
		}
	}
	return numbers, nil
}

func answer(action specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	switch action {
	case specs.ActAllow:
		return retAllow, nil
	case specs.ActErrno:
		if errno == nil {
			return retErrno | 1, nil // EPERM
		}
		return retErrno | uint32(*errno)&0xffff, nil
	case specs.ActKillProcess:
		return retKillProcess, nil
	case specs.ActKill, specs.ActKillThread:
		return retKillThread, nil
	case specs.ActTrap:
		return retTrap, nil
	case specs.ActLog:
		return retLog, nil
	case specs.ActTrace:
		if errno == nil {
			return retTrace | 1, nil
		}
		return retTrace | uint32(*errno)&0xffff, nil
	}
	return 0, fmt.Errorf("seccomp action %q is not supported", action)
}

func (r *rules) allowed() int {
	n := 0
	for _, list := range r.byNumber {
		if slices.ContainsFunc(list, func(x rule) bool { return x.answer == retAllow }) {
			n++
		}
	}
	return n
}

// section is the part of the program for one architecture.
func (r *rules) section(fallback uint32) []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: r.newest, SkipTrue: 1},
		bpf.RetConstant{Val: retErrno | enosys},
	}
	numbers := make([]uint32, 0, len(r.byNumber))
	for n := range r.byNumber {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for i := 0; i < len(numbers); {
		first := numbers[i]
		if !r.always(first) {
			p = append(p, r.conditional(first)...)
			i++
			continue
		}
		last := first
		for i++; i < len(numbers) && numbers[i] == last+1 && r.always(numbers[i]); i++ {
			last = numbers[i]
		}
		p = append(p,
			bpf.JumpIf{Cond: bpf.JumpLessThan, Val: first, SkipTrue: 2},
			bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: last, SkipTrue: 1},
			bpf.RetConstant{Val: retAllow})
	}
	return append(p, bpf.RetConstant{Val: fallback})
}

// always reports whether a call is allowed whatever its arguments.
func (r *rules) always(n uint32) bool {
	return slices.ContainsFunc(r.byNumber[n], func(x rule) bool { return x.answer == retAllow && len(x.args) == 0 })
}

// conditional tests one call's rules in turn; where none holds the next range
// is tried, and in the end the default.
func (r *rules) conditional(n uint32) []bpf.Instruction {
	var tests []bpf.Instruction
	for _, x := range r.byNumber[n] {
		var all []bpf.Instruction
		for _, arg := range x.args {
			all = append(all, compare(arg)...)
		}
		all = append(all, bpf.RetConstant{Val: x.answer})
		tests = append(tests, resolve(all)...)
	}
	tests = append(tests, bpf.LoadAbsolute{Off: offsetNumber, Size: 4}) // for the ranges that follow
	return append([]bpf.Instruction{
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipTrue: 1},
		bpf.Jump{Skip: uint32(len(tests))},
	}, tests...)
}

// unless marks a jump to the end of the rule, taken when a comparison fails.
type unless struct {
	bpf.Instruction
	cond bpf.JumpTest
	val  uint32
}

// compare leaves the rule unless the 64-bit argument compares as asked. The
// filter machine has 32-bit words: the halves are tested one after the other,
// high first.
func compare(a specs.LinuxSeccompArg) []bpf.Instruction {
	low := bpf.LoadAbsolute{Off: offsetArgs + 8*uint32(a.Index), Size: 4}
	high := bpf.LoadAbsolute{Off: low.Off + 4, Size: 4}
	value := a.Value
	var mask []uint64
	if a.Op == specs.OpMaskedEqual {
		mask, value = []uint64{a.Value}, a.ValueTwo
	}
	half := func(load bpf.LoadAbsolute, shift uint) []bpf.Instruction {
		p := []bpf.Instruction{load}
		for _, m := range mask {
			p = append(p, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: uint32(m >> shift)})
		}
		return p
	}
	hi, lo := uint32(value>>32), uint32(value)
	switch a.Op {
	case specs.OpEqualTo, specs.OpMaskedEqual:
		p := append(half(high, 32), unless{cond: bpf.JumpNotEqual, val: hi})
		return append(append(p, half(low, 0)...), unless{cond: bpf.JumpNotEqual, val: lo})
	case specs.OpNotEqual:
		return []bpf.Instruction{high, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: hi, SkipTrue: 2}, low, unless{cond: bpf.JumpEqual, val: lo}}
	case specs.OpGreaterThan:
		return ordered(high, low, hi, lo, bpf.JumpGreaterThan, bpf.JumpLessOrEqual)
	case specs.OpGreaterEqual:
		return ordered(high, low, hi, lo, bpf.JumpGreaterThan, bpf.JumpLessThan)
	case specs.OpLessThan:
		return ordered(high, low, hi, lo, bpf.JumpLessThan, bpf.JumpGreaterOrEqual)
	default: // OpLessEqual
		return ordered(high, low, hi, lo, bpf.JumpLessThan, bpf.JumpGreaterThan)
	}
}

// ordered: the high half decides unless it is equal; then the low half does.
func ordered(high, low bpf.LoadAbsolute, hi, lo uint32, decides, fails bpf.JumpTest) []bpf.Instruction {
	return []bpf.Instruction{
		high,
		bpf.JumpIf{Cond: decides, Val: hi, SkipTrue: 3},
		unless{cond: bpf.JumpNotEqual, val: hi},
		low,
		unless{cond: fails, val: lo},
	}
}

// resolve turns each unless into a jump past the rule's end.
func resolve(p []bpf.Instruction) []bpf.Instruction {
	for i, instruction := range p {
		if u, ok := instruction.(unless); ok {
			p[i] = bpf.JumpIf{Cond: u.cond, Val: u.val, SkipTrue: uint8(len(p) - i - 1)}
		}
	}
	return p
}

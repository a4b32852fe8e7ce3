//go:build linux

package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Device is one rule of a device list: what may be done with which device
// nodes. Major or Minor -1 means all.
type Device struct {
	Type         byte // 'c' or 'b'
	Major, Minor int64
	Access       string // of "rwm": read, write, mknod
}

// DefaultDevices is Docker's list: every node may be made, few may be opened.
func DefaultDevices() []Device {
	return []Device{
		{'c', -1, -1, "m"}, {'b', -1, -1, "m"},
		{'c', 1, 3, "rwm"},    // null
		{'c', 1, 5, "rwm"},    // zero
		{'c', 1, 7, "rwm"},    // full
		{'c', 1, 8, "rwm"},    // random
		{'c', 1, 9, "rwm"},    // urandom
		{'c', 5, 0, "rwm"},    // tty
		{'c', 5, 1, "rwm"},    // console
		{'c', 5, 2, "rwm"},    // ptmx
		{'c', 136, -1, "rwm"}, // pts
	}
}

func number(n int64) string {
	if n < 0 {
		return "*"
	}
	return fmt.Sprint(n)
}

// deviceRules writes the list into the v1 devices controller.
func (g *Group) deviceRules(devices []Device) []stage.Write {
	dir := g.dir("devices")
	if dir == "" || len(devices) == 0 {
		return nil
	}
	writes := []stage.Write{{File: filepath.Join(dir, "devices.deny"), Value: "a", Meaning: "device list"}}
	for _, d := range devices {
		writes = append(writes, stage.Write{
			File:    filepath.Join(dir, "devices.allow"),
			Value:   fmt.Sprintf("%c %s:%s %s", d.Type, number(d.Major), number(d.Minor), d.Access),
			Meaning: "device list",
		})
	}
	return writes
}

// The v2 hierarchy has no devices files: a BPF program, attached to the group,
// is asked for each open and mknod. It is assembled here, a few instructions
// for each rule. See bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE.

type instruction struct {
	op  uint8
	reg uint8 // source << 4 | destination
	off int16
	imm int32
}

const (
	loadWord  = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	moveReg   = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	moveImm   = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	andImm    = unix.BPF_ALU64 | unix.BPF_AND | unix.BPF_K
	shiftImm  = unix.BPF_ALU64 | unix.BPF_RSH | unix.BPF_K
	jumpNotEq = unix.BPF_JMP | unix.BPF_JNE | unix.BPF_K
	exit      = unix.BPF_JMP | unix.BPF_EXIT

	regType, regAccess, regMajor, regMinor, regTest = 2, 3, 4, 5, 6
)

// deviceProgram answers 1 (let pass) for what the list allows, else 0.
func deviceProgram(devices []Device) []instruction {
	p := []instruction{
		{loadWord, 1<<4 | regType, 0, 0},        // struct bpf_cgroup_dev_ctx.access_type: access << 16 | type
		{moveReg, regType<<4 | regAccess, 0, 0}, //
		{andImm, regType, 0, 0xffff},            //
		{shiftImm, regAccess, 0, 16},            //
		{loadWord, 1<<4 | regMajor, 4, 0},       // .major
		{loadWord, 1<<4 | regMinor, 8, 0},       // .minor
	}
	for _, d := range devices {
		p = append(p, deviceRule(d)...)
	}
	return append(p, instruction{moveImm, 0, 0, 0}, instruction{op: exit})
}

func deviceRule(d Device) []instruction {
	kind := int32(unix.BPF_DEVCG_DEV_CHAR)
	if d.Type == 'b' {
		kind = unix.BPF_DEVCG_DEV_BLOCK
	}
	var denied int32 = unix.BPF_DEVCG_ACC_MKNOD | unix.BPF_DEVCG_ACC_READ | unix.BPF_DEVCG_ACC_WRITE
	for _, a := range d.Access {
		denied &^= map[rune]int32{'r': unix.BPF_DEVCG_ACC_READ, 'w': unix.BPF_DEVCG_ACC_WRITE, 'm': unix.BPF_DEVCG_ACC_MKNOD}[a]
	}
	rule := []instruction{
		{jumpNotEq, regType, 0, kind},
		{moveReg, regAccess<<4 | regTest, 0, 0},
		{andImm, regTest, 0, denied}, // anything asked for beyond the rule?
		{jumpNotEq, regTest, 0, 0},
	}
	if d.Major >= 0 {
		rule = append(rule, instruction{jumpNotEq, regMajor, 0, int32(d.Major)})
	}
	if d.Minor >= 0 {
		rule = append(rule, instruction{jumpNotEq, regMinor, 0, int32(d.Minor)})
	}
	rule = append(rule, instruction{moveImm, 0, 0, 1}, instruction{op: exit})
	for i := range rule {
		if rule[i].op == jumpNotEq {
			rule[i].off = int16(len(rule) - i - 1)
		}
	}
	return rule
}

// loadAttr and attachAttr are the members of union bpf_attr that the two
// commands read.
type loadAttr struct {
	progType, count  uint32
	insns, license   uint64
	logLevel, logLen uint32
	logBuf           uint64
}

type attachAttr struct{ target, prog, kind, flags uint32 }

const verifierTries = 20

// confineDevices attaches the list to a v2 group. Without BPF (an ordinary
// user) there is nothing to confine: such a user's mknod makes no device.
func confineDevices(k sys.Kernel, dir string, devices []Device) error {
	if len(devices) == 0 {
		return nil
	}
	program := deviceProgram(devices)
	code := make([]byte, 0, 8*len(program))
	for _, i := range program {
		code = append(code, i.op, i.reg)
		code = binary.NativeEndian.AppendUint16(code, uint16(i.off))
		code = binary.NativeEndian.AppendUint32(code, uint32(i.imm))
	}
	license := []byte("Apache-2.0\x00")
	load := loadAttr{
		progType: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(program)),
		insns: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	var fd int
	var err error
	// A signal, such as Go's runtime sends its threads, stops the kernel's
	// verifier, which then answers EAGAIN.
	for range verifierTries {
		if fd, err = bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&load), unsafe.Sizeof(load)); !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	k.Did("bpf", err, "", "BPF_PROG_LOAD", "BPF_PROG_TYPE_CGROUP_DEVICE", fmt.Sprintf("%d instructions", len(program)))
	if err != nil {
		return fmt.Errorf("load device program: %w", err)
	}
	defer unix.Close(fd)
	group, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(group)
	attach := attachAttr{target: uint32(group), prog: uint32(fd), kind: unix.BPF_CGROUP_DEVICE}
	_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attach), unsafe.Sizeof(attach))
	k.Did("bpf", err, "", "BPF_PROG_ATTACH", sys.Quote(dir), "BPF_CGROUP_DEVICE")
	if err != nil {
		return fmt.Errorf("attach device program to %s: %w", dir, err)
	}
	return nil
}

func bpf(command uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attr), size)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

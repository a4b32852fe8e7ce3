package registry

import (
	"encoding/binary"
	"fmt"
)

// A bundled program is a list of system calls, one after the other: it has no
// library, no loop and no branch but those that a call's marks ask for.
type call struct {
	name string // as in section 2 of the manual pages
	args []value
	keep bool // what the call returns is kept, as result(), until another's is
	must bool // where the call fails the program ends with status 1
	ever bool // the call is made again and again: the program goes no further
}

// value is an argument of a call.
type value struct {
	kind valueKind
	n    int    // number; offset into the buffer
	text string // ends with a NUL byte where the kernel wants one
}

type valueKind int

const (
	isNumber valueKind = iota
	isText             // address of a text
	isBuffer           // address in the program's buffer
	isResult           // what the last call to be kept returned
)

func number(n int) value  { return value{kind: isNumber, n: n} }
func text(s string) value { return value{kind: isText, text: s} }
func path(s string) value { return text(s + "\x00") }
func buffer(at int) value { return value{kind: isBuffer, n: at} }
func result() value       { return value{kind: isResult} }

// bufferSize is the program's buffer on its stack, in bytes.
const bufferSize = 4096

// machine says how one architecture makes system calls, in machine code.
type machine struct {
	arch    string // GOARCH
	elf     uint16 // e_machine: elf(5)
	wide    bool   // ELFCLASS64
	numbers map[string]int

	begin   func() []byte                            // makes the buffer
	load    func(register int, v uint32) []byte      // a number
	address func(register int, offset uint32) []byte // buffer + offset
	move    func(register int) []byte                // the result that was kept
	make    func(number uint32) []byte               // the call itself
	keep    []byte                                   // keeps its result
	failed  func(ending int) []byte                  // jumps over an ending of so many bytes, unless the call failed
	back    func(length int) []byte                  // jumps back to where length bytes of code begin
}

func machines() []*machine { return []*machine{amd64(), arm64(), i386()} }

// assembled is a program's machine code, and the texts that lie behind it.
type assembled struct{ code, texts []byte }

// assemble translates the calls for texts that lie at the address given.
func (m *machine) assemble(calls []call, texts uint32) assembled {
	a := assembled{code: m.begin()}
	for _, c := range calls {
		start := len(a.code)
		for register, v := range c.args {
			switch v.kind {
			case isNumber:
				a.code = append(a.code, m.load(register, uint32(int32(v.n)))...)
			case isText:
				a.code = append(a.code, m.load(register, texts+uint32(len(a.texts)))...)
				a.texts = append(a.texts, v.text...)
			case isBuffer:
				a.code = append(a.code, m.address(register, uint32(v.n))...)
			case isResult:
				a.code = append(a.code, m.move(register)...)
			}
		}
		a.code = append(a.code, m.make(m.number(c.name))...)
		if c.keep {
			a.code = append(a.code, m.keep...)
		}
		if c.must {
			ending := append(m.load(0, 1), m.make(m.number("exit"))...)
			a.code = append(append(a.code, m.failed(len(ending))...), ending...)
		}
		if c.ever {
			a.code = append(a.code, m.back(len(a.code)-start)...)
		}
	}
	return a
}

func (m *machine) number(name string) uint32 {
	n, ok := m.numbers[name]
	if !ok {
		panic(fmt.Sprintf("system call %s has no number for %s", name, m.arch))
	}
	return uint32(n)
}

// word appends 32 bits to an instruction's first bytes.
func word(opcode []byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(opcode[:len(opcode):len(opcode)], v)
}

// amd64: syscall(2) names the registers. r12 keeps results: no call changes it.
func amd64() *machine {
	return &machine{
		arch: "amd64", elf: 62, wide: true,
		numbers: map[string]int{"read": 0, "write": 1, "exit": 60, "uname": 63, "openat": 257, "ppoll": 271},
		begin:   func() []byte { return word([]byte{0x48, 0x81, 0xec}, bufferSize) }, // sub rsp, …
		load: func(register int, v uint32) []byte {
			// mov edi, esi, edx, r10d
			return word([][]byte{{0xbf}, {0xbe}, {0xba}, {0x41, 0xba}}[register], v)
		},
		address: func(register int, offset uint32) []byte {
			// lea rdi, rsi, rdx, [rsp+…]
			return word([]byte{0x48, 0x8d, []byte{0xbc, 0xb4, 0x94}[register], 0x24}, offset)
		},
		move: func(register int) []byte { return []byte{0x4c, 0x89, []byte{0xe7, 0xe6, 0xe2}[register]} }, // mov rdi, rsi, rdx, r12
		make: func(n uint32) []byte {
			return append(word([]byte{0xb8}, n), 0x0f, 0x05) // mov eax, …; syscall
		},
		keep:   []byte{0x49, 0x89, 0xc4},                                                  // mov r12, rax
		failed: func(ending int) []byte { return []byte{0x85, 0xc0, 0x79, byte(ending)} }, // test eax, eax; jns …
		back:   func(length int) []byte { return []byte{0xeb, byte(-length - 2)} },        // jmp …
	}
}

// i386 keeps results in ebp.
func i386() *machine {
	return &machine{
		arch: "386", elf: 3,
		numbers: map[string]int{"read": 3, "write": 4, "exit": 1, "uname": 122, "openat": 295, "ppoll": 309},
		begin:   func() []byte { return word([]byte{0x81, 0xec}, bufferSize) }, // sub esp, …
		load: func(register int, v uint32) []byte {
			return word([]byte{[]byte{0xbb, 0xb9, 0xba, 0xbe}[register]}, v) // mov ebx, ecx, edx, esi
		},
		address: func(register int, offset uint32) []byte {
			return word([]byte{0x8d, []byte{0x9c, 0x8c, 0x94}[register], 0x24}, offset) // lea ebx, ecx, edx, [esp+…]
		},
		move: func(register int) []byte { return []byte{0x89, []byte{0xeb, 0xe9, 0xea}[register]} }, // mov ebx, ecx, edx, ebp
		make: func(n uint32) []byte {
			return append(word([]byte{0xb8}, n), 0xcd, 0x80) // mov eax, …; int 0x80
		},
		keep:   []byte{0x89, 0xc5}, // mov ebp, eax
		failed: func(ending int) []byte { return []byte{0x85, 0xc0, 0x79, byte(ending)} },
		back:   func(length int) []byte { return []byte{0xeb, byte(-length - 2)} },
	}
}

// arm64 keeps results in x19. Every instruction is one word.
func arm64() *machine {
	words := func(list ...uint32) []byte {
		var b []byte
		for _, w := range list {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return b
	}
	load := func(register int, v uint32) []byte {
		const movz, movk16 = 0xd2800000, 0xf2a00000
		return words(movz|v&0xffff<<5|uint32(register), movk16|v>>16<<5|uint32(register))
	}
	return &machine{
		arch: "arm64", elf: 183, wide: true,
		numbers: map[string]int{"read": 63, "write": 64, "exit": 93, "uname": 160, "openat": 56, "ppoll": 73},
		begin:   func() []byte { return words(0xd14007ff) }, // sub sp, sp, #1, lsl #12
		load:    load,
		address: func(register int, offset uint32) []byte { return words(0x910003e0 | offset<<10 | uint32(register)) }, // add x…, sp, #…
		move:    func(register int) []byte { return words(0xaa1303e0 | uint32(register)) },                             // mov x…, x19
		make: func(n uint32) []byte {
			return append(load(8, n), words(0xd4000001)...) // svc #0
		},
		keep:   words(0xaa0003f3),                                                                   // mov x19, x0
		failed: func(ending int) []byte { return words(0xb6f80000 | uint32(ending/4+1)<<5) },        // tbz x0, #63, …
		back:   func(length int) []byte { return words(0x14000000 | uint32(-length/4)&0x03ffffff) }, // b …
	}
}

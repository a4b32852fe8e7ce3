package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// machine says how one architecture writes a text and ends, in machine code.
type machine struct {
	arch     string // GOARCH
	elf      uint16 // e_machine: elf(5)
	wide     bool   // ELFCLASS64
	program  func(textAddr, codeAddr uint64, length int) []byte
	codeSize int
}

var machines = []machine{
	{"amd64", 62, true, amd64, 33},
	{"arm64", 183, true, arm64, 32},
	{"386", 3, false, i386, 31},
}

const loadAddress = 0x400000

// Program is a static executable for that GOARCH which writes the text and ends
// with status 0. It needs no file but itself.
func Program(goarch, text string) ([]byte, error) {
	for _, m := range machines {
		if m.arch == goarch {
			return helloELF(m, text), nil
		}
	}
	return nil, fmt.Errorf("make a program for %s: its machine code is not known here", goarch)
}

// helloELF is a static executable of one segment: headers, a dozen
// instructions, the text. It makes two system calls, write and exit.
func helloELF(m machine, text string) []byte {
	header := 64 + 56 // Elf64_Ehdr, Elf64_Phdr
	if !m.wide {
		header = 52 + 32
	}
	code := uint64(loadAddress + header)
	textAddr := code + uint64(m.codeSize)
	program := m.program(textAddr, code, len(text))
	if len(program) != m.codeSize {
		panic(fmt.Sprintf("hello for %s: %d bytes of code, %d planned", m.arch, len(program), m.codeSize))
	}
	size := uint64(header + len(program) + len(text))
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a bytes.Buffer takes everything
		}
	}
	class := byte(1)
	if m.wide {
		class = 2
	}
	put([]byte{0x7f, 'E', 'L', 'F', class, 1, 1, 0}, make([]byte, 8)) // little endian, version 1
	put(uint16(2), m.elf, uint32(1))                                  // ET_EXEC
	if m.wide {
		put(code, uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0))
		put(uint32(1), uint32(5), uint64(0), uint64(loadAddress), uint64(loadAddress), size, size, uint64(0x1000))
	} else {
		put(uint32(code), uint32(52), uint32(0), uint32(0), uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0))
		put(uint32(1), uint32(0), uint32(loadAddress), uint32(loadAddress), uint32(size), uint32(size), uint32(5), uint32(0x1000))
	}
	b.Write(program)
	b.WriteString(text)
	return b.Bytes()
}

func amd64(text, code uint64, length int) []byte {
	b := []byte{0xb8, 1, 0, 0, 0} // mov eax, SYS_write
	b = append(b, 0xbf, 1, 0, 0, 0)
	b = append(b, 0xbe) // mov esi, text
	b = binary.LittleEndian.AppendUint32(b, uint32(text))
	b = append(b, 0xba) // mov edx, length
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	b = append(b, 0x0f, 0x05)        // syscall
	b = append(b, 0xb8, 60, 0, 0, 0) // mov eax, SYS_exit
	b = append(b, 0x31, 0xff)        // xor edi, edi
	b = append(b, 0x0f, 0x05)
	return append(b, 0x0f, 0x0b) // ud2: never reached
}

func i386(text, code uint64, length int) []byte {
	b := []byte{0xb8, 4, 0, 0, 0} // mov eax, SYS_write
	b = append(b, 0xbb, 1, 0, 0, 0)
	b = append(b, 0xb9) // mov ecx, text
	b = binary.LittleEndian.AppendUint32(b, uint32(text))
	b = append(b, 0xba) // mov edx, length
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	b = append(b, 0xcd, 0x80)       // int 0x80
	b = append(b, 0xb8, 1, 0, 0, 0) // mov eax, SYS_exit
	b = append(b, 0x31, 0xdb)       // xor ebx, ebx
	return append(b, 0xcd, 0x80)
}

func arm64(text, code uint64, length int) []byte {
	movz := func(register, value uint32) uint32 { return 0xd2800000 | value<<5 | register }
	adr := func(register uint32, delta uint64) uint32 {
		d := uint32(delta)
		return 0x10000000 | d&3<<29 | d>>2<<5 | register
	}
	const svc = 0xd4000001
	var b []byte
	for _, word := range []uint32{
		movz(8, 64), // SYS_write
		movz(0, 1),
		adr(1, text-code-8), // this is the third instruction
		movz(2, uint32(length)),
		svc,
		movz(8, 93), // SYS_exit
		movz(0, 0),
		svc,
	} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return b
}

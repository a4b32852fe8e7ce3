package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// loadAddress is where the kernel puts a program's one segment.
const loadAddress = 0x400000

// Program is a static executable for that GOARCH which writes the text and ends
// with status 0. It needs no file but itself.
func Program(goarch, text string) ([]byte, error) {
	for _, m := range machines() {
		if m.arch == goarch {
			return m.executable(printing(text)), nil
		}
	}
	return nil, fmt.Errorf("make a program for %s: its machine code is not known here", goarch)
}

// executable is a static program of one segment, which holds the headers, the
// instructions and the texts that they name: elf(5).
func (m *machine) executable(calls []call) []byte {
	header := 64 + 56 // Elf64_Ehdr, Elf64_Phdr
	if !m.wide {
		header = 52 + 32
	}
	entry := uint64(loadAddress + header)
	// How long the code is does not depend on where the texts are.
	length := len(m.assemble(calls, 0).code)
	made := m.assemble(calls, uint32(entry)+uint32(length))
	size := uint64(header + len(made.code) + len(made.texts))
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
		put(entry, uint64(64), uint64(0), uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0))
		put(uint32(1), uint32(5), uint64(0), uint64(loadAddress), uint64(loadAddress), size, size, uint64(0x1000))
	} else {
		put(uint32(entry), uint32(52), uint32(0), uint32(0), uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0))
		put(uint32(1), uint32(0), uint32(loadAddress), uint32(loadAddress), uint32(size), uint32(size), uint32(5), uint32(0x1000))
	}
	b.Write(made.code)
	b.Write(made.texts)
	return b.Bytes()
}

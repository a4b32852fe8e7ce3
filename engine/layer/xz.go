//go:build linux

package layer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// maxDictionary is how much memory an archive may ask for: twice what xz -9 does.
// The library would believe the archive, up to 4 GiB of it.
const maxDictionary = 128 << 20

// xzReader reads the xz format: streams of blocks, whose content is LZMA2. See The
// .xz File Format, version 1.2.1, whose sections the functions name. What a program
// would only need to jump about in a file, the index, is passed over.
type xzReader struct {
	in    *countedReader
	check byte      // the kind of checksum of this stream's blocks
	block io.Reader // nil between blocks
	sum   hash.Hash // of the block; nil for none
	start int64     // where the block's content began
}

func newXZ(r io.Reader) (io.Reader, error) {
	x := &xzReader{in: &countedReader{r: bufio.NewReader(r)}}
	return x, x.streamHeader(xzMagic)
}

// countedReader knows how much has been read, for paddings.
type countedReader struct {
	r *bufio.Reader
	n int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countedReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			x.block, err = nil, x.blockEnd()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// bytes reads so many.
func (x *xzReader) bytes(n int) ([]byte, error) {
	p := make([]byte, n)
	_, err := io.ReadFull(x.in, p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return p, err
}

func errXZ(what string) error { return fmt.Errorf("the xz archive is damaged: %s", what) }

// streamHeader is 2.1.1; begun is what of it has been read.
func (x *xzReader) streamHeader(magic []byte) error {
	head, err := x.bytes(12)
	if err != nil {
		return err
	}
	if !bytes.Equal(head[:6], magic) || head[6] != 0 || binary.LittleEndian.Uint32(head[8:]) != crc32.ChecksumIEEE(head[6:8]) {
		return errXZ("header of a stream")
	}
	x.check = head[7]
	_, _, err = newCheck(x.check)
	return err
}

// newCheck is 2.1.1.2.
func newCheck(kind byte) (sum hash.Hash, size int, err error) {
	switch kind {
	case 0:
		return nil, 0, nil
	case 1:
		return crc32.NewIEEE(), 4, nil
	case 4:
		return crc64.New(crc64.MakeTable(crc64.ECMA)), 8, nil
	case 10:
		return sha256.New(), 32, nil
	}
	return nil, 0, fmt.Errorf("the xz archive has checksums of kind %d, which is not known", kind)
}

// next comes to the next block, of this stream or of another one behind it.
func (x *xzReader) next() error {
	size, err := x.in.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if size != 0 {
		return x.blockHeader(size)
	}
	if err := x.index(); err != nil {
		return err
	}
	footer, err := x.bytes(12) // 2.1.2
	if err != nil {
		return err
	}
	if string(footer[10:]) != "YZ" || footer[9] != x.check || binary.LittleEndian.Uint32(footer) != crc32.ChecksumIEEE(footer[4:10]) {
		return errXZ("end of a stream")
	}
	return x.padding()
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// padding is 2.2: fours of zeros, and then the end or another stream.
func (x *xzReader) padding() error {
	for {
		head, err := x.in.r.Peek(4)
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return unexpected(err)
		}
		if !bytes.Equal(head, make([]byte, 4)) {
			return x.streamHeader(xzMagic)
		}
		if _, err := x.bytes(4); err != nil {
			return err
		}
	}
}

// blockHeader is 3.1.
func (x *xzReader) blockHeader(size byte) error {
	rest, err := x.bytes(int(size)*4 + 3)
	if err != nil {
		return err
	}
	head := append([]byte{size}, rest...)
	end := len(head) - 4
	if binary.LittleEndian.Uint32(head[end:]) != crc32.ChecksumIEEE(head[:end]) {
		return errXZ("header of a block")
	}
	fields := bytes.NewReader(head[2:end])
	flags := head[1]
	if flags&0x3f != 0 {
		return errors.New("the xz archive uses filters beside LZMA2, which this engine does not read: xz -d it first")
	}
	for _, bit := range []byte{0x40, 0x80} { // the sizes, which nobody has to tell
		if flags&bit == 0 {
			continue
		}
		if _, err := binary.ReadUvarint(fields); err != nil {
			return errXZ("header of a block")
		}
	}
	filter := make([]byte, 3)
	if _, err := io.ReadFull(fields, filter); err != nil || filter[0] != 0x21 || filter[1] != 1 {
		return errors.New("the xz archive uses another filter than LZMA2, which this engine does not read: xz -d it first")
	}
	dictionary, err := lzma.DecodeDictCap(filter[2])
	if err != nil {
		return errXZ("header of a block")
	}
	if dictionary > maxDictionary {
		return fmt.Errorf("the xz archive wants a dictionary of %d bytes, at most %d are had", dictionary, maxDictionary)
	}
	x.sum, _, _ = newCheck(x.check) // known since the stream's header
	x.start = x.in.n
	x.block, err = lzma.Reader2Config{DictCap: int(dictionary)}.NewReader2(x.in)
	return err
}

// blockEnd is 3.3 and 3.4: zeros up to four, and the checksum.
func (x *xzReader) blockEnd() error {
	if over := (x.in.n - x.start) % 4; over > 0 {
		zeros, err := x.bytes(int(4 - over))
		if err != nil {
			return err
		}
		if len(bytes.Trim(zeros, "\x00")) > 0 {
			return errXZ("padding of a block")
		}
	}
	_, size, _ := newCheck(x.check) // known since the stream's header
	want, err := x.bytes(size)
	if err != nil || x.sum == nil {
		return err
	}
	got := x.sum.Sum(nil)
	if x.check != 10 { // the CRCs are written with their lowest byte first
		for i := range len(got) / 2 {
			got[i], got[len(got)-1-i] = got[len(got)-1-i], got[i]
		}
	}
	if !bytes.Equal(got, want) {
		return errXZ("checksum of a block")
	}
	return nil
}

// index is 4: how many blocks there are, two numbers for each, zeros up to four, and
// a CRC32. Its first byte has been read.
func (x *xzReader) index() error {
	start := x.in.n - 1
	blocks, err := binary.ReadUvarint(x.in)
	if err != nil {
		return unexpected(err)
	}
	for range blocks {
		for range 2 {
			if _, err := binary.ReadUvarint(x.in); err != nil {
				return unexpected(err)
			}
		}
	}
	if over := (x.in.n - start) % 4; over > 0 {
		if _, err := x.bytes(int(4 - over)); err != nil {
			return err
		}
	}
	_, err = x.bytes(4)
	return err
}

package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// ddOptions are the words of dd.
type ddOptions struct {
	from, to                string
	block                   int64
	count, skip, seek       int64 // in blocks; count -1 is all
	conversions             []string
	quiet                   bool
	full, part, out, outOdd int64 // blocks, whole and not, read and written
	bytes                   int64
}

func newDD(c *applet.Call) (*ddOptions, error) {
	d := &ddOptions{from: "-", block: 512, count: -1}
	for _, word := range c.Args {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "if":
			d.from = value
		case "of":
			d.to = value
		case "bs":
			d.block, err = applet.Bytes(value)
		case "count":
			d.count, err = applet.Bytes(value)
		case "skip":
			d.skip, err = applet.Bytes(value)
		case "seek":
			d.seek, err = applet.Bytes(value)
		case "conv":
			d.conversions = append(d.conversions, strings.Split(value, ",")...)
		case "status":
			d.quiet = value == "none" || value == "noxfer"
		default:
			err = applet.Usage("%q is not known here", word)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, conversion := range d.conversions {
		if !slices.Contains([]string{"notrunc", "fsync", "fdatasync"}, conversion) {
			return nil, applet.Usage("%q is not known here", conversion)
		}
	}
	if d.block < 1 || d.block > 1<<40 {
		return nil, applet.Usage("a block of %d bytes", d.block)
	}
	return d, nil
}

func (d *ddOptions) run(c *applet.Call) (err error) {
	in, err := c.Open(d.from)
	if err != nil {
		return err
	}
	defer in.Close()
	if d.skip > 0 {
		if seeker, ok := in.(io.Seeker); ok {
			_, err = seeker.Seek(d.skip*d.block, io.SeekStart)
		} else {
			_, err = io.CopyN(io.Discard, in, d.skip*d.block)
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	out, finish, err := d.output(c)
	if err != nil {
		return err
	}
	start := time.Now()
	err = errors.Join(d.blocks(in, out), finish())
	d.report(c, time.Since(start))
	return err
}

// output opens where it goes, and returns what is to be done at the end.
func (d *ddOptions) output(c *applet.Call) (io.Writer, func() error, error) {
	if d.to == "" {
		return c.Out, func() error { return nil }, nil
	}
	mode := os.O_WRONLY | os.O_CREATE
	if !slices.Contains(d.conversions, "notrunc") && d.seek == 0 {
		mode |= os.O_TRUNC
	}
	file, err := os.OpenFile(d.to, mode, 0o666)
	if err != nil {
		return nil, nil, err
	}
	if d.seek > 0 {
		if _, err := file.Seek(d.seek*d.block, io.SeekStart); err != nil {
			return nil, nil, errors.Join(err, file.Close())
		}
	}
	return file, func() error {
		var err error
		if slices.Contains(d.conversions, "fsync") || slices.Contains(d.conversions, "fdatasync") {
			err = file.Sync()
		}
		return errors.Join(err, file.Close())
	}, nil
}

// blocks reads and writes one at a time, as large as was asked: dd with a block
// as large as a limit is how lessons reach one.
func (d *ddOptions) blocks(in io.Reader, out io.Writer) error {
	buf := make([]byte, d.block)
	for n := int64(0); d.count < 0 || n < d.count; n++ {
		got, err := in.Read(buf)
		if got > 0 {
			if int64(got) == d.block {
				d.full++
			} else {
				d.part++
			}
			wrote, wrong := out.Write(buf[:got])
			d.bytes += int64(wrote)
			if wrong != nil {
				return wrong
			}
			if int64(wrote) == d.block {
				d.out++
			} else {
				d.outOdd++
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *ddOptions) report(c *applet.Call, took time.Duration) {
	if d.quiet {
		return
	}
	fmt.Fprintf(c.Err, "%d+%d records in\n%d+%d records out\n", d.full, d.part, d.out, d.outOdd)
	rate := int64(float64(d.bytes) / max(took.Seconds(), 1e-6))
	fmt.Fprintf(c.Err, "%d bytes (%sB) copied, %.6f seconds, %sB/s\n", d.bytes, applet.Human(d.bytes), took.Seconds(), applet.Human(rate))
}

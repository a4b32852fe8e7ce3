package text

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

func newHash(name string) hash.Hash {
	switch strings.TrimSuffix(name, "sum") {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha512":
		return sha512.New()
	}
	return sha256.New()
}

// sum is md5sum and the like; with -c it checks what they have written.
func sum(c *applet.Call) error {
	f, err := c.Flags("cb")
	if err != nil {
		return err
	}
	if f.Has("c") {
		return c.Inputs(f.Args, func(_ string, r io.Reader) error { return checkSums(c, r) })
	}
	return c.Inputs(f.Args, func(name string, r io.Reader) error {
		h := newHash(c.Name)
		if _, err := io.Copy(h, r); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.Out, "%x  %s\n", h.Sum(nil), name)
		return err
	})
}

func checkSums(c *applet.Call, list io.Reader) error {
	failed := false
	err := applet.Lines(list, func(line string) bool {
		want, name, ok := strings.Cut(line, "  ")
		if !ok {
			return true
		}
		h, said := newHash(c.Name), "FAILED"
		if r, err := c.Open(name); err == nil {
			if _, err := io.Copy(h, r); err == nil && fmt.Sprintf("%x", h.Sum(nil)) == want {
				said = "OK"
			}
			r.Close()
		}
		failed = failed || said != "OK"
		fmt.Fprintf(c.Out, "%s: %s\n", name, said)
		return true
	})
	if failed {
		return errors.New("some sums did not match")
	}
	return err
}

func encoded(c *applet.Call) error {
	f, err := c.Flags("dw:")
	if err != nil {
		return err
	}
	width, err := f.Int("w", 76)
	if err != nil {
		return err
	}
	return c.Inputs(f.Args, func(_ string, r io.Reader) error {
		if f.Has("d") {
			_, err := io.Copy(c.Out, base64.NewDecoder(base64.StdEncoding, r))
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		text := base64.StdEncoding.EncodeToString(data)
		for width > 0 && len(text) > width {
			fmt.Fprintln(c.Out, text[:width])
			text = text[width:]
		}
		if width > 0 && text != "" {
			text += "\n"
		}
		_, err = io.WriteString(c.Out, text)
		return err
	})
}

// hexdump is hexdump -C, whether or not it is asked for: 16 bytes a line, and
// what of them can be printed.
func hexdump(c *applet.Call) error {
	return dump(c, "Cn:", "%08x", func(row []byte) string {
		var hex, shown strings.Builder
		for i := range 16 {
			if i%8 == 0 {
				hex.WriteByte(' ')
			}
			if i >= len(row) {
				hex.WriteString("   ")
				continue
			}
			fmt.Fprintf(&hex, " %02x", row[i])
			shown.WriteString(printable(row[i]))
		}
		return hex.String() + "  |" + shown.String() + "|"
	})
}

func printable(b byte) string {
	if b < 0x20 || b > 0x7e {
		return "."
	}
	return string(rune(b))
}

// od shows bytes as characters (-c), or in base 16 (-t x1) or 8.
func od(c *applet.Call) error {
	form := " %03o"
	for i, arg := range c.Args {
		switch {
		case arg == "-c":
			form = "c"
		case arg == "-tx1", arg == "-t" && i+1 < len(c.Args) && c.Args[i+1] == "x1", arg == "-x":
			form = " %02x"
		}
	}
	return dump(c, "cxbt:A:n:N:", "%07o", func(row []byte) string {
		var b strings.Builder
		for _, one := range row {
			if form != "c" {
				fmt.Fprintf(&b, form, one)
				continue
			}
			fmt.Fprintf(&b, " %3s", character(one))
		}
		return b.String()
	})
}

func character(b byte) string {
	if at := strings.IndexByte("\x00\a\b\f\n\r\t\v", b); at >= 0 {
		return "\\" + "0abfnrtv"[at:at+1]
	}
	if b < 0x20 || b > 0x7e {
		return fmt.Sprintf("%03o", b)
	}
	return string(rune(b))
}

// dump shows the inputs row by row. A row like the one before is a star.
func dump(c *applet.Call, flags, offset string, show func([]byte) string) error {
	f, err := c.Flags(flags)
	if err != nil {
		return err
	}
	var all []byte
	if err := c.Inputs(f.Args, func(_ string, r io.Reader) error {
		data, err := io.ReadAll(r)
		all = append(all, data...)
		return err
	}); err != nil {
		return err
	}
	if given := f.Value("n", f.Value("N", "")); given != "" {
		n, err := applet.Bytes(given)
		if err != nil {
			return err
		}
		all = all[:min(int(n), len(all))]
	}
	starred, bare := false, f.Value("A", "") == "n"
	for at := 0; at < len(all); at += 16 {
		row := all[at:min(at+16, len(all))]
		if at > 0 && string(row) == string(all[at-16:at]) {
			if !starred {
				fmt.Fprintln(c.Out, "*")
			}
			starred = true
			continue
		}
		starred = false
		if bare {
			fmt.Fprintln(c.Out, show(row))
			continue
		}
		fmt.Fprintf(c.Out, offset+"%s\n", at, show(row))
	}
	if len(all) > 0 && !bare {
		fmt.Fprintf(c.Out, offset+"\n", len(all))
	}
	return nil
}

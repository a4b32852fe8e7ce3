// Package text is the toolbox's commands that make, choose and change lines.
package text

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// Commands are this package's.
func Commands() map[string]applet.Func {
	return map[string]applet.Func{
		"cat": cat, "echo": Echo, "printf": Printf, "seq": seq, "yes": yes, "tee": tee,
		"head": head, "tail": tail, "wc": wc, "sort": sorted, "uniq": uniq, "cut": cut, "tr": tr,
		"grep": grep, "sed": sed,
		"md5sum": sum, "sha1sum": sum, "sha256sum": sum, "sha512sum": sum, "base64": encoded, "hexdump": hexdump, "od": od,
	}
}

func cat(c *applet.Call) error {
	f, err := c.Flags("nu")
	if err != nil {
		return err
	}
	n := 0
	return c.Inputs(f.Args, func(_ string, r io.Reader) error {
		if !f.Has("n") {
			_, err := io.Copy(struct{ io.Writer }{c.Out}, struct{ io.Reader }{r})
			return err
		}
		return applet.Lines(r, func(line string) bool {
			n++
			_, err := fmt.Fprintf(c.Out, "%6d\t%s\n", n, line)
			return err == nil
		})
	})
}

// Echo is echo(1) with -n and -e.
func Echo(c *applet.Call) error {
	args, end, escapes := c.Args, "\n", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		for _, flag := range args[0][1:] {
			switch flag {
			case 'n':
				end = ""
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		var stop bool
		if text, stop = unescape(text); stop {
			end = ""
		}
	}
	_, err := io.WriteString(c.Out, text+end)
	return err
}

// unescape reads backslashes; stop is \c, after which nothing is printed.
func unescape(s string) (text string, stop bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte("abefnrtv\\", s[i]); at >= 0 {
			b.WriteByte("\a\b\x1b\f\n\r\t\v\\"[at])
			continue
		}
		switch s[i] {
		case 'c':
			return b.String(), true
		case 'x':
			i += number(&b, s[i+1:], 16, 2)
		case '0':
			i += number(&b, s[i+1:], 8, 3)
		case '1', '2', '3', '4', '5', '6', '7':
			i += number(&b, s[i:], 8, 3) - 1
		default:
			b.WriteString(s[i-1 : i+1])
		}
	}
	return b.String(), false
}

// number writes the byte whose digits s begins with, and tells how many there are.
func number(b *strings.Builder, s string, base, most int) int {
	n := 0
	for n < min(most, len(s)) {
		if _, err := strconv.ParseUint(s[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	v, _ := strconv.ParseUint(s[:n], base, 16) // digits only; none are 0
	b.WriteByte(byte(v))
	return n
}

// Printf is printf(1): the format is used again while arguments are left.
func Printf(c *applet.Call) error {
	if len(c.Args) == 0 {
		return applet.Usage("printf FORMAT [ARGUMENT]…")
	}
	p := printer{args: c.Args[1:], call: c}
	for {
		before := len(p.args)
		stop := p.print(c.Args[0])
		if _, err := io.WriteString(c.Out, p.b.String()); err != nil {
			return err
		}
		p.b.Reset()
		if stop || len(p.args) == 0 || len(p.args) == before {
			break
		}
	}
	if p.failed {
		return applet.Status(1)
	}
	return nil
}

type printer struct {
	b      strings.Builder
	args   []string
	call   *applet.Call
	failed bool
}

func (p *printer) next() string {
	if len(p.args) == 0 {
		return ""
	}
	arg := p.args[0]
	p.args = p.args[1:]
	return arg
}

func (p *printer) number() int64 {
	arg := p.next()
	if arg == "" {
		return 0
	}
	if arg[0] == '\'' || arg[0] == '"' {
		return int64([]rune(arg + "\x00")[1])
	}
	n, err := strconv.ParseInt(arg, 0, 64)
	if err != nil {
		if u, wrong := strconv.ParseUint(arg, 0, 64); wrong == nil {
			return int64(u)
		}
		p.call.Warn(fmt.Errorf("%s: invalid number", arg))
		p.failed = true
	}
	return n
}

// print goes through the format once.
func (p *printer) print(format string) (stop bool) {
	for format != "" {
		at := strings.IndexByte(format, '%')
		if at < 0 {
			at = len(format)
		}
		text, stop := unescape(format[:at])
		p.b.WriteString(text)
		if stop {
			return true
		}
		if format = format[at:]; format == "" {
			break
		}
		end := 1 + len(format[1:]) - len(strings.TrimLeft(format[1:], "0123456789.-+ #*"))
		if end >= len(format) {
			p.b.WriteString(format)
			break
		}
		directive := format[:end]
		for strings.Contains(directive, "*") {
			directive = strings.Replace(directive, "*", strconv.FormatInt(p.number(), 10), 1)
		}
		if p.convert(directive, format[end]) {
			return true
		}
		format = format[end+1:]
	}
	return false
}

// convert prints one argument.
func (p *printer) convert(directive string, verb byte) (stop bool) {
	switch verb {
	case '%':
		p.b.WriteByte('%')
	case 's':
		fmt.Fprintf(&p.b, directive+"s", p.next())
	case 'b':
		text, end := unescape(p.next())
		fmt.Fprintf(&p.b, directive+"s", text)
		return end
	case 'c':
		arg := p.next()
		fmt.Fprintf(&p.b, directive+"s", arg[:min(1, len(arg))])
	case 'd', 'i':
		fmt.Fprintf(&p.b, directive+"d", p.number())
	case 'u':
		fmt.Fprintf(&p.b, directive+"d", uint64(p.number()))
	case 'x', 'X', 'o':
		fmt.Fprintf(&p.b, directive+string(verb), uint64(p.number()))
	case 'f', 'F', 'e', 'E', 'g', 'G':
		v, err := strconv.ParseFloat(p.next(), 64)
		if err != nil {
			v = 0
		}
		fmt.Fprintf(&p.b, directive+string(verb), v)
	default:
		p.call.Warn(fmt.Errorf("%%%c: invalid directive", verb))
		p.failed = true
		return true
	}
	return false
}

// seq counts from FIRST (1) by STEP (1) to LAST.
func seq(c *applet.Call) error {
	args, between, padded := c.Args, "\n", false
	for len(args) > 0 && (args[0] == "-w" || strings.HasPrefix(args[0], "-s")) {
		value, isSeparator := strings.CutPrefix(args[0], "-s")
		args = args[1:]
		switch {
		case !isSeparator:
			padded = true
		case value != "":
			between = value
		case len(args) > 0:
			between, args = args[0], args[1:]
		}
	}
	if len(args) < 1 || len(args) > 3 {
		return applet.Usage("seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST")
	}
	first, step, end, places, err := bounds(args)
	if err != nil {
		return err
	}
	width := 0
	if padded {
		width = max(len(strconv.FormatFloat(first, 'f', places, 64)), len(strconv.FormatFloat(end, 'f', places, 64)))
	}
	for i := 0; ; i++ {
		v := first + float64(i)*step
		if step > 0 && v > end+1e-9 || step < 0 && v < end-1e-9 {
			if i > 0 && between != "\n" {
				_, err := io.WriteString(c.Out, "\n")
				return err
			}
			return nil
		}
		text := strconv.FormatFloat(v, 'f', places, 64)
		if i > 0 && between != "\n" {
			text = between + text
		}
		if between == "\n" {
			text = fmt.Sprintf("%0*s\n", width, text)
		}
		if _, err := io.WriteString(c.Out, text); err != nil {
			return err
		}
	}
}

// bounds reads what seq counts between, and how many digits are behind the point.
func bounds(args []string) (first, step, end float64, places int, err error) {
	var values []float64
	for _, arg := range args {
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil || math.IsNaN(v) {
			return 0, 0, 0, 0, applet.Usage("%q is no number", arg)
		}
		values = append(values, v)
		if _, fraction, ok := strings.Cut(arg, "."); ok {
			places = max(places, len(fraction))
		}
	}
	first, step, end = 1, 1, values[len(values)-1]
	if len(values) > 1 {
		first = values[0]
	}
	if len(values) > 2 {
		step = values[1]
	}
	if step == 0 {
		err = applet.Usage("a step of 0 leads nowhere")
	}
	return first, step, end, places, err
}

func yes(c *applet.Call) error {
	text := "y"
	if len(c.Args) > 0 {
		text = strings.Join(c.Args, " ")
	}
	chunk := strings.Repeat(text+"\n", max(1, 8192/(len(text)+1)))
	for {
		if _, err := io.WriteString(c.Out, chunk); err != nil {
			return err
		}
	}
}

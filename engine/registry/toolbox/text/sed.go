package text

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// edit is one of sed's commands: s, p, d, q and =, with their addresses.
type edit struct {
	from, to *address
	not      bool
	inside   bool // of the range from,to
	verb     byte
	match    *regexp.Regexp
	with     string
	global   bool
	print    bool
	nth      int
}

// address is a line: its number, the last ($), or one that matches.
type address struct {
	line  int
	last  bool
	match *regexp.Regexp
}

func sed(c *applet.Call) error {
	f, err := c.Flags("nEre:i")
	if err != nil {
		return err
	}
	scripts := f.All("e")
	if len(scripts) == 0 {
		if len(f.Args) == 0 {
			return applet.Usage("sed [-n] [-E] [-i] SCRIPT [FILE]…")
		}
		scripts, f.Args = f.Args[:1], f.Args[1:]
	}
	p := &sedParser{rest: strings.Join(scripts, "\n"), extended: f.Has("E", "r")}
	edits, err := p.edits()
	if err != nil {
		return fmt.Errorf("%w: %w", applet.ErrUsage, err)
	}
	e := &editor{edits: edits, quiet: f.Has("n"), out: c.Out}
	if f.Has("i") {
		return c.Each(f.Args, e.inPlace)
	}
	var lines []string
	failed := c.Inputs(f.Args, func(_ string, r io.Reader) error {
		return applet.Lines(r, func(line string) bool { lines = append(lines, line); return true })
	})
	if err := e.run(lines); err != nil {
		return err
	}
	return failed
}

// sedParser reads a script.
type sedParser struct {
	rest     string
	extended bool
}

func (p *sedParser) edits() ([]*edit, error) {
	var all []*edit
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n;")
		if p.rest == "" {
			return all, nil
		}
		e, err := p.edit()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
}

func (p *sedParser) edit() (*edit, error) {
	e := &edit{}
	var err error
	if e.from, err = p.address(); err != nil {
		return nil, err
	}
	if e.from != nil && strings.HasPrefix(p.rest, ",") {
		p.rest = p.rest[1:]
		if e.to, err = p.address(); err != nil {
			return nil, err
		}
		if e.to == nil {
			return nil, fmt.Errorf("no address behind the comma")
		}
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	if strings.HasPrefix(p.rest, "!") {
		e.not, p.rest = true, p.rest[1:]
	}
	if p.rest == "" {
		return nil, fmt.Errorf("no command behind the address")
	}
	e.verb, p.rest = p.rest[0], p.rest[1:]
	switch e.verb {
	case 'p', 'd', 'q', '=':
		return e, nil
	case 's':
		return e, p.substitution(e)
	}
	return nil, fmt.Errorf("command %c is not known here: s, p, d, q and = are", e.verb)
}

func (p *sedParser) address() (*address, error) {
	switch {
	case strings.HasPrefix(p.rest, "$"):
		p.rest = p.rest[1:]
		return &address{last: true}, nil
	case strings.HasPrefix(p.rest, "/"):
		text, err := p.until('/')
		if err != nil {
			return nil, err
		}
		x, err := expression(text, p.extended)
		return &address{match: x}, err
	}
	digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
	if digits == "" {
		return nil, nil
	}
	p.rest = p.rest[len(digits):]
	n, err := strconv.Atoi(digits)
	return &address{line: n}, err
}

// until reads from one delimiter to the next, and leaves the rest behind it.
// The delimiter itself is written with a backslash.
func (p *sedParser) until(delimiter byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch {
		case p.rest[i] == delimiter:
			p.rest = p.rest[i+1:]
			return b.String(), nil
		case p.rest[i] == '\\' && i+1 < len(p.rest):
			i++
			if p.rest[i] != delimiter {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(p.rest[i])
	}
	return "", fmt.Errorf("no %c at the end", delimiter)
}

// substitution reads s's two parts and its flags.
func (p *sedParser) substitution(e *edit) error {
	if p.rest == "" {
		return fmt.Errorf("s wants /OLD/NEW/")
	}
	delimiter := p.rest[0]
	old, err := p.until(delimiter)
	if err != nil {
		return err
	}
	p.rest = string(delimiter) + p.rest
	if e.with, err = p.until(delimiter); err != nil {
		return err
	}
	for fold := false; ; p.rest = p.rest[1:] {
		switch {
		case strings.HasPrefix(p.rest, "g"):
			e.global = true
		case strings.HasPrefix(p.rest, "p"):
			e.print = true
		case strings.HasPrefix(p.rest, "i"), strings.HasPrefix(p.rest, "I"):
			fold = true
		case p.rest != "" && p.rest[0] >= '1' && p.rest[0] <= '9':
			e.nth = int(p.rest[0] - '0')
		default:
			if p.rest != "" && !strings.ContainsRune("; \n}", rune(p.rest[0])) {
				return fmt.Errorf("flag %c of s is not known", p.rest[0])
			}
			e.match, err = expression(old, p.extended)
			if err == nil && fold {
				e.match, err = regexp.Compile("(?i)" + e.match.String())
			}
			return err
		}
	}
}

// editor runs a script over lines.
type editor struct {
	edits []*edit
	quiet bool
	out   io.Writer
}

func (e *editor) inPlace(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	var lines []string
	_ = applet.Lines(bytes.NewReader(data), func(line string) bool { lines = append(lines, line); return true })
	var b bytes.Buffer
	if err := (&editor{e.edits, e.quiet, &b}).run(lines); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), info.Mode().Perm())
}

func (e *editor) run(lines []string) error {
	for i, line := range lines {
		text, deleted, quit := e.line(line, i+1, i+1 == len(lines))
		if !e.quiet && !deleted {
			if _, err := io.WriteString(e.out, text+"\n"); err != nil {
				return err
			}
		}
		if quit {
			return nil
		}
	}
	return nil
}

// line applies the script to one line.
func (e *editor) line(text string, n int, last bool) (result string, deleted, quit bool) {
	for _, x := range e.edits {
		if x.applies(text, n, last) == x.not {
			continue
		}
		switch x.verb {
		case 'd':
			return "", true, false
		case 'p':
			fmt.Fprintln(e.out, text)
		case '=':
			fmt.Fprintln(e.out, n)
		case 'q':
			return text, false, true
		case 's':
			changed, done := x.substitute(text)
			if text = changed; done && x.print {
				fmt.Fprintln(e.out, text)
			}
		}
	}
	return text, false, false
}

func (a *address) is(text string, n int, last bool) bool {
	return a.last && last || a.match != nil && a.match.MatchString(text) || a.line > 0 && a.line == n
}

func (x *edit) applies(text string, n int, last bool) bool {
	switch {
	case x.from == nil:
		return true
	case x.to == nil:
		return x.from.is(text, n, last)
	case x.inside:
		x.inside = !x.to.is(text, n, last) && (x.to.line == 0 || n < x.to.line)
		return true
	case x.from.is(text, n, last):
		x.inside = x.to.line == 0 || n < x.to.line
		return true
	}
	return false
}

func (x *edit) substitute(text string) (string, bool) {
	var b strings.Builder
	at, n := 0, 0
	for _, m := range x.match.FindAllStringSubmatchIndex(text, -1) {
		n++
		if x.nth > 0 && (n < x.nth || n > x.nth && !x.global) || x.nth == 0 && n > 1 && !x.global {
			continue
		}
		b.WriteString(text[at:m[0]])
		at = m[1]
		x.replacement(&b, text, m)
	}
	if at == 0 && b.Len() == 0 && (n == 0 || n < x.nth) {
		return text, false
	}
	b.WriteString(text[at:])
	return b.String(), true
}

// replacement writes the new part: & is the whole match, \1 its first group.
func (x *edit) replacement(b *strings.Builder, text string, m []int) {
	for i := 0; i < len(x.with); i++ {
		group := -1
		switch ch := x.with[i]; {
		case ch == '&':
			group = 0
		case ch == '\\' && i+1 < len(x.with):
			i++
			switch next := x.with[i]; {
			case next >= '0' && next <= '9':
				group = int(next - '0')
			case next == 'n':
				b.WriteByte('\n')
			case next == 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(next)
			}
		default:
			b.WriteByte(ch)
		}
		if group >= 0 && 2*group+1 < len(m) && m[2*group] >= 0 {
			b.WriteString(text[m[2*group]:m[2*group+1]])
		}
	}
}

package text

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// expression compiles a POSIX expression. Basic ones, in which \( groups and (
// does not, are turned into extended ones. Back-references are refused: the
// library is built never to go back.
func expression(pattern string, extended bool) (*regexp.Regexp, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		ch := pattern[i]
		switch {
		case ch == '[':
			end := bracket(pattern[i:])
			b.WriteString(strings.ReplaceAll(pattern[i:i+end], `\`, `\\`))
			i += end - 1
		case ch == '\\' && i+1 < len(pattern):
			i++
			switch next := pattern[i]; {
			case next >= '1' && next <= '9':
				return nil, errors.New("back-references are not supported here")
			case next == '<' || next == '>':
				b.WriteString(`\b`)
			case !extended && strings.ContainsRune("(){}|+?", rune(next)):
				b.WriteByte(next)
			default:
				b.WriteString(pattern[i-1 : i+1])
			}
		case !extended && strings.ContainsRune("(){}|+?", rune(ch)):
			b.WriteString(`\` + string(ch))
		case !extended && ch == '*' && (i == 0 || i == 1 && pattern[0] == '^'):
			b.WriteString(`\*`)
		default:
			b.WriteByte(ch)
		}
	}
	compiled, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("bad expression %q", pattern)
	}
	compiled.Longest()
	return compiled, nil
}

// bracket is the length of the bracket expression that s begins with.
func bracket(s string) int {
	i := 1
	if i < len(s) && s[i] == '^' {
		i++
	}
	if i < len(s) && s[i] == ']' {
		i++
	}
	for i < len(s) && s[i] != ']' {
		if strings.HasPrefix(s[i:], "[:") {
			if end := strings.Index(s[i:], ":]"); end > 0 {
				i += end + 1
			}
		}
		i++
	}
	return min(i+1, len(s))
}

type grepper struct {
	*applet.Flags
	call  *applet.Call
	match *regexp.Regexp
	named bool
	found bool
}

func grep(c *applet.Call) error {
	f, err := c.Flags("EFGivcnqowxlLhHrRe:m:", "color=s", "ignore-case=i", "invert-match=v", "count=c", "quiet=q")
	if err != nil {
		return err
	}
	patterns := f.All("e")
	if len(patterns) == 0 {
		if len(f.Args) == 0 {
			return applet.Usage("grep [-EFivcnqowxlLhHr] PATTERN [FILE]…")
		}
		patterns, f.Args = f.Args[:1], f.Args[1:]
	}
	g := &grepper{Flags: f, call: c}
	if g.match, err = g.compile(patterns); err != nil {
		return fmt.Errorf("%w: %w", applet.ErrUsage, err)
	}
	recursive := f.Has("r", "R")
	if recursive && len(f.Args) == 0 {
		f.Args = []string{"."}
	}
	g.named = f.Has("H") || (len(f.Args) > 1 || recursive) && !f.Has("h")
	if recursive {
		err = c.Each(f.Args, g.tree)
	} else {
		err = c.Inputs(f.Args, g.file)
	}
	switch {
	case g.found && (err == nil || f.Has("q")):
		return nil
	case err != nil:
		return applet.Status(2)
	}
	return applet.Status(1)
}

func (g *grepper) compile(patterns []string) (*regexp.Regexp, error) {
	var all []string
	for _, list := range patterns {
		for p := range strings.SplitSeq(list, "\n") {
			if g.Has("F") {
				all = append(all, regexp.QuoteMeta(p))
				continue
			}
			x, err := expression(p, g.Has("E"))
			if err != nil {
				return nil, err
			}
			all = append(all, x.String())
		}
	}
	joined := "(?:" + strings.Join(all, ")|(?:") + ")"
	switch {
	case g.Has("x"):
		joined = "^(?:" + joined + ")$"
	case g.Has("w"):
		joined = `\b(?:` + joined + `)\b`
	}
	if g.Has("i") {
		joined = "(?i)" + joined
	}
	x, err := regexp.Compile(joined)
	if err == nil {
		x.Longest()
	}
	return x, err
}

// tree looks into every regular file below.
func (g *grepper) tree(root string) error {
	failed := false
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var r *os.File
			if r, err = os.Open(path); err == nil {
				err = g.file(path, r)
				r.Close()
			}
		}
		if err != nil {
			g.call.Warn(err)
			failed = true
		}
		return nil
	})
	if failed {
		return applet.Status(2)
	}
	return nil
}

func (g *grepper) file(name string, r io.Reader) error {
	prefix := ""
	if g.named {
		prefix = name + ":"
		if name == "-" {
			prefix = "(standard input):"
		}
	}
	n, count := 0, 0
	most, err := g.Int("m", 0)
	if err != nil {
		return err
	}
	err = applet.Lines(r, func(line string) bool {
		n++
		if g.match.MatchString(line) == g.Has("v") {
			return true
		}
		count++
		g.found = true
		if g.Has("q") || g.Has("l") {
			return false
		}
		if !g.Has("c") && !g.Has("L") {
			g.show(prefix, n, line)
		}
		return most == 0 || count < most
	})
	switch {
	case g.Has("q"):
	case g.Has("l") && count > 0, g.Has("L") && count == 0:
		fmt.Fprintln(g.call.Out, name)
	case g.Has("c") && !g.Has("l"):
		fmt.Fprintf(g.call.Out, "%s%d\n", prefix, count)
	}
	return err
}

func (g *grepper) show(prefix string, n int, line string) {
	if g.Has("n") {
		prefix += fmt.Sprintf("%d:", n)
	}
	if !g.Has("o") || g.Has("v") {
		fmt.Fprintln(g.call.Out, prefix+line)
		return
	}
	for _, part := range g.match.FindAllString(line, -1) {
		if part != "" {
			fmt.Fprintln(g.call.Out, prefix+part)
		}
	}
}

package text

import (
	"io"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// span is what cut's lists are made of: 2, 2-4, 2-, -4.
type span struct{ from, to int } // to 0 is the end

func spans(list string) ([]span, error) {
	var all []span
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		s := span{from: 1}
		var err error
		if from != "" || !isRange {
			s.from, err = strconv.Atoi(from)
		}
		if err == nil && to != "" {
			s.to, err = strconv.Atoi(to)
		}
		if !isRange {
			s.to = s.from
		}
		if err != nil || s.from < 1 || part == "-" {
			return nil, applet.Usage("%q is no list", list)
		}
		all = append(all, s)
	}
	return all, nil
}

func chosen(all []span, n int) bool {
	for _, s := range all {
		if n >= s.from && (s.to == 0 || n <= s.to) {
			return true
		}
	}
	return false
}

// cut chooses fields (-f, at -d), characters (-c) or bytes (-b) of each line.
func cut(c *applet.Call) error {
	f, err := c.Flags("d:f:c:b:s")
	if err != nil {
		return err
	}
	list := f.Value("f", f.Value("c", f.Value("b", "")))
	all, err := spans(list)
	if err != nil {
		return err
	}
	delimiter := f.Value("d", "\t")
	return c.Inputs(f.Args, func(_ string, r io.Reader) error {
		return applet.Lines(r, func(line string) bool {
			var parts []string
			switch {
			case !f.Has("f"):
				delimiter = ""
				parts = strings.Split(line, "")
			case !strings.Contains(line, delimiter):
				if f.Has("s") {
					return true
				}
				_, err := io.WriteString(c.Out, line+"\n")
				return err == nil
			default:
				parts = strings.Split(line, delimiter)
			}
			var kept []string
			for i, part := range parts {
				if chosen(all, i+1) {
					kept = append(kept, part)
				}
			}
			_, err := io.WriteString(c.Out, strings.Join(kept, delimiter)+"\n")
			return err == nil
		})
	})
}

// tr changes, deletes (-d) or squeezes (-s) the bytes of a set; -c takes all
// others.
func tr(c *applet.Call) error {
	f, err := c.Flags("cCds")
	if err != nil {
		return err
	}
	if len(f.Args) == 0 || len(f.Args) > 2 || len(f.Args) == 1 && !f.Has("d", "s") {
		return applet.Usage("tr [-c] [-d] [-s] SET [SET]")
	}
	from := set(f.Args[0])
	if f.Has("c", "C") {
		from = others(from)
	}
	var to []byte
	if len(f.Args) == 2 {
		to = set(f.Args[1])
	}
	squeezed := from
	if len(to) > 0 {
		squeezed = to
	}
	table, drop, squeeze := translation(from, to, f.Has("d"), f.Has("s"), squeezed)
	data := make([]byte, 1<<15)
	last := -1
	for {
		n, err := c.In.Read(data)
		kept := data[:0]
		for _, b := range data[:n] {
			if drop[b] {
				continue
			}
			if b = table[b]; squeeze[b] && int(b) == last {
				continue
			}
			last = int(b)
			kept = append(kept, b)
		}
		if _, wrong := c.Out.Write(kept); wrong != nil {
			return wrong
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func translation(from, to []byte, deletes, squeezes bool, squeezed []byte) (table [256]byte, drop, squeeze [256]bool) {
	for i := range table {
		table[i] = byte(i)
	}
	for i, b := range from {
		switch {
		case deletes:
			drop[b] = true
		case len(to) > 0:
			table[b] = to[min(i, len(to)-1)] // the last stands for all that are missing
		}
	}
	if squeezes {
		for _, b := range squeezed {
			squeeze[b] = true
		}
	}
	return table, drop, squeeze
}

func others(set []byte) []byte {
	var rest []byte
	for b := range 256 {
		if !strings.Contains(string(set), string([]byte{byte(b)})) {
			rest = append(rest, byte(b))
		}
	}
	return rest
}

// classes of tr's sets.
func class(name string) string {
	switch name {
	case "lower":
		return "a-z"
	case "upper":
		return "A-Z"
	case "digit":
		return "0-9"
	case "alpha":
		return "a-zA-Z"
	case "alnum":
		return "a-zA-Z0-9"
	case "space":
		return " \\t-\\r"
	case "blank":
		return " \\t"
	case "punct":
		return "!-/:-@\\[-`{-~"
	case "xdigit":
		return "0-9A-Fa-f"
	}
	return ""
}

// set spells one of tr's sets out.
func set(spec string) []byte {
	for {
		before, rest, ok := strings.Cut(spec, "[:")
		name, after, closed := strings.Cut(rest, ":]")
		if !ok || !closed || class(name) == "" {
			break
		}
		spec = before + class(name) + after
	}
	var all []byte
	for i := 0; i < len(spec); {
		b, n := oneOf(spec[i:])
		i += n
		if i+1 < len(spec) && spec[i] == '-' {
			end, n := oneOf(spec[i+1:])
			for v := int(b); v <= int(end); v++ {
				all = append(all, byte(v))
			}
			i += 1 + n
			continue
		}
		all = append(all, b)
	}
	return all
}

// oneOf reads one byte of a set, which may be written with a backslash.
func oneOf(s string) (byte, int) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], 1
	}
	if s[1] >= '0' && s[1] <= '7' {
		var b strings.Builder
		n := number(&b, s[1:], 8, 3)
		return b.String()[0], 1 + n
	}
	text, _ := unescape(s[:2])
	if len(text) == 2 {
		text = text[1:] // a backslash that means nothing
	}
	return text[0], 2
}

package text

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

func tee(c *applet.Call) error {
	f, err := c.Flags("a")
	if err != nil {
		return err
	}
	mode := os.O_TRUNC
	if f.Has("a") {
		mode = os.O_APPEND
	}
	outputs := []io.Writer{c.Out}
	failed := c.Each(f.Args, func(name string) error {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|mode, 0o666)
		if err == nil {
			outputs = append(outputs, file) // open until the command ends
		}
		return err
	})
	if _, err := io.Copy(io.MultiWriter(outputs...), struct{ io.Reader }{c.In}); err != nil {
		return err
	}
	return failed
}

// dashNumber turns the old -5 into -n 5.
func dashNumber(args []string) []string {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		if _, err := strconv.Atoi(args[0][1:]); err == nil {
			return append([]string{"-n", args[0][1:]}, args[1:]...)
		}
	}
	return args
}

// titles writes the name above each of several files.
func titles(c *applet.Call, several bool) func(string) {
	n := 0
	return func(name string) {
		if !several {
			return
		}
		if n++; n > 1 {
			fmt.Fprintln(c.Out)
		}
		if name == "-" {
			name = "standard input"
		}
		fmt.Fprintf(c.Out, "==> %s <==\n", name)
	}
}

func head(c *applet.Call) error {
	c.Args = dashNumber(c.Args)
	f, err := c.Flags("n:c:q")
	if err != nil {
		return err
	}
	lines, err := f.Int("n", 10)
	if err != nil {
		return err
	}
	count := int64(-1)
	if f.Has("c") {
		if count, err = applet.Bytes(f.Value("c", "")); err != nil {
			return err
		}
	}
	title := titles(c, len(f.Args) > 1 && !f.Has("q"))
	return c.Inputs(f.Args, func(name string, r io.Reader) error {
		title(name)
		if count >= 0 {
			_, err := io.Copy(struct{ io.Writer }{c.Out}, io.LimitReader(r, count))
			return err
		}
		left := lines
		if left == 0 {
			return nil
		}
		return applet.Lines(r, func(line string) bool {
			left--
			_, err := io.WriteString(c.Out, line+"\n")
			return err == nil && left > 0
		})
	})
}

func tail(c *applet.Call) error {
	c.Args = dashNumber(c.Args)
	f, err := c.Flags("n:c:qfF")
	if err != nil {
		return err
	}
	given, unit := f.Value("n", "10"), byte('\n')
	if f.Has("c") {
		given, unit = f.Value("c", ""), 0
	}
	fromStart := strings.HasPrefix(given, "+")
	n, err := strconv.Atoi(strings.TrimLeft(given, "+-"))
	if err != nil {
		return applet.Usage("%q is no number", given)
	}
	title := titles(c, len(f.Args) > 1 && !f.Has("q"))
	follow := f.Has("f", "F")
	return c.Inputs(f.Args, func(name string, r io.Reader) error {
		title(name)
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if _, err := c.Out.Write(lastOf(data, n, unit, fromStart)); err != nil {
			return err
		}
		if !follow || name == "-" {
			return nil
		}
		return followFile(c, r)
	})
}

// lastOf cuts the end off: n lines, or bytes where unit is 0.
func lastOf(data []byte, n int, unit byte, fromStart bool) []byte {
	switch {
	case unit == 0 && fromStart:
		return data[min(max(n-1, 0), len(data)):]
	case unit == 0:
		return data[max(len(data)-n, 0):]
	case fromStart:
		for ; n > 1 && len(data) > 0; n-- {
			at := bytes.IndexByte(data, unit)
			if at < 0 {
				return nil
			}
			data = data[at+1:]
		}
		return data
	case n == 0:
		return nil
	}
	at := len(bytes.TrimSuffix(data, []byte{unit}))
	for ; n > 0; n-- {
		if at = bytes.LastIndexByte(data[:at], unit); at < 0 {
			return data
		}
	}
	return data[at+1:]
}

// followFile prints what is added, until the command is ended. A file that got
// shorter is read from its start.
func followFile(c *applet.Call, r io.Reader) error {
	file, ok := r.(*os.File)
	if !ok {
		return nil
	}
	for {
		if _, err := io.Copy(struct{ io.Writer }{c.Out}, file); err != nil {
			return err
		}
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if at, err := file.Seek(0, io.SeekCurrent); err == nil && info.Size() < at {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func wc(c *applet.Call) error {
	f, err := c.Flags("lwcm")
	if err != nil {
		return err
	}
	kinds := "lwc"
	if f.Has("l", "w", "c", "m") {
		kinds = ""
		for _, k := range []string{"l", "w", "m", "c"} {
			if f.Has(k) {
				kinds += k
			}
		}
	}
	total := map[rune]int{}
	show := func(counts map[rune]int, name string) {
		var cells []string
		for _, k := range kinds {
			cell := strconv.Itoa(counts[k])
			if len(kinds) > 1 {
				cell = fmt.Sprintf("%7s", cell)
			}
			cells = append(cells, cell)
		}
		if name != "-" {
			cells = append(cells, name)
		}
		fmt.Fprintln(c.Out, strings.Join(cells, " "))
	}
	failed := c.Inputs(f.Args, func(name string, r io.Reader) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		counts := map[rune]int{'l': bytes.Count(data, []byte("\n")), 'w': len(bytes.Fields(data)), 'c': len(data), 'm': utf8.RuneCount(data)}
		for k, n := range counts {
			total[k] += n
		}
		show(counts, name)
		return nil
	})
	if len(f.Args) > 1 {
		show(total, "total")
	}
	return failed
}

// sorted is sort(1) with -n -r -u -k FIELD[,FIELD] -t CHARACTER -o FILE.
func sorted(c *applet.Call) error {
	f, err := c.Flags("nruk:t:o:f")
	if err != nil {
		return err
	}
	var lines []string
	if err := c.Inputs(f.Args, func(_ string, r io.Reader) error {
		return applet.Lines(r, func(line string) bool { lines = append(lines, line); return true })
	}); err != nil {
		return err
	}
	k, err := newKey(f)
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		order := k.compare(a, b)
		if order == 0 && !f.Has("u") {
			order = strings.Compare(a, b)
		}
		if f.Has("r") {
			return -order
		}
		return order
	})
	if f.Has("u") {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return k.compare(a, b) == 0 })
	}
	text := strings.Join(lines, "\n")
	if len(lines) > 0 {
		text += "\n"
	}
	if f.Has("o") {
		return os.WriteFile(f.Value("o", ""), []byte(text), 0o666)
	}
	_, err = io.WriteString(c.Out, text)
	return err
}

// key is the part of a line that sort looks at.
type key struct {
	from, to      int // fields, 1 is the first; 0 is the whole line, or its end
	separator     string
	numeric, fold bool
}

func newKey(f *applet.Flags) (key, error) {
	k := key{separator: f.Value("t", ""), numeric: f.Has("n"), fold: f.Has("f")}
	given := f.Value("k", "")
	if given == "" {
		return k, nil
	}
	k.numeric = k.numeric || strings.Contains(given, "n")
	from, to, bounded := strings.Cut(given, ",")
	digits := func(s string) int {
		n, _ := strconv.Atoi(strings.TrimRight(s, "nrfb")) // 0 is refused below
		return n
	}
	if k.from = digits(from); k.from < 1 {
		return k, applet.Usage("%q is no key", given)
	}
	if bounded {
		k.to = digits(to)
	}
	return k, nil
}

func (k key) of(line string) string {
	if k.from == 0 {
		return line
	}
	var fields []string
	separator := k.separator
	if separator == "" {
		fields, separator = strings.Fields(line), " "
	} else {
		fields = strings.Split(line, separator)
	}
	if k.from > len(fields) {
		return ""
	}
	to := len(fields)
	if k.to >= k.from {
		to = min(to, k.to)
	}
	return strings.Join(fields[k.from-1:to], separator)
}

func (k key) compare(a, b string) int {
	a, b = k.of(a), k.of(b)
	if k.numeric {
		return cmp.Compare(leading(a), leading(b))
	}
	if k.fold {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	return strings.Compare(a, b)
}

// leading is the number that a text begins with, 0 for none.
func leading(s string) float64 {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' || end == 0 && s[0] == '-') {
		end++
	}
	v, _ := strconv.ParseFloat(s[:end], 64)
	return v
}

func uniq(c *applet.Call) error {
	f, err := c.Flags("cdui")
	if err != nil {
		return err
	}
	last, n := "", 0
	flush := func() {
		if n == 0 || f.Has("d") && n < 2 || f.Has("u") && n > 1 {
			return
		}
		if f.Has("c") {
			fmt.Fprintf(c.Out, "%7d ", n)
		}
		fmt.Fprintln(c.Out, last)
	}
	same := func(a, b string) bool { return a == b || f.Has("i") && strings.EqualFold(a, b) }
	err = c.Inputs(f.Args, func(_ string, r io.Reader) error {
		return applet.Lines(r, func(line string) bool {
			if n > 0 && same(line, last) {
				n++
				return true
			}
			flush()
			last, n = line, 1
			return true
		})
	})
	flush()
	return err
}

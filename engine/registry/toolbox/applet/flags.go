package applet

import (
	"slices"
	"strconv"
	"strings"
)

// Flags are what was given before, or among, the operands.
type Flags struct {
	values map[string][]string
	Args   []string // operands
}

// Flags reads the call's. short is as getopt(3) has it: "ab:" is -a and -b
// VALUE; a "+" in front ends the flags at the first operand, for commands that
// call others. long is "name", "name:" with a value, or "name=a" for another
// word for -a.
func (c *Call) Flags(short string, long ...string) (*Flags, error) {
	short, first := strings.CutPrefix(short, "+")
	f := &Flags{values: map[string][]string{}}
	for i := 0; i < len(c.Args); i++ {
		arg := c.Args[i]
		switch {
		case arg == "--":
			f.Args = append(f.Args, c.Args[i+1:]...)
			return f, nil
		case len(arg) < 2 || arg[0] != '-':
			if first {
				f.Args = c.Args[i:]
				return f, nil
			}
			f.Args = append(f.Args, arg)
		default:
			used, err := f.flag(arg, c.Args[i+1:], short, long)
			if err != nil {
				return nil, err
			}
			i += used
		}
	}
	return f, nil
}

// flag reads one argument, and tells how many of the next it has used.
func (f *Flags) flag(arg string, next []string, short string, long []string) (int, error) {
	if name, isLong := strings.CutPrefix(arg, "--"); isLong {
		return f.long(name, next, short, long)
	}
	for rest := arg[1:]; rest != ""; rest = rest[1:] {
		at := strings.IndexByte(short, rest[0])
		if at < 0 || rest[0] == ':' {
			return 0, Usage("unknown option -%c", rest[0])
		}
		name := rest[:1]
		if !strings.HasPrefix(short[at+1:], ":") {
			f.add(name, "")
			continue
		}
		if rest != name {
			f.add(name, rest[1:])
			return 0, nil
		}
		if len(next) == 0 {
			return 0, Usage("-%s wants a value", name)
		}
		f.add(name, next[0])
		return 1, nil
	}
	return 0, nil
}

func (f *Flags) long(given string, next []string, short string, long []string) (int, error) {
	name, value, hasValue := strings.Cut(given, "=")
	wants := slices.Contains(long, name+":")
	known := wants || slices.Contains(long, name)
	for _, l := range long {
		if word, same, ok := strings.Cut(l, "="); ok && word == name {
			known, name = true, same
			wants = strings.Contains(short, same+":")
		}
	}
	switch {
	case !known:
		return 0, Usage("unknown option --%s", name)
	case !wants && hasValue:
		return 0, Usage("--%s takes no value", name)
	case !wants || hasValue:
		f.add(name, value)
		return 0, nil
	case len(next) == 0:
		return 0, Usage("--%s wants a value", name)
	}
	f.add(name, next[0])
	return 1, nil
}

func (f *Flags) add(name, value string) { f.values[name] = append(f.values[name], value) }

// Has reports whether one of the flags was given.
func (f *Flags) Has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return len(f.values[n]) > 0 })
}

// All are a flag's values in order.
func (f *Flags) All(name string) []string { return f.values[name] }

// Value is the flag's last, or what it is otherwise.
func (f *Flags) Value(name, otherwise string) string {
	if all := f.values[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return otherwise
}

// Int is the flag's value as a number that is not negative.
func (f *Flags) Int(name string, otherwise int) (int, error) {
	given := f.Value(name, strconv.Itoa(otherwise))
	n, err := strconv.Atoi(given)
	if err != nil || n < 0 && f.Has(name) {
		return 0, Usage("%q is no number", given)
	}
	return n, nil
}

// Bytes reads a size: 100, 64k, 100m, 2g, with or without a b behind.
func Bytes(given string) (int64, error) {
	text := strings.ToLower(given)
	if len(text) > 1 {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "b"), "i")
	}
	shift := 0
	if at := strings.IndexAny("kmgt", text[max(len(text)-1, 0):]); at >= 0 && text != "" {
		shift, text = 10*(at+1), text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return 0, Usage("%q is no size", given)
	}
	return n << shift, nil
}

// Human is a size as -h shows it.
func Human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	value := float64(n)
	for _, unit := range "KMGTP" {
		if value /= 1024; value < 999.95 {
			return strconv.FormatFloat(value, 'f', 1, 64) + string(unit)
		}
	}
	return strconv.FormatInt(n>>50, 10) + "P"
}

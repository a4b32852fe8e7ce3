package term

import (
	"os"
	"slices"
	"testing"
)

// TestKeysTypedAhead: keys that are pressed faster than they are taken come
// one after the other.
func TestKeysTypedAhead(t *testing.T) {
	for typed, want := range map[string][]string{
		"nnn":                            {"n", "n", "n"},
		"n\x1b[Cb\x1b[D":                 {"n", "right", "b", "left"},
		"\x1bOC\x1bOD":                   {"right", "left"},
		"\r\nq":                          {"n", "n", "q"},
		"1\x03":                          {"1", "ctrl-c"},
		"ñ다n":                            {"ñ", "다", "n"},
		"n\x1b[1;5P and after":           {"n", "esc"}, // no key here
		"\x1b[5~\x1b[6~\x1b[A\x1b[B\x04": {"pageup", "pagedown", "up", "down", "ctrl-d"},
		"\xff":                           {"\xff"},
	} {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		out.Close()
		r := &lineReader{in: in}
		var got []string
		for {
			key, err := r.readKey()
			if err != nil {
				break
			}
			got = append(got, key)
		}
		in.Close()
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

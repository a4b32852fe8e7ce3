package prose

import (
	"fmt"
	"strings"
	"testing"
)

// TestBounds evaluates expressions that would make or take a lot, and what looks
// like them and does not.
func TestBounds(t *testing.T) {
	doubled := "let a0 = \"xx\"; "
	pairs := "let a0 = [1]; "
	for i := range 60 {
		doubled += fmt.Sprintf("let a%d = a%d + a%d; ", i+1, i, i)
		pairs += fmt.Sprintf("let a%d = [a%d, a%d]; ", i+1, i, i)
	}
	env := Env{"n": 3, "list": []any{"a", "b", "c"}, "words": []string{"a", "b"}, "long": strings.Repeat("x", maxText-1), "f": 1.5}
	for _, c := range []struct {
		code, err string
		value     any
	}{
		{`n + 1`, "", 4}, {`"a" + "b"`, "", "ab"}, {`f + n`, "", 4.5}, {`"n is " + string(n)`, "", "n is 3"}, {`long + "y"`, "", env["long"].(string) + "y"},
		{`join(list, ", ")`, "", "a, b, c"}, {`join(words, "")`, "", "ab"}, {`join(map(list, # + "!"), "")`, "", "a!b!c!"}, {`replace("aXbX", "X", "-")`, "", "a-b-"},
		{`len(filter(list, # > "a")) + count(list, true)`, "", 5}, {`any(list, # == "b") and all(list, len(#) == 1) and none(list, # == "z")`, "", true},
		{`sum(map(1..1000, #))`, "", 500500},
		{`n + "a"`, "invalid operation", nil}, {`"a" + nil`, "invalid operation", nil},
		{`let r = 1..1000; all(r, all(r, all(r, all(r, true))))`, "goes round more than", nil},
		{`1..1000000000`, "memory budget", nil},
		{`map(1..2000000, 1..2000000)`, "memory budget", nil},
		{doubled + "len(a60)", "makes a text of more than", nil},
		{`long + "yy"`, "makes a text of more than", nil},
		{`join(map(1..1000, long), "")`, "makes a text of more than", nil},
		{`replace(long, "", long)`, "makes a text of more than", nil}, {`replace(long, "x", "yy")`, "makes a text of more than", nil},
		{`repeat("x", 1000000000)`, "unknown name repeat", nil}, {`reduce(1..40, #acc + #acc, "x")`, "reduce", nil}, {`toJSON(list)`, "unknown name toJSON", nil},
		{`string(list)`, "string wants a text", nil}, {pairs + "string(a60)", "string wants a text", nil},
		{`long matches "(x+x+)+y"`, "", false},
		{strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000), "", 1},
		{strings.Repeat("-", 12000) + "1", "exceeds maximum allowed nodes", nil},
		{strings.Repeat("1+", 9000) + "1", "an expression of", nil},
		{`n[`, "unexpected token", nil}, {"\x00", "unrecognized character", nil}, {"", "unexpected token", nil},
		{`list[99]`, "out of range", nil}, {`n / 0 > 1e308`, "", true}, {`n % 0`, "divide by zero", nil}, {`nothing.at.all`, "unknown name nothing", nil}, {`__turn()`, "", true},
	} {
		t.Run(fmt.Sprintf("%.50s", c.code), func(t *testing.T) {
			value, err := Eval(c.code, env)
			if c.err == "" && (err != nil || value != c.value) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%.60v, %.300v; want %.60v, %q", value, err, c.value, c.err)
			}
		})
	}
}

// TestEverythingEnds: two lists of lists, each twice in the next, are compared
// for ever; the patience with an expression ends before.
func TestEverythingEnds(t *testing.T) {
	code := ""
	for _, name := range []string{"a", "b"} {
		code += fmt.Sprintf("let %s0 = [1]; ", name)
		for i := range 60 {
			code += fmt.Sprintf("let %s%d = [%s%d, %s%d]; ", name, i+1, name, i, name, i)
		}
	}
	if value, err := Eval(code+"a60 == b60", Env{}); err == nil || !strings.Contains(err.Error(), "takes longer than") {
		t.Errorf("%v, %.300v", value, err)
	}
}

// TestFilledText: fields that would make a page without end, or no words.
func TestFilledText(t *testing.T) {
	env := Env{"long": strings.Repeat("x", 1<<20), "list": []any{"a"}, "map": map[string]any{}}
	for text, want := range map[string]string{
		strings.Repeat("{{ long }}", 10): "grows beyond", "{{ list }}": "is a list", "{{ map }}": "is a map", "{{ {{ }}": "expression", "{{}}": "expression",
		"}} {{": "without an end", "{{ len }}": "no value",
	} {
		if got, err := Fill(text, env); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %.40q, %v; want %q", text, got, err, want)
		}
	}
}

// FuzzFill fills whatever template comes.
func FuzzFill(f *testing.F) {
	for _, text := range []string{"{{ n }} of {{ list[0] }}", "{{ short(digest) + '…' }}", "{{ any(list, # == 'a') ? 1 : 2 }}", "{{ let x = 1..9; map(x, # + #) | len() }}", "{{ glob(join(list, '/')) }}", "{{{{}}}}"} {
		f.Add(text)
	}
	env := Env{"n": 3, "list": []any{"a", "b"}, "digest": "sha256:" + strings.Repeat("ab", 32), "fact": map[string]any{"found": false}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		filled, err := Fill(text, env)
		if err == nil && len(filled) > maxFilled {
			t.Errorf("%d bytes", len(filled))
		}
		if err == nil && CheckFields(text) != nil {
			t.Errorf("filled, but refused by the check: %v", CheckFields(text))
		}
	})
}

// FuzzPage reads whatever page comes.
func FuzzPage(f *testing.F) {
	f.Add("---\ntitle: T\nclaims:\n  - {if: a, say: b}\ntry:\n  - run: ls\n---\nBody.\n\n<!-- more -->\n\nMore.\n")
	f.Add("---\n&a [*a]\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePage("p", text)
		if (p == nil) == (err == nil) {
			t.Errorf("page %v, error %v", p, err)
		}
	})
}

package format

import (
	"bytes"
	"testing"
)

type row struct{ name string }

func (r row) Name() string                 { return r.name }
func (r row) Parts() []string              { return []string{r.name, "x"} }
func (r row) Label(string) string          { return "of " + r.name }
func (r row) MarshalJSON() ([]byte, error) { return Fields(r) }

func TestWrite(t *testing.T) {
	headers := Headers{"Name": "NAME", "Parts": "PARTS"}
	for _, c := range []struct{ format, want string }{
		{"{{.Name}}", "a<b\nlonger than ten\n"},
		{`table {{.Name}}\t{{.Label "com.example.some-thing"}}`, "NAME              some thing\na<b               of a<b\nlonger than ten   of longer than ten\n"},
		{`table {{upper .Name}} {{join .Parts "-"}} {{json .Name}}`, "NAME PARTS NAME\nA<B a<b-x \"a<b\"\nLONGER THAN TEN longer than ten-x \"longer than ten\"\n"},
		{"json", `{"Name":"a\u003cb","Parts":["a\u003cb","x"]}` + "\n" + `{"Name":"longer than ten","Parts":["longer than ten","x"]}` + "\n"},
		{`{{title .Name}}\t{{truncate .Name 2}}{{pad .Name 1 2}}|{{lower "X"}}{{index (split .Name "<") 0}}`, "A<b\ta< a<b  |xa\nLonger Than Ten\tlo longer than ten  |xlonger than ten\n"},
	} {
		var out bytes.Buffer
		if err := Write(&out, c.format, headers, []Row{row{"a<b"}, row{"longer than ten"}}); err != nil || out.String() != c.want {
			t.Errorf("%s: %v\n%q\nwant\n%q", c.format, err, out.String(), c.want)
		}
	}
	for _, wrong := range []string{"{{", "{{.Nothing}}", "table {{nofunc .Name}}"} {
		if err := Write(&bytes.Buffer{}, wrong, headers, []Row{row{"a"}}); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
}

func TestInspector(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"", "[\n    {\n        \"A\": 1,\n        \"More\": true\n    }\n]\n"},
		{"json", `[{"A":1,"More":true}]` + "\n"},
		{"{{.A}}", "1\n"},
		{"{{.More}}", "true\n"}, // only the daemon knows it
	} {
		i, err := NewInspector(c.format)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := i.Add(struct{ A int }{1}, []byte(`{"A":1,"More":true}`)); err != nil {
			t.Errorf("%s: %v", c.format, err)
		}
		if err := i.Flush(&out); err != nil || out.String() != c.want {
			t.Errorf("%s: %v %q, want %q", c.format, err, out.String(), c.want)
		}
	}
}

func TestEllipsis(t *testing.T) {
	for s, want := range map[string]string{"short": "short", "123456": "123456", "1234567": "12345…", "öäüöäüö": "öäüöä…"} {
		if got := Ellipsis(s, 6); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

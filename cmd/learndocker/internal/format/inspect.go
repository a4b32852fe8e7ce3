package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/template"
)

// Inspector writes objects that the daemon describes: all of them as one JSON
// list, or each by a template.
type Inspector struct {
	template *template.Template // nil for JSON
	compact  bool
	objects  []json.RawMessage
	out      bytes.Buffer
}

// NewInspector returns an inspector for a format: "" for indented JSON, "json"
// for JSON on one line, or a template.
func NewInspector(format string) (*Inspector, error) {
	if format == "" || format == JSON {
		return &Inspector{compact: format == JSON}, nil
	}
	t, err := Template(format)
	if err != nil {
		return nil, fmt.Errorf("template parsing error: %w", err)
	}
	return &Inspector{template: t}, nil
}

// Add takes an object, and the JSON that it came as. A template is filled from
// the object, or, where that lacks what it asks for, from the JSON: a daemon
// may say more than the client knows.
func (i *Inspector) Add(object any, raw []byte) error {
	if i.template == nil {
		i.objects = append(i.objects, raw)
		return nil
	}
	var text bytes.Buffer
	if err := i.template.Execute(&text, object); err != nil {
		text.Reset()
		if err := i.fillRaw(&text, raw); err != nil {
			return err
		}
	}
	text.WriteByte('\n')
	_, err := text.WriteTo(&i.out)
	return err
}

func (i *Inspector) fillRaw(w io.Writer, raw []byte) error {
	var values any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return fmt.Errorf("unable to read inspect data: %w", err)
	}
	if err := i.template.Option("missingkey=error").Execute(w, values); err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	return nil
}

// Flush writes what has been taken.
func (i *Inspector) Flush(w io.Writer) error {
	switch {
	case i.template != nil:
		if i.out.Len() == 0 {
			i.out.WriteByte('\n')
		}
	case len(i.objects) == 0:
		i.out.WriteString("[]\n")
	default:
		list := append(append([]byte("["), bytes.Join(raws(i.objects), []byte(","))...), ']')
		write := func(dst *bytes.Buffer, src []byte) error { return json.Indent(dst, src, "", "    ") }
		if i.compact {
			write = json.Compact
		}
		if err := write(&i.out, list); err != nil {
			return err
		}
		i.out.WriteByte('\n')
	}
	_, err := i.out.WriteTo(w)
	return err
}

func raws(objects []json.RawMessage) [][]byte {
	list := make([][]byte, len(objects))
	for n, o := range objects {
		list[n] = o
	}
	return list
}

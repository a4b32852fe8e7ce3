// Package format writes rows and objects by templates, as the docker command
// does: a table, JSON, or what the user's Go template makes of them.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"text/template"
)

// Keys of formats that are not templates themselves.
const (
	Table = "table"
	JSON  = "json"
)

// Template reads a template that may use docker's functions.
func Template(text string) (*template.Template, error) {
	return template.New("").Funcs(functions()).Parse(text)
}

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"json":     marshal,
		"split":    strings.Split,
		"join":     strings.Join,
		"title":    title,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"pad":      pad,
		"truncate": truncate,
	}
}

// headerFunctions leave a column's name as it is, whatever its values go
// through.
func headerFunctions() template.FuncMap {
	same := func(s string) string { return s }
	sameOfTwo := func(s, _ string) string { return s }
	return template.FuncMap{
		"json": same, "title": same, "lower": same, "upper": same, "split": sameOfTwo, "join": sameOfTwo,
		"truncate": func(s string, _ int) string { return s },
	}
}

func marshal(v any) (string, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(buf.String()), err
}

// title makes the first letter of each word a capital, as strings.Title does
// for words between spaces.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		first := before == ' ' || before == '\t' || before == '\n'
		before = r
		if first {
			return []rune(strings.ToTitle(string(r)))[0]
		}
		return r
	}, s)
}

func pad(s string, before, after int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
}

func truncate(s string, length int) string {
	if len(s) < length {
		return s
	}
	return s[:length]
}

// Headers are the columns' names, by the names of their fields.
type Headers map[string]string

// Label is the name of the column of one label: its last part, in words.
func (Headers) Label(name string) string {
	return strings.NewReplacer("-", " ", "_", " ").Replace(name[strings.LastIndex(name, ".")+1:])
}

// Row is what a format is filled from: its methods are the fields. As JSON it
// is the object of them all.
type Row interface{ MarshalJSON() ([]byte, error) }

// Write writes each row by the format: "table TEMPLATE" with the headers above
// it, "json", or a template.
func Write(w io.Writer, format string, headers Headers, rows []Row) error {
	text, isTable := strings.CutPrefix(format, Table)
	if format == JSON {
		text = "{{json .}}"
	}
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(strings.Trim(text, " "))
	t, err := Template(text)
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	var lines bytes.Buffer
	for _, r := range rows {
		if err := t.Execute(&lines, r); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		lines.WriteString("\n")
	}
	if !isTable {
		_, err := lines.WriteTo(w)
		return err
	}
	var head bytes.Buffer
	_ = t.Funcs(headerFunctions()).Execute(&head, headers) // as much of it as there is
	table := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	fmt.Fprintf(table, "%s\n%s", head.Bytes(), lines.Bytes())
	return table.Flush()
}

// Fields writes a row's methods as a JSON object: those that take nothing and
// return one thing.
func Fields(row any) ([]byte, error) {
	v := reflect.ValueOf(row)
	fields := map[string]any{}
	for i := range v.NumMethod() {
		m := v.Method(i)
		if m.Type().NumIn() == 0 && m.Type().NumOut() == 1 {
			fields[v.Type().Method(i).Name] = m.Call(nil)[0].Interface()
		}
	}
	return json.Marshal(fields)
}

// Ellipsis cuts a text to a width in characters; the last is then "…".
func Ellipsis(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

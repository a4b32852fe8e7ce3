package transcript

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/learndocker/learndocker/narrate"
)

// disguise replaces what the options want replaced, in copies of the steps:
// every format is made from what is left.
func (w *work) disguise(f Format) error {
	if !w.Redact && !w.Stable {
		return nil
	}
	copies, err := copySteps(w.steps)
	if err != nil {
		return err
	}
	w.steps = copies
	if w.Redact {
		r := newRedactor(w.header, w.steps, w.Secrets)
		w.rewrite(r.text(), r.number)
	}
	if w.Stable {
		// Programs read these two: names would not be valid in all places.
		n := newNamer(w, f.Name == "sh" || f.Name == "jsonl")
		for _, s := range w.steps {
			n.forget(s)
		}
		w.rewrite(n.text(), n.number)
		w.header.Made = time.Time{}
	}
	return nil
}

// copySteps copies deeply, by way of the recording's form.
func copySteps(steps []*narrate.Step) ([]*narrate.Step, error) {
	var copies []*narrate.Step
	for _, s := range steps {
		data, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("copy step %d: %w", s.N, err)
		}
		c := &narrate.Step{}
		if err := json.Unmarshal(data, c); err != nil {
			return nil, fmt.Errorf("copy step %d: %w", s.N, err)
		}
		copies = append(copies, c)
	}
	return copies, nil
}

// rewrite puts each text and number of the header and the steps through the
// two functions. Before anything is changed they are shown what is read, so
// that names are given in the order in which a reader meets them.
func (w *work) rewrite(text func(string) string, number func(field string, n int64) int64) {
	r := rewriter{text: text, number: number, look: true}
	for _, s := range w.steps {
		shown := []any{&s.Command, &s.Output, &s.Title, &s.Outcomes, &s.Prose, &s.Claims, &s.Failed}
		for _, v := range shown {
			r.value("", reflect.ValueOf(v).Elem())
		}
		for _, kind := range s.Show {
			for i := range s.Panels {
				if s.Panels[i].Kind == kind {
					r.value("", reflect.ValueOf(&s.Panels[i]).Elem())
				}
			}
		}
		r.value("", reflect.ValueOf(&s.Question).Elem())
	}
	r.look = false
	for _, s := range w.steps {
		r.value("", reflect.ValueOf(s).Elem())
	}
	r.value("", reflect.ValueOf(&w.header).Elem())
}

type rewriter struct {
	text   func(string) string
	number func(field string, n int64) int64
	look   bool // only show texts, change nothing
}

// value rewrites what can be set below v. field is the name of the struct's
// field that it is in.
func (r rewriter) value(field string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if rewritten := r.text(v.String()); !r.look {
			v.SetString(rewritten)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(r.number(field, v.Int()))
	case reflect.Uint64:
		v.SetUint(uint64(r.number(field, int64(v.Uint()))))
	case reflect.Pointer:
		if !v.IsNil() {
			r.value(field, v.Elem())
		}
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		inner := reflect.New(v.Elem().Type()).Elem() // what an interface holds cannot be set in place
		inner.Set(v.Elem())
		r.value(field, inner)
		v.Set(inner)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			r.value(v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice:
		r.slice(field, v)
	case reflect.Map:
		for _, k := range sortedStrings(v.MapKeys()) {
			key := reflect.ValueOf(k).Convert(v.Type().Key())
			value := reflect.New(v.Type().Elem()).Elem() // what a map holds cannot be set in place
			value.Set(v.MapIndex(key))
			r.value(k, value)
			v.SetMapIndex(key, value)
		}
	}
}

func (r rewriter) slice(field string, v reflect.Value) {
	if raw, ok := v.Interface().(json.RawMessage); ok {
		v.SetBytes([]byte(r.text(string(raw))))
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return // the bytes of a layer
	}
	for i := range v.Len() {
		r.value(field, v.Index(i))
	}
}

func sortedStrings(keys []reflect.Value) []string {
	var list []string
	for _, k := range keys {
		list = append(list, k.String())
	}
	slices.Sort(list)
	return list
}

// alternatives are the words as a part of a pattern, the longest first: an id
// before its own first digits.
func alternatives[V any](words map[string]V) string {
	var list []string
	for w := range words {
		list = append(list, regexp.QuoteMeta(w))
	}
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return strings.Join(list, "|")
}

// replaceWords replaces what the pattern's second group finds, where it is not
// a part of a longer word.
func replaceWords(pattern *regexp.Regexp, text string, with func(string) string) string {
	var out strings.Builder
	for {
		at := pattern.FindStringSubmatchIndex(text)
		if at == nil {
			return out.String() + text
		}
		value, rest := text[at[4]:at[5]], text[at[5]:]
		out.WriteString(text[:at[4]])
		if partOfWord(rest, value) {
			out.WriteString(value)
		} else {
			out.WriteString(with(value))
		}
		text = rest
	}
}

// partOfWord: a pid is not meant by the first digits of a longer number.
func partOfWord(rest, value string) bool {
	if rest == "" {
		return false
	}
	next := rest[0]
	return next >= '0' && next <= '9' || next >= 'a' && next <= 'f' && len(value) < 12
}

package narrate

import (
	"reflect"
	"strings"
	"unicode"
)

// Printable takes out of a text what a terminal would obey, or would show in
// another order than it stands: control characters but for the line's end and
// the tab, and the marks of writing direction. Bytes that are no text become �.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

// clean makes every text of a step printable. A step holds what images,
// containers and registries have said, and a recording what anybody has written:
// renderers are not to be the only guard.
func (s *Step) clean() { cleanValue(reflect.ValueOf(s).Elem()) }

func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(Printable(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			cleanValue(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() && v.CanSet() {
			v.Set(cleaned(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			cleanValue(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // JSON as it was sent: its text has escapes of its own
		}
		for i := range v.Len() {
			cleanValue(v.Index(i))
		}
	case reflect.Map:
		if !v.CanSet() || v.IsNil() {
			return
		}
		whole := reflect.MakeMapWithSize(v.Type(), v.Len())
		for entries := v.MapRange(); entries.Next(); {
			whole.SetMapIndex(cleaned(entries.Key()), cleaned(entries.Value()))
		}
		v.Set(whole)
	}
}

// cleaned is a clean copy of what cannot be changed in its place.
func cleaned(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	cleanValue(c)
	return c
}

package client

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Filters are conditions by their name: one of the values of each must hold.
type Filters map[string][]string

// Add adds a value to a filter; one that it has already changes nothing.
func (f Filters) Add(name, value string) {
	if !slices.Contains(f[name], value) {
		f[name] = append(f[name], value)
	}
}

// Has reports whether the filter has that value.
func (f Filters) Has(name, value string) bool { return slices.Contains(f[name], value) }

// Clone returns a copy that can be added to.
func (f Filters) Clone() Filters {
	c := Filters{}
	for name, values := range f {
		c[name] = slices.Clone(values)
	}
	return c
}

// Names are the filters' names, sorted.
func (f Filters) Names() []string { return slices.Sorted(maps.Keys(f)) }

// set adds the parameter of a query that holds the filters, in the API's form:
// {"name":{"value":true}}.
func (f Filters) set(query url.Values) {
	if len(f) == 0 {
		return
	}
	sets := map[string]map[string]bool{}
	for name, values := range f {
		sets[name] = map[string]bool{}
		for _, v := range values {
			sets[name][v] = true
		}
	}
	data, err := json.Marshal(sets)
	if err != nil {
		panic(err) // maps of strings and truths
	}
	query.Set("filters", string(data))
}

// trimmed is a name as it goes into a path. Nothing may be asked of a thing
// without a name: the path would be another request's.
func trimmed(kind, name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", emptyName(kind)
	}
	return url.PathEscape(name), nil
}

type emptyName string

func (e emptyName) Error() string { return "invalid " + string(e) + " name or ID: value is empty" }

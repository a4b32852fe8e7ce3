//go:build linux

package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filters are what the docker command sends for --filter: {"label":{"a=b":true}},
// or of older ones {"label":["a=b"]}.
type filters map[string][]string

// readFilters reads filters and refuses those that are not known here.
func readFilters(s string, known ...string) (filters, error) {
	f, err := readAnyFilters(s)
	if err != nil {
		return nil, err
	}
	for name := range f {
		if !slices.Contains(known, name) {
			return nil, badRequest{fmt.Errorf("invalid filter '%s'", name)}
		}
	}
	return f, nil
}

// readAnyFilters reads filters of any name.
func readAnyFilters(s string) (filters, error) {
	f := filters{}
	if s == "" {
		return f, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s), &raw); err != nil {
		return nil, badRequest{fmt.Errorf("invalid filter: %w", err)}
	}
	for name, values := range raw {
		var set map[string]bool
		var list []string
		if json.Unmarshal(values, &set) == nil {
			for v, on := range set {
				if on {
					list = append(list, v)
				}
			}
		} else if err := json.Unmarshal(values, &list); err != nil {
			return nil, badRequest{fmt.Errorf("invalid filter '%s': %w", name, err)}
		}
		slices.Sort(list)
		f[name] = list
	}
	return f, nil
}

// boolean reads a filter that is true or false; given is false where it is absent.
func (f filters) boolean(name string) (value, given bool, err error) {
	values, given := f[name]
	if !given {
		return false, false, nil
	}
	if len(values) != 1 {
		return false, true, badRequest{fmt.Errorf("invalid filter '%s=%v'", name, values)}
	}
	switch strings.ToLower(values[0]) {
	case "1", "true":
		return true, true, nil
	case "0", "false":
		return false, true, nil
	}
	return false, true, badRequest{fmt.Errorf("invalid filter '%s=[%s]'", name, values[0])}
}

// until reads a time: "24h" ago, seconds since 1970, or a date.
func (f filters) until(now time.Time) (time.Time, error) {
	values := f["until"]
	switch len(values) {
	case 0:
		return time.Time{}, nil
	case 1:
	default:
		return time.Time{}, badRequest{fmt.Errorf("more than one until filter specified")}
	}
	v := values[0]
	if d, err := time.ParseDuration(v); err == nil {
		return now.Add(-d), nil
	}
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		return time.Unix(0, int64(seconds*1e9)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest{fmt.Errorf("invalid value for \"until\" filter: failed to parse value as time or duration: %q", v)}
}

// labels reports whether labels pass the filters label, label=value and label!.
func (f filters) labels(labels map[string]string) bool {
	for _, want := range f["label"] {
		if !hasLabel(labels, want) {
			return false
		}
	}
	for _, not := range f["label!"] {
		if hasLabel(labels, not) {
			return false
		}
	}
	return true
}

func hasLabel(labels map[string]string, want string) bool {
	name, value, valued := strings.Cut(want, "=")
	got, has := labels[name]
	return has && (!valued || got == value)
}

// any reports whether one of the filter's values passes, or there is no filter.
func (f filters) any(name string, passes func(value string) bool) bool {
	values, given := f[name]
	return !given || slices.ContainsFunc(values, passes)
}

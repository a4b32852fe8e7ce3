package docker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/learndocker/learndocker/engine/client"
)

// filterFlag is a flag of filters, NAME=VALUE, that may be given more than once.
type filterFlag struct{ filters client.Filters }

func (f *filterFlag) String() string {
	if len(f.filters) == 0 {
		return ""
	}
	return fmt.Sprint(map[string][]string(f.filters))
}

// Type is what the flag's help calls a value.
func (*filterFlag) Type() string { return "filter" }

// Set takes one more filter.
func (f *filterFlag) Set(value string) error {
	if value == "" {
		return nil
	}
	name, value, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New("bad format of filter (expected name=value)")
	}
	if f.filters == nil {
		f.filters = client.Filters{}
	}
	f.filters.Add(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
	return nil
}

// value are the filters, to be added to.
func (f *filterFlag) value() client.Filters { return f.filters.Clone() }

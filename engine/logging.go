//go:build linux

package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
)

// LogDriver is the one that containers have unless they ask for another.
const LogDriver = "json-file"

// LogDetails are the labels and variables that the options labels and env of the
// log driver name: "a=1,b=2".
func (c *Container) LogDetails() string {
	r := c.Snapshot()
	options := r.HostConfig.LogConfig.Config
	var list []string
	for name := range strings.SplitSeq(options["labels"], ",") {
		if value, ok := r.Config.Labels[name]; ok {
			list = append(list, name+"="+value)
		}
	}
	for name := range strings.SplitSeq(options["env"], ",") {
		for _, v := range r.Config.Env {
			if strings.HasPrefix(v, name+"=") {
				list = append(list, v)
			}
		}
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// logOptions are those of the driver json-file.
type logOptions struct {
	none bool  // nothing is kept
	max  int64 // bytes
	kept int   // files
}

func logOptionsOf(c containertypes.LogConfig) (logOptions, error) {
	o := logOptions{kept: 1}
	switch c.Type {
	case "none":
		o.none = true
		return o, nil
	case "", LogDriver:
	default:
		return o, errorOf(ErrInvalid, "error looking up logging plugin %s: plugin %q not found", c.Type, c.Type)
	}
	for name, value := range c.Config {
		var err error
		switch name {
		case "max-size":
			if value != "-1" {
				o.max, err = units.FromHumanSize(value)
			}
		case "max-file":
			if o.kept, err = strconv.Atoi(value); err == nil && o.kept < 1 {
				return o, errorOf(ErrInvalid, "max-file cannot be less than 1")
			}
		case "labels", "labels-regex", "env", "env-regex", "tag", "compress":
		default:
			return o, errorOf(ErrInvalid, "unknown log opt '%s' for json-file log driver", name)
		}
		if err != nil {
			return o, errorOf(ErrInvalid, "invalid value for log opt '%s': %s", name, value)
		}
	}
	if o.max == 0 && o.kept > 1 {
		return o, errorOf(ErrInvalid, "max-file cannot be set when max-size is not set")
	}
	return o, nil
}

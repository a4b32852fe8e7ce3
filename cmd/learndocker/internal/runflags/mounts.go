package runflags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/mount"
)

// mounts is the flag --mount: KEY=VALUE with commas between.
type mounts struct{ list []mount.Mount }

func (m *mounts) String() string {
	var said []string
	for _, each := range m.list {
		said = append(said, fmt.Sprintf("%s %s %s", each.Type, each.Source, each.Target))
	}
	return strings.Join(said, ", ")
}

// Type is what the flag's help calls a value.
func (*mounts) Type() string { return "mount" }

// Set takes one more mount.
func (m *mounts) Set(value string) error {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return err
	}
	b := mountBuilder{mount.Mount{Type: mount.TypeVolume}}
	for _, field := range fields {
		if err := b.field(field); err != nil {
			return err
		}
	}
	if err := b.check(); err != nil {
		return err
	}
	m.list = append(m.list, b.Mount)
	return nil
}

// mountBuilder makes a mount of its fields.
type mountBuilder struct{ mount.Mount }

func (b *mountBuilder) bind() *mount.BindOptions {
	if b.BindOptions == nil {
		b.BindOptions = &mount.BindOptions{}
	}
	return b.BindOptions
}

func (b *mountBuilder) volume() *mount.VolumeOptions {
	if b.VolumeOptions == nil {
		b.VolumeOptions = &mount.VolumeOptions{Labels: map[string]string{}, DriverConfig: &mount.Driver{}}
	}
	return b.VolumeOptions
}

func (b *mountBuilder) tmpfs() *mount.TmpfsOptions {
	if b.TmpfsOptions == nil {
		b.TmpfsOptions = &mount.TmpfsOptions{}
	}
	return b.TmpfsOptions
}

func (b *mountBuilder) field(field string) error {
	key, value, ok := strings.Cut(field, "=")
	key = strings.ToLower(key)
	if !ok { // a switch: its name alone means true
		switch key {
		case "readonly", "ro", "volume-nocopy", "bind-nonrecursive":
			value = "true"
		default:
			return fmt.Errorf("invalid field '%s' must be a key=value pair", field)
		}
	}
	group, rest, _ := strings.Cut(key, "-")
	switch {
	case group == "bind" && rest != "":
		return b.bindField(key, value, field)
	case group == "volume" && rest != "":
		return b.volumeField(key, value, field)
	case group == "tmpfs" && rest != "":
		return b.tmpfsField(key, value, field)
	case key == "image-subpath":
		b.ImageOptions = &mount.ImageOptions{Subpath: value}
	case key == "type":
		b.Mount.Type = mount.Type(strings.ToLower(value))
	case key == "source" || key == "src":
		b.Source = absolute(value)
	case key == "target" || key == "dst" || key == "destination":
		b.Target = value
	case key == "readonly" || key == "ro":
		return truth(&b.ReadOnly, key, value)
	case key == "consistency":
		b.Consistency = mount.Consistency(strings.ToLower(value))
	default:
		return fmt.Errorf("unexpected key '%s' in '%s'", key, field)
	}
	return nil
}

func (b *mountBuilder) bindField(key, value, field string) error {
	switch key {
	case "bind-propagation":
		b.bind().Propagation = mount.Propagation(strings.ToLower(value))
		return nil
	case "bind-nonrecursive":
		return truth(&b.bind().NonRecursive, key, value)
	case "bind-recursive":
	default:
		return fmt.Errorf("unexpected key '%s' in '%s'", key, field)
	}
	switch value {
	case "enabled":
	case "disabled":
		b.bind().NonRecursive = true
	case "writable":
		b.bind().ReadOnlyNonRecursive = true
	case "readonly":
		b.bind().ReadOnlyForceRecursive = true
	default:
		return fmt.Errorf(`invalid value for %s: %s (must be "enabled", "disabled", "writable", or "readonly")`, key, value)
	}
	return nil
}

func (b *mountBuilder) volumeField(key, value, field string) error {
	name, v, _ := strings.Cut(value, "=")
	switch key {
	case "volume-subpath":
		b.volume().Subpath = value
	case "volume-nocopy":
		return truth(&b.volume().NoCopy, key, value)
	case "volume-label":
		if o := b.volume(); name != "" {
			o.Labels[name] = v
		}
	case "volume-driver":
		b.volume().DriverConfig.Name = value
	case "volume-opt":
		d := b.volume().DriverConfig
		if d.Options == nil {
			d.Options = map[string]string{}
		}
		if name != "" {
			d.Options[name] = v
		}
	default:
		return fmt.Errorf("unexpected key '%s' in '%s'", key, field)
	}
	return nil
}

func (b *mountBuilder) tmpfsField(key, value, field string) error {
	var err error
	switch key {
	case "tmpfs-size":
		b.tmpfs().SizeBytes, err = units.RAMInBytes(value)
	case "tmpfs-mode":
		var mode uint64
		mode, err = strconv.ParseUint(value, 8, 32)
		b.tmpfs().Mode = os.FileMode(mode)
	default:
		return fmt.Errorf("unexpected key '%s' in '%s'", key, field)
	}
	if err != nil {
		return fmt.Errorf("invalid value for %s: %s", key, value)
	}
	return nil
}

func (b *mountBuilder) check() error {
	for _, c := range []struct {
		wrong bool
		say   string
	}{
		{b.Mount.Type == "", "type is required"},
		{b.Target == "", "target is required"},
		{b.VolumeOptions != nil && b.Mount.Type != mount.TypeVolume, fmt.Sprintf("cannot mix 'volume-*' options with mount type '%s'", b.Mount.Type)},
		{b.ImageOptions != nil && b.Mount.Type != mount.TypeImage, fmt.Sprintf("cannot mix 'image-*' options with mount type '%s'", b.Mount.Type)},
		{b.BindOptions != nil && b.Mount.Type != mount.TypeBind, fmt.Sprintf("cannot mix 'bind-*' options with mount type '%s'", b.Mount.Type)},
		{b.TmpfsOptions != nil && b.Mount.Type != mount.TypeTmpfs, fmt.Sprintf("cannot mix 'tmpfs-*' options with mount type '%s'", b.Mount.Type)},
		{b.BindOptions != nil && b.BindOptions.ReadOnlyNonRecursive && !b.ReadOnly, "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"},
		{b.BindOptions != nil && b.BindOptions.ReadOnlyForceRecursive && !b.ReadOnly, "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"},
		{b.BindOptions != nil && b.BindOptions.ReadOnlyForceRecursive && b.BindOptions.Propagation != mount.PropagationRPrivate,
			"option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"},
	} {
		if c.wrong {
			return errors.New(c.say)
		}
	}
	return nil
}

func truth(b *bool, key, value string) error {
	v, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("invalid value for %s: %s", key, value)
	}
	*b = v
	return nil
}

// absolute makes a path absolute that is told to be relative by its dot.
func absolute(path string) string {
	if filepath.IsAbs(path) || !strings.HasPrefix(path, ".") {
		return path
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path // the daemon will say what is wrong with it
	}
	return abs
}

// volumes parts the values of -v: SOURCE:TARGET[:OPTIONS] are binds, TARGET
// alone is a volume without a name.
func volumes(values []string) (binds []string, anonymous map[string]struct{}, err error) {
	anonymous = map[string]struct{}{}
	seen := map[string]bool{}
	for _, v := range values {
		if seen[v] {
			continue
		}
		seen[v] = true
		source, rest, err := partVolume(v)
		if err != nil {
			return nil, nil, err
		}
		if source == "" {
			anonymous[v] = struct{}{}
			continue
		}
		if strings.ContainsAny(source[:1], "./~") {
			source = absolute(source)
		}
		binds = append(binds, source+":"+rest)
	}
	return binds, anonymous, nil
}

func partVolume(spec string) (source, rest string, err error) {
	if spec == "" {
		return "", "", errors.New("invalid empty volume spec")
	}
	if len(spec) <= 2 {
		return "", spec, nil
	}
	parts := splitVolume(spec)
	for i, part := range parts {
		switch {
		case part == "":
			return "", "", fmt.Errorf("invalid spec: %s: empty section between colons", spec)
		case i > 2:
			return "", "", fmt.Errorf("invalid spec: %s: too many colons", spec)
		}
	}
	if len(parts) == 1 {
		return "", spec, nil
	}
	return parts[0], strings.Join(parts[1:], ":"), nil
}

// splitVolume splits at colons, but not behind the letter of a drive.
func splitVolume(spec string) []string {
	var parts []string
	for _, part := range strings.Split(spec, ":") {
		if n := len(parts); n > 0 && isDrive(parts[n-1]) {
			parts[n-1] += ":" + part
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

func isDrive(s string) bool {
	r := []rune(s)
	return len(r) == 1 && unicode.IsLetter(r[0])
}

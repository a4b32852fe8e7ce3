//go:build linux

package engine

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/learndocker/learndocker/engine/volume"
)

// mountWish is one thing that is to be mounted in a container.
type mountWish struct {
	point     containertypes.MountPoint
	bind      mount.BindOptions
	tmpfs     []string          // options of a tmpfs, as the kernel takes them
	labels    map[string]string // of a volume that is to be made
	options   map[string]string // the same
	subpath   string            // of a volume
	copyUp    bool              // the image's content goes into a volume that is empty
	anonymous bool              // its volume has no name that somebody has chosen
	exact     bool              // only a directory may be in its place
	makeHost  bool              // a source that is missing is made
}

// parseBind reads "SOURCE:DESTINATION[:OPTIONS]", docker's option -v. Its errors
// are Docker's.
func parseBind(raw string) (mountWish, error) {
	parts := strings.Split(raw, ":")
	invalid := errorOf(ErrInvalid, "invalid volume specification: '%s'", raw)
	if parts[0] == "" || len(parts) > 3 {
		return mountWish{}, invalid
	}
	w := mountWish{copyUp: true, makeHost: true}
	switch len(parts) {
	case 1:
		w.point.Destination = parts[0]
	case 2:
		if isMode(parts[1]) { // a place and options, but nothing to mount there
			return mountWish{}, invalid
		}
		w.point.Source, w.point.Destination = parts[0], parts[1]
	case 3:
		w.point.Source, w.point.Destination, w.point.Mode = parts[0], parts[1], parts[2]
		if !isMode(parts[2]) {
			return mountWish{}, errorOf(ErrInvalid, "invalid mode: %s", parts[2])
		}
	}
	w.applyMode(w.point.Mode)
	if err := w.place(); err != nil {
		return w, errorOf(ErrInvalid, "invalid volume specification: '%s': invalid mount config for type %q: %s", raw, w.point.Type, err)
	}
	return w, nil
}

// modeKinds are the words that -v takes behind the second colon; of each kind one
// at most.
var modeKinds = [][]string{
	{"ro", "rw"}, {"z", "Z"}, {"nocopy"}, {"consistent", "cached", "delegated"},
	{"private", "rprivate", "shared", "rshared", "slave", "rslave"},
}

const propagationKind = 4

func isMode(mode string) bool {
	seen := map[int]bool{}
	for word := range strings.SplitSeq(mode, ",") {
		kind := slices.IndexFunc(modeKinds, func(words []string) bool { return slices.Contains(words, word) })
		if kind < 0 || seen[kind] {
			return false
		}
		seen[kind] = true
	}
	return true
}

func (w *mountWish) applyMode(mode string) {
	w.point.RW = true
	for word := range strings.SplitSeq(mode, ",") {
		switch {
		case word == "ro":
			w.point.RW = false
		case word == "nocopy":
			w.copyUp = false
		case slices.Contains(modeKinds[propagationKind], word):
			w.bind.Propagation = mount.Propagation(word)
		}
	}
	w.point.Type = mount.TypeVolume
	if path.IsAbs(w.point.Source) {
		w.point.Type = mount.TypeBind
	}
}

// place checks and completes where the wish comes from and goes to.
func (w *mountWish) place() error {
	p := &w.point
	if err := checkDestination(p.Destination); err != nil {
		return err
	}
	p.Destination = path.Clean(p.Destination)
	switch p.Type {
	case mount.TypeBind:
		p.Source = filepath.Clean(p.Source)
		p.Propagation = w.bind.Propagation
		if p.Propagation == "" {
			p.Propagation = mount.PropagationRPrivate
		}
	case mount.TypeVolume:
		p.Name, p.Source, p.Driver = p.Source, "", volume.Driver
		if w.anonymous = p.Name == ""; w.anonymous {
			p.Name = newID()
		}
	}
	return nil
}

func checkDestination(p string) error {
	if !path.IsAbs(p) {
		return fmt.Errorf("invalid mount path: '%s' mount path must be absolute", p)
	}
	if path.Clean(p) == "/" {
		return fmt.Errorf("invalid specification: destination can't be '/'")
	}
	return nil
}

// parseMount reads docker's option --mount.
func parseMount(m mount.Mount) (mountWish, error) {
	w := mountWish{copyUp: true}
	w.point = containertypes.MountPoint{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
	err := checkMount(m)
	if err == nil {
		err = w.mountOptions(m)
	}
	if err == nil {
		err = w.place()
	}
	if err != nil {
		return w, errorOf(ErrInvalid, "invalid mount config for type %q: %s", m.Type, err)
	}
	return w, nil
}

// mountOptions takes the options of the mount's type over.
func (w *mountWish) mountOptions(m mount.Mount) error {
	if m.BindOptions != nil {
		w.bind, w.makeHost = *m.BindOptions, m.BindOptions.CreateMountpoint
	}
	if o := m.VolumeOptions; o != nil {
		w.copyUp, w.labels, w.subpath = !o.NoCopy, o.Labels, o.Subpath
		if o.DriverConfig != nil {
			w.options = o.DriverConfig.Options
		}
	}
	if m.Type != mount.TypeTmpfs {
		return nil
	}
	w.tmpfs = defaultTmpfs
	if m.ReadOnly {
		w.tmpfs = append(slices.Clone(w.tmpfs), "ro")
	}
	if o := m.TmpfsOptions; o != nil {
		more, err := tmpfsOptions(*o)
		w.tmpfs = append(slices.Clone(w.tmpfs), more...)
		return err
	}
	return nil
}

func tmpfsOptions(o mount.TmpfsOptions) ([]string, error) {
	var list []string
	if o.Mode != 0 {
		list = append(list, fmt.Sprintf("mode=%o", o.Mode))
	}
	if o.SizeBytes != 0 {
		list = append(list, fmt.Sprintf("size=%d", o.SizeBytes))
	}
	for _, option := range o.Options {
		list = append(list, strings.Join(option, "="))
	}
	return list, checkTmpfs(list)
}

// checkMount refuses what does not go together, in Docker's words.
func checkMount(m mount.Mount) error {
	if m.Target == "" {
		return fmt.Errorf("field Target must not be empty")
	}
	if err := checkDestination(m.Target); err != nil {
		return err
	}
	extra := func(name string) error { return fmt.Errorf("field %s must not be specified", name) }
	switch {
	case m.Type == mount.TypeBind && m.VolumeOptions != nil:
		return extra("VolumeOptions")
	case m.Type != mount.TypeBind && m.BindOptions != nil:
		return extra("BindOptions")
	case m.Type != mount.TypeTmpfs && m.TmpfsOptions != nil:
		return extra("TmpfsOptions")
	}
	switch m.Type {
	case mount.TypeBind:
		return checkBind(m)
	case mount.TypeVolume:
		return checkVolume(m)
	case mount.TypeTmpfs:
		if m.Source != "" {
			return extra("Source")
		}
		return nil
	}
	return fmt.Errorf("mount type unknown")
}

func checkBind(m mount.Mount) error {
	if m.Source == "" {
		return fmt.Errorf("field Source must not be empty")
	}
	if !path.IsAbs(m.Source) {
		return fmt.Errorf("invalid mount path: '%s' mount path must be absolute", m.Source)
	}
	create := false
	if o := m.BindOptions; o != nil {
		create = o.CreateMountpoint
		if o.Propagation != "" && !slices.Contains(mount.Propagations, o.Propagation) {
			return fmt.Errorf("invalid propagation mode: %s", o.Propagation)
		}
	}
	if _, err := os.Stat(m.Source); err != nil && !create {
		if os.IsNotExist(err) {
			return fmt.Errorf("bind source path does not exist: %s", m.Source)
		}
		return err
	}
	return nil
}

func checkVolume(m mount.Mount) error {
	if m.Source == "" && m.ReadOnly {
		return fmt.Errorf("must not set ReadOnly mode when using anonymous volumes")
	}
	if o := m.VolumeOptions; o != nil && o.DriverConfig != nil && o.DriverConfig.Name != "" && o.DriverConfig.Name != volume.Driver {
		return noDriver(o.DriverConfig.Name)
	}
	if o := m.VolumeOptions; o != nil && o.Subpath != "" && (!filepath.IsLocal(o.Subpath)) {
		return fmt.Errorf("subpath must be a relative path within the volume")
	}
	return nil
}

// defaultTmpfs are Docker's options of a tmpfs.
var defaultTmpfs = []string{"noexec", "nosuid", "nodev"}

// parseTmpfs reads docker's option --tmpfs.
func parseTmpfs(destination, options string) (mountWish, error) {
	w := mountWish{point: containertypes.MountPoint{Type: mount.TypeTmpfs, Destination: destination, RW: true}}
	if err := w.place(); err != nil {
		return w, errorOf(ErrInvalid, "%s", err)
	}
	w.tmpfs = slices.Clone(defaultTmpfs)
	for word := range strings.SplitSeq(options, ",") {
		if word == "" {
			continue
		}
		if opposite, ok := opposites[word]; ok {
			w.tmpfs = slices.DeleteFunc(w.tmpfs, func(o string) bool { return o == opposite || o == word })
		}
		if !slices.Contains(kernelsOwn, word) {
			w.tmpfs = append(w.tmpfs, word)
		}
	}
	if err := checkTmpfs(w.tmpfs); err != nil {
		return w, errorOf(ErrInvalid, "%s", err)
	}
	return w, nil
}

// opposites: a user's option takes the place of the default that it undoes.
var opposites = map[string]string{
	"exec": "noexec", "suid": "nosuid", "dev": "nodev", "noexec": "exec", "nosuid": "suid", "nodev": "dev", "ro": "rw", "rw": "ro",
}

// kernelsOwn are words for what the kernel does where it is told nothing.
var kernelsOwn = []string{"exec", "suid", "dev", "rw", "async", "atime", "diratime", "norelatime", "nostrictatime"}

var tmpfsFlags = []string{
	"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "atime", "noatime", "diratime", "nodiratime",
	"relatime", "norelatime", "strictatime", "nostrictatime", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable",
}

func checkTmpfs(options []string) error {
	for _, o := range options {
		name, _, hasValue := strings.Cut(o, "=")
		known := slices.Contains(tmpfsFlags, o)
		if hasValue {
			known = slices.Contains([]string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}, name)
		}
		if !known {
			return fmt.Errorf("invalid tmpfs option [%q]", o)
		}
	}
	return nil
}

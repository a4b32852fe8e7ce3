//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/volume"
)

// MountRecord is what a container's record says of what is mounted in it.
type MountRecord struct {
	MountPoints      []containertypes.MountPoint `json:"mountPoints,omitempty"`
	AnonymousVolumes []string                    `json:"anonymousVolumes,omitempty"` // go with the container, where that is asked for
}

// mergeVolumes are the places for anonymous volumes of an image and of a user.
func mergeVolumes(image, user map[string]struct{}) map[string]struct{} {
	if len(image) == 0 {
		return user
	}
	all := map[string]struct{}{}
	for _, from := range []map[string]struct{}{image, user} {
		for destination := range from {
			all[destination] = struct{}{}
		}
	}
	return all
}

// mountWishes turns what a user and an image want mounted in a container into the
// mounts of its config.json: -v, --mount, --tmpfs, --volumes-from, VOLUME. It
// makes the volumes, copies the image's content into those that are empty, and
// notes all in the container's record.
func (e *Engine) mountWishes(ctx context.Context, c *Container) ([]specs.Mount, error) {
	wishes, err := e.wishes(c)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(wishes, func(a, b mountWish) int { // what is mounted on another comes after it
		if n := depth(a.point.Destination) - depth(b.point.Destination); n != 0 {
			return n
		}
		return strings.Compare(a.point.Destination, b.point.Destination)
	})
	made, err := e.takeVolumes(c, wishes)
	if err != nil {
		return nil, err
	}
	filled, err := e.fillVolumes(c, wishes)
	if err != nil {
		return nil, err
	}
	if err := e.showVolumes(ctx, c, wishes, made, filled); err != nil {
		return nil, err
	}
	var mounts []specs.Mount
	for _, w := range wishes {
		m, err := w.oci()
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func depth(destination string) int { return strings.Count(destination, "/") }

// wishes gathers all, and refuses two for one place.
func (e *Engine) wishes(c *Container) ([]mountWish, error) {
	h := c.record.HostConfig
	list, err := e.fromOthers(h.VolumesFrom)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	add := func(w mountWish, err error) error {
		if err != nil {
			return err
		}
		if own[w.point.Destination] {
			return errorOf(ErrInvalid, "Duplicate mount point: %s", w.point.Destination)
		}
		own[w.point.Destination] = true
		list = slices.DeleteFunc(list, func(o mountWish) bool { return o.point.Destination == w.point.Destination })
		list = append(list, w)
		return nil
	}
	for destination, options := range h.Tmpfs {
		if err := add(parseTmpfs(destination, options)); err != nil {
			return nil, err
		}
	}
	for _, b := range h.Binds {
		if err := add(parseBind(b)); err != nil {
			return nil, err
		}
	}
	for _, m := range h.Mounts {
		if err := add(parseMount(m)); err != nil {
			return nil, err
		}
	}
	return placesOfVolumes(list, c.record.Config.Volumes)
}

// placesOfVolumes adds the places at which the image, or -v with a destination
// only, wants an anonymous volume, unless something is mounted there already.
func placesOfVolumes(list []mountWish, places map[string]struct{}) ([]mountWish, error) {
	for destination := range places {
		w := mountWish{copyUp: true, exact: true, point: containertypes.MountPoint{Type: mount.TypeVolume, Destination: destination, RW: true}}
		if err := w.place(); err != nil {
			return nil, errorOf(ErrInvalid, "%s", err)
		}
		if !slices.ContainsFunc(list, func(o mountWish) bool { return o.point.Destination == w.point.Destination }) {
			list = append(list, w)
		}
	}
	return list, nil
}

// fromOthers are the mounts of other containers: "NAME[:ro|rw]".
func (e *Engine) fromOthers(from []string) ([]mountWish, error) {
	var list []mountWish
	for _, spec := range from {
		name, mode, _ := strings.Cut(spec, ":")
		if name == "" {
			return nil, errorOf(ErrInvalid, "malformed volumes-from specification: %s", spec)
		}
		if mode != "" && !isMode(mode) {
			return nil, errorOf(ErrInvalid, "invalid mode: %s", mode)
		}
		other, err := e.Container(name)
		if err != nil {
			return nil, errorOf(ErrInvalid, "%s", err) // of kind "not found" clients would look for an image
		}
		r := other.Snapshot()
		for _, p := range r.MountPoints {
			if p.Type == mount.TypeTmpfs {
				continue
			}
			p.RW = p.RW && !slices.Contains(strings.Split(mode, ","), "ro")
			w := mountWish{point: p, anonymous: slices.Contains(r.AnonymousVolumes, p.Name), bind: mount.BindOptions{Propagation: p.Propagation}}
			list = slices.DeleteFunc(list, func(o mountWish) bool { return o.point.Destination == p.Destination })
			list = append(list, w)
		}
	}
	return list, nil
}

// takeVolumes makes the volumes and writes into the record who uses them, in one
// step: none can be removed between. It returns which were made.
func (e *Engine) takeVolumes(c *Container, wishes []mountWish) (made []bool, err error) {
	e.volumesLock.Lock()
	defer e.volumesLock.Unlock()
	made = make([]bool, len(wishes))
	var record MountRecord
	for i := range wishes {
		w := &wishes[i]
		switch w.point.Type {
		case mount.TypeBind:
			if err := w.makeSource(); err != nil {
				return nil, err
			}
		case mount.TypeVolume:
			if made[i], err = e.takeVolume(w); err != nil {
				return nil, err
			}
		}
		if w.anonymous {
			record.AnonymousVolumes = append(record.AnonymousVolumes, w.point.Name)
		}
		if w.point.Type != mount.TypeTmpfs || !slices.Contains(e.tmpfsOf(c), w.point.Destination) {
			record.MountPoints = append(record.MountPoints, w.point)
		}
		c.mu.Lock() // others look who uses what
		c.record.MountRecord = record
		c.mu.Unlock()
	}
	return made, nil
}

// tmpfsOf are the places of --tmpfs, which docker inspect shows elsewhere.
func (e *Engine) tmpfsOf(c *Container) []string {
	var list []string
	for destination := range c.record.HostConfig.Tmpfs {
		list = append(list, filepath.Clean(destination))
	}
	return list
}

// takeVolume makes the volume, or finds it.
func (e *Engine) takeVolume(w *mountWish) (made bool, err error) {
	v := volume.Volume{Name: w.point.Name, Labels: w.labels, Options: w.options}
	if w.anonymous {
		v.Labels = withLabel(v.Labels, volume.AnonymousLabel)
	}
	got, made, err := e.volumes.Create(e.kernel(), v)
	if err != nil {
		return false, volumeError("create", v.Name, err)
	}
	if made {
		e.tellVolume("create", v.Name, nil)
	}
	w.point.Source, w.point.Driver = got.Mountpoint, volume.Driver
	if w.point.Mode == "" && !w.exact {
		w.point.Mode = "z" // Docker's, which asks SELinux for a label
	}
	if w.options = got.Options; got.Source() != got.Mountpoint {
		w.point.Source = got.Source()
	}
	return made, nil
}

func withLabel(labels map[string]string, name string) map[string]string {
	all := map[string]string{name: ""}
	for k, v := range labels {
		all[k] = v
	}
	return all
}

// makeSource makes the directory that -v names where it is missing.
func (w *mountWish) makeSource() error {
	if _, err := os.Stat(w.point.Source); !errors.Is(err, os.ErrNotExist) || !w.makeHost {
		return nil
	}
	if err := os.MkdirAll(w.point.Source, 0o755); err != nil {
		return fmt.Errorf("error while creating mount source path '%s': %w", w.point.Source, err)
	}
	return nil
}

// fillVolumes copies what the image has at their places into the volumes that
// are empty, and returns how many entries each got.
func (e *Engine) fillVolumes(c *Container, wishes []mountWish) (filled []int, err error) {
	filled = make([]int, len(wishes))
	var empty []int
	for i, w := range wishes {
		if w.point.Type != mount.TypeVolume || !w.copyUp || len(w.options) > 0 {
			continue
		}
		is, err := volume.Empty(w.point.Source)
		if err != nil {
			return nil, fmt.Errorf("look into volume %s: %w", w.point.Name, err)
		}
		if is {
			empty = append(empty, i)
		}
	}
	if len(empty) == 0 {
		return filled, nil
	}
	return filled, e.mounted(c, func(root string) error {
		for _, i := range empty {
			w := wishes[i]
			filled[i], err = volume.Fill(e.kernel(), root, w.point.Destination, w.point.Source)
			if errors.Is(err, unix.ENOTDIR) && !w.exact {
				err = nil
			}
			if errors.Is(err, unix.ENOTDIR) {
				return errorOf(ErrInvalid, "cannot mount volume over existing file, file exists %s", w.point.Destination)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// mounted gives the function the file system of a container that does not run.
func (e *Engine) mounted(c *Container, f func(root string) error) error {
	stack := c.stack()
	// A stack that need not outlive its mount can be mounted once only.
	stack.Volatile = false
	if _, err := stack.Mount(e.kernel(), c.record.ID); err != nil {
		return err
	}
	return errors.Join(f(stack.Merged()), stack.Unmount(e.kernel()))
}

// oci is the wish as config.json has it.
func (w mountWish) oci() (specs.Mount, error) {
	m := specs.Mount{Destination: w.point.Destination, Source: w.point.Source, Type: "bind", Options: []string{"rbind"}}
	if w.point.Type == mount.TypeTmpfs {
		return specs.Mount{Destination: m.Destination, Source: "tmpfs", Type: "tmpfs", Options: w.tmpfs}, nil
	}
	if w.bind.NonRecursive {
		m.Options = []string{"bind"}
	}
	if w.subpath != "" {
		m.Source = filepath.Join(m.Source, w.subpath)
		if resolved, err := filepath.EvalSymlinks(m.Source); err != nil || !strings.HasPrefix(resolved, w.point.Source+"/") {
			return m, errorOf(ErrInvalid, "subpath %q of volume %s is not there, or leads out of it", w.subpath, w.point.Name)
		}
	}
	propagation := w.point.Propagation
	if propagation == "" {
		propagation = mount.PropagationRPrivate
	}
	m.Options = append(m.Options, string(propagation))
	switch {
	case w.point.RW:
	case w.bind.ReadOnlyForceRecursive:
		m.Options = append(m.Options, "rro")
	default:
		m.Options = append(m.Options, "ro")
	}
	return m, nil
}

// withMounts puts a user's mounts behind the default ones, in the place of those
// that have the same destination.
func withMounts(defaults, users []specs.Mount) []specs.Mount {
	all := slices.DeleteFunc(slices.Clone(defaults), func(m specs.Mount) bool {
		return slices.ContainsFunc(users, func(u specs.Mount) bool {
			return u.Destination == m.Destination || u.Destination == "/dev" && strings.HasPrefix(m.Destination, "/dev/")
		})
	})
	return append(all, users...)
}

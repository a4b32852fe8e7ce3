//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/volume"
)

func noDriver(name string) error {
	return errorOf(ErrNotFound, "error looking up volume plugin %s: plugin %q not found", name, name)
}

// volumeError puts the store's errors into Docker's words.
func volumeError(doing, name string, err error) error {
	switch {
	case errors.Is(err, volume.ErrNotFound):
		return errorOf(ErrNotFound, "%s %s: no such volume", doing, name)
	case errors.Is(err, volume.ErrInvalid):
		return errorOf(ErrInvalid, "%s %s: %s", doing, name, err)
	}
	return err
}

// VolumeRequest says what volume to make.
type VolumeRequest struct {
	Name    string // "" is one that nobody has chosen
	Driver  string
	Labels  map[string]string
	Options map[string]string
}

// CreateVolume makes a volume, or finds the one that has the name.
func (e *Engine) CreateVolume(ctx context.Context, q VolumeRequest) (volume.Volume, error) {
	if q.Driver != "" && q.Driver != volume.Driver {
		return volume.Volume{}, Within(noDriver(q.Driver), "create %s", q.Name)
	}
	v := volume.Volume{Name: q.Name, Labels: q.Labels, Options: q.Options}
	if v.Name == "" {
		v.Name, v.Labels = newID(), withLabel(v.Labels, volume.AnonymousLabel)
	}
	made, created, err := e.volumes.Create(e.kernel(), v)
	if err != nil {
		return made, volumeError("create", v.Name, err)
	}
	if !created {
		return made, nil
	}
	e.tellVolume("create", made.Name, nil)
	return made, e.At(ctx, stage.VolumeCreated{Name: made.Name, Mountpoint: made.Mountpoint, Anonymous: made.Anonymous()})
}

// showVolumes shows each volume that a container got, once it has its content.
func (e *Engine) showVolumes(ctx context.Context, c *Container, wishes []mountWish, made []bool, filled []int) error {
	for i, w := range wishes {
		if !made[i] && filled[i] == 0 {
			continue
		}
		err := e.At(ctx, stage.VolumeCreated{
			Name: w.point.Name, Mountpoint: w.point.Source, Anonymous: w.anonymous, Container: c.record.ID,
			Destination: w.point.Destination, Copied: filled[i],
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Volume finds a volume by its name.
func (e *Engine) Volume(name string) (volume.Volume, error) {
	v, err := e.volumes.Get(name)
	return v, volumeError("get", name, err)
}

// Volumes lists all volumes by their names.
func (e *Engine) Volumes() ([]volume.Volume, error) { return e.volumes.List() }

// VolumeUsers are the containers that have a volume mounted, by their ids.
func (e *Engine) VolumeUsers(name string) []string {
	var ids []string
	for _, c := range e.all() {
		r := c.Snapshot()
		for _, p := range r.MountPoints {
			if p.Type == mount.TypeVolume && p.Name == name && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}

// RemoveVolume removes a volume that no container uses. By force one that is not
// there is no error.
func (e *Engine) RemoveVolume(name string, force bool) error {
	e.volumesLock.Lock()
	defer e.volumesLock.Unlock()
	if _, err := e.volumes.Get(name); errors.Is(err, volume.ErrNotFound) {
		if force {
			return nil
		}
		return volumeError("get", name, err)
	}
	if users := e.VolumeUsers(name); len(users) > 0 {
		return errorOf(ErrConflict, "remove %s: volume is in use - [%s]", name, strings.Join(users, ", "))
	}
	if err := e.volumes.Remove(e.kernel(), name); err != nil {
		return err
	}
	e.tellVolume("destroy", name, nil)
	return nil
}

// VolumeSize is what is in a volume, in bytes.
func (e *Engine) VolumeSize(v volume.Volume) (int64, error) { return layer.DirSize(v.Mountpoint) }

// PruneVolumes removes the volumes that no container uses and that keep does not
// keep.
func (e *Engine) PruneVolumes(keep func(volume.Volume) bool) (names []string, freed int64, err error) {
	all, err := e.volumes.List()
	if err != nil {
		return nil, 0, err
	}
	for _, v := range all {
		if keep(v) || len(e.VolumeUsers(v.Name)) > 0 {
			continue
		}
		size, err := e.VolumeSize(v)
		if err != nil {
			return names, freed, fmt.Errorf("measure volume %s: %w", v.Name, err)
		}
		err = e.RemoveVolume(v.Name, false)
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
			continue // taken, or removed, meanwhile
		}
		if err != nil {
			return names, freed, err
		}
		names, freed = append(names, v.Name), freed+size
	}
	return names, freed, nil
}

// dropVolumes removes the volumes that came with a container that is no more and
// whose names nobody has chosen: docker rm -v, docker run --rm. Those that
// another container uses stay.
func (e *Engine) dropVolumes(r Record) error {
	var errs []error
	for _, name := range r.AnonymousVolumes {
		err := e.RemoveVolume(name, true)
		if !errors.Is(err, ErrConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

//go:build linux

package daemon

import (
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	volumetypes "github.com/moby/moby/api/types/volume"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/volume"
)

func volumeAnswer(v volume.Volume) volumetypes.Volume {
	return volumetypes.Volume{
		CreatedAt: v.Created.Format(time.RFC3339), Driver: volume.Driver, Labels: v.Labels, Mountpoint: v.Mountpoint,
		Name: v.Name, Options: v.Options, Scope: "local",
	}
}

func listVolumes(x *exchange) error {
	f, err := readFilters(x.r.URL.Query().Get("filters"), "dangling", "driver", "label", "label!", "name")
	if err != nil {
		return err
	}
	dangling, asked, err := f.boolean("dangling")
	if err != nil {
		return err
	}
	all, err := x.Volumes()
	if err != nil {
		return err
	}
	list := volumetypes.ListResponse{Volumes: []volumetypes.Volume{}}
	for _, v := range all {
		switch {
		case !f.any("name", func(n string) bool { return strings.Contains(v.Name, n) }),
			!f.any("driver", func(d string) bool { return d == volume.Driver }),
			!f.labels(v.Labels),
			asked && (len(x.VolumeUsers(v.Name)) == 0) != dangling:
			continue
		}
		list.Volumes = append(list.Volumes, volumeAnswer(v))
	}
	return x.json(http.StatusOK, list)
}

func createVolume(x *exchange) error {
	var q volumetypes.CreateRequest
	if len(x.body) > 0 {
		if err := x.decode(&q); err != nil {
			return err
		}
	}
	v, err := x.CreateVolume(x.r.Context(), engine.VolumeRequest{Name: q.Name, Driver: q.Driver, Labels: q.Labels, Options: q.DriverOpts})
	if err != nil {
		return err
	}
	return x.json(http.StatusCreated, volumeAnswer(v))
}

func inspectVolume(x *exchange) error {
	v, err := x.Volume(x.r.PathValue("name"))
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, volumeAnswer(v))
}

func removeVolume(x *exchange) error {
	if err := x.RemoveVolume(x.r.PathValue("name"), isTrue(x.r.URL.Query().Get("force"))); err != nil {
		return err
	}
	return x.json(http.StatusNoContent, nil)
}

// pruneVolumes removes those whose names nobody has chosen; all of them where
// that is asked for, and for clients before API 1.42, which knew no difference.
func pruneVolumes(x *exchange) error {
	f, err := readFilters(x.r.URL.Query().Get("filters"), "all", "label", "label!")
	if err != nil {
		return err
	}
	all, _, err := f.boolean("all")
	if err != nil {
		return err
	}
	all = all || older(versionOf(x.r), "1.42")
	names, freed, err := x.PruneVolumes(func(v volume.Volume) bool {
		return !all && !v.Anonymous() || !f.labels(v.Labels)
	})
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	x.tellPrune(events.VolumeEventType, freed)
	return x.json(http.StatusOK, volumetypes.PruneReport{VolumesDeleted: names, SpaceReclaimed: uint64(freed)})
}

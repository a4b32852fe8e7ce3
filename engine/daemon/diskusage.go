//go:build linux

package daemon

import (
	"fmt"
	"net/http"
	"slices"

	containertypes "github.com/moby/moby/api/types/container"
	volumetypes "github.com/moby/moby/api/types/volume"
)

// usage is the answer to GET /system/df, in the form of API 1.51 and before.
type usage struct {
	LayersSize  int64
	Images      []listedImage
	Containers  []containertypes.Summary
	Volumes     []volumetypes.Volume
	BuildCache  []struct{}
	BuilderSize *int64 `json:",omitempty"`
}

var usageTypes = []string{"container", "image", "volume", "build-cache"}

func diskUsage(x *exchange) error {
	types := x.r.URL.Query()["type"]
	for _, t := range types {
		if !slices.Contains(usageTypes, t) {
			return badRequest{fmt.Errorf("unknown object type: %s", t)}
		}
	}
	var answer usage
	for kind, fill := range map[string]func(*exchange, *usage) error{"image": imageUsage, "container": containerUsage, "volume": volumeUsage} {
		if len(types) > 0 && !slices.Contains(types, kind) {
			continue
		}
		if err := fill(x, &answer); err != nil {
			return err
		}
	}
	if len(types) == 0 || slices.Contains(types, "build-cache") {
		answer.BuildCache = []struct{}{} // there is no builder yet
	}
	if older(versionOf(x.r), "1.42") {
		answer.BuilderSize = new(int64)
	}
	return x.json(http.StatusOK, answer)
}

func imageUsage(x *exchange, u *usage) error {
	all, err := x.Images()
	if err != nil {
		return err
	}
	u.Images = []listedImage{}
	users := map[string]int64{}
	for _, r := range x.Containers() {
		users[r.ImageID]++
	}
	shared := x.SharedSizes(all)
	for _, img := range all {
		if isIntermediate(img, all) {
			continue
		}
		s := summarizeImage(x, img)
		s.SharedSize, s.Containers = shared[img.ID], users[img.ID.String()]
		u.Images = append(u.Images, s)
	}
	newestFirst(u.Images)
	u.LayersSize = x.LayersSize(all)
	return nil
}

func containerUsage(x *exchange, u *usage) error {
	u.Containers = []containertypes.Summary{}
	for _, r := range x.Containers() {
		s := summarize(r)
		c, err := x.Container(r.ID)
		if err != nil {
			continue // was removed meanwhile
		}
		if s.SizeRw, s.SizeRootFs, err = x.ContainerSize(c); err != nil {
			return err
		}
		u.Containers = append(u.Containers, s)
	}
	return nil
}

func volumeUsage(x *exchange, u *usage) error {
	all, err := x.Volumes()
	if err != nil {
		return err
	}
	u.Volumes = []volumetypes.Volume{}
	for _, v := range all {
		size, err := x.VolumeSize(v)
		if err != nil {
			return err
		}
		answer := volumeAnswer(v)
		answer.UsageData = &volumetypes.UsageData{Size: size, RefCount: int64(len(x.VolumeUsers(v.Name)))}
		u.Volumes = append(u.Volumes, answer)
	}
	return nil
}

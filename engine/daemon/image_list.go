//go:build linux

package daemon

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	imagetypes "github.com/moby/moby/api/types/image"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/image"
)

// damagedLabel tells, in a list of images, why one of them cannot be used.
const damagedLabel = "com.github.learndocker.damaged"

// listedImage has one member more for clients before API 1.44.
type listedImage struct {
	imagetypes.Summary
	VirtualSize *int64 `json:"VirtualSize,omitempty"`
}

func listImages(x *exchange) error {
	query := x.r.URL.Query()
	f, err := readFilters(query.Get("filters"), "dangling", "label", "label!", "before", "since", "reference", "until")
	if err != nil {
		return err
	}
	all, err := x.Images()
	if err != nil {
		return err
	}
	keep, err := imageFilter(x, f)
	if err != nil {
		return err
	}
	sizes := x.SharedSizes(all)
	list := []listedImage{}
	for _, img := range all {
		if isIntermediate(img, all) && !isTrue(query.Get("all")) || !keep(img) {
			continue
		}
		s := summarizeImage(x, img)
		if refs := f["reference"]; len(refs) > 0 {
			s.RepoTags = slices.DeleteFunc(s.RepoTags, func(t string) bool { return !matchesAny(refs, t) })
			s.RepoDigests = slices.DeleteFunc(s.RepoDigests, func(t string) bool { return !matchesAny(refs, t) })
		}
		if isTrue(query.Get("shared-size")) {
			s.SharedSize = sizes[img.ID]
		}
		list = append(list, s)
	}
	newestFirst(list)
	return x.json(http.StatusOK, list)
}

func newestFirst(list []listedImage) {
	slices.SortStableFunc(list, func(a, b listedImage) int { return cmp.Compare(b.Created, a.Created) })
}

// isIntermediate: an image without a name from which another was made is a step
// on the way, which docker images shows with --all only.
func isIntermediate(img image.Image, all []image.Image) bool {
	return len(img.References()) == 0 && slices.ContainsFunc(all, func(o image.Image) bool { return o.Parent == img.ID })
}

func summarizeImage(x *exchange, img image.Image) listedImage {
	s := listedImage{Summary: imagetypes.Summary{
		ID: img.ID.String(), ParentID: img.Parent.String(), RepoTags: familiar(img.Tags()), RepoDigests: familiar(img.Digests), Created: created(img),
		Size: x.ImageSize(img), SharedSize: -1, Containers: -1, Labels: img.Config.Config.Labels,
	}}
	if img.Damage != nil {
		s.Labels = map[string]string{damagedLabel: img.Damage.Error()}
	}
	if older(versionOf(x.r), "1.43") && len(s.RepoTags) == 0 && len(s.RepoDigests) == 0 {
		s.RepoTags, s.RepoDigests = []string{"<none>:<none>"}, []string{"<none>@<none>"}
	}
	if older(versionOf(x.r), "1.44") {
		s.VirtualSize = &s.Size
	}
	return s
}

func created(img image.Image) int64 {
	if img.Config.Created == nil {
		return 0
	}
	return img.Config.Created.Unix()
}

// familiar writes names as people do.
func familiar(names []string) []string {
	list := []string{}
	for _, n := range names {
		list = append(list, image.Familiar(n))
	}
	return list
}

// imageFilter makes a test of the filters of docker images.
func imageFilter(x *exchange, f filters) (func(image.Image) bool, error) {
	dangling, asked, err := f.boolean("dangling")
	if err != nil {
		return nil, err
	}
	until, err := f.until(time.Now())
	if err != nil {
		return nil, err
	}
	before, err := timesOf(x, f["before"])
	if err != nil {
		return nil, err
	}
	since, err := timesOf(x, f["since"])
	if err != nil {
		return nil, err
	}
	refs, hasRefs := f["reference"]
	return func(img image.Image) bool {
		at := time.Unix(0, 0)
		if img.Config.Created != nil {
			at = *img.Config.Created
		}
		switch {
		case asked && img.Dangling() != dangling, !f.labels(img.Config.Config.Labels), !until.IsZero() && at.After(until):
			return false
		case slices.ContainsFunc(before, func(t time.Time) bool { return !at.Before(t) }):
			return false
		case slices.ContainsFunc(since, func(t time.Time) bool { return !at.After(t) }):
			return false
		}
		return !hasRefs || slices.ContainsFunc(familiar(img.References()), func(t string) bool { return matchesAny(refs, t) })
	}, nil
}

// timesOf are when images were made.
func timesOf(x *exchange, names []string) ([]time.Time, error) {
	var times []time.Time
	for _, n := range names {
		img, err := x.Image(n)
		if err != nil {
			return nil, err
		}
		at := time.Unix(0, 0)
		if img.Config.Created != nil {
			at = *img.Config.Created
		}
		times = append(times, at)
	}
	return times, nil
}

// matchesAny holds a familiar name against patterns as docker does: with its tag
// or without.
func matchesAny(patterns []string, name string) bool {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		for _, n := range []string{reference.FamiliarString(named), reference.FamiliarName(named)} {
			if matched, err := path.Match(p, n); err == nil && matched {
				return true
			}
		}
		return false
	})
}

func pruneImages(x *exchange) error {
	f, err := readFilters(x.r.URL.Query().Get("filters"), "dangling", "label", "label!", "until")
	if err != nil {
		return err
	}
	dangling, asked, err := f.boolean("dangling")
	if err != nil {
		return err
	}
	until, err := f.until(time.Now())
	if err != nil {
		return err
	}
	done, err := x.PruneImages(asked && !dangling, func(img image.Image) bool {
		late := !until.IsZero() && (img.Config.Created == nil || img.Config.Created.After(until))
		return late || !f.labels(img.Config.Config.Labels)
	})
	if err != nil {
		return err
	}
	x.tellPrune(events.ImageEventType, done.Freed)
	return x.json(http.StatusOK, map[string]any{"ImagesDeleted": done.Done, "SpaceReclaimed": done.Freed})
}

func removeImage(x *exchange) error {
	query := x.r.URL.Query()
	done, err := x.RemoveImage(engine.ImageRemoval{Asked: x.r.PathValue("name"), Force: isTrue(query.Get("force")), Prune: !isTrue(query.Get("noprune"))})
	if err != nil {
		return err
	}
	if done.Done == nil {
		done.Done = []engine.Deletion{}
	}
	return x.json(http.StatusOK, done.Done)
}

package doctor

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/learndocker/learndocker/engine/api"
)

// little is the room, in bytes, below which images of any size do not fit.
const little = 64 << 20

func (c patient) place(use string) (api.Place, bool) {
	for _, p := range c.Inside.Places {
		if p.Use == use {
			return p, true
		}
	}
	return api.Place{}, false
}

// works reports whether layers can be stacked in the place by some means.
func works(p api.Place) bool {
	return p.Write.OK && slices.ContainsFunc(p.Drivers, func(d api.Driver) bool { return d.OK })
}

// elsewhere is a directory that was tried and works.
func (c patient) elsewhere() string {
	for _, p := range c.Inside.Places {
		if p.Use == api.PlaceOther && works(p) {
			return p.Dir
		}
	}
	return ""
}

// layers is about stacking them in the place where lessons keep theirs.
func (c patient) layers(place api.Place) Point {
	p := Point{Name: "layers", need: "overlay", State: OK}
	first := slices.IndexFunc(place.Drivers, func(d api.Driver) bool { return d.OK })
	switch {
	case first == 0:
		p.Meaning = "Layers are stacked by " + place.Drivers[0].Name + "."
		return p
	case first > 0:
		p.State, p.Refusal = Limited, place.Drivers[0].Error
		p.Meaning = fmt.Sprintf("Layers are stacked by %s, as the kernel's overlay does not work here: slower, with the same contents.", place.Drivers[first].Name)
		p.Mend = c.betterDriver(place)
		return p
	}
	overlay, last := place.Drivers[0], place.Drivers[len(place.Drivers)-1]
	p.State, p.Refusal = Missing, last.Error
	p.Meaning = "Layers cannot be stacked in " + place.Dir + " (" + place.FileSystem + ")."
	if slices.Contains(place.Options, "noexec") {
		p.Meaning = "In " + place.Dir + " (" + place.FileSystem + ") layers could only be copied, and it is mounted noexec: no program would run."
	}
	switch dir := c.elsewhere(); {
	case dir != "":
		p.Meaning += " In " + dir + " they stack."
		p.Mend = "TMPDIR=" + dir + " " + c.lesson()
	case overlay.Errno == "ENODEV":
		p.Meaning = "The kernel has no overlayfs, by which layers are stacked, or has not loaded it."
		p.Mend = c.asRoot("modprobe overlay")
	case c.boxed():
		p.Mend = c.privileged()
	case c.Outside.UID != 0:
		p.Mend = c.asRoot(c.lesson())
	}
	return p
}

// betterDriver is the mend where layers are stacked by some lesser means.
func (c patient) betterDriver(place api.Place) string {
	fuse := slices.IndexFunc(place.Drivers, func(d api.Driver) bool { return d.Name == "fuse-overlayfs" && !d.OK })
	switch {
	case place.Drivers[0].Errno == "ENODEV" && !c.boxed():
		return c.asRoot("modprobe overlay")
	case fuse >= 0 && c.Outside.Tools["fuse-overlayfs"] == "" && c.Inside.Fuse.OK:
		return c.asRoot(c.install("fuse-overlayfs", "fuse-overlayfs"))
	}
	return ""
}

// places are where lessons and the daemon keep their files.
func (c patient) places() []Point {
	var points []Point
	if place, ok := c.place(api.PlaceLessons); ok {
		p := c.disk(place)
		if p.State == Missing && c.elsewhere() != "" {
			p.Mend = "TMPDIR=" + c.elsewhere() + " " + c.lesson()
		}
		points = append(points, p)
		if place.Write.OK {
			points = append(points, c.layers(place))
		}
	}
	place, ok := c.place(api.PlaceData)
	if !ok {
		return points
	}
	p := c.disk(place)
	p.Name, p.Meaning = "data root", strings.Replace(p.Meaning, "TMPDIR", "--data-root", 1)
	if p.State == OK && !works(place) {
		p.State, p.Meaning = Missing, "Layers cannot be stacked in "+place.Dir+" ("+place.FileSystem+")."
		p.Refusal = place.Drivers[len(place.Drivers)-1].Error
	}
	if p.State == Missing { // lessons have a directory of their own
		p.State = Limited
		dir := c.elsewhere()
		if lessons, _ := c.place(api.PlaceLessons); dir == "" && works(lessons) {
			dir = lessons.Dir
		}
		if dir != "" {
			p.Meaning += " The daemon needs another data root."
			p.Mend = c.program + " daemon --data-root " + filepath.Join(dir, "learndocker-data")
		}
	}
	return append(points, p)
}

func (c patient) disk(place api.Place) Point {
	p := Point{Name: "disk", State: OK, Meaning: fmt.Sprintf("%s (%s) can be written.", place.Dir, place.FileSystem)}
	if place.Free >= 0 {
		p.Meaning = fmt.Sprintf("%s (%s) can be written, %s are free.", place.Dir, place.FileSystem, units.BytesSize(float64(place.Free)))
	}
	switch {
	case !place.Write.OK && place.Write.Errno == "ENOSPC":
		p.State, p.Meaning = Missing, "The disk is full: make room on "+place.Mount+", or name a directory elsewhere by TMPDIR."
	case !place.Write.OK && place.Write.Errno == "EROFS":
		p.State, p.Meaning = Missing, place.Mount+" is mounted read-only."
	case !place.Write.OK:
		p.State, p.Meaning = Missing, "Nothing can be written to "+place.Dir+"."
	case place.Free >= 0 && place.Free < little:
		p.State, p.Meaning = Limited, fmt.Sprintf("Of %s only %s are free: the bundled images fit, others may not.", place.Mount, units.BytesSize(float64(place.Free)))
	}
	if !place.Write.OK {
		p.Refusal = place.Write.Error
	}
	return p
}

//go:build linux

package engine

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/blkiodev"
	containertypes "github.com/moby/moby/api/types/container"
)

// Discard takes out of a request the limits that Docker lets go, with a warning,
// where the kernel has no file for them.
func (e *Engine) Discard(r *containertypes.Resources) []string {
	warnings := []string{}
	if r.BlkioWeight > 0 && !e.cgroups.Has("blkio.weight") && !e.cgroups.Has("io.weight") {
		r.BlkioWeight = 0
		warnings = append(warnings, "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.")
	}
	if len(r.BlkioWeightDevice) > 0 && !e.cgroups.Has("blkio.weight_device") && !e.cgroups.Has("io.weight") {
		r.BlkioWeightDevice = []*blkiodev.WeightDevice{}
		warnings = append(warnings, "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.")
	}
	return warnings
}

// IsFor refuses an image that is here for another platform than is wished. The
// docker command pulls it then, as one that is missing.
func (e *Engine) IsFor(config *containertypes.Config, platform string) error {
	if config == nil || platform == "" {
		return nil
	}
	wanted, err := v1.ParsePlatform(platform)
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	img, err := e.images.Find(config.Image)
	if err != nil {
		return nil // that is found out, and shown, by whoever needs it
	}
	has := v1.Platform{OS: img.Config.OS, Architecture: img.Config.Architecture, Variant: img.Config.Variant}
	if wanted.OS == has.OS && wanted.Architecture == has.Architecture && (wanted.Variant == "" || wanted.Variant == has.Variant) {
		return nil
	}
	return errorOf(ErrNotFound, "image with reference %s was found but does not match the specified platform: wanted %s, actual: %s", config.Image, wanted, has)
}

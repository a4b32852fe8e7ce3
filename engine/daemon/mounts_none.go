//go:build linux

package daemon

import (
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine"
)

func mountPoints(engine.Record) []containertypes.MountPoint { return []containertypes.MountPoint{} }
func hasMount(engine.Record, string) bool                   { return false }

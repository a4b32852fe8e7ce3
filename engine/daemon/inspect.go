//go:build linux

package daemon

import (
	"net/http"
	"path/filepath"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"

	"github.com/learndocker/learndocker/engine"
)

// never is the time of what has not been, in Docker's answers.
const never = "0001-01-01T00:00:00Z"

func inspectContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	r := c.Snapshot()
	for _, stamp := range []*string{&r.State.StartedAt, &r.State.FinishedAt} {
		if *stamp == "" {
			*stamp = never
		}
	}
	dir := c.Dir()
	answer := containertypes.InspectResponse{
		ID: r.ID, Created: r.Created.Format(time.RFC3339Nano), Path: r.Args[0], Args: r.Args[1:], State: &r.State, Image: r.ImageID,
		ResolvConfPath: filepath.Join(dir, "resolv.conf"), HostnamePath: filepath.Join(dir, "hostname"), HostsPath: filepath.Join(dir, "hosts"),
		LogPath: c.LogPath(), Name: "/" + r.Name, RestartCount: r.RestartCount, Driver: x.StorageDriver(), Platform: "linux",
		HostConfig: hostConfig(x, r), Config: r.Config, ExecIDs: c.ExecIDs(),
		GraphDriver: &storage.DriverData{Name: x.StorageDriver(), Data: map[string]string{
			"LowerDir": strings.Join(r.Lower, ":"), "UpperDir": filepath.Join(dir, "upper"), "WorkDir": filepath.Join(dir, "work"), "MergedDir": filepath.Join(dir, "merged"),
		}},
		Mounts: mountPoints(r), NetworkSettings: networkSettings(r),
	}
	if older(versionOf(x.r), "1.45") {
		withShortID(answer.NetworkSettings.Networks, r.ID)
	}
	if isTrue(x.r.URL.Query().Get("size")) {
		own, whole, err := x.ContainerSize(c)
		if err != nil {
			return err
		}
		answer.SizeRw, answer.SizeRootFs = &own, &whole
	}
	return x.json(http.StatusOK, answer)
}

// hostConfig is as it was asked for, but for links, which name both ends.
func hostConfig(x *exchange, r engine.Record) *containertypes.HostConfig {
	if len(r.HostConfig.Links) == 0 {
		return r.HostConfig
	}
	h := *r.HostConfig
	h.Links = x.Links(r)
	return &h
}

func networkSettings(r engine.Record) *containertypes.NetworkSettings {
	s := &containertypes.NetworkSettings{Ports: networktypes.PortMap{}, Networks: endpoints(r)}
	if r.State.Running && isBridged(r) {
		s.SandboxID, s.Ports = r.ID, portMap(r)
	}
	return s
}

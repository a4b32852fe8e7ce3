//go:build linux

package daemon

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"
	"github.com/opencontainers/go-digest"

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
	answer := inspectedContainer{NetworkSettings: networkSettings(r)}
	answer.InspectResponse = containertypes.InspectResponse{
		ID: r.ID, Created: r.Created.Format(time.RFC3339Nano), Path: r.Args[0], Args: r.Args[1:], State: &r.State, Image: r.ImageID,
		ResolvConfPath: filepath.Join(dir, "resolv.conf"), HostnamePath: filepath.Join(dir, "hostname"), HostsPath: filepath.Join(dir, "hosts"),
		LogPath: c.LogPath(), Name: "/" + r.Name, RestartCount: r.RestartCount, Driver: x.StorageDriver(), Platform: "linux",
		HostConfig: hostConfig(x, r), Config: r.Config, ExecIDs: c.ExecIDs(),
		GraphDriver: &storage.DriverData{Name: x.StorageDriver(), Data: map[string]string{
			"LowerDir": strings.Join(r.Lower, ":"), "UpperDir": filepath.Join(dir, "upper"), "WorkDir": filepath.Join(dir, "work"), "MergedDir": filepath.Join(dir, "merged"),
		}},
		Mounts: mountPoints(r),
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

// inspectedContainer is what docker inspect shows.
type inspectedContainer struct {
	containertypes.InspectResponse
	NetworkSettings shownNetwork
}

// shownNetwork also tells at its top what is so on the default bridge, as Docker
// does up to API 1.51.
type shownNetwork struct {
	Bridge                 string
	SandboxID              string
	SandboxKey             string
	Ports                  networktypes.PortMap
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	SecondaryIPAddresses   []struct{}
	SecondaryIPv6Addresses []struct{}
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string
	Networks               map[string]*networktypes.EndpointSettings
}

func networkSettings(r engine.Record) shownNetwork {
	s := shownNetwork{Ports: networktypes.PortMap{}, Networks: endpoints(r)}
	if !r.State.Running || !isBridged(r) {
		return s
	}
	s.SandboxID, s.Ports = idOf("sandbox", r.ID, r.State.StartedAt), portMap(r)
	s.SandboxKey = fmt.Sprintf("/proc/%d/ns/net", r.State.Pid)
	e := s.Networks["bridge"]
	if e == nil || !e.IPAddress.IsValid() {
		return s
	}
	s.EndpointID, s.IPAddress, s.IPPrefixLen, s.MacAddress = e.EndpointID, e.IPAddress.String(), e.IPPrefixLen, e.MacAddress.String()
	if e.Gateway.IsValid() {
		s.Gateway = e.Gateway.String()
	}
	return s
}

// idOf makes the id of what the engine knows by other names: 64 hex digits.
func idOf(words ...string) string { return digest.FromString(strings.Join(words, " ")).Encoded() }

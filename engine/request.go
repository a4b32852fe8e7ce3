//go:build linux

package engine

import (
	"fmt"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
)

// checkRequest completes a request for a container and refuses what this
// engine cannot do: a wish that is silently dropped would be a lie to the user.
func checkRequest(name string, q *containertypes.CreateRequest) error {
	if q.Config == nil {
		return errorOf(ErrInvalid, "config cannot be empty in order to create a container")
	}
	if q.HostConfig == nil {
		q.HostConfig = &containertypes.HostConfig{}
	}
	if name != "" && !validName.MatchString(strings.TrimPrefix(name, "/")) {
		return errorOf(ErrInvalid, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	if m := q.HostConfig.Memory; m > 0 && m < minMemory {
		return errorOf(ErrInvalid, "Minimum memory limit allowed is 6MB")
	}
	if wish := unsupported(q); wish != "" {
		return errorOf(ErrInvalid, "%s is not supported by learndocker's engine yet", wish)
	}
	return nil
}

const minMemory = 6 << 20 // bytes, Docker's

// unsupported names the first wish that the engine has no answer to.
func unsupported(q *containertypes.CreateRequest) string {
	h := q.HostConfig
	for _, w := range []struct {
		asked bool
		name  string
	}{
		{q.Tty, "a terminal (-t)"},
		{h.Privileged, "--privileged"},
		{len(h.PortBindings) > 0 || h.PublishAllPorts, "publishing ports (-p, -P)"},
		{h.PidMode != "", "--pid"},
		{h.IpcMode != "" && h.IpcMode != "private", "--ipc"},
		{h.UTSMode != "", "--uts"},
		{h.UsernsMode != "", "--userns"},
		{h.CgroupnsMode == "host", "--cgroupns host"},
		{h.RestartPolicy.Name != "" && h.RestartPolicy.Name != containertypes.RestartPolicyDisabled, "--restart"},
		{len(h.Links) > 0, "--link"},
		{len(h.ExtraHosts) > 0, "--add-host"},
		{len(h.DNS) > 0, "--dns"},
		{len(h.GroupAdd) > 0, "--group-add"},
		{len(h.Devices) > 0 || len(h.DeviceRequests) > 0, "--device"},
		{len(h.Ulimits) > 0, "--ulimit"},
		{len(h.Sysctls) > 0, "--sysctl"},
		{h.Init != nil && *h.Init, "--init"},
		{h.CPUShares != 0 || h.CPUQuota != 0 || h.CpusetCpus != "" || h.BlkioWeight != 0, "this resource limit"},
	} {
		if w.asked {
			return w.name
		}
	}
	switch h.NetworkMode {
	case "", "default", "bridge", "none":
	default:
		return fmt.Sprintf("--network %s", h.NetworkMode)
	}
	for _, o := range h.SecurityOpt {
		if o != "seccomp=unconfined" && !isNoNewPrivileges(o) {
			return "--security-opt " + o
		}
	}
	return ""
}

func isNoNewPrivileges(option string) bool {
	return option == "no-new-privileges" || option == "no-new-privileges=true" || option == "no-new-privileges:true"
}

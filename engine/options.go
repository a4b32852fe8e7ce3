//go:build linux

package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/pid1"
)

// options are what config.json is made of: the record, as the runtime reads it.
func (c *Container) options() (container.Options, error) {
	h, config := c.record.HostConfig, c.record.Config
	o := container.Options{
		ID: c.record.ID, Dir: c.dir, Rootfs: c.stack().Merged(), Hostname: config.Hostname, Domainname: config.Domainname,
		Args: c.record.Args, Env: config.Env, Cwd: config.WorkingDir, User: config.User, Terminal: config.Tty,
		CgroupParent: c.groups().Parent, Limits: limits(h), CapAdd: h.CapAdd, CapDrop: h.CapDrop, ReadonlyRootfs: h.ReadonlyRootfs,
		Privileged: h.Privileged, OOMScoreAdj: h.OomScoreAdj, Sysctls: h.Sysctls, ShmSize: h.ShmSize,
		MaskedPaths: h.MaskedPaths, ReadonlyPaths: h.ReadonlyPaths,
	}
	if h.Init != nil && *h.Init {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find own program: %w", err)
		}
		o.Args = append([]string{pid1.ReaperPath, "--"}, o.Args...)
		o.Mounts = append(o.Mounts, specs.Mount{Destination: pid1.ReaperPath, Type: "bind", Source: self, Options: []string{"bind", "ro"}})
	}
	if o.Hostname == "" { // the host's own: HOSTNAME names it all the same
		o.Hostname = hostname()
	}
	for _, u := range h.Ulimits {
		o.Rlimits = append(o.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	if err := securityOptions(&o, h.SecurityOpt); err != nil {
		return o, err
	}
	if err := c.addDevices(&o); err != nil {
		return o, err
	}
	for _, text := range h.DeviceCgroupRules {
		rule, err := container.ParseRule(text)
		if err != nil {
			return o, errorOf(ErrInvalid, "%s", err)
		}
		o.Rules = append(o.Rules, rule)
	}
	o.NoShm = h.IpcMode.IsNone()
	return o, c.shareNamespaces(&o)
}

// groups are the machine's control groups, below the parent that the container is
// to have.
func (c *Container) groups() cgroup.System {
	s := c.core.cgroups
	if h := c.record.HostConfig; h != nil && h.CgroupParent != "" {
		s.Parent = path.Join("/", h.CgroupParent)
	}
	return s
}

// checkRates refuses devices that are not there; the kernel is asked by number.
func checkRates(h *containertypes.HostConfig) error {
	for _, list := range [][]*throttleDevice{h.BlkioDeviceReadBps, h.BlkioDeviceWriteBps, h.BlkioDeviceReadIOps, h.BlkioDeviceWriteIOps} {
		for _, d := range list {
			if _, err := os.Stat(d.Path); err != nil {
				return errorOf(ErrInvalid, "stat %s: no such file or directory", d.Path)
			}
		}
	}
	return nil
}

func hostname() string {
	name, _ := os.Hostname() // "" is no name either
	return name
}

// securityOptions reads --security-opt.
func securityOptions(o *container.Options, given []string) error {
	for _, option := range given {
		name, value, ok := strings.Cut(option, "=")
		if !ok {
			name, value, _ = strings.Cut(option, ":") // Docker's older form
		}
		switch name {
		case "no-new-privileges":
			on, err := strconv.ParseBool(value)
			if value != "" && err != nil {
				return errorOf(ErrInvalid, "invalid --security-opt 2: %q", option)
			}
			o.NoNewPrivs = value == "" || on
		case "seccomp":
			if err := checkProfile(value); err != nil {
				return err
			}
			if o.Seccomp = value; value == "builtin" {
				o.Seccomp = ""
			}
		case "apparmor":
			o.Apparmor = value
		case "label": // SELinux's; there is nothing to label where it is off
		case "systempaths":
			if value != "unconfined" {
				return errorOf(ErrInvalid, "invalid --security-opt: %q", option)
			}
			o.MaskedPaths, o.ReadonlyPaths = []string{}, []string{}
		default:
			return errorOf(ErrInvalid, "invalid --security-opt 2: %q", option)
		}
	}
	return nil
}

func checkProfile(profile string) error {
	if profile == "unconfined" || profile == "builtin" || json.Valid([]byte(profile)) {
		return nil
	}
	return errorOf(ErrInvalid, "invalid seccomp profile: it is neither %q nor JSON", "unconfined")
}

// addDevices: those that a user names must be there when the container starts.
func (c *Container) addDevices(o *container.Options) error {
	h := c.record.HostConfig
	if h.Privileged && !c.core.rootless {
		nodes, err := container.HostNodes()
		if err != nil {
			return fmt.Errorf("list devices: %w", err)
		}
		o.Devices = nodes
	}
	for _, d := range h.Devices {
		inside, access := d.PathInContainer, d.CgroupPermissions
		if inside == "" {
			inside = d.PathOnHost
		}
		if access == "" {
			access = "rwm"
		}
		nodes, err := container.Nodes(d.PathOnHost, inside, access)
		if err != nil && !c.starting {
			continue
		}
		if err != nil {
			return errorOf(ErrInvalid, "%s", err)
		}
		o.Devices = append(o.Devices, nodes...)
	}
	return nil
}

// shareNamespaces names the namespaces that the container does not have to
// itself. Those of another container are found while that one runs.
func (c *Container) shareNamespaces(o *container.Options) error {
	h := c.record.HostConfig
	o.Shared = map[specs.LinuxNamespaceType]string{}
	for _, s := range []struct {
		kind specs.LinuxNamespaceType
		file string
		mode string
	}{
		{specs.PIDNamespace, "pid", string(h.PidMode)}, {specs.IPCNamespace, "ipc", string(h.IpcMode)}, {specs.UTSNamespace, "uts", string(h.UTSMode)},
		{specs.NetworkNamespace, "net", string(h.NetworkMode)}, {specs.CgroupNamespace, "cgroup", string(h.CgroupnsMode)},
	} {
		if s.mode == "host" {
			o.Shared[s.kind] = container.HostNamespace
		}
		other, ok := strings.CutPrefix(s.mode, "container:")
		if !ok || !c.starting {
			continue
		}
		pid, err := c.core.pidOf(other)
		if err != nil {
			return err
		}
		o.Shared[s.kind] = fmt.Sprintf("/proc/%d/ns/%s", pid, s.file)
	}
	if h.Privileged && h.CgroupnsMode == "" && c.core.cgroups.Version == "v1" {
		o.Shared[specs.CgroupNamespace] = container.HostNamespace
	}
	return nil
}

// pidOf is the first process of a container that must be running.
func (c *core) pidOf(name string) (int, error) {
	other, err := (&Engine{core: c}).Container(name)
	if err != nil {
		return 0, err
	}
	r := other.Snapshot()
	if !r.State.Running || r.State.Pid == 0 {
		return 0, errorOf(ErrConflict, "cannot join namespace of a non running container: container %s is %s", name, r.State.Status)
	}
	return r.State.Pid, nil
}

// isOpen reports whether what config.json says depends on what is there when the
// container starts: another container that runs, or a device.
func isOpen(h *containertypes.HostConfig) bool {
	if len(h.Devices) > 0 {
		return true
	}
	modes := []string{string(h.PidMode), string(h.IpcMode), string(h.UTSMode), string(h.NetworkMode)}
	return slices.ContainsFunc(modes, func(m string) bool { return strings.HasPrefix(m, "container:") })
}

func limits(h *containertypes.HostConfig) cgroup.Limits {
	l := cgroup.Limits{
		Memory: h.Memory, Swap: h.MemorySwap, Reservation: h.MemoryReservation, NanoCPUs: h.NanoCPUs, Quota: h.CPUQuota, Period: uint64(h.CPUPeriod),
		RealtimePeriod: uint64(h.CPURealtimePeriod), RealtimeRuntime: h.CPURealtimeRuntime, Shares: uint64(h.CPUShares), CPUs: h.CpusetCpus, Mems: h.CpusetMems, BlkioWeight: h.BlkioWeight,
	}
	if h.PidsLimit != nil {
		l.Pids = *h.PidsLimit
	}
	if h.MemorySwappiness != nil && *h.MemorySwappiness >= 0 {
		s := uint64(*h.MemorySwappiness)
		l.Swappiness = &s
	}
	if h.OomKillDisable != nil {
		l.DisableOOMKiller = *h.OomKillDisable
	}
	for _, r := range []struct {
		to   *[]cgroup.Rate
		from []*throttleDevice
	}{
		{&l.ReadBps, h.BlkioDeviceReadBps}, {&l.WriteBps, h.BlkioDeviceWriteBps}, {&l.ReadIOps, h.BlkioDeviceReadIOps}, {&l.WriteIOps, h.BlkioDeviceWriteIOps},
	} {
		for _, d := range r.from {
			*r.to = append(*r.to, rateOf(d))
		}
	}
	return l
}

// rateOf names the device by its numbers, 0:0 for what is no block device: the
// kernel refuses that.
func rateOf(d *throttleDevice) cgroup.Rate {
	r := cgroup.Rate{Rate: d.Rate}
	var st unix.Stat_t
	if unix.Stat(d.Path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
		r.Major, r.Minor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
	}
	return r
}

// propagationOf is what the root mount must be for mounts of the host's to be seen
// in these, as Docker has it.
func propagationOf(mounts []specs.Mount) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(mounts, func(m specs.Mount) bool {
			return slices.ContainsFunc(m.Options, func(o string) bool { return slices.Contains(names, o) })
		})
	}
	switch {
	case has("shared", "rshared"):
		return "shared"
	case has("slave", "rslave"):
		return "rslave"
	}
	return ""
}

func isUlimit(name string) bool {
	_, err := units.ParseUlimit(name + "=1")
	return err == nil
}

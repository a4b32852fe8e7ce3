//go:build linux

package container

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	profiles "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container/caps"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Options are what a user and an image's settings ask of a container.
type Options struct {
	ID       string
	Dir      string // the container's directory on the host
	Rootfs   string // where its root file system will be mounted
	Hostname string

	Args []string
	Env  []string // "NAME=value"
	Cwd  string
	User string // "name", "uid", "name:group", …; "" is root

	CgroupParent   string
	Limits         cgroup.Limits
	CapAdd         []string
	CapDrop        []string
	NoNewPrivs     bool
	ReadonlyRootfs bool
	Unconfined     bool // no seccomp filter
}

// NewSpec writes the OCI config.json of a container with Docker's defaults.
// See the OCI runtime specification, config.md and config-linux.md.
func NewSpec(o Options) (*specs.Spec, error) {
	set, err := caps.Set(o.CapAdd, o.CapDrop)
	if err != nil {
		return nil, err
	}
	cwd := o.Cwd
	if cwd == "" {
		cwd = "/"
	}
	if !filepath.IsAbs(cwd) {
		return nil, fmt.Errorf("the working directory %q is invalid, it needs to be an absolute path", cwd)
	}
	spec := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: o.Rootfs, Readonly: o.ReadonlyRootfs},
		Process: &specs.Process{
			Args: o.Args, Cwd: cwd, Env: environment(o), NoNewPrivileges: o.NoNewPrivs,
			User:         specs.User{Username: o.User},
			Capabilities: &specs.LinuxCapabilities{Bounding: set, Effective: set, Permitted: set},
		},
		Hostname: o.Hostname,
		Mounts:   mounts(o),
		Linux: &specs.Linux{
			CgroupsPath:   filepath.Join(o.CgroupParent, o.ID),
			Namespaces:    namespaces,
			Resources:     resources(o.Limits),
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: readonlyPaths,
		},
	}
	if !o.Unconfined {
		spec.Linux.Seccomp, err = profiles.GetDefaultProfile(spec)
		if err != nil {
			return nil, fmt.Errorf("make seccomp profile: %w", err)
		}
	}
	return spec, nil
}

var namespaces = []specs.LinuxNamespace{
	{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.UTSNamespace},
	{Type: specs.IPCNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.CgroupNamespace},
}

// environment is Docker's: PATH and HOSTNAME first, then the image's and the
// user's variables, of which the last of a name wins.
func environment(o Options) []string {
	env := []string{defaultPath, "HOSTNAME=" + o.Hostname}
	for _, v := range o.Env {
		name, _, _ := strings.Cut(v, "=")
		same := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if same >= 0 {
			env[same] = v
			continue
		}
		env = append(env, v)
	}
	return env
}

func mounts(o Options) []specs.Mount {
	bind := func(name string) specs.Mount {
		return specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: filepath.Join(o.Dir, name), Options: []string{"rbind", "rprivate"}}
	}
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
		bind("resolv.conf"), bind("hostname"), bind("hosts"),
	}
}

func resources(l cgroup.Limits) *specs.LinuxResources {
	r := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}}
	for _, d := range cgroup.DefaultDevices() {
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: string(d.Type), Access: d.Access}
		if d.Major >= 0 {
			rule.Major = &d.Major
		}
		if d.Minor >= 0 {
			rule.Minor = &d.Minor
		}
		r.Devices = append(r.Devices, rule)
	}
	if l.Memory > 0 {
		r.Memory = &specs.LinuxMemory{Limit: &l.Memory}
	}
	if l.Pids > 0 {
		r.Pids = &specs.LinuxPids{Limit: &l.Pids}
	}
	if l.NanoCPUs > 0 {
		quota, period := l.NanoCPUs*100_000/1_000_000_000, uint64(100_000)
		r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
	}
	return r
}

// maskedPaths are Docker's: files of /proc and /sys that are the machine's, not
// the container's.
func maskedPaths() []string {
	paths := []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
	}
	for cpu := range runtime.NumCPU() {
		paths = append(paths, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/thermal_throttle", cpu))
	}
	return paths
}

var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

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
	ID         string
	Dir        string // the container's directory on the host
	Rootfs     string // where its root file system will be mounted
	Hostname   string
	Domainname string

	Args     []string
	Env      []string // "NAME=value"
	Cwd      string
	User     string // "name", "uid", "name:group", …; "" is root
	Terminal bool

	CgroupParent   string
	Limits         cgroup.Limits
	Rlimits        []specs.POSIXRlimit
	OOMScoreAdj    int
	Sysctls        map[string]string
	CapAdd         []string
	CapDrop        []string
	Devices        []Node
	Rules          []cgroup.Device // what may be done with devices, besides
	NoShm          bool            // no /dev/shm: --ipc none
	Privileged     bool
	NoNewPrivs     bool
	ReadonlyRootfs bool
	Seccomp        string   // a profile's JSON, "unconfined", or "" for Docker's own
	Apparmor       string   // a profile's name; "" for none
	MaskedPaths    []string // nil is Docker's own list
	ReadonlyPaths  []string // likewise

	Mounts  []specs.Mount // besides Docker's own
	ShmSize int64         // bytes of /dev/shm; 0 is 64 MiB
	Shared  map[specs.LinuxNamespaceType]string
}

// HostNamespace, as the path of a shared namespace, is the daemon's own.
const HostNamespace = "host"

// NewSpec writes the OCI config.json of a container with Docker's defaults.
// See the OCI runtime specification, config.md and config-linux.md.
func NewSpec(o Options) (*specs.Spec, error) {
	if o.Privileged {
		o.CapAdd, o.Seccomp, o.MaskedPaths, o.ReadonlyPaths = []string{"ALL"}, "unconfined", []string{}, []string{}
	}
	set, err := caps.Set(o.CapAdd, o.CapDrop)
	if err != nil {
		return nil, err
	}
	cwd := o.Cwd
	if cwd == "" {
		cwd = "/"
	}
	if !filepath.IsAbs(cwd) {
		return nil, fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", cwd)
	}
	spec := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: o.Rootfs, Readonly: o.ReadonlyRootfs},
		Process: &specs.Process{
			Args: o.Args, Cwd: cwd, Env: environment(o), NoNewPrivileges: o.NoNewPrivs, Terminal: o.Terminal,
			User:         specs.User{Username: o.User},
			Capabilities: &specs.LinuxCapabilities{Bounding: set, Effective: set, Permitted: set},
			Rlimits:      o.Rlimits, ApparmorProfile: o.Apparmor,
		},
		Hostname: o.Hostname, Domainname: o.Domainname,
		Mounts: append(mounts(o), o.Mounts...),
		Linux: &specs.Linux{
			CgroupsPath: filepath.Join(o.CgroupParent, o.ID), Namespaces: o.namespaces(), Resources: o.resources(), Sysctl: o.Sysctls,
			MaskedPaths: o.MaskedPaths, ReadonlyPaths: o.ReadonlyPaths, Devices: o.nodes(),
		},
	}
	if o.OOMScoreAdj != 0 {
		spec.Process.OOMScoreAdj = &o.OOMScoreAdj
	}
	if o.MaskedPaths == nil {
		spec.Linux.MaskedPaths = MaskedPaths()
	}
	if o.ReadonlyPaths == nil {
		spec.Linux.ReadonlyPaths = ReadonlyPaths()
	}
	switch o.Seccomp {
	case "unconfined":
	case "":
		spec.Linux.Seccomp, err = profiles.GetDefaultProfile(spec)
	default:
		spec.Linux.Seccomp, err = profiles.LoadProfile(o.Seccomp, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("make seccomp profile: %w", err)
	}
	return spec, nil
}

// kinds of namespaces that Docker gives a container, in its order.
var kinds = []specs.LinuxNamespaceType{
	specs.MountNamespace, specs.PIDNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace, specs.CgroupNamespace,
}

func (o Options) namespaces() []specs.LinuxNamespace {
	var list []specs.LinuxNamespace
	for _, kind := range kinds {
		if path := o.Shared[kind]; path != HostNamespace {
			list = append(list, specs.LinuxNamespace{Type: kind, Path: path})
		}
	}
	return list
}

// environment is Docker's: PATH and HOSTNAME first, TERM where there is a
// terminal, then the image's and the user's variables, of which the last of a
// name wins. A name without "=" takes the variable away.
func environment(o Options) []string {
	env := []string{defaultPath, "HOSTNAME=" + o.Hostname}
	if o.Terminal {
		env = append(env, "TERM=xterm")
	}
	return Overlaid(env, o.Env)
}

// Overlaid is an environment with further variables in the place of those of the
// same names.
func Overlaid(env, further []string) []string {
	for _, v := range further {
		name, _, sets := strings.Cut(v, "=")
		same := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		switch {
		case same >= 0 && sets:
			env[same] = v
		case same >= 0:
			env = slices.Delete(env, same, same+1)
		case sets:
			env = append(env, v)
		}
	}
	return env
}

func mounts(o Options) []specs.Mount {
	bind := func(name string) specs.Mount {
		return specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: filepath.Join(o.Dir, name), Options: []string{"rbind", "rprivate"}}
	}
	size := o.ShmSize
	if size == 0 {
		size = 64 << 20
	}
	kernel := []string{"nosuid", "noexec", "nodev", "ro"}
	group := []string{"ro", "nosuid", "noexec", "nodev"}
	if o.Privileged {
		kernel, group = kernel[:3], group[1:]
	}
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: kernel},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: group},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", size)}},
		bind("resolv.conf"), bind("hostname"), bind("hosts"),
	}
	return slices.DeleteFunc(list, func(m specs.Mount) bool {
		return o.covers(m.Destination) || o.NoShm && m.Destination == "/dev/shm"
	})
}

// covers reports whether a mount of the user's takes the place of one of Docker's.
func (o Options) covers(destination string) bool {
	return slices.ContainsFunc(o.Mounts, func(m specs.Mount) bool { return filepath.Clean(m.Destination) == destination })
}

func (o Options) resources() *specs.LinuxResources {
	r := o.Limits.OCI()
	if o.Privileged {
		r.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		return r
	}
	r.Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for _, d := range o.DeviceRules() {
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: string(d.Type), Access: d.Access}
		if d.Major >= 0 {
			rule.Major = &d.Major
		}
		if d.Minor >= 0 {
			rule.Minor = &d.Minor
		}
		r.Devices = append(r.Devices, rule)
	}
	return r
}

// MaskedPaths are Docker's: files of /proc and /sys that are the machine's, not
// the container's.
func MaskedPaths() []string {
	paths := []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
	}
	for cpu := range runtime.NumCPU() {
		paths = append(paths, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/thermal_throttle", cpu))
	}
	return paths
}

// ReadonlyPaths are Docker's: a container may look, not write.
func ReadonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

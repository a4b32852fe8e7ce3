package runflags

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Versions are those of the API that flags need which not every daemon knows.
func Versions() map[string]string {
	return map[string]string{"cgroupns": "1.41", "annotation": "1.43", "health-start-interval": "1.44"}
}

// Around is what a request depends on besides its flags.
type Around struct {
	DaemonOS string
	// Proxies adds the variables of the user's proxies to those given.
	Proxies func(given map[string]*string) map[string]*string
}

// Request is the body of POST /containers/create for an image and the
// container's command line.
func (f *Flags) Request(image string, args []string, around Around) (containertypes.CreateRequest, error) {
	var q containertypes.CreateRequest
	if f.mac != "" {
		if _, err := net.ParseMAC(strings.TrimSpace(f.mac)); err != nil {
			return q, fmt.Errorf("%s is not a valid mac address", f.mac)
		}
	}
	if f.swappiness < -1 || f.swappiness > 100 {
		return q, fmt.Errorf("invalid value: %d. Valid memory swappiness range is 0-100", f.swappiness)
	}
	var err error
	q.Config, q.HostConfig = f.config(image, args), f.hostConfig()
	if q.HostConfig.Binds, q.Volumes, err = volumes(f.volumes.Values); err != nil {
		return q, err
	}
	if q.ExposedPorts, q.HostConfig.PortBindings, err = ports(f.publish.Values, f.expose.Values); err != nil {
		return q, err
	}
	if q.HostConfig.Resources, err = f.resources(around.DaemonOS); err != nil {
		return q, err
	}
	if q.Env, err = f.environment(around.Proxies); err != nil {
		return q, err
	}
	if q.Labels, err = labels(f.labelFiles.Values, f.labels.Values); err != nil {
		return q, err
	}
	if err := f.complete(q.HostConfig); err != nil {
		return q, err
	}
	if q.Healthcheck, err = f.health(); err != nil {
		return q, err
	}
	if f.rm && !q.HostConfig.RestartPolicy.IsNone() {
		return q, errors.New("conflicting options: cannot specify both --restart and --rm")
	}
	endpoints, err := f.endpoints()
	q.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: endpoints}
	return q, err
}

// Detached takes the streams from a request: nobody is there.
func Detached(q *containertypes.CreateRequest) {
	q.AttachStdin, q.AttachStdout, q.AttachStderr, q.StdinOnce = false, false, false, false
}

func (f *Flags) config(image string, args []string) *containertypes.Config {
	attach := func(name string) bool { return slices.Contains(f.Attach.Values, name) }
	all := len(f.Attach.Values) == 0
	c := &containertypes.Config{
		Hostname: f.hostname, Domainname: f.domainname, User: f.user, Tty: f.tty, OpenStdin: f.stdin,
		AttachStdin: f.stdin || attach("stdin"), AttachStdout: all || attach("stdout"), AttachStderr: all || attach("stderr"),
		Image: image, WorkingDir: f.workdir, StopSignal: f.stopSignal,
	}
	c.StdinOnce = c.OpenStdin && c.AttachStdin
	if len(args) > 0 {
		c.Cmd = args
	}
	if f.set.Changed("entrypoint") { // an empty one takes away the image's
		c.Entrypoint = []string{f.entrypoint}
	}
	if f.set.Changed("stop-timeout") {
		c.StopTimeout = &f.stopTimeout
	}
	return c
}

func (f *Flags) hostConfig() *containertypes.HostConfig {
	h := &containertypes.HostConfig{
		ContainerIDFile: f.idFile, OomScoreAdj: f.oomScore, AutoRemove: f.rm, Privileged: f.privileged, Links: f.links.Values,
		PublishAllPorts: f.publishAll, DNS: []netip.Addr{}, DNSSearch: f.dnsSearch.orEmpty(), DNSOptions: f.dnsOptions.orEmpty(),
		ExtraHosts: f.hosts.Values, VolumesFrom: f.volumesFrom.Values, IpcMode: containertypes.IpcMode(f.ipc), NetworkMode: f.networks.mode(),
		PidMode: containertypes.PidMode(f.pid), UTSMode: containertypes.UTSMode(f.uts), UsernsMode: containertypes.UsernsMode(f.userns),
		CgroupnsMode: containertypes.CgroupnsMode(f.cgroupns), CapAdd: capabilities(f.capAdd.Values), CapDrop: capabilities(f.capDrop.Values),
		GroupAdd: f.groups.Values, ReadonlyRootfs: f.readOnly, VolumeDriver: f.volumeDriver, Isolation: containertypes.Isolation(f.isolation),
		ShmSize: int64(f.shm), Tmpfs: map[string]string{}, Sysctls: f.sysctls.Values, Runtime: f.runtime, Mounts: f.mounts.list,
		Annotations: f.annotations.Values, StorageOpt: map[string]string{},
	}
	for _, a := range f.dns.Values {
		h.DNS = append(h.DNS, netip.MustParseAddr(a)) // it has been checked
	}
	for _, t := range f.tmpfs.Values {
		path, options, _ := strings.Cut(t, ":")
		h.Tmpfs[path] = options
	}
	if f.set.Changed("init") {
		h.Init = &f.init
	}
	return h
}

// complete adds to the host's part what can be wrong.
func (f *Flags) complete(h *containertypes.HostConfig) error {
	for _, mode := range []struct {
		valid bool
		say   string
	}{
		{h.PidMode.Valid(), "--pid: invalid PID mode"},
		{h.UTSMode.Valid(), "--uts: invalid UTS mode"},
		{h.UsernsMode.Valid(), "--userns: invalid USER mode"},
		{h.CgroupnsMode.Valid(), "--cgroupns: invalid CGROUP mode"},
	} {
		if !mode.valid {
			return errors.New(mode.say)
		}
	}
	var err error
	if h.RestartPolicy, err = RestartPolicy(f.restart); err != nil {
		return err
	}
	if f.logDriver == "none" && len(f.logOptions.Values) > 0 {
		return errors.New("invalid logging opts for driver none")
	}
	h.LogConfig = containertypes.LogConfig{Type: f.logDriver, Config: map[string]string{}}
	for _, o := range f.logOptions.Values {
		k, v, _ := strings.Cut(o, "=")
		h.LogConfig.Config[k] = v
	}
	for _, o := range f.storage.Values {
		k, v, ok := strings.Cut(o, "=")
		if !ok {
			return errors.New("invalid storage option")
		}
		h.StorageOpt[k] = v
	}
	return f.secure(h)
}

func (f *Flags) resources(daemonOS string) (containertypes.Resources, error) {
	mappings, cdi, err := devices(f.devices.Values, daemonOS)
	r := containertypes.Resources{
		CgroupParent: f.cgroupParent, Memory: int64(f.memory), MemoryReservation: int64(f.reservation), MemorySwap: int64(f.swap.Bytes),
		MemorySwappiness: &f.swappiness, OomKillDisable: &f.oomOff, NanoCPUs: int64(f.cpus), CPUShares: f.shares, CPUPeriod: f.period,
		CPUQuota: f.quota, CPURealtimePeriod: f.rtPeriod, CPURealtimeRuntime: f.rtRuntime, CpusetCpus: f.cpuset, CpusetMems: f.mems,
		PidsLimit: &f.pids, BlkioWeight: f.blkio, BlkioWeightDevice: notNil(f.weights.list),
		BlkioDeviceReadBps: notNil(f.readBps.list), BlkioDeviceWriteBps: notNil(f.writeBps.list),
		BlkioDeviceReadIOps: notNil(f.readIOps.list), BlkioDeviceWriteIOps: notNil(f.writeIOps.list),
		Ulimits: f.ulimits.list(), DeviceCgroupRules: f.deviceRules.Values, Devices: mappings,
	}
	if len(cdi) > 0 {
		r.DeviceRequests = []containertypes.DeviceRequest{{Driver: "cdi", DeviceIDs: cdi}}
	}
	return r, err
}

func notNil[T any](list []T) []T { return append([]T{}, list...) }

func (f *Flags) environment(proxies func(map[string]*string) map[string]*string) ([]string, error) {
	given := distinct(f.Env.Values)
	if proxies != nil {
		said := map[string]*string{}
		for _, v := range given {
			name, _, _ := strings.Cut(v, "=")
			said[name] = nil
		}
		all := proxies(maps.Clone(said))
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if _, own := said[name]; !own && all[name] != nil {
				given = append(given, name+"="+*all[name])
			}
		}
	}
	return Environment(f.envFiles.Values, given)
}

// capabilities are names as the kernel has them, each once, sorted.
func capabilities(values []string) []string {
	var names []string
	for _, v := range values {
		v = strings.ToUpper(v)
		if v != "ALL" && !strings.HasPrefix(v, "CAP_") {
			v = "CAP_" + v
		}
		names = append(names, v)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// secure reads the values of --security-opt. A seccomp profile goes to the
// daemon with its content: the file is the client's.
func (f *Flags) secure(h *containertypes.HostConfig) error {
	if len(f.security.Values) > 0 {
		h.SecurityOpt = []string{}
	}
	for _, o := range f.security.Values {
		key, value, ok := strings.Cut(o, "=")
		if !ok && key != "no-new-privileges" {
			key, value, ok = strings.Cut(o, ":")
		}
		if (!ok || value == "") && key != "no-new-privileges" {
			return fmt.Errorf("Invalid --security-opt: %q", o)
		}
		switch {
		case o == "systempaths=unconfined":
			h.MaskedPaths, h.ReadonlyPaths = []string{}, []string{}
			continue
		case key == "seccomp" && value != "builtin" && value != "unconfined":
			profile, err := seccompProfile(value)
			if err != nil {
				return err
			}
			o = "seccomp=" + profile
		}
		h.SecurityOpt = append(h.SecurityOpt, o)
	}
	return nil
}

func seccompProfile(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("opening seccomp profile (%s) failed: %w", file, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return "", fmt.Errorf("compacting json for seccomp profile (%s) failed: %w", file, err)
	}
	return compact.String(), nil
}

func (f *Flags) health() (*containertypes.HealthConfig, error) {
	said := f.healthCommand != "" || f.healthInterval != 0 || f.healthTimeout != 0 || f.healthStartPeriod != 0 || f.healthRetries != 0 || f.healthStartInterval != 0
	if f.noHealth && said {
		return nil, errors.New("--no-healthcheck conflicts with --health-* options")
	}
	if f.noHealth {
		return &containertypes.HealthConfig{Test: []string{"NONE"}}, nil
	}
	if !said {
		return nil, nil
	}
	for name, negative := range map[string]bool{
		"interval": f.healthInterval < 0, "timeout": f.healthTimeout < 0, "retries": f.healthRetries < 0,
		"start-period": f.healthStartPeriod < 0, "start-interval": f.healthStartInterval < 0,
	} {
		if negative {
			return nil, fmt.Errorf("--health-%s cannot be negative", name)
		}
	}
	h := &containertypes.HealthConfig{
		Interval: f.healthInterval, Timeout: f.healthTimeout, StartPeriod: f.healthStartPeriod, StartInterval: f.healthStartInterval, Retries: f.healthRetries,
	}
	if f.healthCommand != "" {
		h.Test = []string{"CMD-SHELL", f.healthCommand}
	}
	return h, nil
}

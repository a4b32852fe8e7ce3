//go:build linux

package daemon

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
)

func (d *Daemon) versions(x *exchange) error {
	return x.json(http.StatusOK, map[string]any{
		"Platform": map[string]string{"Name": "learndocker"},
		"Version":  d.version, "ApiVersion": api.Version, "MinAPIVersion": api.MinVersion,
		"Os": "linux", "Arch": runtime.GOARCH, "GoVersion": runtime.Version(), "KernelVersion": kernelRelease(),
		"Components": []map[string]any{{"Name": "Engine", "Version": d.version, "Details": map[string]string{
			"ApiVersion": api.Version, "MinAPIVersion": api.MinVersion, "Os": "linux", "Arch": runtime.GOARCH,
			"GoVersion": runtime.Version(), "KernelVersion": kernelRelease(),
		}}},
	})
}

func (d *Daemon) info(x *exchange) error {
	images, err := x.Images()
	if err != nil {
		return err
	}
	all := map[string]any{
		"ID": x.DataRoot(), "Name": nodeName(), "ServerVersion": d.version, "DockerRootDir": x.DataRoot(), "Driver": x.StorageDriver(),
		"Images": len(images), "CgroupDriver": "cgroupfs", "CgroupVersion": strings.TrimPrefix(x.Cgroups().Version, "v"), "LoggingDriver": engine.LogDriver,
		"DefaultRuntime": engine.RuntimeName, "Runtimes": map[string]any{engine.RuntimeName: map[string]any{}}, "SecurityOptions": security(x),
		"Plugins":            map[string]any{"Network": []string{"bridge", "host", "null"}, "Volume": []string{"local"}, "Log": []string{engine.LogDriver, "none"}},
		"IndexServerAddress": "https://index.docker.io/v1/", "RegistryConfig": registries(), "Swarm": map[string]any{"LocalNodeState": "inactive"},
		"Labels": []string{}, "NGoroutines": runtime.NumGoroutine(), "SystemTime": time.Now().Format(time.RFC3339Nano),
	}
	for _, part := range []map[string]any{counts(x), machine(), limitsHere(x)} {
		for k, v := range part {
			all[k] = v
		}
	}
	return x.json(http.StatusOK, all)
}

func counts(x *exchange) map[string]any {
	running, paused := 0, 0
	records := x.Containers()
	for _, r := range records {
		switch {
		case r.State.Paused:
			paused++
		case r.State.Running:
			running++
		}
	}
	return map[string]any{
		"Containers": len(records), "ContainersRunning": running, "ContainersPaused": paused, "ContainersStopped": len(records) - running - paused,
	}
}

func security(x *exchange) []string {
	list := []string{"name=seccomp,profile=builtin", "name=cgroupns"}
	if x.Rootless() {
		list = append(list, "name=rootless")
	}
	return list
}

// registries: what is on this machine is asked without TLS.
func registries() map[string]any {
	hub := map[string]any{"Name": "docker.io", "Mirrors": []string{}, "Secure": true, "Official": true}
	return map[string]any{"InsecureRegistryCIDRs": []string{"127.0.0.0/8"}, "IndexConfigs": map[string]any{"docker.io": hub}, "Mirrors": []string{}}
}

func machine() map[string]any {
	u := uname()
	return map[string]any{
		"KernelVersion": unix.ByteSliceToString(u.Release[:]), "OSType": "linux", "Architecture": unix.ByteSliceToString(u.Machine[:]),
		"OperatingSystem": operatingSystem(), "NCPU": runtime.NumCPU(), "MemTotal": engine.MachineMemory(),
	}
}

// operatingSystem is what the machine calls itself: os-release(5).
func operatingSystem() string {
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				return strings.Trim(name, `"'`)
			}
		}
	}
	return "Linux"
}

// limitsHere tells which limits the kernel keeps, and warns of those that it does
// not, in Docker's words.
func limitsHere(x *exchange) map[string]any {
	groups := x.Cgroups()
	v1 := groups.Version == "v1"
	all, warnings := map[string]any{}, []string{}
	for _, l := range []struct {
		name, lacks string
		has         bool
	}{
		{"MemoryLimit", "memory limit", groups.Controls("memory", "memory.limit_in_bytes")},
		{"SwapLimit", "swap limit", groups.Controls("memory", "memory.memsw.limit_in_bytes")},
		{"OomKillDisable", "oom kill disable", v1 && groups.Has("memory.oom_control")},
		{"CpuCfsQuota", "cpu cfs quota", groups.Controls("cpu", "cpu.cfs_quota_us")},
		{"CpuCfsPeriod", "cpu cfs period", groups.Controls("cpu", "cpu.cfs_period_us")},
		{"CPUShares", "cpu shares", groups.Controls("cpu", "cpu.shares")},
		{"CPUSet", "cpuset", groups.Controls("cpuset", "cpuset.cpus")},
		{"PidsLimit", "pids limit", groups.Controls("pids", "")},
	} {
		all[l.name] = l.has
		if !l.has && (v1 || l.name != "OomKillDisable") {
			warnings = append(warnings, "WARNING: No "+l.lacks+" support")
		}
	}
	all["IPv4Forwarding"] = isSet("/proc/sys/net/ipv4/ip_forward")
	all["BridgeNfIptables"], all["BridgeNfIp6tables"] = isSet("/proc/sys/net/bridge/bridge-nf-call-iptables"), isSet("/proc/sys/net/bridge/bridge-nf-call-ip6tables")
	if all["IPv4Forwarding"] == false {
		warnings = append(warnings, "WARNING: IPv4 forwarding is disabled")
	}
	all["Warnings"] = warnings
	return all
}

func isSet(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(data)) == "1"
}

func uname() unix.Utsname {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails for a bad address only
	return u
}

func kernelRelease() string {
	u := uname()
	return unix.ByteSliceToString(u.Release[:])
}

func nodeName() string {
	u := uname()
	return unix.ByteSliceToString(u.Nodename[:])
}

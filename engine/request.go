//go:build linux

package engine

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	containertypes "github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
)

// checkRequest completes a request for a container and refuses what this
// engine cannot do: a wish that is silently dropped would be a lie to the user.
func (e *Engine) checkRequest(name string, q *containertypes.CreateRequest) error {
	if q.Config == nil {
		return errorOf(ErrInvalid, "config cannot be empty in order to create a container")
	}
	if q.HostConfig == nil {
		q.HostConfig = &containertypes.HostConfig{}
	}
	h := q.HostConfig
	if name != "" && !validName.MatchString(strings.TrimPrefix(name, "/")) {
		return errorOf(ErrInvalid, "Invalid container name (%s), only %s are allowed", name, nameCharacters)
	}
	if q.WorkingDir != "" && !filepath.IsAbs(q.WorkingDir) {
		return errorOf(ErrInvalid, "the working directory '%s' is invalid, it needs to be an absolute path", q.WorkingDir)
	}
	if wish := unsupported(q); wish != "" {
		return errorOf(ErrInvalid, "%s is not supported by learndocker's engine yet", wish)
	}
	for _, check := range []func(*containertypes.HostConfig) error{notThere, checkLimits, validRestart, e.checkModes, e.checkCPUs, e.checkStorage} {
		if err := check(h); err != nil {
			return err
		}
	}
	if err := checkPorts(q.Config, h); err != nil {
		return err
	}
	if err := checkNames(q.Config, h); err != nil {
		return err
	}
	if err := checkHealth(q.Healthcheck); err != nil {
		return err
	}
	if _, err := logOptionsOf(h.LogConfig); err != nil {
		return err
	}
	complete(h)
	return securityOptions(&container.Options{}, h.SecurityOpt)
}

// complete writes Docker's defaults where the request leaves them open.
func complete(h *containertypes.HostConfig) {
	if h.LogConfig.Type == "" {
		h.LogConfig.Type = LogDriver
	}
	if h.LogConfig.Config == nil {
		h.LogConfig.Config = map[string]string{}
	}
	if h.RestartPolicy.Name == "" {
		h.RestartPolicy.Name = containertypes.RestartPolicyDisabled
	}
	if h.NetworkMode == "" {
		h.NetworkMode = "default"
	}
	if h.IpcMode == "" {
		h.IpcMode = containertypes.IPCModePrivate
	}
	if h.CgroupnsMode == "" && !h.Privileged {
		h.CgroupnsMode = containertypes.CgroupnsModePrivate
	}
	if h.ShmSize == 0 {
		h.ShmSize = 64 << 20
	}
	if h.Memory > 0 && h.MemorySwap == 0 {
		h.MemorySwap = 2 * h.Memory
	}
	if h.Runtime == "" {
		h.Runtime = RuntimeName
	}
	if h.MemorySwappiness != nil && *h.MemorySwappiness == -1 {
		h.MemorySwappiness = nil
	}
	if h.PidsLimit != nil && *h.PidsLimit <= 0 {
		h.PidsLimit = nil
	}
	completePaths(h)
}

// completePaths writes down what is kept from the container, and that a
// privileged one has no label of SELinux's.
func completePaths(h *containertypes.HostConfig) {
	isLabel := func(o string) bool { return strings.HasPrefix(o, "label") }
	if (h.Privileged || h.PidMode.IsHost() || h.IpcMode.IsHost()) && !slices.ContainsFunc(h.SecurityOpt, isLabel) {
		h.SecurityOpt = append(h.SecurityOpt, "label=disable")
	}
	if h.Privileged {
		return
	}
	if h.MaskedPaths == nil {
		h.MaskedPaths = container.MaskedPaths()
	}
	if h.ReadonlyPaths == nil {
		h.ReadonlyPaths = container.ReadonlyPaths()
	}
}

// RuntimeName is what inspect calls the OCI runtime.
const RuntimeName = "learndocker"

const minMemory = 6 << 20 // bytes, Docker's

// checkLimits refuses what contradicts itself, in Docker's words.
func checkLimits(h *containertypes.HostConfig) error {
	switch {
	case h.Memory < 0, h.Memory > 0 && h.Memory < minMemory:
		return errorOf(ErrInvalid, "Minimum memory limit allowed is 6MB")
	case h.Memory > 0 && h.MemorySwap > 0 && h.MemorySwap < h.Memory:
		return errorOf(ErrInvalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
	case h.Memory == 0 && h.MemorySwap > 0:
		return errorOf(ErrInvalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case h.MemorySwappiness != nil && (*h.MemorySwappiness < -1 || *h.MemorySwappiness > 100):
		return errorOf(ErrInvalid, "Invalid value: %d, valid memory swappiness range is 0-100", *h.MemorySwappiness)
	case h.MemoryReservation > 0 && h.MemoryReservation < minMemory:
		return errorOf(ErrInvalid, "Minimum memory reservation allowed is 6MB")
	case h.Memory > 0 && h.MemoryReservation > h.Memory:
		return errorOf(ErrInvalid, "Minimum memory limit can not be less than memory reservation limit, see usage")
	case h.NanoCPUs > 0 && h.CPUPeriod > 0:
		return errorOf(ErrInvalid, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case h.NanoCPUs > 0 && h.CPUQuota > 0:
		return errorOf(ErrInvalid, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case h.NanoCPUs < 0 || h.NanoCPUs > int64(allCPUs())*1e9:
		return errorOf(ErrInvalid, "range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", allCPUs(), allCPUs())
	case h.CPUPeriod != 0 && (h.CPUPeriod < 1000 || h.CPUPeriod > 1000000):
		return errorOf(ErrInvalid, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case h.CPUQuota > 0 && h.CPUQuota < 1000:
		return errorOf(ErrInvalid, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
	case h.BlkioWeight > 0 && (h.BlkioWeight < 10 || h.BlkioWeight > 1000):
		return errorOf(ErrInvalid, "Range of blkio weight is from 10 to 1000")
	case h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000:
		return errorOf(ErrInvalid, "Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	case h.ShmSize < 0:
		return errorOf(ErrInvalid, "SHM size can not be less than 0")
	}
	for _, u := range h.Ulimits {
		if u == nil || !isUlimit(u.Name) {
			return errorOf(ErrInvalid, "invalid ulimit type: %v", u)
		}
		if u.Hard != -1 && (u.Soft > u.Hard || u.Soft == -1) {
			return errorOf(ErrInvalid, "ulimit soft limit must be less than or equal to hard limit: %d > %d", u.Soft, u.Hard)
		}
	}
	return nil
}

// allCPUs is how many the daemon may run on: sched_getaffinity(2).
func allCPUs() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 1
	}
	return set.Count()
}

// checkModes refuses namespaces that there are not.
func (e *Engine) checkModes(h *containertypes.HostConfig) error {
	switch {
	case !h.IpcMode.Valid():
		return errorOf(ErrInvalid, "invalid IPC mode: %v", h.IpcMode)
	case h.PidMode.IsContainer() && !e.knows(h.PidMode.Container()):
		return errorOf(ErrInvalid, "No such container: %s", h.PidMode.Container()) // of kind "not found" clients would look for an image
	case !h.PidMode.Valid():
		return errorOf(ErrInvalid, "invalid PID mode: %v", h.PidMode)
	case !h.UTSMode.Valid():
		return errorOf(ErrInvalid, "invalid UTS mode: %v", h.UTSMode)
	case !h.CgroupnsMode.Valid():
		return errorOf(ErrInvalid, "invalid cgroup namespace mode: %v", h.CgroupnsMode)
	case h.UsernsMode != "" && h.UsernsMode != "host":
		return errorOf(ErrInvalid, "invalid user namespace mode: %v", h.UsernsMode)
	}
	return nil
}

func (e *Engine) knows(container string) bool {
	_, err := e.Container(container)
	return err == nil
}

// checkNames refuses a host name for what has somebody else's, and signals that
// there are not.
func checkNames(c *containertypes.Config, h *containertypes.HostConfig) error {
	switch {
	case c.Hostname != "" && h.NetworkMode.IsContainer():
		return errorOf(ErrInvalid, "conflicting options: hostname and the network mode")
	case c.Hostname != "" && h.UTSMode == "host":
		return errorOf(ErrInvalid, "conflicting options: hostname and the UTS mode")
	case len(h.PortBindings) > 0 && h.NetworkMode.IsContainer():
		return errorOf(ErrInvalid, "conflicting options: port publishing and the container type network mode")
	}
	_, err := ParseSignal(c.StopSignal, 0)
	return err
}

// ParseSignal reads a signal's name or number; "" is the fallback.
func ParseSignal(name string, fallback syscall.Signal) (syscall.Signal, error) {
	s, err := ReadSignal(name, fallback)
	if err != nil || name == "" {
		return s, err
	}
	return s, CheckSignal(s)
}

// CheckSignal refuses numbers that no signal has.
func CheckSignal(s syscall.Signal) error {
	if s > 0 && s < 65 {
		return nil
	}
	return errorOf(ErrInvalid, "The linux daemon does not support signal %d", int(s))
}

// ReadSignal reads a signal's name, or any number.
func ReadSignal(name string, fallback syscall.Signal) (syscall.Signal, error) {
	if name == "" {
		return fallback, nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		return syscall.Signal(n), nil
	}
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s, nil
	}
	return 0, errorOf(ErrInvalid, "Invalid signal: %s", name)
}

// checkCPUs refuses processors and memory nodes that the machine has not.
func (e *Engine) checkCPUs(h *containertypes.HostConfig) error {
	for _, set := range []struct{ asked, file, what string }{{h.CpusetCpus, "cpuset.cpus", "CPUs"}, {h.CpusetMems, "cpuset.mems", "memory nodes"}} {
		if set.asked == "" {
			continue
		}
		available := e.cgroups.Available(set.file)
		if lacks, err := cgroup.Beyond(set.asked, available); err != nil {
			return errorOf(ErrInvalid, "Invalid value %s for cpuset %s", set.asked, strings.TrimPrefix(set.file, "cpuset."))
		} else if lacks {
			return errorOf(ErrInvalid, "Requested %s are not available - requested %s, available: %s", set.what, set.asked, available)
		}
	}
	return nil
}

// checkStorage refuses a limit on what a container may write, which no file system
// keeps to here, and scheduling in real time where the kernel has none.
func (e *Engine) checkStorage(h *containertypes.HostConfig) error {
	switch {
	case len(h.StorageOpt) > 0 && e.StorageDriver() == "overlay2":
		return errorOf(ErrInvalid, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
	case len(h.StorageOpt) > 0:
		return errorOf(ErrInvalid, "--storage-opt is not supported for %s", e.StorageDriver())
	case (h.CPURealtimePeriod != 0 || h.CPURealtimeRuntime != 0) && !e.cgroups.Has("cpu.rt_period_us"):
		return errorOf(ErrInvalid, "Your kernel does not support CPU real-time scheduler")
	}
	return nil
}

// unsupported names the wish that the engine has no answer to.
func unsupported(q *containertypes.CreateRequest) string {
	if len(q.HostConfig.BlkioWeightDevice) > 0 {
		return "--blkio-weight-device"
	}
	return ""
}

// notThere refuses what the request names and this machine has not, in Docker's
// words.
func notThere(h *containertypes.HostConfig) error {
	if h.Runtime != "" && h.Runtime != RuntimeName && h.Runtime != "runc" {
		return errorOf(ErrInvalid, "Unknown runtime specified %s", h.Runtime)
	}
	if h.Isolation != "" && h.Isolation != "default" {
		return errorOf(ErrInvalid, "Invalid isolation: %q - linux only supports 'default'", h.Isolation)
	}
	return nil
}

// noDeviceDriver refuses devices that a driver of Docker's would choose, --gpus:
// there is none here.
func noDeviceDriver(h *containertypes.HostConfig) error {
	for _, r := range h.DeviceRequests {
		return errorOf(ErrInvalid, "could not select device driver %q with capabilities: %v", r.Driver, r.Capabilities)
	}
	return nil
}

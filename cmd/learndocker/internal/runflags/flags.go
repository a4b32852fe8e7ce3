// Package runflags reads the flags of docker run and docker create, and makes
// of them the request that the docker command makes.
package runflags

import (
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// Flags are those of a container that is to be made.
type Flags struct {
	set *pflag.FlagSet

	Attach, Env                                                              List
	envFiles, labels, labelFiles, volumes, volumesFrom, tmpfs                List
	publish, expose, dns, dnsSearch, dnsOptions, hosts, links                List
	aliases, linkLocal, capAdd, capDrop, groups, security                    List
	devices, deviceRules, logOptions, storage                                List
	sysctls, annotations                                                     Pairs
	mounts                                                                   mounts
	networks                                                                 networks
	readBps, writeBps, readIOps, writeIOps                                   rates
	weights                                                                  weights
	ulimits                                                                  ulimits
	memory, reservation, shm                                                 Bytes
	swap                                                                     SwapBytes
	cpus                                                                     CPUs
	shares, period, quota, rtPeriod, rtRuntime, swappiness, pids             int64
	blkio                                                                    uint16
	cpuset, mems, user, workdir, hostname, domainname, entrypoint            string
	restart, stopSignal, idFile, userns, cgroupns, pid, ipc, uts             string
	cgroupParent, runtime, logDriver, volumeDriver, ip, ip6, mac, isolation  string
	healthCommand                                                            string
	healthInterval, healthTimeout, healthStartPeriod, healthStartInterval    time.Duration
	healthRetries, stopTimeout, oomScore                                     int
	noHealth, rm, readOnly, stdin, tty, privileged, init, oomOff, publishAll bool
}

// Declare declares the flags.
func Declare(set *pflag.FlagSet) *Flags {
	f := &Flags{set: set, ulimits: ulimits{}, Attach: List{check: stream}, Env: NewEnvironment(), labels: NewLabels()}
	f.readBps.bytes, f.writeBps.bytes = true, true
	f.dns.check, f.dnsSearch.check, f.hosts.check, f.links.check = ipAddress, searchDomain, extraHost, link
	f.deviceRules.check, f.sysctls.check = deviceRule, sysctl
	f.declareProgram()
	f.declareSecurity()
	f.declareNetwork()
	f.declareStorage()
	f.declareLimits()
	f.declareHealth()
	return f
}

func (f *Flags) declareProgram() {
	s := f.set
	s.VarP(&f.Attach, "attach", "a", "Attach to STDIN, STDOUT or STDERR")
	s.VarP(&f.Env, "env", "e", "Set environment variables")
	s.Var(&f.envFiles, "env-file", "Read in a file of environment variables")
	s.StringVar(&f.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	s.StringVarP(&f.hostname, "hostname", "h", "", "Container host name")
	s.StringVar(&f.domainname, "domainname", "", "Container NIS domain name")
	s.BoolVarP(&f.stdin, "interactive", "i", false, "Keep STDIN open even if not attached")
	s.BoolVarP(&f.tty, "tty", "t", false, "Allocate a pseudo-TTY")
	s.VarP(&f.labels, "label", "l", "Set meta data on a container")
	s.Var(&f.labelFiles, "label-file", "Read in a line delimited file of labels")
	s.Var(&f.annotations, "annotation", "Add an annotation to the container (passed through to the OCI runtime)")
	s.StringVarP(&f.user, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	s.StringVarP(&f.workdir, "workdir", "w", "", "Working directory inside the container")
	s.BoolVar(&f.rm, "rm", false, "Automatically remove the container and its associated anonymous volumes when it exits")
	s.BoolVar(&f.init, "init", false, "Run an init inside the container that forwards signals and reaps processes")
	s.StringVar(&f.restart, "restart", string(containertypes.RestartPolicyDisabled), "Restart policy to apply when a container exits")
	s.StringVar(&f.stopSignal, "stop-signal", "", "Signal to stop the container")
	s.IntVar(&f.stopTimeout, "stop-timeout", 0, "Timeout (in seconds) to stop a container")
	s.StringVar(&f.idFile, "cidfile", "", "Write the container ID to the file")
	s.StringVar(&f.runtime, "runtime", "", "Runtime to use for this container")
}

func (f *Flags) declareSecurity() {
	s := f.set
	s.Var(&f.capAdd, "cap-add", "Add Linux capabilities")
	s.Var(&f.capDrop, "cap-drop", "Drop Linux capabilities")
	s.BoolVar(&f.privileged, "privileged", false, "Give extended privileges to this container")
	s.Var(&f.security, "security-opt", "Security Options")
	s.Var(&f.groups, "group-add", "Add additional groups to join")
	s.StringVar(&f.userns, "userns", "", "User namespace to use")
	s.StringVar(&f.cgroupns, "cgroupns", "", "Cgroup namespace to use (host|private)")
	s.StringVar(&f.pid, "pid", "", "PID namespace to use")
	s.StringVar(&f.ipc, "ipc", "", "IPC mode to use")
	s.StringVar(&f.uts, "uts", "", "UTS namespace to use")
	s.StringVar(&f.isolation, "isolation", "", "Container isolation technology")
	s.Var(&f.sysctls, "sysctl", "Sysctl options")
	s.BoolVar(&f.readOnly, "read-only", false, "Mount the container's root filesystem as read only")
}

func (f *Flags) declareNetwork() {
	s := f.set
	s.Var(&f.networks, "network", "Connect a container to a network")
	s.Var(&f.networks, "net", "Connect a container to a network")
	s.Var(&f.aliases, "network-alias", "Add network-scoped alias for the container")
	s.Var(&f.aliases, "net-alias", "Add network-scoped alias for the container")
	s.VarP(&f.publish, "publish", "p", "Publish a container's port(s) to the host")
	s.BoolVarP(&f.publishAll, "publish-all", "P", false, "Publish all exposed ports to random ports")
	s.Var(&f.expose, "expose", "Expose a port or a range of ports")
	s.Var(&f.hosts, "add-host", "Add a custom host-to-IP mapping (host:ip)")
	s.Var(&f.dns, "dns", "Set custom DNS servers")
	s.Var(&f.dnsSearch, "dns-search", "Set custom DNS search domains")
	s.Var(&f.dnsOptions, "dns-option", "Set DNS options")
	s.Var(&f.dnsOptions, "dns-opt", "Set DNS options")
	s.StringVar(&f.ip, "ip", "", "IPv4 address (e.g., 172.30.100.104)")
	s.StringVar(&f.ip6, "ip6", "", "IPv6 address (e.g., 2001:db8::33)")
	s.Var(&f.linkLocal, "link-local-ip", "Container IPv4/IPv6 link-local addresses")
	s.StringVar(&f.mac, "mac-address", "", "Container MAC address (e.g., 92:d0:c6:0a:29:33)")
	s.Var(&f.links, "link", "Add link to another container")
	for _, old := range []string{"net", "net-alias", "dns-opt"} {
		s.Lookup(old).Hidden = true
	}
}

func (f *Flags) declareStorage() {
	s := f.set
	s.VarP(&f.volumes, "volume", "v", "Bind mount a volume")
	s.Var(&f.mounts, "mount", "Attach a filesystem mount to the container")
	s.Var(&f.tmpfs, "tmpfs", "Mount a tmpfs directory")
	s.Var(&f.volumesFrom, "volumes-from", "Mount volumes from the specified container(s)")
	s.StringVar(&f.volumeDriver, "volume-driver", "", "Optional volume driver for the container")
	s.Var(&f.storage, "storage-opt", "Storage driver options for the container")
	s.Var(&f.shm, "shm-size", "Size of /dev/shm")
	s.Var(&f.devices, "device", "Add a host device to the container")
	s.Var(&f.deviceRules, "device-cgroup-rule", "Add a rule to the cgroup allowed devices list")
	s.StringVar(&f.logDriver, "log-driver", "", "Logging driver for the container")
	s.Var(&f.logOptions, "log-opt", "Log driver options")
}

func (f *Flags) declareLimits() {
	s := f.set
	s.VarP(&f.memory, "memory", "m", "Memory limit")
	s.Var(&f.reservation, "memory-reservation", "Memory soft limit")
	s.Var(&f.swap, "memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	s.Int64Var(&f.swappiness, "memory-swappiness", -1, "Tune container memory swappiness (0 to 100)")
	s.Var(&f.cpus, "cpus", "Number of CPUs")
	s.Int64VarP(&f.shares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	s.Int64Var(&f.period, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	s.Int64Var(&f.quota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	s.Int64Var(&f.rtPeriod, "cpu-rt-period", 0, "Limit CPU real-time period in microseconds")
	s.Int64Var(&f.rtRuntime, "cpu-rt-runtime", 0, "Limit CPU real-time runtime in microseconds")
	s.StringVar(&f.cpuset, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	s.StringVar(&f.mems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	s.Int64Var(&f.pids, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	s.Var(f.ulimits, "ulimit", "Ulimit options")
	s.Uint16Var(&f.blkio, "blkio-weight", 0, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)")
	s.Var(&f.weights, "blkio-weight-device", "Block IO weight (relative device weight)")
	s.Var(&f.readBps, "device-read-bps", "Limit read rate (bytes per second) from a device")
	s.Var(&f.writeBps, "device-write-bps", "Limit write rate (bytes per second) to a device")
	s.Var(&f.readIOps, "device-read-iops", "Limit read rate (IO per second) from a device")
	s.Var(&f.writeIOps, "device-write-iops", "Limit write rate (IO per second) to a device")
	s.BoolVar(&f.oomOff, "oom-kill-disable", false, "Disable OOM Killer")
	s.IntVar(&f.oomScore, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	s.StringVar(&f.cgroupParent, "cgroup-parent", "", "Optional parent cgroup for the container")
}

func (f *Flags) declareHealth() {
	s := f.set
	s.StringVar(&f.healthCommand, "health-cmd", "", "Command to run to check health")
	s.DurationVar(&f.healthInterval, "health-interval", 0, "Time between running the check (ms|s|m|h) (default 0s)")
	s.IntVar(&f.healthRetries, "health-retries", 0, "Consecutive failures needed to report unhealthy")
	s.DurationVar(&f.healthTimeout, "health-timeout", 0, "Maximum time to allow one check to run (ms|s|m|h) (default 0s)")
	s.DurationVar(&f.healthStartPeriod, "health-start-period", 0, "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)")
	s.DurationVar(&f.healthStartInterval, "health-start-interval", 0, "Time between running the check during the start period (ms|s|m|h) (default 0s)")
	s.BoolVar(&f.noHealth, "no-healthcheck", false, "Disable any container-specified HEALTHCHECK")
}

//go:build linux

package pid1

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/moby/sys/capability"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/container/caps"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

// dropPrivileges cuts down what the process may ask of the kernel. The order
// is the kernel's: a filter may be installed only with CAP_SYS_ADMIN or
// no_new_privs, so the capabilities go last.
func (p *initProcess) dropPrivileges() (stage.Fact, error) {
	if p.Inside {
		if err := p.prepareInside(); err != nil {
			return nil, err
		}
	}
	if err := p.setLimits(); err != nil {
		return nil, err
	}
	wanted := capabilitiesOf(p.Spec.Process)
	who, err := p.identity()
	if err != nil {
		return nil, err
	}
	if err := p.dropBounding(wanted.Bounding); err != nil {
		return nil, err
	}
	if err := p.setLabel(); err != nil {
		return nil, err
	}
	if p.Spec.Process.NoNewPrivileges {
		if err := p.kernel.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS", "1"); err != nil {
			return nil, err
		}
	}
	if err := p.installFilter(); err != nil {
		return nil, err
	}
	if err := p.becomeUser(who); err != nil {
		return nil, err
	}
	if err := p.setCapabilities(wanted); err != nil {
		return nil, err
	}
	if err := p.stayMortal(); err != nil {
		return nil, err
	}
	return stage.Dropped{
		Capabilities: wanted.Bounding, Mask: fmt.Sprintf("%016x", caps.Mask(wanted.Bounding)), NoNewPrivs: p.Spec.Process.NoNewPrivileges,
		Seccomp: len(p.Filter) > 0, Instructions: len(p.Filter) / 8, Allowed: p.Allowed, UID: who.Uid, GID: who.Gid,
	}, nil
}

// prepareInside does for an exec what pivot does for a container's first process.
func (p *initProcess) prepareInside() error {
	if err := p.openConsole(); err != nil {
		return err
	}
	return p.enterWorkdir()
}

// stayMortal: a change of ids has cleared the wish to die with the daemon
// (prctl(2)). A container of the OCI runtime outlives whoever made it.
func (p *initProcess) stayMortal() error {
	if p.Survives {
		return p.kernel.Prctl(unix.PR_SET_PDEATHSIG, 0, "PR_SET_PDEATHSIG", "0")
	}
	return p.kernel.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), "PR_SET_PDEATHSIG", "SIGKILL")
}

// resources of setrlimit(2) by their names in config.json.
var resources = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_DATA": unix.RLIMIT_DATA,
	"RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK,
	"RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE,
	"RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_RSS": unix.RLIMIT_RSS, "RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME": unix.RLIMIT_RTTIME, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
}

// setLimits sets what is the process's own, not its group's.
func (p *initProcess) setLimits() error {
	for _, l := range p.Spec.Process.Rlimits {
		resource, ok := resources[l.Type]
		if !ok {
			return fmt.Errorf("there is no limit %q", l.Type)
		}
		if err := p.kernel.Prlimit(resource, l.Type, l.Soft, l.Hard); err != nil {
			return err
		}
	}
	if adjust := p.Spec.Process.OOMScoreAdj; adjust != nil {
		return p.writeProc(fmt.Sprintf("%d/oom_score_adj", os.Getpid()), strconv.Itoa(*adjust))
	}
	return nil
}

// setLabel asks AppArmor to confine the program from its exec on, where the
// kernel has it.
func (p *initProcess) setLabel() error {
	profile := p.Spec.Process.ApparmorProfile
	if profile == "" || profile == "unconfined" || !exists("/sys/kernel/security/apparmor") && !exists("/proc/self/attr/apparmor") {
		return nil
	}
	return p.writeProc(fmt.Sprintf("%d/task/%d/attr/apparmor/exec", os.Getpid(), unix.Gettid()), "exec "+profile)
}

// capabilitiesOf are the sets of config.json, none where it says nothing.
func capabilitiesOf(process *specs.Process) specs.LinuxCapabilities {
	if process.Capabilities == nil {
		return specs.LinuxCapabilities{}
	}
	return *process.Capabilities
}

// maxPasswd bounds what is read of the image's /etc/passwd and /etc/group, in bytes.
const maxPasswd = 1 << 20

// identity is who the program runs as. Names are looked up in the image's own
// files, after the pivot, so that a link in /etc leads nowhere else.
func (p *initProcess) identity() (*user.ExecUser, error) {
	if !p.ByName {
		u := p.Spec.Process.User
		who := &user.ExecUser{Uid: int(u.UID), Gid: int(u.GID)}
		for _, g := range u.AdditionalGids {
			who.Sgids = append(who.Sgids, int(g))
		}
		return who, nil
	}
	who, err := p.lookUp()
	if err != nil {
		return nil, err
	}
	who.Sgids = withOwn(who)
	if !slices.ContainsFunc(p.Spec.Process.Env, func(e string) bool { return strings.HasPrefix(e, "HOME=") }) {
		p.Spec.Process.Env = append(p.Spec.Process.Env, "HOME="+who.Home)
	}
	return who, nil
}

func (p *initProcess) lookUp() (*user.ExecUser, error) {
	passwd, closePasswd := openBounded("/etc/passwd")
	defer closePasswd()
	group, closeGroup := openBounded("/etc/group")
	defer closeGroup()
	who, err := user.GetExecUser(p.Spec.Process.User.Username, &user.ExecUser{Home: "/"}, passwd, group)
	if err != nil {
		return nil, &wire.Failure{Message: err.Error(), Status: 125, Bare: true} // names the user
	}
	if len(p.Groups) == 0 {
		return who, nil
	}
	again, closeAgain := openBounded("/etc/group")
	defer closeAgain()
	further, err := user.GetAdditionalGroups(p.Groups, again)
	if err != nil {
		return nil, &wire.Failure{Message: err.Error(), Status: 125, Bare: true}
	}
	who.Sgids = append(who.Sgids, further...)
	return who, nil
}

// withOwn puts a user's own group first among all of its groups, once: a program
// that drops its own must not gain by it (CVE-2022-36109).
func withOwn(who *user.ExecUser) []int {
	groups := []int{who.Gid}
	for _, g := range who.Sgids {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}

func openBounded(name string) (io.Reader, func() error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a fifo is not waited for
	if err != nil {
		return nil, func() error { return nil } // images need not have these files
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, f.Close
	}
	return io.LimitReader(f, maxPasswd), f.Close
}

func (p *initProcess) dropBounding(keep []string) error {
	supported, err := capability.ListSupported()
	if err != nil {
		return fmt.Errorf("list capabilities: %w", err)
	}
	for _, c := range supported {
		name := caps.Name(c)
		if slices.Contains(keep, name) {
			continue
		}
		if err := p.kernel.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), "PR_CAPBSET_DROP", name); err != nil {
			return err
		}
	}
	return nil
}

// installFilter loads the seccomp program for this thread: seccomp(2).
func (p *initProcess) installFilter() error {
	if len(p.Filter) == 0 {
		return nil
	}
	program := unix.SockFprog{Len: uint16(len(p.Filter) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&p.Filter[0]))}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(p.FilterFlags), uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(p.Filter)
	var err error
	if errno != 0 {
		err = errno
	}
	p.kernel.Did("seccomp", err, "", "SECCOMP_SET_MODE_FILTER", fmt.Sprint(p.FilterFlags), fmt.Sprintf("{len=%d}", program.Len))
	if err != nil {
		return fmt.Errorf("install seccomp filter: %w", err)
	}
	return nil
}

func (p *initProcess) becomeUser(who *user.ExecUser) error {
	if mask := p.Spec.Process.User.Umask; mask != nil {
		unix.Umask(int(*mask))
	} else if !p.Inside || p.ByName {
		unix.Umask(0o022) // Docker's
	}
	giveStreams(who.Uid)
	// Without this, root's capabilities would go with its id, before capset
	// has said which are to stay.
	if err := p.kernel.Prctl(unix.PR_SET_KEEPCAPS, 1, "PR_SET_KEEPCAPS", "1"); err != nil {
		return err
	}
	if !p.NoSetgroups {
		if err := p.kernel.Setgroups(who.Sgids); err != nil {
			return err
		}
	}
	if err := p.kernel.Setresgid(who.Gid); err != nil {
		return err
	}
	if err := p.kernel.Setresuid(who.Uid); err != nil {
		return err
	}
	return p.kernel.Prctl(unix.PR_SET_KEEPCAPS, 0, "PR_SET_KEEPCAPS", "0")
}

// giveStreams makes the three streams the user's, who may open them anew by
// /dev/stdout. What is not the container's alone, /dev/null say, stays as it is.
func giveStreams(uid int) {
	for fd := range 3 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || int(st.Uid) == uid || st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3) {
			continue
		}
		_ = unix.Fchown(fd, uid, -1) // of a file that is somebody else's, or of no map's: it can be used all the same
	}
}

// setCapabilities calls capset(2), and prctl(2) for the ambient ones, which
// must be inheritable before.
func (p *initProcess) setCapabilities(wanted specs.LinuxCapabilities) error {
	effective, permitted, inheritable := caps.Mask(wanted.Effective), caps.Mask(wanted.Permitted), caps.Mask(wanted.Inheritable)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted), Inheritable: uint32(inheritable)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32), Inheritable: uint32(inheritable >> 32)},
	}
	err := unix.Capset(&header, &data[0])
	if p.trail.Watched() {
		p.kernel.Did("capset", err, "capsh --drop=…", fmt.Sprintf("effective=%#x", effective), fmt.Sprintf("permitted=%#x", permitted), fmt.Sprintf("inheritable=%d", inheritable))
	}
	if err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	for _, c := range capability.ListKnown() {
		// The kernel lets no other be raised; config.json files that list more are
		// common, and other runtimes pass over it.
		if name := caps.Name(c); !slices.Contains(wanted.Ambient, name) || inheritable&permitted&caps.Mask([]string{name}) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return fmt.Errorf("raise ambient %s: %w", caps.Name(c), err)
		}
	}
	return nil
}

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/api"
)

func (c patient) machine() Point {
	o := c.Outside
	words := []string{"Linux " + o.Kernel, o.Arch}
	if len(o.Distribution) > 0 {
		words = append(words, o.Distribution[0])
	}
	if o.WSL {
		words = append(words, "WSL2")
	}
	if o.Container != "" {
		words = append(words, "itself in a container ("+o.Container+")")
	}
	return Point{Name: "machine", State: OK, Meaning: strings.Join(words, ", ") + "."}
}

func (c patient) root() Point {
	p := Point{Name: "root", need: "root", State: OK, Meaning: "You are root: lessons show everything."}
	switch {
	case c.trueRoot():
	case c.Outside.UID == 0:
		p.State, p.withheld = Limited, true
		p.Meaning = "You are root of a user namespace only: what belongs to the whole machine is shown as not done here."
	default:
		p.State, p.withheld, p.Mend = Limited, true, c.asRoot(c.lesson())
		p.Meaning = "You are an ordinary user: what is root's alone is shown as not done here. As root you see all of it."
	}
	return p
}

// userns is about making a user namespace: for an ordinary user the way into
// everything else, for root the matter of some lessons.
func (c patient) userns() Point {
	p := Point{Name: "user namespace", need: "userns", State: OK, Meaning: "An ordinary user's engine can be root in a namespace of its own."}
	trial := c.Entry
	if c.Inside != nil && c.Outside.UID == 0 {
		p.Meaning = "User namespaces can be made."
		trial = c.Inside.Nested
	}
	if trial.OK {
		return p
	}
	p.State, p.withheld, p.Refusal = Missing, true, trial.Error
	if c.Inside != nil {
		p.State = Limited
	}
	p.Meaning, p.Mend = c.whyNoUserns(trial)
	if strings.Contains(p.Mend, "sysctl") {
		p.Note = "The mend lasts until the next boot."
	}
	return p
}

func (c patient) whyNoUserns(trial api.Trial) (meaning, mend string) {
	set := c.Outside.Sysctls
	switch {
	case strings.Contains(trial.Error, "newuidmap") || strings.Contains(trial.Error, "newgidmap"):
		meaning = "The helpers that map ids refused; without an id in it the namespace is of no use."
		if c.unprivilegedHelpers() {
			meaning, mend = "The helpers that map ids are not set-user-ID root, so they may not.", c.asRoot(c.privilegeHelpers())
		}
	case set["user.max_user_namespaces"] == "0":
		meaning, mend = "A setting allows none (user.max_user_namespaces is 0).", c.asRoot("sysctl -w user.max_user_namespaces=15000")
	case set["kernel.unprivileged_userns_clone"] == "0" && c.Outside.UID != 0:
		meaning, mend = "A setting of Debian's keeps them for root (kernel.unprivileged_userns_clone is 0).", c.asRoot("sysctl -w kernel.unprivileged_userns_clone=1")
	case set["kernel.apparmor_restrict_unprivileged_userns"] == "1" && c.Outside.UID != 0:
		meaning, mend = "AppArmor takes an ordinary user's rights in them away.", c.asRoot("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
	case c.boxed():
		meaning, mend = "This machine is itself a container, which allows none.", c.privileged()
	case trial.Errno == "ENOSPC":
		meaning, mend = "The limit is reached (user.max_user_namespaces is "+set["user.max_user_namespaces"]+").", c.asRoot("sysctl -w user.max_user_namespaces="+twice(set["user.max_user_namespaces"]))
	case trial.Errno == "EINVAL" || trial.Errno == "ENOSYS":
		meaning = "This kernel was built without them."
	default:
		meaning = "The kernel refuses to make one."
	}
	if c.Inside == nil && c.Outside.UID != 0 && mend == "" {
		mend = c.asRoot(c.lesson())
		meaning += " As root, lessons do without."
	}
	return meaning, mend
}

// twice is a limit doubled; one that cannot be read becomes what many machines
// have.
func twice(limit string) string {
	n, err := strconv.Atoi(limit)
	if err != nil {
		n = 30_000
	}
	return strconv.Itoa(2 * n)
}

func (c patient) unprivilegedHelpers() bool {
	return !c.Outside.UIDHelper.Privileged || !c.Outside.GIDHelper.Privileged
}

func (c patient) privilegeHelpers() string {
	return "chmod u+s " + c.Outside.UIDHelper.Path + " " + c.Outside.GIDHelper.Path
}

// ids is asked for where we are, or would be, root of a user namespace.
func (c patient) ids() (p Point, asked bool) {
	if c.trueRoot() {
		return p, false
	}
	p = Point{Name: "ids", State: OK}
	o := c.Outside
	switch {
	case c.Inside != nil && c.Inside.IDs > 1:
		p.Meaning = fmt.Sprintf("A container has %d user ids.", c.Inside.IDs)
		return p, true
	case o.UID == 0: // somebody else has made the namespace
		p.State, p.Meaning = Limited, "This user namespace has but one id: all of an image's files become its owner's."
		return p, true
	}
	var lacks, mends []string
	switch {
	case o.UIDHelper.Path == "" || o.GIDHelper.Path == "":
		lacks = append(lacks, "newuidmap and newgidmap")
		mends = append(mends, c.install("uidmap", "shadow-utils"))
	case c.Inside != nil && c.unprivilegedHelpers():
		lacks = append(lacks, "set-user-ID root helpers")
		mends = append(mends, c.privilegeHelpers())
	}
	if o.SubUIDs == 0 || o.SubGIDs == 0 {
		lacks = append(lacks, "subordinate ids")
		mends = append(mends, subordinate(o))
	}
	switch {
	case len(lacks) == 0 && c.Inside == nil: // what it would be, were there a namespace
		p.Meaning = fmt.Sprintf("You have %d subordinate ids.", o.SubUIDs)
		return p, true
	case len(lacks) == 0:
		p.State = Limited
		p.Meaning = "You have subordinate ids, but newuidmap and newgidmap may not map them here (no_new_privs is set, or they are on a mount that is nosuid): a container has one user id."
		return p, true
	}
	p.State = Limited
	p.Meaning = "Without " + strings.Join(lacks, " and ") + " a container has one user id: all of an image's files become root's, and -u works for root only."
	p.Mend = c.asRoot(strings.Join(mends, " && "))
	return p, true
}

// subordinate is the line that gives the user subordinate ids. One who has no
// name in passwd(5) is named by his number, which usermod does not take: subuid(5).
func subordinate(o api.Outside) string {
	if o.User == "" {
		return fmt.Sprintf(`sh -c "echo %d:%d:65536 | tee -a /etc/subuid >>/etc/subgid"`, o.UID, o.NextSubID)
	}
	r := fmt.Sprintf("%d-%d", o.NextSubID, o.NextSubID+65535)
	return fmt.Sprintf("usermod --add-subuids %s --add-subgids %s %s", r, r, o.User)
}

func (c patient) namespaces() Point {
	p := Point{Name: "namespaces", State: OK, Meaning: "A container's namespaces and the file systems in them can be made."}
	if !c.Inside.Namespaces.OK {
		p.State, p.Refusal = Missing, c.Inside.Namespaces.Error
		p.Meaning = "The namespaces of a container cannot be made."
		if c.Inside.Namespaces.Errno == "EAGAIN" { // pids.max, or ulimit -u: fork(2)
			p.Meaning += " More processes are not allowed here: " + p.Refusal + "."
			return p
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(c.Inside.Mounts)) {
		if t := c.Inside.Mounts[kind]; !t.OK {
			p.State, p.Refusal = Missing, t.Error
			p.Meaning = "A container's " + kind + " cannot be mounted."
		}
	}
	if p.State == OK {
		return p
	}
	if c.boxed() {
		p.Meaning += " This machine is itself a container, which does not allow it."
		p.Mend = c.privileged()
	} else if c.Outside.UID != 0 {
		p.Mend = c.asRoot(c.lesson())
	}
	return p
}

func (c patient) cgroup() Point {
	g := c.Inside.Cgroup
	version := "cgroup " + g.Version
	if g.Hybrid {
		version += " hybrid"
	}
	p := Point{Name: "cgroups", need: "cgroup", State: OK, Meaning: version + ": containers have groups, and limits hold."}
	if g.Create.OK {
		var refused []string
		for _, name := range slices.Sorted(maps.Keys(g.Limits)) {
			if t := g.Limits[name]; !t.OK {
				refused = append(refused, name)
				p.Refusal = t.Error
			}
		}
		if len(refused) > 0 {
			p.State, p.withheld = Limited, true
			p.Meaning = version + ": containers have groups, but no limit can be set on " + strings.Join(refused, ", ") + "."
			if g.Delegated && busy(g) {
				p.Meaning += " Other processes, such as your shell, are in the group that is yours: it can hand nothing down."
			} else if g.Delegated {
				p.Meaning += " systemd has not handed that down to you."
				p.Mend, p.Note = c.handDown(), "The mend takes effect when you have logged out altogether and in again."
			}
		}
		return p
	}
	p.State, p.withheld, p.Refusal = Limited, true, g.Create.Error
	p.Meaning = version + ": no group can be made, so nothing can be limited."
	switch {
	case g.Version == "":
		p.Meaning = "No cgroup file system is mounted, so nothing can be limited."
		p.Mend = c.asRoot("mount -t cgroup2 none /sys/fs/cgroup")
	case c.Outside.UID != 0:
		p.Meaning = version + ": groups are root's to make here, so nothing can be limited."
	case c.boxed():
		p.Mend = c.privileged()
	}
	return p
}

// busy reports whether what keeps limits from being set is the kernel's rule
// that a group with processes in it hands no controller down: cgroups(7).
func busy(g api.Cgroup) bool {
	for _, t := range g.Limits {
		if t.Errno == "EBUSY" {
			return true
		}
	}
	return false
}

// handDown is a line by which systemd hands all controllers down to the users:
// systemd.resource-control(5), Delegate=.
func (c patient) handDown() string {
	const dir = "/etc/systemd/system/user@.service.d"
	script := "mkdir -p " + dir + " && (echo \"[Service]\"; echo Delegate=cpu cpuset io memory pids) >" + dir + "/delegate.conf && systemctl daemon-reload"
	switch {
	case c.Outside.UID == 0:
		return script
	case c.Outside.Tools["sudo"] == "":
		return "su -c '" + script + "'"
	}
	return "sudo sh -c '" + script + "'"
}

func (c patient) seccomp() Point {
	p := Point{Name: "seccomp", need: "seccomp", State: OK, Meaning: "System calls can be filtered."}
	if t := c.Inside.Seccomp; !t.OK {
		p.State, p.Refusal = Missing, t.Error
		p.Meaning = "The kernel takes no filter of system calls, which every container gets."
	}
	return p
}

func (c patient) network() Point {
	n := c.Inside.Network
	p := Point{Name: "network", need: "network", State: OK, Meaning: "Containers get a bridge and an address."}
	for _, t := range []api.Trial{n.Veth, n.Bridge, n.Loopback} {
		if !t.OK {
			p.Refusal = t.Error
		}
	}
	switch {
	case !n.Loopback.OK:
		p.State, p.Meaning = Missing, "A container's network namespace cannot be set up."
	case c.Inside.UserNamespace: // whatever was tried: the host's bridge is root's
		p.State, p.withheld, p.Refusal = Limited, true, ""
		p.Meaning = "Containers get loopback only: interfaces of the machine are root's to make."
		return p
	case n.Bridge.OK && n.Veth.OK:
		return p
	case !n.Bridge.OK && !withoutBridge(n.Bridge) || !n.Veth.OK && !withoutBridge(n.Veth):
		p.State, p.Meaning = Missing, "The bridge or the veth pair that connects a container cannot be made."
	default:
		p.State, p.withheld = Limited, true
		p.Meaning = "Containers get loopback only: the bridge or the veth pair that connects one cannot be made."
	}
	p.Mend = c.asRoot("modprobe -a bridge veth")
	if c.boxed() {
		p.Mend = c.privileged()
	}
	return p
}

// withoutBridge reports whether the engine goes on where the kernel says this:
// it has no such interface (EOPNOTSUPP, by its other name), or not for us.
func withoutBridge(t api.Trial) bool { return t.Errno == "ENOTSUP" || t.Errno == "EPERM" }

// tools are those of which a learner has use at a stop.
func (c patient) tools() Point {
	p := Point{Name: "tools", State: OK, Meaning: "nsenter and ip are there: key i opens a shell inside, and what a lesson invites you to try works."}
	nsenter, ip := c.Outside.Tools["nsenter"] != "", c.Outside.Tools["ip"] != ""
	switch {
	case !nsenter && !ip:
		p.Meaning, p.Mend = "Without nsenter key i opens no shell inside; without ip some things to try do not work.", c.asRoot(c.install("util-linux iproute2", "util-linux iproute"))
	case !nsenter:
		p.Meaning, p.Mend = "Without nsenter key i opens no shell inside.", c.asRoot(c.install("util-linux", "util-linux"))
	case !ip:
		p.Meaning, p.Mend = "Without ip some things to try do not work.", c.asRoot(c.install("iproute2", "iproute"))
	default:
		return p
	}
	p.State = Limited
	return p
}

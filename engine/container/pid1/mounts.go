//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

// mountAll mounts everything that belongs below the new root. The root itself,
// the stack of layers, was mounted by the daemon.
func (p *initProcess) mountAll() (stage.Fact, error) {
	fact := stage.Mounts{Root: p.Spec.Root.Path, Hostname: p.Spec.Hostname}
	if p.isNew(specs.MountNamespace) {
		if err := p.separateMounts(); err != nil {
			return nil, err
		}
		if err := p.mountEach(&fact); err != nil {
			return nil, err
		}
	}
	if err := p.nameMachine(); err != nil {
		return nil, err
	}
	if p.Spec.Hooks == nil {
		return fact, nil
	}
	if err := p.askHooks("prestart", "createRuntime"); err != nil {
		return nil, err
	}
	return fact, p.runHooks("createContainer", p.Spec.Hooks.CreateContainer)
}

// separateMounts makes that no mount of ours is seen outside, nor one of theirs
// inside, or as much of that as the container is to see.
func (p *initProcess) separateMounts() error {
	flags := uintptr(unix.MS_REC | unix.MS_PRIVATE)
	switch p.Spec.Linux.RootfsPropagation {
	case "slave", "rslave":
		flags = unix.MS_REC | unix.MS_SLAVE
	case "shared", "rshared":
		flags = unix.MS_REC | unix.MS_SHARED
	}
	if err := p.kernel.Mount("", "/", "", flags, ""); err != nil {
		return err
	}
	root := p.Spec.Root.Path
	p.private = flags&unix.MS_PRIVATE != 0
	if !p.private {
		// pivot_root(2) refuses a root below a mount that is shared with others.
		if err := p.kernel.Mount("", mountPointOf(root), "", unix.MS_PRIVATE, ""); err != nil {
			return err
		}
	}
	if p.BindRoot {
		return p.kernel.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, "")
	}
	return nil
}

// mountPointOf is the mount that a directory lies in: the device changes there.
func mountPointOf(dir string) string {
	var fs unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_MNT_ID, &fs) != nil {
		return "/"
	}
	at := fs.Mnt_id
	for dir != "/" {
		above := filepath.Dir(dir)
		if unix.Statx(unix.AT_FDCWD, above, 0, unix.STATX_MNT_ID, &fs) != nil || fs.Mnt_id != at {
			return dir
		}
		dir = above
	}
	return dir
}

func (p *initProcess) mountEach(fact *stage.Mounts) error {
	filled := false
	for _, m := range p.Spec.Mounts {
		if err := p.mount(m, fact); err != nil {
			return err
		}
		if path.Clean(m.Destination) != "/dev" {
			continue
		}
		filled = true
		if isBind(m) {
			continue // what is in there is somebody else's
		}
		if err := p.devices(fact); err != nil {
			return err
		}
	}
	if filled {
		return nil
	}
	return p.devices(fact)
}

// nameMachine sets the names of this UTS namespace.
func (p *initProcess) nameMachine() error {
	if p.Spec.Hostname != "" && p.isNew(specs.UTSNamespace) {
		if err := p.kernel.Sethostname(p.Spec.Hostname); err != nil {
			return err
		}
	}
	if p.Spec.Domainname == "" || !p.isNew(specs.UTSNamespace) {
		return nil
	}
	return p.kernel.Setdomainname(p.Spec.Domainname)
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

func (p *initProcess) mount(m specs.Mount, fact *stage.Mounts) error {
	if m.Type == "cgroup" || m.Type == "cgroup2" {
		return p.mountCgroup(m, fact)
	}
	target, done, err := p.target(m)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Destination, err)
	}
	defer done()
	o := parseOptions(m.Options)
	if isBind(m) {
		err = p.bind(m, target, o)
	} else {
		err = p.mountNew(m, target, o)
	}
	if err != nil {
		return err
	}
	fact.Mounts = append(fact.Mounts, stage.Mount{Target: m.Destination, Type: m.Type, Source: m.Source, Options: strings.Join(m.Options, ",")})
	return nil
}

// mountNew mounts a file system of its own.
func (p *initProcess) mountNew(m specs.Mount, target string, o mountOptions) error {
	data := strings.Join(o.data, ",")
	if p.Userns && m.Type == "devpts" {
		data = strings.TrimSuffix(data, ",gid=5") // may be an id that is not mapped
	}
	err := p.kernel.Mount(m.Source, target, m.Type, o.flags, data)
	if m.Type == "proc" && errors.Is(err, unix.EPERM) {
		// The kernel shows in a user namespace no more of /proc than was seen before.
		return fmt.Errorf("%w: parts of the /proc out here are covered, as in a container of docker's; there it takes --security-opt systempaths=unconfined", err)
	}
	if err != nil {
		return err
	}
	return p.propagate(target, o)
}

// bind mounts what is on the host already. mount(2) takes no other option
// together with MS_BIND: they are set by a second call.
func (p *initProcess) bind(m specs.Mount, target string, o mountOptions) error {
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
		if err := p.bindMapped(m, target, o); err != nil {
			return fmt.Errorf("mount %s: %w", m.Destination, err)
		}
	} else if err := p.kernel.Mount(m.Source, target, "", unix.MS_BIND|o.flags&unix.MS_REC, ""); err != nil {
		return err
	}
	rest := o.flags &^ (unix.MS_BIND | unix.MS_REC)
	if rest != 0 || o.cleared != 0 {
		if err := p.remount(target, rest, o.cleared); err != nil {
			return err
		}
	}
	if o.recursive != 0 {
		attr := unix.MountAttr{Attr_set: o.recursive}
		if err := p.kernel.MountSetattr(target, unix.AT_RECURSIVE, &attr); err != nil {
			return err
		}
	}
	return p.propagate(target, o)
}

// remount changes a mount's own flags. In a user namespace a mount keeps the
// flags that its parent has locked.
func (p *initProcess) remount(target string, flags, cleared uintptr) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: target, Err: err}
	}
	// The flags of statfs(2) have the numbers of mount(2)'s, but for ST_RELATIME.
	kept := uintptr(fs.Flags) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
	return p.kernel.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|flags|kept&^cleared, "")
}

// propagate says who shares in what is mounted below. Where nothing is shared
// anyway, a mount is private without saying so.
func (p *initProcess) propagate(target string, o mountOptions) error {
	for _, flags := range o.propagation {
		if flags&unix.MS_PRIVATE != 0 && p.private {
			continue
		}
		if err := p.kernel.Mount("", target, "", flags, ""); err != nil {
			return err
		}
	}
	return nil
}

// mountCgroup shows the container its own group. What the kernel refuses an
// ordinary user here is left out, as Docker's rootless mode does.
func (p *initProcess) mountCgroup(m specs.Mount, fact *stage.Mounts) error {
	target, done, err := p.target(m)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Destination, err)
	}
	defer done()
	o := parseOptions(m.Options)
	add := func(at, fstype string) {
		fact.Mounts = append(fact.Mounts, stage.Mount{Target: at, Type: fstype, Source: fstype, Options: strings.Join(m.Options, ",")})
	}
	if len(p.CgroupV1) == 0 {
		if err := p.kernel.Mount("cgroup", target, "cgroup2", o.flags, ""); err == nil {
			add(m.Destination, "cgroup2")
		}
		return nil
	}
	if err := p.kernel.Mount("tmpfs", target, "tmpfs", o.flags&^unix.MS_RDONLY, "mode=755"); err != nil {
		return err
	}
	for _, controller := range p.CgroupV1 {
		dir := filepath.Join(target, controller)
		if err := p.kernel.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if p.mountController(controller, dir, o.flags) == nil {
			add(path.Join(m.Destination, controller), "cgroup")
		}
	}
	if o.flags&unix.MS_RDONLY == 0 {
		return nil
	}
	return p.kernel.Mount("", target, "", o.flags|unix.MS_REMOUNT|unix.MS_BIND, "")
}

// mountController mounts one hierarchy of v1. Without a cgroup namespace that
// would be the whole of it: the group's own directory is shown then.
func (p *initProcess) mountController(controller, dir string, flags uintptr) error {
	if p.CgroupPath == "" {
		return p.kernel.Mount("cgroup", dir, "cgroup", flags, controller)
	}
	if err := p.kernel.Mount(filepath.Join("/sys/fs/cgroup", controller, p.CgroupPath), dir, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return p.remount(dir, flags, 0)
}

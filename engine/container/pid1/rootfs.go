//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// mountAll mounts everything that belongs below the new root. The root itself,
// the stack of layers, was mounted by the daemon.
func (p *initProcess) mountAll() (stage.Fact, error) {
	fact := stage.Mounts{Root: p.Spec.Root.Path, Hostname: p.Spec.Hostname}
	// From here on no mount of ours is seen outside, nor one of theirs inside.
	if err := p.kernel.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, err
	}
	for _, m := range p.Spec.Mounts {
		if err := p.mount(m, &fact); err != nil {
			return nil, err
		}
		if m.Destination == "/dev" {
			if err := p.devices(&fact); err != nil {
				return nil, err
			}
		}
	}
	if err := p.kernel.Sethostname(p.Spec.Hostname); err != nil {
		return nil, err
	}
	return fact, nil
}

func (p *initProcess) mount(m specs.Mount, fact *stage.Mounts) error {
	if m.Type == "cgroup" {
		return p.mountCgroup(m, fact)
	}
	target, err := p.target(m)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Destination, err)
	}
	flags, data := mountOptions(m.Options)
	fstype := m.Type
	if fstype == "bind" {
		fstype = ""
	}
	if p.Userns && m.Type == "devpts" {
		data = strings.TrimSuffix(data, ",gid=5") // may be an id that is not mapped
	}
	err = p.kernel.Mount(m.Source, target, fstype, flags, data)
	if m.Type == "proc" && errors.Is(err, unix.EPERM) {
		// The kernel shows in a user namespace no more of /proc than was seen before.
		return fmt.Errorf("%w: parts of the /proc out here are covered, as in a container of docker's; there it takes --security-opt systempaths=unconfined", err)
	}
	if err != nil {
		return err
	}
	fact.Mounts = append(fact.Mounts, stage.Mount{Target: m.Destination, Type: m.Type, Source: m.Source, Options: strings.Join(m.Options, ",")})
	return nil
}

// target finds, or makes, the place to mount on. An image may have put a link
// there: one that leads elsewhere, even inside the root, is refused for /proc,
// /sys and /dev, and followed inside the root for files (CVE-2019-19921,
// CVE-2023-27561, CVE-2026-41579).
func (p *initProcess) target(m specs.Mount) (string, error) {
	root := p.Spec.Root.Path
	if m.Type == "bind" {
		return p.fileTarget(root, m.Destination)
	}
	want := filepath.Join(root, m.Destination)
	got, err := joinIn(root, m.Destination)
	if err != nil {
		return "", err
	}
	if got != want {
		return "", fmt.Errorf("the image has a link there, to %s", strings.TrimPrefix(got, root))
	}
	return want, p.kernel.MkdirAll(want, 0o755) // follows no link: there is none
}

func (p *initProcess) fileTarget(root, destination string) (string, error) {
	file, err := joinIn(root, destination)
	if err != nil {
		return "", err
	}
	if err := p.kernel.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	if _, err := os.Lstat(file); err == nil {
		return file, nil
	}
	fd, err := unix.Open(file, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	p.kernel.Did("openat", err, "touch "+file, sys.Quote(file), "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC", "0644")
	if err != nil {
		return "", &os.PathError{Op: "open", Path: file, Err: err}
	}
	return file, unix.Close(fd)
}

const maxLinks = 40 // the kernel's own bound: path_resolution(7)

// joinIn follows links as a process inside root would, also those whose target
// is not there yet, and returns a path without any. Before the pivot a path
// that is not resolved so could lead anywhere on the host. Nobody else changes
// the root meanwhile: the container's processes are still to come.
func joinIn(root, name string) (string, error) {
	at, rest := "/", name
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := path.Join(at, part) // ".." stops at the root
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			at = next // is no link, or is not there
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = to + "/" + rest
	}
	return filepath.Join(root, at), nil
}

// mountCgroup shows the container its own group, read-only. What the kernel
// refuses an ordinary user here is left out, as Docker's rootless mode does.
func (p *initProcess) mountCgroup(m specs.Mount, fact *stage.Mounts) error {
	target, err := p.target(m)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Destination, err)
	}
	flags, _ := mountOptions(m.Options)
	add := func(at, fstype string) {
		fact.Mounts = append(fact.Mounts, stage.Mount{Target: at, Type: fstype, Source: fstype, Options: strings.Join(m.Options, ",")})
	}
	if len(p.CgroupV1) == 0 {
		if err := p.kernel.Mount("cgroup", target, "cgroup2", flags, ""); err == nil {
			add(m.Destination, "cgroup2")
		}
		return nil
	}
	if err := p.kernel.Mount("tmpfs", target, "tmpfs", flags&^unix.MS_RDONLY, "mode=755"); err != nil {
		return err
	}
	for _, controller := range p.CgroupV1 {
		dir := filepath.Join(target, controller)
		if err := p.kernel.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := p.kernel.Mount("cgroup", dir, "cgroup", flags, controller); err == nil {
			add(path.Join(m.Destination, controller), "cgroup")
		}
	}
	return p.kernel.Mount("", target, "", flags|unix.MS_REMOUNT|unix.MS_BIND, "")
}

var deviceNodes = []struct {
	name         string
	major, minor uint32
}{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
}

var deviceLinks = [][2]string{
	{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
}

// devices fills /dev. In a user namespace device nodes cannot be made: the
// host's are mounted in their place.
func (p *initProcess) devices(fact *stage.Mounts) error {
	dev := filepath.Join(p.Spec.Root.Path, "dev")
	for _, d := range deviceNodes {
		node := filepath.Join(dev, d.name)
		fact.Devices = append(fact.Devices, "/dev/"+d.name)
		if !p.Userns {
			if err := p.kernel.Mknod(node, unix.S_IFCHR|0o666, d.major, d.minor); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(node, nil, 0o666); err != nil {
			return err
		}
		if err := p.kernel.Mount("/dev/"+d.name, node, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for _, l := range deviceLinks {
		if err := p.kernel.Symlink(l[0], filepath.Join(dev, l[1])); err != nil {
			return err
		}
	}
	return nil
}

// pivot makes the stack of layers the root and lets go of the host's. Nothing
// of the host can be named by a path afterwards.
func (p *initProcess) pivot() (stage.Fact, error) {
	root := p.Spec.Root.Path
	fact := stage.Pivoted{Old: root, PID: os.Getpid()}
	if err := p.kernel.Chdir(root); err != nil {
		return nil, err
	}
	// Both names the same: the old root ends up on top of the new one and can
	// be taken off without a directory for it (pivot_root(2), NOTES).
	if err := p.kernel.PivotRoot(".", "."); err != nil {
		return nil, err
	}
	if err := p.kernel.Unmount(".", unix.MNT_DETACH); err != nil {
		return nil, err
	}
	if err := p.kernel.Chdir("/"); err != nil {
		return nil, err
	}
	for _, name := range p.Spec.Linux.ReadonlyPaths {
		if err := p.readonly(name, &fact); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Spec.Linux.MaskedPaths {
		if err := p.mask(name, &fact); err != nil {
			return nil, err
		}
	}
	if err := p.enterWorkdir(); err != nil { // may have to make it, so before the root is read-only
		return nil, err
	}
	if p.Spec.Root.Readonly {
		if err := p.kernel.Mount("", "/", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return nil, err
		}
	}
	var err error
	fact.CWD, err = os.Getwd()
	return fact, err
}

// enterWorkdir makes the working directory where there is none, as Docker does,
// and makes sure that it is inside the root (CVE-2024-21626).
func (p *initProcess) enterWorkdir() error {
	cwd := p.Spec.Process.Cwd
	if err := p.kernel.MkdirAll(cwd, 0o755); err != nil {
		return fmt.Errorf("make working directory: %w", err)
	}
	if err := p.kernel.Chdir(cwd); err != nil {
		return err
	}
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Getcwd(buf); err != nil || n < 1 || buf[0] != '/' {
		return fmt.Errorf("working directory %s: outside the container's root", cwd)
	}
	return nil
}

func (p *initProcess) readonly(name string, fact *stage.Pivoted) error {
	err := p.kernel.Mount(name, name, "", unix.MS_BIND|unix.MS_REC, "")
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	// In a user namespace a mount keeps the flags that its parent has locked.
	var fs unix.Statfs_t
	if err := unix.Statfs(name, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	kept := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := p.kernel.Mount(name, name, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept, ""); err != nil {
		return err
	}
	fact.Readonly = append(fact.Readonly, name)
	return nil
}

// mask covers a file with /dev/null, a directory with an empty one.
func (p *initProcess) mask(name string, fact *stage.Pivoted) error {
	var st unix.Stat_t
	err := unix.Lstat(name, &st)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "lstat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = p.kernel.Mount("tmpfs", name, "tmpfs", unix.MS_RDONLY, "")
	} else {
		err = p.kernel.Mount("/dev/null", name, "", unix.MS_BIND, "")
	}
	if err != nil {
		return err
	}
	fact.Masked = append(fact.Masked, name)
	return nil
}

var optionFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
	"strictatime": unix.MS_STRICTATIME, "bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "rprivate": 0,
}

// mountOptions parts the options of mount(8) into flags and data of mount(2).
func mountOptions(options []string) (flags uintptr, data string) {
	var rest []string
	for _, o := range options {
		if f, ok := optionFlags[o]; ok {
			flags |= f
			continue
		}
		rest = append(rest, o)
	}
	return flags, strings.Join(rest, ",")
}

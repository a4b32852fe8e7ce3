//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// pivot makes the stack of layers the root and lets go of the host's. Nothing
// of the host can be named by a path afterwards.
func (p *initProcess) pivot() (stage.Fact, error) {
	fact := stage.Pivoted{Old: p.Spec.Root.Path, PID: os.Getpid()}
	enter := p.swapRoots
	if !p.isNew(specs.MountNamespace) {
		enter = p.changeRoot
	}
	if err := enter(); err != nil {
		return nil, err
	}
	if err := p.setSysctls(); err != nil {
		return nil, err
	}
	if err := p.cover(&fact); err != nil {
		return nil, err
	}
	if err := p.openConsole(); err != nil {
		return nil, err
	}
	if err := p.enterWorkdir(); err != nil { // may have to make it, so before the root is read-only
		return nil, err
	}
	if p.Spec.Root.Readonly {
		if err := p.remount("/", unix.MS_RDONLY, 0); err != nil {
			return nil, err
		}
	}
	if flags, ok := propagations[p.Spec.Linux.RootfsPropagation]; ok && p.isNew(specs.MountNamespace) {
		if err := p.kernel.Mount("", "/", "", flags, ""); err != nil {
			return nil, err
		}
	}
	var err error
	fact.CWD, err = os.Getwd()
	return fact, err
}

func (p *initProcess) swapRoots() error {
	if err := p.kernel.Chdir(p.Spec.Root.Path); err != nil {
		return err
	}
	// Both names the same: the old root ends up on top of the new one and can
	// be taken off without a directory for it (pivot_root(2), NOTES).
	if err := p.kernel.PivotRoot(".", "."); err != nil {
		return err
	}
	if !p.private { // lest it be taken off outside, too
		if err := p.kernel.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	if err := p.kernel.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	return p.kernel.Chdir("/")
}

// changeRoot is what is left where the mounts are those of others: chroot(2). A
// process with CAP_SYS_CHROOT can leave it again.
func (p *initProcess) changeRoot() error {
	if err := p.kernel.Chroot(p.Spec.Root.Path); err != nil {
		return err
	}
	return p.kernel.Chdir("/")
}

// cover hides the parts of /proc and /sys that are the machine's.
func (p *initProcess) cover(fact *stage.Pivoted) error {
	if !p.isNew(specs.MountNamespace) {
		return nil
	}
	for _, name := range p.Spec.Linux.ReadonlyPaths {
		if err := p.readonly(name, fact); err != nil {
			return err
		}
	}
	for _, name := range p.Spec.Linux.MaskedPaths {
		if err := p.mask(name, fact); err != nil {
			return err
		}
	}
	return nil
}

// enterWorkdir makes the working directory where there is none, as Docker does,
// and makes sure that it is inside the root (CVE-2024-21626).
func (p *initProcess) enterWorkdir() error {
	cwd := p.Spec.Process.Cwd
	if !p.Inside {
		if err := p.kernel.MkdirAll(cwd, 0o755); errors.Is(err, unix.ENOTDIR) {
			return &wire.Failure{Message: fmt.Sprintf("Cannot mkdir: %s is not a directory", cwd), Status: 125, Bare: true}
		} else if err != nil {
			return fmt.Errorf("make working directory: %w", err)
		}
	}
	if err := p.kernel.Chdir(cwd); err != nil {
		if p.Inside {
			return fmt.Errorf("chdir to cwd (%q) set in config.json failed: %w", cwd, errors.Unwrap(err))
		}
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
	if err := p.remount(name, unix.MS_RDONLY, 0); err != nil {
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
	} else if err = p.kernel.Mount("/dev/null", name, "", unix.MS_BIND, ""); err == nil {
		err = isNode(name, unix.Mkdev(1, 3))
	}
	if err != nil {
		return err
	}
	fact.Masked = append(fact.Masked, name)
	return nil
}

// isNode holds that what a name shows now is a certain character device. What it
// was mounted from has a path that others may have changed meanwhile, by a link
// to what was to be hidden (CVE-2025-31133, CVE-2025-52565).
func isNode(name string, device uint64) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(st.Rdev) != device {
		return fmt.Errorf("cover %s: what is there now is not the device that was to be: /dev is being changed", name)
	}
	return nil
}

// setSysctls writes the kernel's settings that belong to the container's own
// namespaces: sysctl(8). They are sorted, to be told in one order.
func (p *initProcess) setSysctls() error {
	var names []string
	for name := range p.Spec.Linux.Sysctl {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := p.writeProc("sys/"+strings.ReplaceAll(name, ".", "/"), p.Spec.Linux.Sysctl[name]); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
	}
	return nil
}

// writeProc writes to a file of /proc, and to nothing else that somebody has put
// in its place (CVE-2025-52881): the kernel resolves the path without links and
// without leaving the mount, and the file is one of procfs.
func (p *initProcess) writeProc(name, value string) error {
	dir, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags: unix.O_WRONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc/" + name, Err: err}
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("write /proc/%s: it is no file of procfs", name)
	}
	_, err = unix.Write(fd, []byte(value))
	p.kernel.Did("write", err, "echo "+value+" > /proc/"+name, sys.Quote("/proc/"+name), sys.Quote(value))
	if err != nil {
		return &os.PathError{Op: "write", Path: "/proc/" + name, Err: err}
	}
	return nil
}

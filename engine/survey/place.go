//go:build linux

package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/registry"
	"github.com/learndocker/learndocker/engine/sys"
)

// drivers are the ways in which the engine stacks layers, in its own order.
var drivers = []overlay.Driver{overlay.Kernel, overlay.Fuse, overlay.Copy}

func lookAtAll(places []Place, others []string, userns bool) []api.Place {
	var all []api.Place
	enough := true
	for _, p := range places {
		found := lookAt(p, userns)
		all = append(all, found)
		enough = enough && does(found)
	}
	for _, dir := range others {
		if enough {
			break
		}
		found := lookAt(Place{api.PlaceOther, dir}, userns)
		all = append(all, found)
		enough = does(found)
	}
	return all
}

// does reports whether the engine can work in the place.
func does(p api.Place) bool {
	return slices.ContainsFunc(p.Drivers, func(d api.Driver) bool { return d.OK })
}

// lookAt makes a directory in the place and tries there what the engine does.
func lookAt(p Place, userns bool) api.Place {
	found := api.Place{Use: p.Use, Dir: p.Dir, Free: -1, FreeFiles: -1, Options: []string{}, Drivers: []api.Driver{}}
	describe(&found)
	dir, remove, err := makeDir(p.Dir)
	if err == nil {
		err = fill(filepath.Join(dir, "file"))
	}
	found.Write = Try(err)
	if err != nil {
		_ = remove() // there was no room to make anything in
		return found
	}
	for _, d := range drivers {
		own := filepath.Join(dir, string(d))
		err := os.Mkdir(own, 0o755)
		if err == nil {
			err = tryStack(d, own, userns)
		}
		found.Drivers = append(found.Drivers, api.Driver{Name: string(d), Trial: Try(err)})
		if err == nil {
			break // as the engine does
		}
	}
	if err := remove(); err != nil {
		found.Write = Try(err)
	}
	return found
}

// describe fills in what the kernel says of the file system.
func describe(p *api.Place) {
	existing := p.Dir
	for {
		if _, err := os.Stat(existing); err == nil || filepath.Dir(existing) == existing {
			break
		}
		existing = filepath.Dir(existing)
	}
	var s unix.Statfs_t
	if unix.Statfs(existing, &s) == nil {
		if s.Blocks > 0 {
			p.Free = int64(s.Bavail) * int64(s.Bsize)
		}
		if s.Files > 0 {
			p.FreeFiles = int64(s.Ffree)
		}
	}
	real, err := filepath.EvalSymlinks(existing)
	if err != nil {
		return
	}
	mounts, err := mountinfo.GetMounts(mountinfo.ParentsFilter(real))
	if err != nil {
		return
	}
	for _, m := range mounts {
		if len(m.Mountpoint) < len(p.Mount) { // of two on one directory the later one is on top
			continue
		}
		p.Mount, p.FileSystem = m.Mountpoint, m.FSType
		p.Options = strings.Split(m.Options, ",")
	}
}

// makeDir makes a directory below root, and root where it is missing. remove
// takes away what was made.
func makeDir(root string) (dir string, remove func() error, err error) {
	var made []string
	for missing := root; ; missing = filepath.Dir(missing) {
		if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, missing) // the innermost first
	}
	remove = func() error {
		var errs []error
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
		for _, d := range made {
			err := os.Remove(d)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY) {
				err = nil // never made, or somebody else's by now
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	if err := os.MkdirAll(root, 0o711); err != nil {
		return "", remove, err
	}
	dir, err = os.MkdirTemp(root, "survey-")
	return dir, remove, err
}

// fill writes as much as a small image takes, to the disk.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 256<<10))
	return errors.Join(err, f.Sync(), f.Close())
}

// tryStack stacks two layers as the engine would. In the stack it changes a
// file of the layer below, deletes one, and runs one: the layer, its marks and
// the mount must all allow it.
func tryStack(driver overlay.Driver, dir string, userns bool) error {
	program, err := registry.Program(runtime.GOARCH, "ran\n")
	if err != nil {
		return err
	}
	lower := filepath.Join(dir, "lower")
	err = errors.Join(
		os.MkdirAll(filepath.Join(lower, "hidden"), 0o755),
		os.WriteFile(filepath.Join(lower, "changed"), []byte("below"), 0o644),
		os.WriteFile(filepath.Join(lower, "deleted"), nil, 0o644),
		os.WriteFile(filepath.Join(lower, "program"), program, 0o755))
	if err == nil && !driver.Plain() {
		err = overlay.Hide(filepath.Join(lower, "hidden"), userns)
	}
	if err != nil {
		return err
	}
	return apart(unix.CLONE_FS|unix.CLONE_NEWNS, func() error {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
			return fmt.Errorf("keep mounts to ourselves: %w", err)
		}
		stack := overlay.Stack{Driver: driver, Lower: []string{lower}, Dir: dir, Userns: userns, Volatile: true}
		if _, err := stack.Mount(sys.Kernel{}, ""); err != nil {
			return err
		}
		return errors.Join(useStack(stack.Merged()), stack.Unmount(sys.Kernel{}))
	})
}

func useStack(merged string) error {
	changed, err := os.OpenFile(filepath.Join(merged, "changed"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = changed.WriteString("above")
	if err := errors.Join(err, changed.Close(), os.Remove(filepath.Join(merged, "deleted"))); err != nil {
		return err
	}
	out, err := exec.Command(filepath.Join(merged, "program")).Output()
	if err == nil && string(out) != "ran\n" {
		err = fmt.Errorf("run a program of a layer: it wrote %q", out)
	}
	return err
}

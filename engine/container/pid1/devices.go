//go:build linux

package pid1

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
)

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
	dev, err := joinIn(p.Spec.Root.Path, "/dev")
	if err != nil {
		return err
	}
	if err := p.kernel.MkdirAll(dev, 0o755); err != nil {
		return err
	}
	for _, d := range deviceNodes {
		node := filepath.Join(dev, d.name)
		if exists(node) {
			continue
		}
		fact.Devices = append(fact.Devices, "/dev/"+d.name)
		if p.Userns {
			err = p.borrow("/dev/"+d.name, node)
		} else {
			err = p.kernel.Mknod(node, unix.S_IFCHR|0o666, d.major, d.minor)
		}
		if err != nil {
			return err
		}
	}
	for _, l := range deviceLinks {
		link := filepath.Join(dev, l[1])
		if exists(link) {
			continue
		}
		if err := p.kernel.Symlink(l[0], link); err != nil {
			return err
		}
	}
	return p.further(fact)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// further makes the nodes that config.json lists besides.
func (p *initProcess) further(fact *stage.Mounts) error {
	for _, d := range p.Spec.Linux.Devices {
		node, err := joinIn(p.Spec.Root.Path, filepath.Dir(d.Path))
		if err != nil {
			return err
		}
		if err := p.kernel.MkdirAll(node, 0o755); err != nil {
			return err
		}
		node = filepath.Join(node, filepath.Base(d.Path))
		if err := p.node(node, d); err != nil {
			return err
		}
		fact.Devices = append(fact.Devices, d.Path)
	}
	return nil
}

var deviceKinds = map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}

func (p *initProcess) node(name string, d specs.LinuxDevice) error {
	kind, ok := deviceKinds[d.Type]
	if !ok {
		return fmt.Errorf("device %s: there is no type %q", d.Path, d.Type)
	}
	if p.Userns && d.Type != "p" {
		return p.borrow(d.Path, name)
	}
	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(d.FileMode.Perm())
	}
	_ = unix.Unlink(name) // of an earlier run, or of the image
	if err := p.kernel.Mknod(name, kind|mode, uint32(d.Major), uint32(d.Minor)); err != nil {
		return err
	}
	uid, gid := 0, 0
	if d.UID != nil {
		uid = int(*d.UID)
	}
	if d.GID != nil {
		gid = int(*d.GID)
	}
	if uid == 0 && gid == 0 {
		return nil
	}
	if err := os.Lchown(name, uid, gid); err != nil {
		return err
	}
	return nil
}

// borrow shows the host's node where none can be made.
func (p *initProcess) borrow(host, name string) error {
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		return err
	}
	return p.kernel.Mount(host, name, "", unix.MS_BIND, "")
}

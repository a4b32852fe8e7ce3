//go:build linux

package container

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
)

// Node is a device of the host's that a container is given.
type Node struct {
	Inside       string // its path there
	Type         byte   // 'c' or 'b'
	Major, Minor int64
	Access       string // of "rwm"
	Mode         os.FileMode
	UID, GID     uint32
}

// Nodes reads the devices at a path of the host: one, or all in a directory.
func Nodes(host, inside, access string) ([]Node, error) {
	info, err := os.Stat(host)
	if err != nil {
		return nil, fmt.Errorf("error gathering device information while adding custom device %q: no such file or directory", host)
	}
	if !info.IsDir() {
		n, err := nodeAt(host, inside, access)
		return []Node{n}, err
	}
	var list []Node
	err = filepath.WalkDir(host, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeDevice == 0 {
			return err
		}
		rest, err := filepath.Rel(host, path)
		if err != nil {
			return err
		}
		n, err := nodeAt(path, filepath.Join(inside, rest), access)
		list = append(list, n)
		return err
	})
	return list, err
}

func nodeAt(host, inside, access string) (Node, error) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return Node{}, &os.PathError{Op: "stat", Path: host, Err: err}
	}
	n := Node{Inside: inside, Type: 'c', Access: access, Mode: os.FileMode(st.Mode & 0o7777), UID: st.Uid, GID: st.Gid}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
	case unix.S_IFBLK:
		n.Type = 'b'
	default:
		return n, fmt.Errorf("error gathering device information while adding custom device %q: not a device node", host)
	}
	n.Major, n.Minor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
	return n, nil
}

// HostNodes are all devices of the host's /dev, for a privileged container. What
// a container has of its own is left out.
func HostNodes() ([]Node, error) {
	var list []Node
	err := filepath.WalkDir("/dev", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has gone, or is not to be seen
		}
		switch path {
		case "/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc", "/dev/.lxd-mounts", "/dev/.udev":
			return fs.SkipDir
		case "/dev/console", "/dev/ptmx":
			return nil
		}
		if d.Type()&os.ModeDevice == 0 {
			return nil
		}
		if n, err := nodeAt(path, path, "rwm"); err == nil {
			list = append(list, n)
		}
		return nil
	})
	return list, err
}

// DeviceRules are what the container may do with which devices.
func (o Options) DeviceRules() []cgroup.Device {
	if o.Privileged {
		return []cgroup.Device{{Type: 'c', Major: -1, Minor: -1, Access: "rwm"}, {Type: 'b', Major: -1, Minor: -1, Access: "rwm"}}
	}
	rules := cgroup.DefaultDevices()
	for _, n := range o.Devices {
		rules = append(rules, cgroup.Device{Type: n.Type, Major: n.Major, Minor: n.Minor, Access: n.Access})
	}
	return append(rules, o.Rules...)
}

// ParseRule reads a rule of a device list: "c 10:229 rwm", "b *:* m".
func ParseRule(text string) (cgroup.Device, error) {
	var kind byte
	var major, minor, access string
	if _, err := fmt.Sscanf(strings.Replace(text, ":", " ", 1), "%c %s %s %s", &kind, &major, &minor, &access); err != nil || !strings.ContainsRune("acb", rune(kind)) || strings.Trim(access, "rwm") != "" {
		return cgroup.Device{}, fmt.Errorf("invalid device cgroup rule format: '%s'", text)
	}
	rule := cgroup.Device{Type: kind, Major: -1, Minor: -1, Access: access}
	for _, n := range []struct {
		text string
		to   *int64
	}{{major, &rule.Major}, {minor, &rule.Minor}} {
		if n.text == "*" {
			continue
		}
		var err error
		if *n.to, err = strconv.ParseInt(n.text, 10, 32); err != nil || *n.to < 0 {
			return cgroup.Device{}, fmt.Errorf("invalid device cgroup rule format: '%s'", text)
		}
	}
	return rule, nil
}

func (o Options) nodes() []specs.LinuxDevice {
	var list []specs.LinuxDevice
	for _, n := range o.Devices {
		list = append(list, specs.LinuxDevice{Path: n.Inside, Type: string(n.Type), Major: n.Major, Minor: n.Minor, FileMode: &n.Mode, UID: &n.UID, GID: &n.GID})
	}
	return list
}

//go:build linux

package survey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/sys"
)

// limits are what each controller is asked to set; far above what is used.
var limits = map[string]cgroup.Limits{"memory": {Memory: 1 << 30}, "cpu": {NanoCPUs: 1e9}, "pids": {Pids: 1 << 10}}

// tryCgroup makes a group beside the containers' and sets limits in it.
func tryCgroup(parent string, userns bool) (api.Cgroup, error) {
	system, err := cgroup.Detect(parent)
	if err != nil {
		return api.Cgroup{}, err
	}
	c := api.Cgroup{Version: system.Version, Hybrid: system.Hybrid, Limits: map[string]api.Trial{}, Delegated: parent != ""}
	if system.Version == "" {
		c.Create = Try(errors.New("no cgroup file system is mounted"))
		return c, nil
	}
	restore := keepHandedDown(system)
	defer func() {
		system.RemoveParent()
		restore()
	}()
	devices := cgroup.DefaultDevices()
	if userns {
		devices = nil // as the engine does
	}
	if c.Create = Try(tryGroup(system, cgroup.Limits{}, devices)); !c.Create.OK {
		return c, nil
	}
	for name, l := range limits {
		c.Limits[name] = Try(tryGroup(system, l, nil))
	}
	return c, nil
}

func tryGroup(system cgroup.System, l cgroup.Limits, devices []cgroup.Device) error {
	group, fact, err := system.Create(sys.Kernel{}, "survey-"+strconv.Itoa(os.Getpid()), l, devices)
	if err != nil {
		return err
	}
	if group == nil {
		return errors.New(fact.Refused)
	}
	return group.Remove(sys.Kernel{})
}

// keepHandedDown notes which controllers the group above the containers' parent
// hands down (v2). Making a group may make it hand down more; restore undoes that.
func keepHandedDown(system cgroup.System) (restore func()) {
	parent := filepath.Dir(system.Open("any").Dirs()[0])
	file := filepath.Join(filepath.Dir(parent), "cgroup.subtree_control")
	before, err := os.ReadFile(file)
	if err != nil {
		return func() {} // v1
	}
	return func() {
		now, _ := os.ReadFile(file) // where it cannot be read there is nothing to undo
		for _, c := range strings.Fields(string(now)) {
			if !slices.Contains(strings.Fields(string(before)), c) {
				_ = os.WriteFile(file, []byte("-"+c), 0) // refused where a group uses it by now
			}
		}
	}
}

// trySeccomp puts a thread under a filter that lets everything pass, as
// container init does under its profile's: seccomp(2).
func trySeccomp() api.Trial {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the filter ends with this thread
		pass := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
		program := unix.SockFprog{Len: 1, Filter: &pass}
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
		runtime.KeepAlive(&pass)
		if errno != 0 {
			done <- fmt.Errorf("seccomp: %w", errno)
			return
		}
		done <- nil
	}()
	return Try(<-done)
}

// tryNetwork makes a bridge and a veth pair in a network namespace of its own.
func tryNetwork() api.Network {
	var n api.Network
	err := apart(unix.CLONE_NEWNET, func() error {
		handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer handle.Close()
		lo, err := handle.LinkByName("lo")
		if err == nil {
			err = handle.LinkSetUp(lo)
		}
		n.Loopback = Try(named("bring up lo", err))
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "survey0"}}
		n.Bridge = Try(named("add bridge", handle.LinkAdd(bridge)))
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "survey1"}, PeerName: "survey2"}
		err = handle.LinkAdd(veth)
		if err == nil && n.Bridge.OK {
			err = handle.LinkSetMaster(veth, bridge)
		}
		n.Veth = Try(named("add veth pair", err))
		return nil
	})
	if err != nil {
		return api.Network{Loopback: Try(err), Bridge: Try(err), Veth: Try(err)}
	}
	return n
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

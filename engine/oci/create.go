//go:build linux

package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/container/seccomp"
	"github.com/learndocker/learndocker/engine/sys"
)

// CreateOptions say what to make.
type CreateOptions struct {
	ID            string
	Bundle        string
	PIDFile       string // where the first process's number is written; "" for nowhere
	ConsoleSocket string // where the terminal's other end is sent; "" for nowhere
	Console       *os.File
	Stdio         [3]*os.File
	Mortal        bool // the container ends with the caller
}

// creation is one create at work. What it has made is undone where it fails.
type creation struct {
	CreateOptions
	runtime Runtime
	dir     string
	spec    *specs.Spec
	kept    record
	group   *cgroup.Group
	process *container.Process
	further []*os.File
}

// Create makes a container up to the moment before its program runs: runtime.md,
// "Create".
func (r Runtime) Create(ctx context.Context, o CreateOptions) (*container.Process, error) {
	dir, err := r.dir(o.ID)
	if err != nil {
		return nil, err
	}
	spec, err := loadBundle(&o.Bundle)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.Root, 0o711); err != nil {
		return nil, fmt.Errorf("make the runtime's root: %w", err)
	}
	if err := os.Mkdir(dir, 0o711); errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%q: %w", o.ID, ErrExists)
	} else if err != nil {
		return nil, err
	}
	c := &creation{CreateOptions: o, runtime: r, dir: dir, spec: spec}
	c.kept = record{ID: o.ID, Bundle: o.Bundle, Rootfs: spec.Root.Path, Created: time.Now().UTC(), Notes: spec.Annotations, Hooks: spec.Hooks, Owner: os.Geteuid()}
	if err := c.run(ctx); err != nil {
		return nil, errors.Join(err, c.undo())
	}
	return c.process, nil
}

func (c *creation) run(ctx context.Context) error {
	if err := c.makeGroup(); err != nil {
		return err
	}
	if err := c.spawn(); err != nil {
		return err
	}
	setup, err := c.setup()
	if err != nil {
		return err
	}
	if err := c.process.Run(ctx, nil, setup); err != nil {
		return err
	}
	started, err := sys.ProcessStart(c.process.PID)
	if err != nil {
		return fmt.Errorf("find the container's process: %w", err)
	}
	c.kept.PID, c.kept.PIDStart = c.process.PID, started
	if err := c.kept.save(c.dir); err != nil {
		return err
	}
	return c.writePID()
}

// makeGroup makes the control group that config.json names, or one of our own.
func (c *creation) makeGroup() error {
	path := c.spec.Linux.CgroupsPath
	switch {
	case path == "":
		path = filepath.Join(cgroup.DefaultParent, c.ID)
	case !filepath.IsAbs(path):
		path = filepath.Join(cgroup.DefaultParent, path)
	}
	c.kept.Parent, c.kept.Group = filepath.Dir(path), filepath.Base(path)
	system, err := cgroup.Detect(c.kept.Parent)
	if err != nil {
		return err
	}
	// At its end the container's group is emptied by force.
	if others := system.Open(c.kept.Group).Processes(); len(others) > 0 {
		return fmt.Errorf("the control group %s is not empty: process %d is in it", path, others[0])
	}
	c.group, _, err = system.Create(sys.Kernel{}, c.kept.Group, cgroup.FromOCI(c.spec.Linux.Resources), deviceRules(c.spec.Linux.Resources))
	if c.group == nil {
		c.kept.Group = ""
	}
	return err
}

// deviceRules are what config.json allows, in its order, and Docker's list.
func deviceRules(r *specs.LinuxResources) []cgroup.Device {
	if os.Geteuid() != 0 {
		return nil
	}
	if r == nil {
		return cgroup.DefaultDevices()
	}
	var rules []cgroup.Device
	for _, d := range r.Devices {
		if !d.Allow {
			continue
		}
		kinds := d.Type
		if kinds == "" || kinds == "a" {
			kinds = "bc"
		}
		for _, kind := range kinds {
			rules = append(rules, cgroup.Device{Type: byte(kind), Major: orAll(d.Major), Minor: orAll(d.Minor), Access: orRWM(d.Access)})
		}
	}
	return append(rules, cgroup.DefaultDevices()...)
}

func orAll(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

func orRWM(access string) string {
	if access == "" {
		return "rwm"
	}
	return access
}

func (c *creation) spawn() error {
	program, err := container.Sealed()
	if err != nil {
		return err
	}
	defer program.Close()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(c.dir, socketName), Net: "unix"})
	if err != nil {
		return fmt.Errorf("make the start's socket: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	socket, err := listener.File()
	listener.Close()
	if err != nil {
		return err
	}
	defer socket.Close()
	c.further = []*os.File{socket}
	if c.spec.Process.Terminal {
		console, err := c.console()
		if err != nil {
			return err
		}
		defer console.Close()
		c.further = append(c.further, console)
	}
	c.process, err = container.Spawn(sys.Kernel{}, container.Launch{
		Program: program, Stdio: c.Stdio, Further: c.further, Namespaces: c.spec.Linux.Namespaces, Users: *c.spec.Linux,
	})
	if err != nil {
		return err
	}
	return c.join()
}

// console is the socket that wants the terminal.
func (c *creation) console() (*os.File, error) {
	if c.Console != nil {
		return c.Console, nil
	}
	if c.ConsoleSocket == "" {
		return nil, errors.New("config.json wants a terminal: say by --console-socket who takes its other end")
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: c.ConsoleSocket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("connect to console socket: %w", err)
	}
	defer conn.Close()
	return conn.File()
}

// isInside reports whether init cannot reach the host's control groups by itself.
func (c *creation) isInside() bool {
	return slices.ContainsFunc(c.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool {
		return ns.Type == specs.UserNamespace || ns.Type == specs.MountNamespace && ns.Path != ""
	})
}

// join puts an init into its group that cannot do it itself.
func (c *creation) join() error {
	if c.group == nil || !c.isInside() {
		return nil
	}
	for _, file := range c.group.JoinFiles() {
		if err := (sys.Kernel{}).WriteFile(file, strconv.Itoa(c.process.PID)); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	return nil
}

func (c *creation) setup() (pid1.Setup, error) {
	spec, linux := *c.spec, *c.spec.Linux
	s := pid1.Setup{
		Spec: &spec, BindRoot: true, StartFD: container.FirstFurther, Survives: !c.Mortal,
		Userns: slices.ContainsFunc(linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.UserNamespace }),
		State:  specs.State{Version: specs.Version, ID: c.ID, Status: specs.StateCreating, Bundle: c.Bundle, Annotations: c.spec.Annotations},
	}
	if linux.Seccomp != nil {
		filter, err := seccomp.Compile(linux.Seccomp)
		if err != nil {
			return s, err
		}
		s.Filter, s.Allowed, s.FilterFlags = filter.Bytes(), filter.Allowed, filter.Flags
	}
	linux.Seccomp = nil
	spec.Linux = &linux
	if len(c.further) > 1 {
		s.ConsoleFD = container.FirstFurther + 1
	}
	if c.group == nil {
		return s, nil
	}
	s.CgroupV1 = c.group.Controllers()
	if !c.isInside() {
		s.CgroupFiles = c.group.JoinFiles()
	}
	if !slices.ContainsFunc(linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.CgroupNamespace }) {
		s.CgroupPath = c.group.Path()
	}
	return s, nil
}

func (c *creation) writePID() error {
	if c.PIDFile == "" {
		return nil
	}
	if err := os.WriteFile(c.PIDFile+".new", []byte(strconv.Itoa(c.process.PID)), 0o644); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return os.Rename(c.PIDFile+".new", c.PIDFile)
}

// undo takes apart what was made.
func (c *creation) undo() error {
	if c.process != nil {
		c.process.Kill()
		_ = c.process.Reap() // it has been killed
	}
	var errs []error
	if c.group != nil {
		errs = append(errs, c.group.End())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

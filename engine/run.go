//go:build linux

package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/logs"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
	"github.com/learndocker/learndocker/engine/volume"
)

// Start runs a created or ended container. It returns when the container's
// program has taken over from init. settled, where not nil, is waited for
// before the watcher is shown the program's end: the answer to the client that
// asked for the start comes first.
func (e *Engine) Start(ctx context.Context, c *Container, settled <-chan struct{}) error {
	if err := e.begin(); err != nil {
		return err
	}
	defer e.running.Done()
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return errorOf(ErrNotFound, "No such container: %s", c.record.ID)
	}
	c.mu.Lock()
	if c.process != nil {
		paused := c.record.State.Paused
		c.mu.Unlock()
		if paused {
			return errorOf(ErrConflict, "cannot start a paused container, try unpause instead")
		}
		return nil // is running: Docker answers 304
	}
	c.record.Stopped = false // whoever starts it wants it to run
	c.mu.Unlock()
	return e.begun(ctx, c, settled)
}

// begun runs the container; the caller holds its work.
func (e *Engine) begun(ctx context.Context, c *Container, settled <-chan struct{}) error {
	c.renew()
	r := &run{Engine: e, c: c, settled: settled}
	err := c.findShared()
	if err == nil {
		err = r.start(ctx)
	}
	c.setInit(nil)
	if err != nil {
		r.unwind()
		r.failed(err)
		return startError(err)
	}
	return nil
}

// findShared writes config.json anew where it names namespaces of a container
// that must be running by now, or devices that must be there.
func (c *Container) findShared() error {
	if err := noDeviceDriver(c.record.HostConfig); err != nil {
		return err
	}
	if !isOpen(c.record.HostConfig) {
		return nil
	}
	c.starting = true
	defer func() { c.starting = false }()
	o, err := c.options()
	if err != nil {
		return err
	}
	spec, err := container.NewSpec(o)
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	spec.Mounts, spec.Linux.RootfsPropagation = c.spec.Mounts, c.spec.Linux.RootfsPropagation
	c.spec = spec
	return writeJSON(filepath.Join(c.dir, "config.json"), c.spec)
}

// renew prepares for a run: of the one before, the clients have been told its end.
func (c *Container) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams.ended {
		c.streams = newStreams(c.record.Config)
	}
	if c.spent {
		c.exited, c.spent = make(chan struct{}), false
	}
}

// startError puts init's failure into the words by which the docker command
// tells exit codes 126 and 127 from 125.
func startError(err error) error {
	failure := failureOf(err)
	if failure == nil {
		return err
	}
	if failure.Bare {
		return errorOf(ErrInvalid, "%s", failure.Message)
	}
	return errorOf(ErrInvalid, "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: %s: unknown", failure.Message)
}

// failureOf is the last word of an init that could not go on; nil for any other
// error.
func failureOf(err error) *wire.Failure {
	var failure *wire.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return nil
}

// failureStatus is the exit status of a program that never began.
func failureStatus(err error) int {
	if failure := failureOf(err); failure != nil {
		return failure.Status
	}
	return 128
}

// run is one run of a container.
type run struct {
	*Engine
	c       *Container
	settled <-chan struct{}
	group   *cgroup.Group
	process *container.Process
	output  func()   // waits for the end of the output
	console *os.File // on which init sends the terminal; nil without one
	began   time.Time
	volumes []string // that this run uses
}

// start passes the stages from the file system to execve.
func (r *run) start(ctx context.Context) error {
	k, id := r.kernel(), r.c.record.ID
	mounted, err := r.c.stack().Mount(k, id)
	if err != nil {
		return err
	}
	if err := r.At(ctx, mounted); err != nil {
		return err
	}
	if err := r.makeGroup(ctx, k); err != nil {
		return err
	}
	if err := r.useVolumes(k); err != nil {
		return err
	}
	if err := r.spawn(ctx, k); err != nil {
		return err
	}
	if err := r.attachNetwork(ctx, k); err != nil {
		return err
	}
	setup, err := r.setup()
	if err != nil {
		return err
	}
	if err := r.process.Run(ctx, r.trail, setup); err != nil {
		return err
	}
	if err := r.takeTerminal(); err != nil {
		return err
	}
	err = r.started()
	if r.isClosing() { // Close may have looked for what to kill before there was anything
		r.c.kill()
	}
	return err
}

func (r *run) makeGroup(ctx context.Context, k sys.Kernel) error {
	o, err := r.c.options()
	if err != nil {
		return err
	}
	devices := o.DeviceRules()
	if r.rootless {
		devices = nil // the kernel lets no ordinary user make or open any other
	}
	if err := checkRates(r.c.record.HostConfig); err != nil {
		return err
	}
	group, fact, err := r.c.groups().Create(k, r.c.record.ID, o.Limits, devices)
	if err != nil {
		return err
	}
	r.group = group
	return r.At(ctx, fact)
}

// useVolumes mounts the volumes that are file systems of their own.
func (r *run) useVolumes(k sys.Kernel) error {
	for _, p := range r.c.Snapshot().MountPoints {
		if p.Type != mount.TypeVolume {
			continue
		}
		err := r.core.volumes.Use(k, p.Name)
		if errors.Is(err, volume.ErrInvalid) {
			return errorOf(ErrInvalid, "%s", err)
		}
		if err != nil && !errors.Is(err, volume.ErrNotFound) { // what is not there cannot be mounted: init will say so
			return err
		}
		r.volumes = append(r.volumes, p.Name)
	}
	return nil
}

func (r *run) leaveVolumes(k sys.Kernel) {
	for _, name := range r.volumes {
		_ = r.core.volumes.Leave(k, name) // the next engine tries again
	}
	r.volumes = nil
}

func (r *run) spawn(ctx context.Context, k sys.Kernel) error {
	program, err := r.program()
	if err != nil {
		return err
	}
	if err := r.openLog(); err != nil {
		return err
	}
	config := r.c.record.Config
	ends, err := r.c.streams.open(config.OpenStdin, config.Tty)
	if err != nil {
		return err
	}
	launch := container.Launch{Program: program, Stdio: ends.files, Namespaces: r.c.spec.Linux.Namespaces}
	if config.Tty {
		var theirs *os.File
		if r.console, theirs, err = container.ConsolePair(); err != nil {
			return err
		}
		defer theirs.Close()
		launch.Further = []*os.File{theirs}
	}
	r.process, err = container.Spawn(k, launch)
	ends.closeTheirs() // init has its own
	r.output = r.c.streams.begin(ends)
	if err != nil {
		return err
	}
	r.c.setInit(r.process)
	if r.isClosing() { // Close may have looked for whom to kill before there was anybody
		r.process.Kill()
	}
	return r.showProcess(ctx)
}

// showProcess is a stop at the process that waits in its namespaces, and another
// at who it is there.
func (r *run) showProcess(ctx context.Context) error {
	if !r.IsWatched() {
		return nil
	}
	if err := r.process.Await(); err != nil {
		return err
	}
	described, err := r.process.Describe(r.c.record.ID)
	if err != nil {
		return err
	}
	if err := r.trail.At(ctx, r.process.PID, described); err != nil {
		return err
	}
	identity, err := r.process.Identity(r.rootless)
	if err != nil {
		return err
	}
	return r.trail.At(ctx, r.process.PID, identity)
}

// openLog begins to keep the output, or goes on with what is kept of earlier runs.
func (r *run) openLog() error {
	o, err := logOptionsOf(r.c.record.HostConfig.LogConfig)
	if err != nil || o.none {
		return err
	}
	r.c.streams.log, err = logs.Open(r.c.logPath(), o.max, o.kept)
	return err
}

// takeTerminal takes our end of the terminal that init has made and passes on
// what is written to it.
func (r *run) takeTerminal() error {
	if r.console == nil {
		return nil
	}
	master, err := container.ReceiveTerminal(r.console)
	if err != nil {
		return err
	}
	r.c.mu.Lock()
	r.c.terminal.set(master)
	r.c.mu.Unlock()
	if r.c.record.Config.OpenStdin {
		r.c.streams.takeInput(input{master})
	}
	r.output = r.c.streams.begin(&stdio{out: master})
	return nil
}

func (r *run) attachNetwork(ctx context.Context, k sys.Kernel) error {
	mode := r.c.record.HostConfig.NetworkMode
	if err := r.borrowNames(mode); err != nil {
		return err
	}
	if mode.IsHost() || mode.IsContainer() { // there is nothing to connect in what is somebody else's
		return r.fixedNetwork(ctx, stage.Network{PID: r.process.PID, Mode: string(mode)})
	}
	r.c.mu.Lock()
	r.c.record.Network, r.c.record.Ports = stage.Network{}, nil
	r.c.mu.Unlock()
	var err error
	if r.c.links, err = r.findLinks(); err != nil {
		return err
	}
	if err := r.joinAll(ctx); err != nil {
		return err
	}
	return r.publish(ctx, k)
}

func (r *run) setup() (pid1.Setup, error) {
	filter, err := r.filters.compile(r.c.spec)
	if err != nil {
		return pid1.Setup{}, err
	}
	s := pid1.Setup{
		Spec: withoutSeccomp(r.c.spec), Filter: filter.Bytes(), Allowed: filter.Allowed, Userns: r.rootless, NoSetgroups: r.singleID,
		ByName: true, Groups: r.c.record.HostConfig.GroupAdd,
	}
	s.Spec.Process.Env = append(slices.Clone(s.Spec.Process.Env), linkEnv(r.c.links)...)
	if r.console != nil {
		s.ConsoleFD = container.FirstFurther
		s.Spec.Process.ConsoleSize = consoleSize(r.c.record.HostConfig.ConsoleSize)
	}
	if r.group == nil {
		return s, nil
	}
	s.CgroupFiles, s.CgroupV1 = r.group.JoinFiles(), r.group.Controllers()
	if !hasNamespace(r.c.spec, specs.CgroupNamespace) {
		s.CgroupPath = r.group.Path()
	}
	return s, nil
}

// withoutSeccomp is the spec as init gets it: with the filter compiled, beside it.
func withoutSeccomp(spec *specs.Spec) *specs.Spec {
	copied, linux, process := *spec, *spec.Linux, *spec.Process
	linux.Seccomp = nil
	copied.Linux, copied.Process = &linux, &process
	return &copied
}

func consoleSize(size [2]uint) *specs.Box {
	if size == [2]uint{} {
		return nil
	}
	return &specs.Box{Height: size[0], Width: size[1]}
}

func hasNamespace(spec *specs.Spec, kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind })
}

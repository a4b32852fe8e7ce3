//go:build linux

package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
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
		c.mu.Unlock()
		return nil // is running: Docker answers 304
	}
	if c.record.State.Status == containertypes.StateExited {
		c.exited, c.streams = make(chan struct{}), newStreams()
	}
	c.mu.Unlock()
	r := &run{Engine: e, c: c, settled: settled}
	err := r.start(ctx)
	c.setInit(nil)
	if err != nil {
		r.unwind()
		r.failed(err)
		return startError(err)
	}
	return nil
}

// startError puts init's failure into the words by which the docker command
// tells exit codes 126 and 127 from 125.
func startError(err error) error {
	var failure *wire.Failure
	if !errors.As(err, &failure) {
		return err
	}
	return errorOf(ErrInvalid, "failed to create task for container: OCI runtime create failed: unable to start container process: %s", failure.Message)
}

// run is one run of a container.
type run struct {
	*Engine
	c       *Container
	settled <-chan struct{}
	group   *cgroup.Group
	process *container.Process
	output  func() // waits for the end of the output
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
	err = r.started()
	if r.isClosing() { // Close may have looked for what to kill before there was anything
		r.c.kill()
	}
	return err
}

func (r *run) makeGroup(ctx context.Context, k sys.Kernel) error {
	devices := cgroup.DefaultDevices()
	if r.rootless {
		devices = nil // the kernel lets no ordinary user make or open any other
	}
	group, fact, err := r.cgroups.Create(k, r.c.record.ID, limits(r.c.record.HostConfig), devices)
	if err != nil {
		return err
	}
	r.group = group
	return r.At(ctx, fact)
}

func (r *run) spawn(ctx context.Context, k sys.Kernel) error {
	program, err := r.program()
	if err != nil {
		return err
	}
	stdio, copyOut, err := r.c.streams.open(r.c.record.Config.OpenStdin)
	if err != nil {
		return err
	}
	r.process, err = container.Spawn(k, program, stdio)
	for _, f := range stdio {
		f.Close() // init has its own
	}
	r.output = copyOut()
	if err != nil {
		return err
	}
	r.c.setInit(r.process)
	if r.isClosing() { // Close may have looked for whom to kill before there was anybody
		r.process.Kill()
	}
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

func (r *run) attachNetwork(ctx context.Context, k sys.Kernel) error {
	mode := network.Bridge
	if r.c.record.HostConfig.NetworkMode == network.None {
		mode = network.None
	}
	fact, err := r.network.Attach(k, r.c.record.ID, mode, r.process.PID)
	if err != nil {
		return err
	}
	if fact.Address != "" {
		hosts := hostsFile(r.c.record.Config.Hostname, fact.Address)
		if err := os.WriteFile(filepath.Join(r.c.dir, "hosts"), []byte(hosts), 0o644); err != nil {
			return err
		}
	}
	return r.trail.At(ctx, r.process.PID, fact)
}

func (r *run) setup() (pid1.Setup, error) {
	filter, err := r.filters.compile(r.c.spec)
	if err != nil {
		return pid1.Setup{}, err
	}
	spec, linux := *r.c.spec, *r.c.spec.Linux
	linux.Seccomp = nil // init gets it compiled
	spec.Linux = &linux
	s := pid1.Setup{Spec: &spec, Filter: filter.Bytes(), Allowed: filter.Allowed, Userns: r.rootless, NoSetgroups: r.singleID}
	if r.group != nil {
		s.CgroupFiles, s.CgroupV1 = r.group.JoinFiles(), r.group.Controllers()
	}
	return s, nil
}

// started records the run and leaves a goroutine to see to its end.
func (r *run) started() error {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = r.process
	c.record.State = containertypes.State{
		Status: containertypes.StateRunning, Running: true, Pid: r.process.PID,
		StartedAt: time.Now().UTC().Format(time.RFC3339Nano),
	}
	c.record.PIDStart, _ = sys.ProcessStart(r.process.PID) // 0 for one that has ended already
	if err := c.save(); err != nil {                       // start unwinds, nobody else may
		c.process = nil
		return err
	}
	r.running.Go(r.finish)
	return nil
}

// finish waits for the program's end, shows it, and takes the run apart.
func (r *run) finish() {
	exit, err := r.process.Wait()
	if err != nil {
		exit.Status = 255
	}
	r.output()
	if r.settled != nil && r.IsWatched() {
		<-r.settled
	}
	exit.Container = r.c.record.ID
	if r.group != nil {
		exit.OOMKilled = r.group.OOMKilled()
	}
	// A watcher that aborts here changes nothing: the program has ended.
	_ = r.trail.At(context.Background(), exit.PID, exit)
	r.unwind()

	c := r.c
	c.mu.Lock()
	c.process = nil
	c.record.State.Status, c.record.State.Running, c.record.State.Pid = containertypes.StateExited, false, 0
	c.record.State.ExitCode, c.record.State.OOMKilled = exit.Status, exit.OOMKilled
	c.record.State.FinishedAt = time.Now().UTC().Format(time.RFC3339Nano)
	auto := c.record.HostConfig.AutoRemove
	if !auto {
		_ = c.save() // a full disk must not keep clients waiting for the end
	}
	c.streams.end()
	close(c.exited)
	c.mu.Unlock()
	if auto {
		_ = r.Remove(context.Background(), c, true)
	}
}

// unwind takes apart what start has made, in the opposite order. Each part
// may not be there.
func (r *run) unwind() {
	k := r.kernel()
	if r.process != nil {
		r.process.Kill()
		_ = r.process.Reap()
		r.output()
	}
	_ = r.network.Detach(r.c.record.ID)
	if r.group != nil {
		_ = r.group.Remove(k)
	}
	_ = r.c.stack().Unmount(k)
}

// failed records a run that never began.
func (r *run) failed(err error) {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	status := 128
	var failure *wire.Failure
	if errors.As(err, &failure) {
		status = failure.Status
	}
	c.record.State = containertypes.State{
		Status: containertypes.StateExited, ExitCode: status, Error: err.Error(),
		FinishedAt: time.Now().UTC().Format(time.RFC3339Nano),
	}
	_ = c.save()
	c.streams.end()
	close(c.exited)
	if c.record.HostConfig.AutoRemove {
		r.running.Go(func() { _ = r.Remove(context.Background(), c, true) }) // after this start's return
	}
}

//go:build linux

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// Create makes a container from an image: files, no process.
func (e *Engine) Create(ctx context.Context, name string, q containertypes.CreateRequest) (*Container, error) {
	if err := checkRequest(name, &q); err != nil {
		return nil, err
	}
	img, err := e.lookup(ctx, q.Image)
	if err != nil {
		return nil, err
	}
	c, err := e.register(name, newRecord(e.core, q, img))
	if err != nil {
		return nil, err
	}
	if err := e.writeContainer(ctx, c); err != nil {
		e.forget(c)
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	return c, nil
}

func newRecord(c *core, q containertypes.CreateRequest, img image.Image) Record {
	id := newID()
	config := merge(*q.Config, img)
	if config.Hostname == "" {
		config.Hostname = id[:12]
	}
	r := Record{
		ID: id, Image: q.Image, ImageID: img.ID.String(), Created: time.Now().UTC(),
		Config: &config, HostConfig: q.HostConfig,
		Args:  append(slices.Clone([]string(config.Entrypoint)), config.Cmd...),
		State: containertypes.State{Status: containertypes.StateCreated},
	}
	for _, diffID := range slices.Backward(img.Config.RootFS.DiffIDs) {
		// The kernel stacks a directory once only. Of a layer that comes twice
		// the upper one does all that the lower one did.
		if dir := c.layers.Dir(diffID); !slices.Contains(r.Lower, dir) {
			r.Lower = append(r.Lower, dir)
		}
		if c.layers.Opaque(diffID) {
			break
		}
	}
	return r
}

// merge fills what the user left open from the image's settings. An entrypoint
// of the user's own drops the image's command too.
func merge(config containertypes.Config, img image.Image) containertypes.Config {
	set := img.Config.Config
	if config.Entrypoint == nil {
		config.Entrypoint = set.Entrypoint
		if len(config.Cmd) == 0 {
			config.Cmd = set.Cmd
		}
	}
	if config.User == "" {
		config.User = set.User
	}
	if config.WorkingDir == "" {
		config.WorkingDir = set.WorkingDir
	}
	config.Env = append(slices.Clone(set.Env), config.Env...)
	labels := map[string]string{}
	for _, from := range []map[string]string{set.Labels, config.Labels} {
		for k, v := range from {
			labels[k] = v
		}
	}
	config.Labels = labels
	return config
}

// register gives the container its name and keeps it.
func (c *core) register(name string, r Record) (*Container, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == "" {
		name = c.freeName()
	}
	for _, other := range c.containers {
		if other.record.Name == name {
			return nil, errorOf(ErrConflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, other.record.ID)
		}
	}
	r.Name = name
	one := c.newContainer(r)
	c.containers[r.ID] = one
	return one, nil
}

func (c *core) forget(one *Container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.containers, one.record.ID)
}

// has reports whether the container has not been removed.
func (c *core) has(one *Container) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.containers[one.record.ID] == one
}

// writeContainer writes the container's directory: config.json for the
// runtime, and the three files of /etc that are the container's own.
func (e *Engine) writeContainer(ctx context.Context, c *Container) error {
	if len(c.record.Args) == 0 {
		return errorOf(ErrInvalid, "no command specified")
	}
	k := e.kernel()
	if err := k.Mkdir(c.dir, 0o710); err != nil {
		return fmt.Errorf("make container: %w", err)
	}
	spec, err := container.NewSpec(specOptions(c, e.cgroups.Parent))
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	c.spec = spec
	config, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return err
	}
	files := map[string]string{
		"config.json": string(config), "hostname": c.record.Config.Hostname + "\n",
		"hosts": hostsFile(c.record.Config.Hostname, ""), "resolv.conf": resolvConf(),
	}
	for _, name := range []string{"config.json", "hostname", "hosts", "resolv.conf"} {
		path := filepath.Join(c.dir, name)
		err := os.WriteFile(path, []byte(files[name]), 0o644)
		k.Did("openat", err, "", sys.Quote(path), "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", "0644")
		if err != nil {
			return err
		}
	}
	if err := c.save(); err != nil {
		return err
	}
	if !e.IsWatched() {
		return nil
	}
	return e.At(ctx, stage.Created{
		ID: c.record.ID, Name: c.record.Name, Image: c.record.Image, Dir: c.dir, Args: c.record.Args, Config: config,
	})
}

func specOptions(c *Container, cgroupParent string) container.Options {
	h, config := c.record.HostConfig, c.record.Config
	return container.Options{
		ID: c.record.ID, Dir: c.dir, Rootfs: c.stack().Merged(), Hostname: config.Hostname,
		Args: c.record.Args, Env: config.Env, Cwd: config.WorkingDir, User: config.User,
		CgroupParent: cgroupParent, Limits: limits(h), CapAdd: h.CapAdd, CapDrop: h.CapDrop, ReadonlyRootfs: h.ReadonlyRootfs,
		NoNewPrivs: slices.ContainsFunc(h.SecurityOpt, isNoNewPrivileges), Unconfined: slices.Contains(h.SecurityOpt, "seccomp=unconfined"),
	}
}

func limits(h *containertypes.HostConfig) cgroup.Limits {
	l := cgroup.Limits{Memory: h.Memory, Swap: h.MemorySwap, NanoCPUs: h.NanoCPUs}
	if h.PidsLimit != nil {
		l.Pids = *h.PidsLimit
	}
	return l
}

// hostsFile is /etc/hosts as Docker writes it.
func hostsFile(hostname, address string) string {
	s := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	if prefix, err := netip.ParsePrefix(address); err == nil {
		s += prefix.Addr().String() + "\t" + hostname + "\n"
	}
	return s
}

// resolvConf is the host's, without the name servers on its loopback, which a
// container cannot reach.
func resolvConf() string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return ""
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == "nameserver" {
			if addr, err := netip.ParseAddr(fields[1]); err != nil || addr.IsLoopback() {
				continue
			}
		}
		kept.WriteString(line)
	}
	return kept.String()
}

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

// Remove removes a container; a running one only by force.
func (e *Engine) Remove(ctx context.Context, c *Container, force bool) error {
	c.work.Lock()
	defer c.work.Unlock()
	if !e.has(c) {
		return nil // removed itself as it ended
	}
	r := c.Snapshot()
	if r.State.Running {
		if !force {
			return errorOf(ErrConflict, "cannot remove container %q: container is running: stop the container before removing or force remove", "/"+r.Name)
		}
		c.kill()
		<-c.Exited()
	}
	had := e.contents(c.dir)
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	e.kernel().Did("unlinkat", nil, "rm -r "+c.dir, sys.Quote(c.dir), "AT_REMOVEDIR")
	e.forget(c)
	defer close(c.removed) // whoever waits for it hears of it after the watcher
	return e.At(ctx, stage.Removed{Container: r.ID, Name: r.Name, Gone: slices.DeleteFunc(had, exists)})
}

// contents lists a directory and what is in it, for whoever watches it go.
func (e *Engine) contents(dir string) []string {
	if !e.IsWatched() {
		return nil
	}
	paths := []string{dir}
	entries, _ := os.ReadDir(dir) // what cannot be read is not told of
	for _, entry := range entries {
		paths = append(paths, filepath.Join(dir, entry.Name()))
	}
	return paths
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

//go:build linux

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Record is what is known of a container, and kept on disk.
type Record struct {
	ID           string                     `json:"id"`
	Name         string                     `json:"name"`
	Image        string                     `json:"image"` // as it was asked for
	ImageID      string                     `json:"imageID"`
	Created      time.Time                  `json:"created"`
	Config       *containertypes.Config     `json:"config"` // the image's settings merged in
	HostConfig   *containertypes.HostConfig `json:"hostConfig"`
	Args         []string                   `json:"args"`
	Lower        []string                   `json:"lower"` // layers, topmost first
	State        containertypes.State       `json:"state"`
	Stopped      bool                       `json:"stopped,omitempty"` // by a user: it is not to restart by itself
	RestartCount int                        `json:"restartCount,omitempty"`
	Endpoints    map[string]Endpoint        `json:"endpoints,omitempty"` // by the networks' names
	Network      stage.Network              `json:"network"`             // of the present run, or the last: that which has the default route
	Ports        []stage.PublishedPort      `json:"ports,omitempty"`     // likewise
	PIDStart     uint64                     `json:"pidStart,omitempty"`  // when State.Pid began, in ticks since boot
	MountRecord
}

// Container is one container of the engine.
type Container struct {
	core    *core
	dir     string
	removed chan struct{} // closed when it is no more

	work sync.Mutex // held while it is started or removed: one after the other

	mu       sync.Mutex
	record   Record
	spec     *specs.Spec
	process  *container.Process
	init     *container.Process // of a start under way; it may stand still for ever
	group    *cgroup.Group      // while it runs; nil where there is none
	terminal terminal
	execs    map[string]*Exec
	exited   chan struct{} // closed when the present run, or the next, has ended
	spent    bool          // exited has been closed
	streams  *streams
	pause    time.Duration // before the last restart
	waking   chan struct{} // closed to end the pause; nil without one
	checking func()        // ends the health checks; nil while there are none
	links    []link        // of the present run, to others on the standard network
	starting bool          // namespaces of other containers are looked for now
}

// Snapshot is the container's record at this moment.
func (c *Container) Snapshot() Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record
}

func (c *Container) stack() overlay.Stack {
	auto := c.record.HostConfig != nil && c.record.HostConfig.AutoRemove
	return overlay.Stack{Driver: c.core.driver, Instead: c.core.driverWhy, Lower: c.record.Lower, Dir: c.dir, Userns: c.core.rootless, Volatile: auto}
}

// save writes the record. The caller holds the lock.
func (c *Container) save() error {
	return writeJSON(filepath.Join(c.dir, "state.json"), c.record)
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (c *Container) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group != nil && c.record.State.Paused { // who stands still does not die
		_, _ = c.group.Freeze(sys.Kernel{}, false)
	}
	for _, p := range []*container.Process{c.process, c.init} {
		if p != nil {
			p.Kill()
		}
	}
	if c.process != nil {
		c.streams.hurry()
	}
}

// setInit says whom to kill while a start is under way; nil for nobody.
func (c *Container) setInit(p *container.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.init = p
}

// Exited returns a channel that is closed when the next, or present, run ends.
func (c *Container) Exited() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exited
}

// Removed returns a channel that is closed when the container is no more.
func (c *Container) Removed() <-chan struct{} { return c.removed }

// all lists the containers, newest first.
func (c *core) all() []*Container {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Container, 0, len(c.containers))
	for _, each := range c.containers {
		list = append(list, each)
	}
	slices.SortFunc(list, func(a, b *Container) int { return b.record.Created.Compare(a.record.Created) })
	return list
}

// Containers lists the containers' records, newest first.
func (e *Engine) Containers() []Record {
	var records []Record
	for _, c := range e.all() {
		records = append(records, c.Snapshot())
	}
	return records
}

// Container finds one by id, name or the id's first digits.
func (e *Engine) Container(asked string) (*Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked = strings.TrimPrefix(asked, "/")
	if c, ok := e.containers[asked]; ok {
		return c, nil
	}
	var found []*Container
	for id, c := range e.containers {
		if c.record.Name == asked {
			return c, nil
		}
		if asked != "" && strings.HasPrefix(id, asked) {
			found = append(found, c)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return nil, errorOf(ErrInvalid, "multiple IDs found with provided prefix: %s", asked)
	}
	return nil, errorOf(ErrNotFound, "No such container: %s", asked)
}

func (c *core) containersDir() string { return filepath.Join(c.options.DataRoot, "containers") }

// recover reads the containers of the last engine and takes apart what it left
// mounted or grouped. Their processes died with it, for init asks the kernel for
// that; those that have shaken it off are ended now. A set-user-id program has:
// see PR_SET_PDEATHSIG in prctl(2).
func (c *core) recover() error {
	if err := os.MkdirAll(c.containersDir(), 0o711); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.containersDir())
	if err != nil {
		return err
	}
	var dropped []Record
	for _, entry := range entries {
		r, err := c.recoverOne(filepath.Join(c.containersDir(), entry.Name()))
		if err != nil {
			return fmt.Errorf("recover container %s: %w", entry.Name(), err)
		}
		if r != nil {
			dropped = append(dropped, *r)
		}
	}
	// Only now is it known which volumes the others use.
	var errs []error
	for _, r := range dropped {
		errs = append(errs, (&Engine{core: c}).dropVolumes(r))
	}
	return errors.Join(errs...)
}

// recoverOne returns the record of a container that is no more.
func (c *core) recoverOne(dir string) (dropped *Record, err error) {
	one := c.newContainer(Record{ID: filepath.Base(dir)})
	data, readErr := os.ReadFile(filepath.Join(dir, "state.json"))
	if readErr == nil {
		readErr = json.Unmarshal(data, &one.record)
	}
	one.record.ID = filepath.Base(dir)
	one.record.endSurvivor()
	err = errors.Join(one.stack().Unmount(sys.Kernel{}), one.groups().Open(one.record.ID).End())
	if err != nil {
		return nil, err
	}
	if err = readErr; err == nil {
		one.spec, err = readSpec(dir)
	}
	if err != nil || one.record.Config == nil || one.record.HostConfig == nil || one.record.HostConfig.AutoRemove {
		return &one.record, os.RemoveAll(dir) // was never whole, or was not to outlive its run
	}
	one.record.forgetRun()
	if one.record.State.Running && !one.record.State.Restarting {
		one.record.State.Paused = false
		one.record.State.Running, one.record.State.Pid = false, 0
		one.record.State.Status, one.record.State.ExitCode = containertypes.StateExited, 137
		one.record.State.FinishedAt = time.Now().UTC().Format(time.RFC3339Nano)
		one.record.State.Error = "the daemon ended while the container ran"
		one.record.State.Health = unwatchedHealth(one.record.State.Health)
		if err := one.save(); err != nil {
			return nil, err
		}
	}
	if s := &one.record.State; s.Restarting { // the daemon's wish to, not a state of the kernel's
		s.Restarting, s.Running, s.Status = false, false, containertypes.StateExited
	}
	c.containers[one.record.ID] = one
	return nil, nil
}

// forgetRun: what the last run had of networks has gone with it. A record of before
// there were users' networks says by its mode where the container was.
func (r *Record) forgetRun() {
	if r.Endpoints == nil && !r.HostConfig.NetworkMode.IsContainer() {
		r.Endpoints = map[string]Endpoint{modeName(r.HostConfig.NetworkMode): {}}
	}
	for name, p := range r.Endpoints {
		p.NetworkID, p.EndpointID = "", ""
		r.Endpoints[name] = p
	}
}

// endSurvivor ends the container's process if it still runs. The process's
// start tells it from a later one with the same number.
func (r *Record) endSurvivor() {
	if !r.State.Running || r.State.Pid <= 0 {
		return
	}
	if started, err := sys.ProcessStart(r.State.Pid); err == nil && started == r.PIDStart {
		_ = syscall.Kill(r.State.Pid, syscall.SIGKILL) // an error: it has ended
	}
}

func readSpec(dir string) (*specs.Spec, error) {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, err
	}
	var spec specs.Spec
	return &spec, json.Unmarshal(data, &spec)
}

func newStreams(config *containertypes.Config) *streams {
	return &streams{once: config != nil && config.StdinOnce}
}

func (c *core) newContainer(r Record) *Container {
	return &Container{
		core: c, dir: filepath.Join(c.containersDir(), r.ID), record: r,
		removed: make(chan struct{}), exited: make(chan struct{}), streams: newStreams(r.Config), execs: map[string]*Exec{},
	}
}

//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/caps"
	"github.com/learndocker/learndocker/engine/container/pid1"
	"github.com/learndocker/learndocker/engine/stage"
)

// Exec is a further program in a container that runs.
type Exec struct {
	ID        string
	Container *Container
	Config    containertypes.ExecCreateRequest

	mu       sync.Mutex
	state    ExecState
	streams  *streams
	terminal terminal
	process  *container.Process // while it can be killed: nil before it is made, and from its end on
	killed   bool
	ended    chan struct{}
}

// ExecState is what is known of an exec at one moment.
type ExecState struct {
	Started, Running bool
	PID              int
	ExitCode         *int // nil before the end
	Finished         time.Time
}

// execsKept is how long what is known of an exec that has ended is kept: clients
// ask for its status afterwards.
const execsKept = 5 * time.Minute

// CreateExec notes a program to run. No process is made yet.
func (e *Engine) CreateExec(ctx context.Context, c *Container, q containertypes.ExecCreateRequest) (*Exec, error) {
	if len(q.Cmd) == 0 {
		return nil, errorOf(ErrInvalid, "no exec command specified")
	}
	r := c.Snapshot()
	if err := executes(r); err != nil {
		return nil, err
	}
	x := &Exec{ID: newID(), Container: c, Config: q, streams: &streams{once: true}, ended: make(chan struct{})}
	c.mu.Lock()
	for id, other := range c.execs {
		if s := other.State(); s.ExitCode != nil && time.Since(s.Finished) > execsKept {
			delete(c.execs, id)
		}
	}
	c.execs[x.ID] = x
	c.mu.Unlock()
	e.tell(r, "exec_create: "+commandOf(q.Cmd), map[string]string{"execID": x.ID})
	return x, e.At(ctx, stage.ExecCreated{ID: x.ID, Container: r.ID, Init: r.State.Pid, Args: q.Cmd, User: q.User, Terminal: q.Tty})
}

// executes tells why a container cannot take another program.
func executes(r Record) error {
	switch {
	case !r.State.Running || r.State.Restarting && r.State.Pid == 0:
		return errorOf(ErrConflict, "Container %s is not running", r.ID)
	case r.State.Paused:
		return errorOf(ErrConflict, "Container %s is paused, unpause the container before exec", r.Name)
	}
	return nil
}

// Exec finds one by its id.
func (e *Engine) Exec(id string) (*Exec, error) {
	for _, c := range e.all() {
		c.mu.Lock()
		x := c.execs[id]
		c.mu.Unlock()
		if x != nil {
			return x, nil
		}
	}
	return nil, errorOf(ErrNotFound, "No such exec instance: %s", id)
}

// ExecIDs are those of a container that run.
func (c *Container) ExecIDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for id, x := range c.execs {
		if x.State().Running {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// State is what is known now.
func (x *Exec) State() ExecState {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.state
}

// Attach passes output on; before the start, lest something is missed.
func (x *Exec) Attach(a Attachment) (done <-chan struct{}, leave func()) {
	one := x.streams.attach(a)
	return one.done, func() { x.streams.detach(one) }
}

// Ended is closed when the program has ended.
func (x *Exec) Ended() <-chan struct{} { return x.ended }

// Resize tells the exec's terminal its size.
func (x *Exec) Resize(height, width uint16) error {
	if !x.State().Running {
		return errors.New("cannot resize a stopped container")
	}
	return x.terminal.resize(height, width)
}

// StartExec starts the program and returns when it runs. settled is waited for
// before its end is shown to a watcher.
func (e *Engine) StartExec(ctx context.Context, x *Exec, size *[2]uint, settled <-chan struct{}) error {
	if err := executes(x.Container.Snapshot()); err != nil {
		return err
	}
	x.mu.Lock()
	if x.state.Started {
		x.mu.Unlock()
		return errorOf(ErrConflict, "exec command has already run")
	}
	x.state.Started = true
	if size != nil && *size != [2]uint{} {
		x.Config.ConsoleSize = size
	}
	x.mu.Unlock()
	if err := e.begin(); err != nil {
		return err
	}
	defer e.running.Done()
	e.tell(x.Container.Snapshot(), "exec_start: "+commandOf(x.Config.Cmd), map[string]string{"execID": x.ID})
	r := &execRun{Engine: e, x: x, settled: settled}
	if err := r.start(ctx); err != nil {
		r.abandon(err)
		return execError(err)
	}
	return nil
}

// execRun is the run of one exec.
type execRun struct {
	*Engine
	x       *Exec
	settled <-chan struct{}
	process *container.Process
	console *os.File
	output  func()
}

func (r *execRun) start(ctx context.Context) error {
	c := r.x.Container
	init, err := c.runningProcess()
	if err != nil {
		return err
	}
	if err := r.spawn(init); err != nil {
		return err
	}
	if r.IsWatched() {
		if err := r.show(ctx, init); err != nil {
			return err
		}
	}
	if err := r.join(ctx); err != nil {
		return err
	}
	setup, err := r.setup()
	if err != nil {
		return err
	}
	if err := r.process.Run(ctx, r.trail, setup); err != nil {
		return err
	}
	if r.console != nil {
		if err := r.takeTerminal(); err != nil {
			return err
		}
	}
	r.x.mu.Lock()
	r.x.state.Running, r.x.state.PID = true, r.process.PID
	r.x.mu.Unlock()
	r.running.Go(r.finish)
	return nil
}

func (r *execRun) spawn(init *container.Process) error {
	program, err := r.program()
	if err != nil {
		return err
	}
	q := r.x.Config
	ends, err := r.x.streams.open(q.AttachStdin, q.Tty)
	if err != nil {
		return err
	}
	launch := container.Launch{Program: program, Stdio: ends.files, Inside: init}
	if q.Tty {
		var theirs *os.File
		if r.console, theirs, err = container.ConsolePair(); err != nil {
			return err
		}
		defer theirs.Close()
		launch.Further = []*os.File{theirs}
	}
	r.process, err = container.Spawn(r.kernel(), launch)
	ends.closeTheirs()
	r.output = r.x.streams.begin(ends)
	if err == nil {
		r.x.made(r.process)
	}
	return err
}

// show is a stop at the process that has entered the container's namespaces.
func (r *execRun) show(ctx context.Context, init *container.Process) error {
	if err := r.process.Await(); err != nil {
		return err
	}
	seen, err := r.process.Describe(r.x.Container.record.ID)
	if err != nil {
		return err
	}
	return r.trail.At(ctx, r.process.PID, stage.Entered{
		ID: r.x.ID, Container: seen.Container, PID: r.process.PID, Parent: os.Getpid(), Init: init.PID,
		Flags: r.process.Joined, Namespaces: seen.Namespaces,
	})
}

// join puts the process into the container's control group. From inside the
// container's mounts it could not: it sees its own group only, read-only.
func (r *execRun) join(ctx context.Context) error {
	c := r.x.Container
	c.mu.Lock()
	group := c.group
	c.mu.Unlock()
	if group == nil {
		return nil
	}
	fact := stage.ExecJoined{ID: r.x.ID, Container: c.record.ID, PID: r.process.PID, Dirs: group.Dirs()}
	for _, file := range group.JoinFiles() {
		w := stage.Write{File: file, Value: strconv.Itoa(r.process.PID)}
		if err := r.kernel().WriteFile(w.File, w.Value); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
		fact.Writes = append(fact.Writes, w)
	}
	if r.IsWatched() {
		fact.Members = group.Processes()
	}
	return r.trail.At(ctx, r.process.PID, fact)
}

// setup is the container's own, with another program.
func (r *execRun) setup() (pid1.Setup, error) {
	c, q := r.x.Container, r.x.Config
	filter, err := r.filters.compile(c.spec)
	if err != nil {
		return pid1.Setup{}, err
	}
	s := pid1.Setup{
		Spec: withoutSeccomp(c.spec), Filter: filter.Bytes(), Allowed: filter.Allowed, Userns: r.rootless, NoSetgroups: r.singleID,
		Inside: true, ByName: true, Groups: c.record.HostConfig.GroupAdd,
	}
	p := s.Spec.Process
	p.Args, p.Terminal, p.ConsoleSize = q.Cmd, q.Tty, nil
	p.Env = container.Overlaid(slices.Clone(p.Env), q.Env)
	if q.Tty {
		p.Env = container.Overlaid(p.Env, []string{"TERM=xterm"})
		p.Env = container.Overlaid(p.Env, q.Env)
		s.ConsoleFD = container.FirstFurther
		if q.ConsoleSize != nil {
			p.ConsoleSize = consoleSize(*q.ConsoleSize)
		}
	}
	if q.WorkingDir != "" {
		p.Cwd = q.WorkingDir
	}
	if q.User != "" {
		p.User.Username = q.User
	}
	if q.Privileged {
		all, err := caps.Set([]string{"ALL"}, nil)
		if err != nil {
			return s, err
		}
		p.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	}
	return s, nil
}

func (r *execRun) takeTerminal() error {
	master, err := container.ReceiveTerminal(r.console)
	if err != nil {
		return err
	}
	r.x.terminal.set(master)
	if r.x.Config.AttachStdin {
		r.x.streams.takeInput(input{master})
	}
	r.output = r.x.streams.begin(&stdio{out: master})
	return nil
}

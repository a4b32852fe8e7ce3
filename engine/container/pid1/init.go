//go:build linux

// Package pid1 is the life of a container's first process up to execve.
//
// The daemon starts init (this program again, under the name Name) in new
// namespaces. Init waits for its Setup, makes itself into what config.json
// says, step by step, and ends as the container's program:
//
//	daemon                                   init
//	  │  clone(CLONE_NEWPID|…) ───────────────►│
//	  │ ◄───────────────────────────── ready ── │ waits
//	  │  identity, network                     │
//	  │ ── setup ────────────────────────────► │
//	  │ ◄──────────────── cgroup.join, held ── │
//	  │ ◄────────────── rootfs.mounts, held ── │
//	  │ ◄─────────────── rootfs.pivot, held ── │
//	  │ ◄────────────── security.drop, held ── │
//	  │ ◄─────────────── process.exec, held ── │
//	  │ ◄── end of file ────────────────────── │ execve(2)
//
// Unwatched, nothing is held and little but the setup goes over the socket.
//
// Init runs in this package's initialiser, and the package imports little: Go
// initialises it before the rest of the program, whose hundred packages would
// cost each container's start several milliseconds. A test holds the imports.
package pid1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// Name is the name under which this program is init.
const Name = "learndocker-init"

// Capabilities, the seccomp filter and ids belong to a thread. Init changes
// those of the main thread, the one that /proc/PID shows and that execve keeps;
// only in an initialiser can the main goroutine be tied to it.
func init() {
	switch os.Args[0] {
	case Name:
		runtime.LockOSThread()
		os.Exit(run())
	case ReaperPath:
		os.Exit(reap(os.Args[1:]))
	}
}

const socketFD = 3

// nameProcess sets what ps shows: comm in proc(5), 15 bytes at most. Without it
// the process would be called by the number of the descriptor it was run from.
func nameProcess(name string) {
	if b, err := unix.BytePtrFromString(name); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(b)), 0, 0, 0) // a name is no reason to fail
	}
}

// run returns only if something went wrong, with the exit status to end with.
func run() int {
	unix.CloseOnExec(socketFD)
	unix.Umask(0)
	// Die with the daemon from the first moment: one that is stopped would not
	// notice its end by the socket.
	mortal := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	nameProcess("container-init")
	conn := wire.NewConn(os.NewFile(socketFD, "daemon"), nil)
	err := become(conn, mortal)
	failure := &wire.Failure{Message: err.Error(), Status: 125}
	_ = errors.As(err, &failure)
	_ = conn.Send(wire.Packet{Error: failure}) // if nobody listens there is nobody to tell
	return failure.Status
}

// Setup tells init what to make of itself.
type Setup struct {
	Watched     bool        `json:"watched"`
	Spec        *specs.Spec `json:"spec"`
	CgroupFiles []string    `json:"cgroupFiles"`           // files to join by; empty where there is no group
	CgroupV1    []string    `json:"cgroupV1,omitempty"`    // v1 controllers to mount inside; none on v2
	CgroupPath  string      `json:"cgroupPath,omitempty"`  // the group's path, where it is seen without a cgroup namespace
	Filter      []byte      `json:"filter"`                // compiled seccomp program
	FilterFlags uint        `json:"filterFlags,omitempty"` // of seccomp(2)
	Allowed     int         `json:"allowed"`               // system calls that it lets pass
	Userns      bool        `json:"userns"`                // device nodes cannot be made, only borrowed
	NoSetgroups bool        `json:"noSetgroups,omitempty"` // /proc/self/setgroups says "deny"
	BindRoot    bool        `json:"bindRoot,omitempty"`    // the root is a directory, not a mount yet
	Inside      bool        `json:"inside,omitempty"`      // in a container's namespaces already: exec
	ByName      bool        `json:"byName,omitempty"`      // user and groups are looked up in the root's own files, as Docker does
	Groups      []string    `json:"groups,omitempty"`      // further groups, with ByName
	ConsoleFD   int         `json:"consoleFD,omitempty"`   // a socket that wants the terminal's other end; 0 for none
	StartFD     int         `json:"startFD,omitempty"`     // a listening socket: who connects lets the program begin; 0 for none
	Survives    bool        `json:"survives,omitempty"`    // its parent's end is not its own
	State       specs.State `json:"state"`                 // for hooks
}

// initProcess is init at work.
type initProcess struct {
	Setup
	kernel sys.Kernel
	trail  *stage.Trail
	conn   *wire.Conn

	private bool // nothing mounted here is seen elsewhere
}

// become takes the answer to a call that was made before anybody could be told
// of it.
func become(conn *wire.Conn, mortal error) error {
	if mortal != nil {
		return fmt.Errorf("ask to die with the daemon: %w", mortal)
	}
	if err := conn.Send(wire.Packet{Ready: true}); err != nil {
		return fmt.Errorf("wait for setup: %w", err)
	}
	packet, err := conn.Receive()
	if err != nil {
		return fmt.Errorf("wait for setup: %w", err)
	}
	p := &initProcess{conn: conn}
	if err := json.Unmarshal(packet.Setup, &p.Setup); err != nil {
		return fmt.Errorf("read setup: %w", err)
	}
	if p.Watched {
		p.trail = stage.NewTrail(asker{conn})
	}
	p.kernel = sys.Kernel{Trail: p.trail, By: "init"}
	p.kernel.Did("prctl", nil, "", "PR_SET_PDEATHSIG", "SIGKILL")
	if p.Survives {
		if err := p.stayMortal(); err != nil {
			return err
		}
	}
	steps := []func() (stage.Fact, error){p.joinCgroup, p.mountAll, p.pivot, p.dropPrivileges}
	if p.Inside {
		steps = []func() (stage.Fact, error){p.dropPrivileges}
	}
	for _, step := range steps {
		fact, err := step()
		if err != nil {
			return err
		}
		if err := p.trail.At(context.Background(), os.Getpid(), fact); err != nil {
			return err
		}
	}
	return p.exec()
}

// asker shows a point to the daemon and waits for its word.
type asker struct{ conn *wire.Conn }

func (a asker) At(_ context.Context, p stage.Point) error {
	if err := a.conn.Send(wire.Packet{Point: &p}); err != nil {
		return err
	}
	word, err := a.conn.Receive()
	if err != nil {
		return err
	}
	if !word.Go {
		return fmt.Errorf("%w: %s", wire.ErrAborted, word.Abort)
	}
	return nil
}

// joinCgroup enters the group. Only now: the limits are for the container's
// program, and the daemon's preparations are not to be charged to it.
func (p *initProcess) joinCgroup() (stage.Fact, error) {
	fact := stage.Joined{PID: os.Getpid(), Files: append([]string{}, p.CgroupFiles...)}
	for _, file := range p.CgroupFiles {
		if err := p.kernel.WriteFile(file, "0"); err != nil { // 0 is the writer itself
			return nil, fmt.Errorf("join cgroup: %w", err)
		}
	}
	var err error
	if fact.Host, err = sys.NamespaceInode("self", "cgroup"); err != nil {
		return nil, err
	}
	if p.isNew(specs.CgroupNamespace) {
		if err := p.kernel.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return nil, fmt.Errorf("make cgroup namespace: %w", err)
		}
	}
	fact.Inode, err = sys.NamespaceInode("self", "cgroup")
	return fact, err
}

// isNew reports whether the container has a namespace of that kind that nobody
// else was in before.
func (p *initProcess) isNew(kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(p.Spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind && ns.Path == "" })
}

// askHooks has the parent run the hooks of a stage, outside, and waits for them:
// OCI runtime specification, config.md, "POSIX-platform Hooks".
func (p *initProcess) askHooks(names ...string) error {
	if err := p.conn.Send(wire.Packet{Hooks: names}); err != nil {
		return err
	}
	word, err := p.conn.Receive()
	if err != nil {
		return fmt.Errorf("wait for hooks: %w", err)
	}
	if !word.Go {
		return errors.New(word.Abort)
	}
	return nil
}

//go:build linux

// Package container makes a process into a container: an OCI runtime.
//
// The daemon starts init (this program again, under the name InitName) in new
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
// Unwatched, nothing is held and nothing but the setup goes over the socket.
package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
	"github.com/learndocker/learndocker/engine/sys"
)

// InitName is the name under which this program is init.
const InitName = "learndocker-init"

// IsInit reports whether this process was started to be a container's init.
func IsInit() bool { return os.Args[0] == InitName }

// Capabilities, the seccomp filter and ids belong to a thread. Init changes
// those of the main thread, the one that /proc/PID shows and that execve keeps;
// only here, before main, can the main goroutine be tied to it.
func init() {
	if IsInit() {
		runtime.LockOSThread()
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

// Init is the life of a container's first process up to execve. It returns only
// if something went wrong, with the exit status to end with.
func Init() int {
	debug.SetGCPercent(-1)
	unix.CloseOnExec(socketFD)
	unix.Umask(0)
	nameProcess("container-init")
	conn := wire.NewConn(os.NewFile(socketFD, "daemon"), nil)
	err := become(conn)
	failure := &wire.Failure{Message: err.Error(), Status: 125}
	_ = errors.As(err, &failure)
	_ = conn.Send(wire.Packet{Error: failure}) // if nobody listens there is nobody to tell
	return failure.Status
}

// initProcess is init at work.
type initProcess struct {
	Setup
	kernel sys.Kernel
	trail  *stage.Trail
}

func become(conn *wire.Conn) error {
	if err := conn.Send(wire.Packet{Ready: true}); err != nil {
		return fmt.Errorf("wait for setup: %w", err)
	}
	packet, err := conn.Receive()
	if err != nil {
		return fmt.Errorf("wait for setup: %w", err)
	}
	p := &initProcess{}
	if err := json.Unmarshal(packet.Setup, &p.Setup); err != nil {
		return fmt.Errorf("read setup: %w", err)
	}
	if p.Watched {
		p.trail = stage.NewTrail(asker{conn})
	}
	p.kernel = sys.Kernel{Trail: p.trail, By: "init"}
	for _, step := range []func() (stage.Fact, error){p.joinCgroup, p.mountAll, p.pivot, p.dropPrivileges} {
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
	if fact.Host, err = namespaceInode("self", "cgroup"); err != nil {
		return nil, err
	}
	if err := p.kernel.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return nil, fmt.Errorf("make cgroup namespace: %w", err)
	}
	fact.Inode, err = namespaceInode("self", "cgroup")
	return fact, err
}

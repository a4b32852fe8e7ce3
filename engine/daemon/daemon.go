//go:build linux

// Package daemon serves the Docker Engine API on a socket. Each request is one
// operation of the engine, held at api.request before anything is done and at
// api.response before the answer is sent, if a narrator watches.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

// Daemon serves one engine.
type Daemon struct {
	engine  *engine.Engine
	socket  string
	version string
	log     *slog.Logger

	idle      idleness
	idleAfter time.Duration // 0 for never

	madeDir string // the socket's directory, if it was made for it

	mu      sync.Mutex
	watcher *wire.Holder
}

// New returns a daemon for the engine. version is this program's.
func New(e *engine.Engine, version string, log *slog.Logger) *Daemon {
	return &Daemon{engine: e, version: version, log: log}
}

// Serve answers requests at host until ctx ends, then ends every container.
// A stale socket is replaced, one at which a daemon answers is not.
func (d *Daemon) Serve(ctx context.Context, host string) error {
	listener, err := d.listen(host)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: d.handler(), ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: 1 << 20,
		ConnContext: withPeer,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	d.engine.WakeAll()
	d.log.Info("ready", "host", host, "data-root", d.engine.DataRoot())
	idle := make(chan struct{})
	if d.idleAfter > 0 {
		d.idle.begin()() // from now on
		go func() {
			d.awaitIdle(ctx)
			close(idle)
		}()
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", host, err)
	case <-ctx.Done():
	case <-idle:
		d.log.Info("idle", "after", d.idleAfter)
	}
	d.leaveWatcher() // what is held aborts and unwinds
	err = errors.Join(server.Close(), d.engine.Close())
	if d.madeDir != "" {
		_ = os.Remove(d.madeDir) // stays where somebody else has put something in it
	}
	return err
}

// minOpenFiles is the least limit of open files with which a daemon serves: with
// fewer it could not even take the connection on which to say so.
const minOpenFiles = 64

// CheckLimits refuses to start where the machine gives a process too little.
func CheckLimits() error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if files.Cur < minOpenFiles {
		return fmt.Errorf("start the daemon: %w: %d are allowed (ulimit -n), %d are needed", unix.EMFILE, files.Cur, minOpenFiles)
	}
	return nil
}

// makeDir makes the socket's directory. One that belongs to another user is
// refused: he could put a socket of his own in the place of ours.
func (d *Daemon) makeDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		d.madeDir = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the socket's directory: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("the socket's directory: %w", err)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("the socket's directory %s belongs to another user", dir)
	}
	return nil
}

func (d *Daemon) listen(host string) (net.Listener, error) {
	network, address, err := client.ParseHost(host)
	if err != nil {
		return nil, err
	}
	d.socket = address
	if network == "tcp" {
		return listenLoopback(address)
	}
	if err := d.makeDir(filepath.Dir(address)); err != nil {
		return nil, err
	}
	if conn, err := net.Dial("unix", address); err == nil {
		return nil, errors.Join(fmt.Errorf("a daemon already listens at %s", host), conn.Close())
	}
	if err := os.Remove(address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	// The mode must be right from the first moment: whoever can connect is
	// root on this machine.
	old := unix.Umask(0o177)
	if os.Geteuid() == 0 && !d.engine.Rootless() {
		unix.Umask(0o117)
	}
	listener, err := net.Listen("unix", address)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", host, err)
	}
	return listener, nil
}

// listenLoopback refuses to offer the machine's root to the network.
func listenLoopback(address string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("listen at %s: only loopback addresses are allowed, for whoever reaches the daemon is root here", address)
	}
	return net.ListenTCP("tcp", tcp)
}

type peerKey struct{}

// withPeer keeps who is at the other end of a connection, for its requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer stage.Peer
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			peer = stage.Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid)}
		}
	})
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

func peerOf(ctx context.Context) stage.Peer {
	peer, _ := ctx.Value(peerKey{}).(stage.Peer)
	return peer
}

// view is the engine for one request: watched where a narrator is connected.
func (d *Daemon) view() *engine.Engine {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watcher == nil {
		return d.engine.Watched(nil)
	}
	return d.engine.Watched(d.watcher)
}

func (d *Daemon) leaveWatcher() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watcher != nil {
		d.watcher.Leave()
	}
}

// watch makes the caller the watcher of every request that follows. There is
// one at a time: two could not both hold the engine still.
func (d *Daemon) watch(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watcher != nil {
		writeError(w, http.StatusConflict, "somebody already watches this daemon")
		return
	}
	conn, buffered, err := hijack(w, http.StatusSwitchingProtocols, "")
	if err != nil {
		writeError(w, http.StatusInternalServerError, err.Error())
		return
	}
	holder := wire.NewHolder(wire.NewConn(conn, buffered))
	d.watcher = holder
	go func() {
		<-holder.Gone()
		d.mu.Lock()
		d.watcher = nil
		d.mu.Unlock()
		conn.Close()
	}()
}

//go:build linux

// Package engine pulls images and runs containers, and can be held still while
// it does. It holds no prose and knows nothing of who watches.
package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	networktypes "github.com/moby/moby/api/types/network"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/container/seccomp"
	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/network"
	"github.com/learndocker/learndocker/engine/overlay"
	"github.com/learndocker/learndocker/engine/registry"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
	"github.com/learndocker/learndocker/engine/volume"
)

// Kinds of errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	// ErrInUse is the error of Open where another engine has the data root.
	ErrInUse   = errors.New("is in use by another daemon")
	ErrInvalid = errors.New("invalid")
	// ErrForbidden is a wish that the container's own settings refuse.
	ErrForbidden = errors.New("forbidden")
	// ErrUnsupported is a wish that this engine has no answer to.
	ErrUnsupported = errors.New("unsupported")
)

// kindError is an error of one kind whose text is only its own: clients show
// it as it is.
type kindError struct {
	kind error
	text string
}

func (e kindError) Error() string        { return e.text }
func (e kindError) Is(target error) bool { return target == e.kind }

// ErrorOf makes an error of a kind in these words.
func ErrorOf(kind error, format string, args ...any) error { return errorOf(kind, format, args...) }

// Within puts words in front of an error and leaves it of its kind.
func Within(err error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...) + ": " + err.Error()
	var k kindError
	if errors.As(err, &k) {
		return kindError{k.kind, text}
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

func errorOf(kind error, format string, args ...any) error {
	return kindError{kind, fmt.Sprintf(format, args...)}
}

// Options of an engine.
type Options struct {
	DataRoot     string
	CgroupParent string // group above the containers' groups; "" is cgroup.DefaultParent
	Hub          bool   // pull Docker Hub's images from Docker Hub, not from the bundled registry
	Masquerade   bool   // let containers reach beyond this machine: Docker's --ip-masq
}

// Engine is one engine with its data root, or a view of it for one operation.
// Its methods may be called from several goroutines.
type Engine struct {
	*core
	trail *stage.Trail
}

// core is what all views share.
type core struct {
	options  Options
	rootless bool
	singleID bool
	lock     *os.File
	images   *image.Store
	layers   *layer.Store
	volumes  *volume.Store

	layerHolds image.Holds // of unpacked layers, by their directories
	// volumesLock is held while a volume gets, or is asked for, its users.
	volumesLock sync.Mutex
	removing    sync.Mutex // held while images are removed: each looks at what the others lead to

	driver overlay.Driver
	// driverWhy is what the kernel answered where its own overlay cannot be had.
	driverWhy string
	cgroups   cgroup.System
	network   *network.Networks
	fixed     []networktypes.Network // those that are no bridge

	registryOnce sync.Mutex
	registry     *registry.Registry

	program func() (*os.File, error) // what init runs from
	filters filterCache

	mu         sync.Mutex
	containers map[string]*Container
	closing    bool
	ending     chan struct{} // closed when closing becomes true
	events     bus
	running    sync.WaitGroup // starts under way and runs: Close waits for them
}

// Open opens the data root, takes its lock and clears away what a killed
// engine left there.
func Open(o Options) (*Engine, error) {
	if err := os.MkdirAll(o.DataRoot, 0o711); err != nil {
		return nil, fmt.Errorf("make data root: %w", err)
	}
	root, err := filepath.Abs(o.DataRoot)
	if err != nil {
		return nil, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil { // the kernel shows mounts by their real path
		return nil, err
	}
	o.DataRoot = root
	c := &core{options: o, containers: map[string]*Container{}, ending: make(chan struct{}), program: sync.OnceValues(container.Sealed)}
	if c.lock, err = takeLock(filepath.Join(root, lockName)); err != nil {
		return nil, err
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.lock.Close())
	}
	return &Engine{core: c}, nil
}

// lockName is the file in a data root that its engine holds locked.
const lockName = "lock"

func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data root: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data root %s %w", filepath.Dir(path), ErrInUse), f.Close())
	}
	return f, nil
}

func (c *core) open() error {
	var err error
	if c.rootless, c.singleID, err = userNamespace(); err != nil {
		return err
	}
	if c.images, err = image.Open(filepath.Join(c.options.DataRoot, "images")); err != nil {
		return err
	}
	if err := c.openLayers(); err != nil {
		return err
	}
	if c.volumes, err = volume.Open(filepath.Join(c.options.DataRoot, "volumes")); err != nil {
		return err
	}
	if c.cgroups, err = cgroup.Detect(c.options.CgroupParent); err != nil {
		return err
	}
	if c.network, err = network.Open(c.options.DataRoot, c.rootless, c.options.Masquerade); err != nil {
		return err
	}
	c.fixed = fixedNetworks(c.options.DataRoot)
	return c.recover()
}

// openLayers finds out how layers can be stacked here and opens the store whose
// layers are unpacked for that.
func (c *core) openLayers() error {
	driver, why, err := overlay.Choose(c.options.DataRoot, c.rootless)
	if err != nil {
		return err
	}
	c.driver, c.driverWhy = driver, ""
	if why != nil {
		c.driverWhy = why.Error()
	}
	dir := "layers"
	if driver.Plain() {
		dir = "layers-plain"
	}
	c.layers, err = layer.Open(filepath.Join(c.options.DataRoot, dir), layer.Options{
		UserNamespace: c.rootless, SingleID: c.singleID, Plain: driver.Plain(),
	})
	return err
}

// userNamespace reads from the id map whether we are root only in a user
// namespace, and whether there is but one id in it.
func userNamespace() (inside, single bool, err error) {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false, false, fmt.Errorf("read own id map: %w", err)
	}
	fields := strings.Fields(string(data))
	inside = !slices.Equal(fields, []string{"0", "0", "4294967295"})
	return inside, inside && len(fields) == 3 && fields[2] == "1", nil
}

// Rootless reports whether the engine runs in a user namespace.
func (e *Engine) Rootless() bool { return e.rootless }

// DataRoot is the engine's directory.
func (e *Engine) DataRoot() string { return e.options.DataRoot }

// Cgroups is the machine's cgroup layout.
func (e *Engine) Cgroups() cgroup.System { return e.cgroups }

// StorageDriver is how layers are stacked, in Docker's names of its drivers.
func (e *Engine) StorageDriver() string {
	switch e.driver {
	case overlay.Fuse:
		return "fuse-overlayfs"
	case overlay.Copy:
		return "vfs"
	}
	return "overlay2"
}

// Watched returns a view of the engine for one operation, held at each of its
// stages by w. A nil w watches nothing.
func (e *Engine) Watched(w stage.Watcher) *Engine {
	return &Engine{core: e.core, trail: stage.NewTrail(w)}
}

// At holds the daemon itself at a fact that is not the engine's own: a request
// or its answer.
func (e *Engine) At(ctx context.Context, fact stage.Fact) error {
	return e.trail.At(ctx, os.Getpid(), fact)
}

// IsWatched reports whether this view has a watcher.
func (e *Engine) IsWatched() bool { return e.trail.Watched() }

func (e *Engine) kernel() sys.Kernel { return sys.Kernel{Trail: e.trail} }

// begin counts a start, which Close waits for, until the running's Done.
func (c *core) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return errorOf(ErrConflict, "the daemon is ending")
	}
	c.running.Add(1)
	return nil
}

func (c *core) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// Close ends every container and takes apart what the engine has made outside
// its data root: mounts, cgroups, interfaces.
func (e *Engine) Close() error {
	e.mu.Lock()
	if !e.closing {
		e.closing = true
		close(e.ending)
	}
	all := make([]*Container, 0, len(e.containers))
	for _, c := range e.containers {
		all = append(all, c)
	}
	e.mu.Unlock()
	for _, c := range all {
		c.kill()
	}
	e.running.Wait()
	errs := []error{e.network.Close()}
	e.cgroups.RemoveParent()
	if e.registry != nil {
		errs = append(errs, e.registry.Close())
	}
	return errors.Join(append(errs, e.lock.Close())...)
}

// mirror is the bundled registry's address, started when it is first asked.
func (c *core) mirror(ctx context.Context) (string, error) {
	if c.options.Hub {
		return "", nil
	}
	c.registryOnce.Lock()
	defer c.registryOnce.Unlock()
	if c.registry == nil {
		r, err := registry.Start(ctx)
		if err != nil {
			return "", err
		}
		c.registry = r
	}
	return c.registry.Addr(), nil
}

// filterCache keeps compiled seccomp filters by the capabilities that the
// profile depends on.
type filterCache struct {
	mu   sync.Mutex
	made map[string]*seccomp.Filter
}

func (f *filterCache) compile(spec *specs.Spec) (*seccomp.Filter, error) {
	if spec.Linux.Seccomp == nil {
		return &seccomp.Filter{}, nil
	}
	key, err := filterKey(spec)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if made, ok := f.made[key]; ok {
		return made, nil
	}
	made, err := seccomp.Compile(spec.Linux.Seccomp)
	if err != nil {
		return nil, err
	}
	if f.made == nil {
		f.made = map[string]*seccomp.Filter{}
	}
	f.made[key] = made
	return made, nil
}

// filterKey tells profiles apart: they are long, and depend on the capabilities.
func filterKey(spec *specs.Spec) (string, error) {
	profile, err := json.Marshal(spec.Linux.Seccomp)
	sum := sha256.Sum256(profile)
	return string(sum[:]), err
}

// newID makes a container's id: 64 hex digits.
func newID() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand
	return hex.EncodeToString(b)
}

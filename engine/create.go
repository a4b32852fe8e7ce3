//go:build linux

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine/container"
	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/sys"
)

// Create makes a container from an image: files, no process.
func (e *Engine) Create(ctx context.Context, name string, q containertypes.CreateRequest) (*Container, error) {
	if err := e.checkRequest(name, &q); err != nil {
		return nil, err
	}
	img, err := e.lookup(ctx, q.Image)
	if err != nil {
		return nil, err
	}
	r := newRecord(e.core, q, img)
	if r.Endpoints, err = e.wishedEndpoints(q); err != nil {
		return nil, err
	}
	if err := e.checkLinks(q.HostConfig); err != nil {
		return nil, err
	}
	c, err := e.register(name, r)
	if err != nil {
		return nil, err
	}
	if err := e.writeContainer(ctx, c); err != nil {
		e.forget(c)
		return nil, errors.Join(err, e.dropVolumes(c.Snapshot()), os.RemoveAll(c.dir))
	}
	e.tell(c.Snapshot(), "create", nil)
	return c, nil
}

func newRecord(c *core, q containertypes.CreateRequest, img image.Image) Record {
	id := newID()
	config := merge(*q.Config, img)
	if config.Hostname == "" {
		config.Hostname = c.hostnameOf(id, q.HostConfig)
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

// hostnameOf is the name of a container that is given none: its id's beginning, or
// that of the machine or the container whose network it shares.
func (c *core) hostnameOf(id string, h *containertypes.HostConfig) string {
	if name, ok := strings.CutPrefix(string(h.NetworkMode), "container:"); ok {
		if other, err := (&Engine{core: c}).Container(name); err == nil {
			return other.Snapshot().Config.Hostname
		}
		return ""
	}
	switch {
	case h.UTSMode == "host":
		return ""
	case h.NetworkMode.IsHost():
		return hostname()
	}
	return id[:12]
}

// merge fills what the user left open from the image's settings. An entrypoint
// of the user's own drops the image's command too.
func merge(config containertypes.Config, img image.Image) containertypes.Config {
	set := img.Config.Config
	if len(config.Entrypoint) == 1 && config.Entrypoint[0] == "" { // --entrypoint '': none
		config.Entrypoint = nil
	} else if config.Entrypoint == nil {
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
	if config.StopSignal == "" {
		config.StopSignal = set.StopSignal
	}
	config.Env = envOf(config.Env, set.Env)
	config.Healthcheck = mergeHealth(set.Healthcheck, config.Healthcheck)
	labels := map[string]string{}
	for _, from := range []map[string]string{set.Labels, config.Labels} {
		for k, v := range from {
			labels[k] = v
		}
	}
	config.Labels = labels
	config.Volumes = mergeVolumes(set.Volumes, config.Volumes)
	config.ExposedPorts = mergePorts(set.ExposedPorts, config.ExposedPorts)
	return config
}

// envOf is the user's environment and behind it what the image sets besides, in
// Docker's order.
func envOf(own, ofImage []string) []string {
	env := container.Overlaid(nil, own)
	for _, v := range ofImage {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(own, func(o string) bool { return o == name || strings.HasPrefix(o, name+"=") }) {
			env = append(env, v)
		}
	}
	return env
}

// register gives the container its name and keeps it.
func (c *core) register(name string, r Record) (*Container, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == "" {
		name = c.freeName()
	}
	if other := c.named(name); other != nil {
		return nil, errorOf(ErrConflict, "%s", nameTaken(name, other.record.ID))
	}
	r.Name = name
	one := c.newContainer(r)
	c.containers[r.ID] = one
	return one, nil
}

// named is the container of that name, nil for none. The caller holds the lock.
func (c *core) named(name string) *Container {
	for _, one := range c.containers {
		if one.record.Name == name {
			return one
		}
	}
	return nil
}

func nameTaken(name, id string) string {
	return fmt.Sprintf("Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, id)
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
	o, err := c.options()
	if err != nil {
		return err
	}
	spec, err := container.NewSpec(o)
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	users, err := e.mountWishes(ctx, c)
	if err != nil {
		return err
	}
	spec.Mounts = withMounts(spec.Mounts, users)
	spec.Linux.RootfsPropagation = propagationOf(users)
	c.spec = spec
	config, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return err
	}
	files := map[string]string{
		"config.json": string(config), "hostname": o.Hostname + "\n",
		"hosts": c.hostsFile(nil), "resolv.conf": resolvConf(c.record.HostConfig),
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

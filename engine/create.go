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
	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/stage"
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
		return nil, errors.Join(err, e.dropVolumes(c.Snapshot()), os.RemoveAll(c.dir))
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
	config.Volumes = mergeVolumes(set.Volumes, config.Volumes)
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
	users, err := e.mountWishes(ctx, c)
	if err != nil {
		return err
	}
	spec.Mounts = withMounts(spec.Mounts, users)
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

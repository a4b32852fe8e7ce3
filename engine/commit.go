//go:build linux

package engine

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/layer"
	"github.com/learndocker/learndocker/engine/stage"
)

// CommitRequest says how a container becomes an image.
type CommitRequest struct {
	Repository, Tag string // "" is an image without a name
	Comment, Author string
	Pause           bool // the container stands still meanwhile
	Changes         []string
	Config          *containertypes.Config // settings in place of the container's own; nil for none
}

// Commit makes an image of a container: what it has written becomes a layer above
// its image's.
func (e *Engine) Commit(ctx context.Context, c *Container, q CommitRequest) (image.Image, error) {
	var name reference.Named
	if q.Repository != "" {
		var err error
		if name, err = newName(q.Repository, q.Tag); err != nil {
			return image.Image{}, err
		}
	}
	m := &committing{making: making{Engine: e}, c: c, r: c.Snapshot(), q: q}
	defer m.held.release()
	img, err := m.commit(ctx)
	if err != nil {
		return img, err
	}
	if name != nil {
		m.fact.Name = reference.FamiliarString(name)
	}
	if err := e.At(ctx, m.fact); err != nil {
		return img, err
	}
	if name != nil {
		err = e.nameImage(ctx, img, name)
	}
	e.tell(m.r, "commit", map[string]string{"comment": q.Comment, "imageID": img.ID.String(), "imageRef": m.fact.Name})
	return img, err
}

// committing is one commit under way.
type committing struct {
	making
	c    *Container
	r    Record
	q    CommitRequest
	fact stage.Committed
}

func (m *committing) commit(ctx context.Context) (image.Image, error) {
	parent, err := m.Image(m.r.ImageID)
	if err != nil {
		return parent, err
	}
	settings := settingsOf(m.r.Config, m.q.Config)
	if err := applyChanges(&settings, m.q.Changes); err != nil {
		return image.Image{}, err
	}
	settings.Healthcheck = mergeHealth(m.r.Config.Healthcheck, settings.Healthcheck) // HEALTHCHECK says a part of it only
	m.fact.Container, m.fact.Parent = m.r.ID, parent.ID.String()
	made, err := m.pack()
	if err != nil {
		return image.Image{}, err
	}
	now := time.Now().UTC()
	config := image.Config{Comment: m.q.Comment, Container: m.r.ID}
	config.Image = v1.Image{
		Created: &now, Author: m.q.Author, Platform: parent.Config.Platform,
		RootFS: v1.RootFS{Type: "layers", DiffIDs: slices.Clone(parent.Config.RootFS.DiffIDs)},
		History: append(slices.Clone(parent.Config.History), v1.History{
			Created: &now, CreatedBy: strings.Join(m.r.Args, " "), Author: m.q.Author, Comment: m.q.Comment, EmptyLayer: m.fact.Entries == 0,
		}),
	}
	if config.OS == "" {
		config.OS, config.Architecture = "linux", runtime.GOARCH
	}
	config.Config = settings
	layers := slices.Clone(parent.Layers)
	if m.fact.Entries > 0 {
		layers = append(layers, made.Descriptor)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, made.diffID)
		if _, err := m.unpack(ctx, made.Descriptor, config.RootFS.DiffIDs, len(layers)-1); err != nil {
			return image.Image{}, err
		}
		m.fact.Digest, m.fact.DiffID, m.fact.Dir = made.Digest.String(), made.diffID.String(), m.layers.Dir(made.diffID)
	}
	img, err := m.image(config, layers, parent.ID)
	m.fact.ID, m.fact.Layers = img.ID.String(), len(layers)
	return img, err
}

// pack makes the layer, while the container stands still.
func (m *committing) pack() (made newLayer, err error) {
	if m.q.Pause {
		thaw, frozen, err := m.standStill(m.c)
		if err != nil {
			return made, err
		}
		defer thaw()
		m.fact.Paused = frozen
	}
	w := m.c.written()
	m.fact.Upper = w.Dir
	changes, err := m.Changes(m.c)
	if err != nil {
		return made, err
	}
	m.fact.Changes = shownChanges(changes)
	if len(changes) == 0 {
		return made, nil
	}
	return m.layer(func(out io.Writer) error {
		m.fact.Entries, err = m.layers.Pack(out, w, changes)
		return err
	})
}

func shownChanges(changes []layer.Change) stage.Changes {
	var shown stage.Changes
	for _, c := range changes {
		list := map[layer.Kind]*[]string{layer.Added: &shown.Added, layer.Modified: &shown.Changed, layer.Deleted: &shown.Deleted}[c.Kind]
		if len(*list) == stage.MaxEntries {
			shown.More++
			continue
		}
		*list = append(*list, c.Path)
	}
	return shown
}

// settingsOf are a container's settings as an image keeps them. Those that the
// request has take their place.
func settingsOf(own, asked *containertypes.Config) dockerspec.DockerOCIImageConfig {
	s := imageSettings(own)
	if asked == nil {
		return s
	}
	a := imageSettings(asked)
	for _, each := range []struct{ from, to *string }{{&a.User, &s.User}, {&a.WorkingDir, &s.WorkingDir}, {&a.StopSignal, &s.StopSignal}} {
		if *each.from != "" {
			*each.to = *each.from
		}
	}
	if len(a.Entrypoint) > 0 {
		s.Entrypoint, s.Cmd = a.Entrypoint, a.Cmd
	}
	if len(a.Cmd) > 0 {
		s.Cmd = a.Cmd
	}
	for _, e := range a.Env {
		name, value, _ := strings.Cut(e, "=")
		s.Env = setEnv(s.Env, name, value)
	}
	for k, v := range a.Labels {
		set(&s.Labels, k, v)
	}
	for k := range a.Volumes {
		set(&s.Volumes, k, struct{}{})
	}
	for k := range a.ExposedPorts {
		set(&s.ExposedPorts, k, struct{}{})
	}
	s.Healthcheck = mergeHealth(s.Healthcheck, a.Healthcheck)
	s.OnBuild = append(slices.Clone(s.OnBuild), a.OnBuild...)
	return s
}

func imageSettings(c *containertypes.Config) dockerspec.DockerOCIImageConfig {
	var s dockerspec.DockerOCIImageConfig
	s.ImageConfig = v1.ImageConfig{
		User: c.User, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal, Volumes: c.Volumes,
	}
	for p := range c.ExposedPorts {
		set(&s.ExposedPorts, p.String(), struct{}{})
	}
	s.Healthcheck, s.OnBuild, s.Shell = c.Healthcheck, c.OnBuild, c.Shell
	return s
}

// ImportRequest says how an archive of files becomes an image.
type ImportRequest struct {
	Repository, Tag string // "" is an image without a name
	Message         string
	Changes         []string
	Platform        string // "" is this machine's
	From            string // as the user named it: "-"
}

// Import makes an image of one layer from an archive of files, compressed or not.
func (e *Engine) Import(ctx context.Context, q ImportRequest, archive io.Reader) (image.Image, error) {
	var name reference.Named
	if q.Repository != "" {
		var err error
		if name, err = newName(q.Repository, q.Tag); err != nil {
			return image.Image{}, err
		}
	}
	now := time.Now().UTC()
	config := image.Config{Comment: q.Message}
	if config.Comment == "" {
		config.Comment = "Imported from " + q.From
	}
	if err := applyChanges(&config.Config, q.Changes); err != nil {
		return image.Image{}, err
	}
	platform, err := platformOf(q.Platform)
	if err != nil {
		return image.Image{}, err
	}
	m := &making{Engine: e}
	defer m.held.release()
	plain, err := layer.Plain(archive, layer.Bounds{})
	if err != nil {
		return image.Image{}, errorOf(ErrInvalid, "%s", err)
	}
	defer plain.Close()
	made, err := m.layer(func(out io.Writer) error {
		_, err := io.Copy(interrupted{ctx, out}, plain)
		return err
	})
	if err != nil {
		return image.Image{}, fmt.Errorf("import: %w", err)
	}
	config.Created, config.Platform = &now, platform
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{made.diffID}}
	config.History = []v1.History{{Created: &now, Comment: config.Comment}}
	unpacked, err := m.unpack(ctx, made.Descriptor, config.RootFS.DiffIDs, 0)
	if err != nil {
		return image.Image{}, err
	}
	img, err := m.image(config, []v1.Descriptor{made.Descriptor}, "")
	if err != nil {
		return img, err
	}
	fact := stage.Imported{
		ID: img.ID.String(), Digest: made.Digest.String(), DiffID: made.diffID.String(), Entries: unpacked.Entries, Bytes: made.bytes,
		Dir: m.layers.Dir(made.diffID), Changes: q.Changes,
	}
	if name != nil {
		fact.Name = reference.FamiliarString(name)
	}
	e.tellImage("import", img.ID.String(), img.ID.String())
	if err := e.At(ctx, fact); err != nil || name == nil {
		return img, err
	}
	return img, e.nameImage(ctx, img, name)
}

// platformOf reads "os/arch[/variant]".
func platformOf(s string) (v1.Platform, error) {
	p := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if s == "" {
		return p, nil
	}
	parts := strings.Split(s, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return p, errorOf(ErrInvalid, "%q is an invalid component of %q: platform specifier component must match \"^[A-Za-z0-9_-]+$\"", "", s)
	}
	if p.OS = parts[0]; len(parts) > 1 {
		p.Architecture = parts[1]
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return p, nil
}

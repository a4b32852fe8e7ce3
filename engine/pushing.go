//go:build linux

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
	"github.com/learndocker/learndocker/engine/pull"
	"github.com/learndocker/learndocker/engine/stage"
)

// ErrUnauthorized is the kind of error of credentials that are not taken.
var ErrUnauthorized = pull.ErrUnauthorized

// PushRequest says what to push.
type PushRequest struct {
	Repository reference.Named
	Tag        string // "" is all tags of the repository
	Platform   string // that the images must be for; "" is any
	Auth       *authn.AuthConfig
}

// Push sends images to the registry that their name leads to.
func (e *Engine) Push(ctx context.Context, q PushRequest, say func(jsonstream.Message)) error {
	say = oneAtATime(say)
	say(jsonstream.Message{Status: fmt.Sprintf("The push refers to repository [%s]", q.Repository.Name())})
	tags, err := e.tagsToPush(q)
	if err != nil {
		return err
	}
	mirror := ""
	if reference.Domain(q.Repository) == "docker.io" {
		if mirror, err = e.mirror(ctx); err != nil {
			return err
		}
	}
	for _, tag := range tags {
		if err := e.IsFor(&containertypes.Config{Image: reference.FamiliarString(tag)}, q.Platform); err != nil {
			return err
		}
		target, err := pull.NewTarget(tag, mirror, q.Auth)
		if err != nil {
			return err
		}
		p := &pushing{Engine: e, target: target, name: tag, say: say}
		err = p.push(ctx)
		p.held.release()
		target.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) tagsToPush(q PushRequest) ([]reference.NamedTagged, error) {
	images, err := e.images.List()
	if err != nil {
		return nil, err
	}
	var all []reference.NamedTagged
	for _, img := range images {
		all = append(all, tagsOf(img, q.Repository)...)
	}
	if len(all) == 0 {
		return nil, errorOf(ErrNotFound, "An image does not exist locally with the tag: %s", q.Repository.Name())
	}
	if q.Tag == "" {
		slices.SortFunc(all, func(a, b reference.NamedTagged) int { return strings.Compare(a.Tag(), b.Tag()) })
		return all, nil
	}
	all = slices.DeleteFunc(all, func(n reference.NamedTagged) bool { return n.Tag() != q.Tag })
	if len(all) == 0 {
		return nil, errorOf(ErrNotFound, "tag does not exist: %s:%s", reference.FamiliarName(q.Repository), q.Tag)
	}
	return all, nil
}

// pushing is one image on its way to a registry.
type pushing struct {
	*Engine
	target *pull.Target
	name   reference.NamedTagged
	say    func(jsonstream.Message)
	held   holding
	fact   stage.Pushed
}

func (p *pushing) push(ctx context.Context) error {
	img, err := p.Image(p.name.String())
	if err != nil {
		return err
	}
	for _, d := range blobsOf(img) {
		p.held.add(p.images.Hold(d))
	}
	for i := range slices.Backward(img.Layers) { // the topmost first, as Docker does
		p.say(jsonstream.Message{ID: short(layerID(img, i)), Status: "Preparing", Progress: &jsonstream.Progress{}})
	}
	p.fact = stage.Pushed{
		Reference: p.name.String(), Familiar: reference.FamiliarString(p.name), Registry: p.target.Registry(),
		Manifest: img.Manifest.Digest.String(), Size: img.Manifest.Size,
	}
	for i, l := range slices.Backward(img.Layers) {
		if err := p.layer(ctx, l, short(layerID(img, i))); err != nil {
			return err
		}
	}
	raw, err := p.rest(ctx, img)
	if err != nil {
		return err
	}
	if err := p.target.Manifest(ctx, img.Manifest, raw); err != nil {
		return err
	}
	p.fact.Exchanges = p.target.Exchanges()
	if _, err := p.images.Tag(p.kernel(), p.name, img.Manifest, img.Manifest.Digest); err != nil {
		return err
	}
	p.tellImage("push", reference.FamiliarString(p.name), reference.FamiliarName(p.name))
	if err := p.At(ctx, p.fact); err != nil {
		return err
	}
	return p.told(img)
}

// layerID is by what Docker names a layer in a push: its diffID.
func layerID(img image.Image, place int) digest.Digest {
	if place < len(img.Config.RootFS.DiffIDs) {
		return img.Config.RootFS.DiffIDs[place]
	}
	return img.Layers[place].Digest
}

func (p *pushing) layer(ctx context.Context, desc v1.Descriptor, id string) error {
	progress := func(n int64) {
		p.say(jsonstream.Message{ID: id, Status: "Pushing", Progress: &jsonstream.Progress{Current: n, Total: desc.Size}})
	}
	had, err := p.blob(ctx, desc, progress)
	if err != nil {
		return err
	}
	status := "Pushed"
	if had {
		status = "Layer already exists"
	}
	p.say(jsonstream.Message{ID: id, Status: status, Progress: &jsonstream.Progress{}})
	return nil
}

func (p *pushing) blob(ctx context.Context, desc v1.Descriptor, progress func(int64)) (had bool, err error) {
	had, err = p.target.Blob(ctx, desc, func() (io.ReadCloser, error) {
		f, err := p.images.Open(desc.Digest)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{&metered{ctx: ctx, r: f, total: desc.Size, tell: progress}, f}, nil
	})
	p.fact.Blobs = append(p.fact.Blobs, stage.PushedBlob{Digest: desc.Digest.String(), MediaType: desc.MediaType, Size: desc.Size, Present: had})
	if !had {
		p.fact.Sent++
	}
	return had, err
}

// rest sends the config and reads the manifest.
func (p *pushing) rest(ctx context.Context, img image.Image) (manifest []byte, err error) {
	raw, err := p.images.Document(img.Manifest.Digest)
	if err != nil {
		return nil, err
	}
	m, err := pull.ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	_, err = p.blob(ctx, m.Config, func(int64) {})
	return raw, err
}

// told ends the push in Docker's words.
func (p *pushing) told(img image.Image) error {
	d := img.Manifest.Digest
	p.say(jsonstream.Message{Status: fmt.Sprintf("%s: digest: %s size: %d", p.name.Tag(), d, img.Manifest.Size)})
	aux, err := json.Marshal(map[string]any{"Tag": p.name.Tag(), "Digest": d, "Size": img.Manifest.Size})
	if err != nil {
		return err
	}
	message := json.RawMessage(aux)
	p.say(jsonstream.Message{Progress: &jsonstream.Progress{}, Aux: &message})
	return nil
}

// Login asks a registry whether it takes the credentials. The bundled registry,
// which stands in for Docker Hub, takes everybody.
func (e *Engine) Login(ctx context.Context, address string, auth authn.AuthConfig) error {
	host := pull.LoginHost(address)
	if host == "" || host == "index.docker.io" || host == "docker.io" || host == "registry-1.docker.io" {
		mirror, err := e.mirror(ctx)
		if err != nil {
			return err
		}
		if host = mirror; host == "" {
			host = "index.docker.io"
		}
	}
	return pull.Login(ctx, host, auth)
}

// Distribution asks the registry what a name leads to.
func (e *Engine) Distribution(ctx context.Context, name reference.Named, auth *authn.AuthConfig) (pull.Described, error) {
	mirror, err := e.mirror(ctx)
	if err != nil {
		return pull.Described{}, err
	}
	source, err := pull.NewSource(name, mirror, auth)
	if err != nil {
		return pull.Described{}, err
	}
	defer source.Close()
	d, err := source.Describe(ctx)
	if errors.Is(err, pull.ErrDenied) || errors.Is(err, pull.ErrNoTag) {
		return d, errorOf(ErrNotFound, "%s", err)
	}
	return d, err
}

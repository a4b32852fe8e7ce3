//go:build linux

package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/learndocker/learndocker/engine/pull"
	"github.com/learndocker/learndocker/engine/stage"
)

// PullRequest says what to pull.
type PullRequest struct {
	Name     reference.Named
	Platform string // "" is this machine's
	Auth     *authn.AuthConfig
}

// pullsAtOnce is how many layers are fetched at the same time, Docker's number.
const pullsAtOnce = 3

// Pull fetches an image and gives it its name; of a name without a tag, all that
// its tags lead to. progress is called from one goroutine at a time.
func (e *Engine) Pull(ctx context.Context, q PullRequest, progress func(jsonstream.Message)) error {
	say, renewed := oneAtATime(progress), false
	fetch := e.pullOne
	if reference.IsNameOnly(q.Name) {
		fetch = e.pullAll
	}
	if err := fetch(ctx, q, say, &renewed); err != nil {
		return err
	}
	status := "Status: Image is up to date for "
	if renewed {
		status = "Status: Downloaded newer image for "
	}
	say(jsonstream.Message{Status: status + reference.FamiliarString(q.Name)})
	e.other(q, say)
	return nil
}

// pullOne fetches what one name leads to, and notes whether that is new here.
func (e *Engine) pullOne(ctx context.Context, q PullRequest, say func(jsonstream.Message), renewed *bool) error {
	source, err := e.source(ctx, q)
	if err != nil {
		return err
	}
	defer source.Close()
	resolved, err := source.Resolve(ctx, q.Platform)
	if err != nil {
		return pullError(err)
	}
	if err := e.At(ctx, resolved.Fact); err != nil {
		return err
	}
	say(jsonstream.Message{ID: tagOf(q.Name), Status: "Pulling from " + reference.Path(q.Name)})
	p := &pulling{Engine: e, source: source, resolved: resolved, say: say}
	defer p.hold()()
	if err := p.content(ctx); err != nil {
		return err
	}
	updated, err := p.tag(ctx, q.Name)
	*renewed = *renewed || updated
	return err
}

// source opens the registry of a name, or the one that stands in for it.
func (e *Engine) source(ctx context.Context, q PullRequest) (*pull.Source, error) {
	mirror, err := e.mirror(ctx)
	if err != nil {
		return nil, err
	}
	return pull.NewSource(q.Name, mirror, q.Auth)
}

// other is what is said of an image that is for another platform than was asked
// for: a registry with one image of a name has no choice.
func (e *Engine) other(q PullRequest, say func(jsonstream.Message)) {
	config := containertypes.Config{Image: reference.FamiliarString(q.Name)}
	if named, is := q.Name.(reference.NamedTagged); is && named.Tag() == "latest" {
		config.Image = reference.FamiliarName(q.Name)
	}
	if err := e.IsFor(&config, q.Platform); err != nil {
		say(jsonstream.Message{Status: "WARNING: " + err.Error()})
	}
}

// pullAll fetches what all tags of a repository lead to.
func (e *Engine) pullAll(ctx context.Context, q PullRequest, say func(jsonstream.Message), renewed *bool) error {
	source, err := e.source(ctx, q)
	if err != nil {
		return err
	}
	defer source.Close()
	tags, err := source.Tags(ctx)
	if err != nil {
		return pullError(err)
	}
	for _, tag := range tags {
		one := q
		if one.Name, err = reference.WithTag(q.Name, tag); err != nil {
			return errorOf(ErrInvalid, "%s", err)
		}
		if err := e.pullOne(ctx, one, say, renewed); err != nil {
			return err
		}
	}
	return nil
}

func pullError(err error) error {
	if errors.Is(err, pull.ErrDenied) || errors.Is(err, pull.ErrNoTag) {
		return errorOf(ErrNotFound, "%s", err)
	}
	return err
}

func oneAtATime(progress func(jsonstream.Message)) func(jsonstream.Message) {
	var mu sync.Mutex
	return func(m jsonstream.Message) {
		mu.Lock()
		defer mu.Unlock()
		progress(m)
	}
}

func tagOf(name reference.Named) string {
	if tagged, ok := name.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return name.String()
}

// pulling is one pull under way.
type pulling struct {
	*Engine
	source   *pull.Source
	resolved *pull.Resolved
	say      func(jsonstream.Message)
	config   v1.Image
	here     []bool // layers that were in the stores before
}

// content brings everything that the manifest names into the stores.
func (p *pulling) content(ctx context.Context) error {
	had := p.images.Has(p.resolved.Config)
	if err := p.fetch(ctx, p.resolved.Config, func(int64) {}); err != nil {
		return err
	}
	if err := p.readConfig(); err != nil {
		return err
	}
	p.announce(had)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pullsAtOnce)
	if p.IsWatched() {
		group.SetLimit(1) // one thing at a time, in order, where people look on
	}
	for i, l := range p.resolved.Layers {
		group.Go(func() error { return p.layer(ctx, l, i) })
	}
	return group.Wait()
}

// announce tells of the layers that are to come and of those that are here; of an
// image that is here whole, nothing, as Docker does.
func (p *pulling) announce(hadConfig bool) {
	p.here = make([]bool, len(p.resolved.Layers))
	for i, l := range p.resolved.Layers {
		p.here[i] = p.isHere(l, i)
	}
	if hadConfig && !slices.Contains(p.here, false) {
		return
	}
	for i, l := range p.resolved.Layers {
		status := "Pulling fs layer"
		if p.here[i] {
			status = "Already exists"
		}
		p.say(jsonstream.Message{ID: short(l.Digest), Status: status, Progress: &jsonstream.Progress{}})
	}
}

func (p *pulling) isHere(l v1.Descriptor, place int) bool {
	return p.images.Has(l) && p.layers.Has(p.config.RootFS.DiffIDs[place])
}

// hold keeps what the pull brings from being swept before it has a name.
func (p *pulling) hold() (release func()) {
	var held holding
	for _, d := range append([]v1.Descriptor{p.resolved.Config, p.resolved.Manifest}, p.resolved.Layers...) {
		held.add(p.images.Hold(d.Digest))
	}
	return held.release
}

func (p *pulling) readConfig() error {
	f, err := p.images.Open(p.resolved.Config.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&p.config); err != nil {
		return fmt.Errorf("read image config %s: %w", p.resolved.Config.Digest, err)
	}
	if got, want := len(p.config.RootFS.DiffIDs), len(p.resolved.Layers); got != want {
		return fmt.Errorf("image config %s: %d diffIDs for %d layers", p.resolved.Config.Digest, got, want)
	}
	for _, id := range p.config.RootFS.DiffIDs {
		if err := id.Validate(); err != nil || id.Algorithm() != digest.SHA256 {
			return fmt.Errorf("image config %s: diffID %q is no sha256 digest", p.resolved.Config.Digest, id)
		}
	}
	return nil
}

// layer brings the image's layer of that place, from 0, into the stores.
func (p *pulling) layer(ctx context.Context, desc v1.Descriptor, place int) error {
	id := short(desc.Digest)
	defer p.holdLayer(p.config.RootFS.DiffIDs[place])()
	if p.here[place] {
		return nil // was announced so
	}
	if p.isHere(desc, place) { // comes twice in this image
		p.say(jsonstream.Message{ID: id, Status: "Already exists", Progress: &jsonstream.Progress{}})
		return nil
	}
	err := p.fetch(ctx, desc, func(n int64) {
		p.say(jsonstream.Message{ID: id, Status: "Downloading", Progress: &jsonstream.Progress{Current: n, Total: desc.Size}})
	})
	if err != nil {
		return err
	}
	p.say(jsonstream.Message{ID: id, Status: "Verifying Checksum", Progress: &jsonstream.Progress{}})
	p.say(jsonstream.Message{ID: id, Status: "Download complete", Progress: &jsonstream.Progress{}})
	if err := p.unpack(ctx, desc, place); err != nil {
		return err
	}
	p.say(jsonstream.Message{ID: id, Status: "Pull complete", Progress: &jsonstream.Progress{}})
	return nil
}

// fetch brings one blob into the store unless it is there.
func (p *pulling) fetch(ctx context.Context, desc v1.Descriptor, downloaded func(int64)) error {
	path, err := p.images.BlobPath(desc.Digest)
	if err != nil {
		return err
	}
	fact := stage.Blob{Digest: desc.Digest.String(), MediaType: desc.MediaType, Size: desc.Size, Path: path}
	if p.images.Has(desc) {
		fact.Present = true
		return p.At(ctx, fact)
	}
	body, err := p.source.Blob(ctx, desc)
	if err != nil {
		return err
	}
	computed, err := p.images.Ingest(p.kernel(), desc, &metered{ctx: ctx, r: body, total: desc.Size, tell: downloaded})
	if err := errors.Join(err, body.Close()); err != nil {
		return err
	}
	fact.Computed, fact.Exchange = computed.String(), p.source.Exchange()
	return p.At(ctx, fact)
}

func (p *pulling) unpack(ctx context.Context, desc v1.Descriptor, place int) error {
	blob, err := p.images.Open(desc.Digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	id := short(desc.Digest)
	p.say(jsonstream.Message{ID: id, Status: "Extracting", Progress: &jsonstream.Progress{Total: desc.Size}})
	read := &metered{ctx: ctx, r: blob, total: desc.Size, tell: func(n int64) {
		p.say(jsonstream.Message{ID: id, Status: "Extracting", Progress: &jsonstream.Progress{Current: n, Total: desc.Size}})
	}}
	diffIDs := p.config.RootFS.DiffIDs
	fact, err := p.layers.Unpack(p.kernel(), read, desc.Size, desc.Digest, diffIDs[place])
	if err != nil || !p.IsWatched() {
		return err
	}
	fact.Number = place + 1
	// Where somebody watches, the layers below are there already.
	if fact.Changes, err = p.layers.Changes(diffIDs[place], diffIDs[:place]); err != nil {
		return err
	}
	return p.At(ctx, fact)
}

// tag points the name to the manifest, now that all of it is here, and reports
// whether that is new: a digest is known, too, of what was pulled by a tag.
func (p *pulling) tag(ctx context.Context, name reference.Named) (updated bool, err error) {
	if _, err := p.images.Ingest(p.kernel(), p.resolved.Manifest, bytes.NewReader(p.resolved.Raw)); err != nil {
		return false, err
	}
	known := p.knows(name)
	updated, err = p.images.Tag(p.kernel(), name, p.resolved.Manifest, p.resolved.Pulled)
	if err != nil {
		return false, err
	}
	familiar := reference.FamiliarString(name)
	err = p.At(ctx, stage.Tagged{
		Reference: name.String(), Familiar: familiar, Digest: p.resolved.Manifest.Digest.String(),
		ID: p.resolved.Config.Digest.String(), Index: p.images.IndexPath(), Updated: updated,
	})
	if err != nil {
		return false, err
	}
	p.say(jsonstream.Message{Status: "Digest: " + p.resolved.Pulled.String()})
	p.tellImage("pull", familiar, reference.FamiliarName(name))
	return updated && !known, nil
}

func (p *pulling) knows(name reference.Named) bool {
	had, err := p.images.Look(name.String())
	return err == nil && slices.Contains(had.Digests, name.String())
}

func short(d digest.Digest) string { return d.Encoded()[:12] }

// metered tells how much has been read, at most every 512 KiB and at the end.
// It ends when ctx does.
type metered struct {
	ctx         context.Context
	r           io.Reader
	total, n, t int64
	tell        func(int64)
}

func (m *metered) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	if n > 0 && (m.n-m.t >= 512<<10 || m.n == m.total) {
		m.t = m.n
		m.tell(m.n)
	}
	return n, err
}

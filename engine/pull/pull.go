// Package pull fetches images from registries that speak the OCI distribution
// specification, and sends them there. It verifies every digest, bounds every size, and writes down
// each HTTP exchange.
package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/stage"
)

// Bounds on what a registry may send.
const (
	maxManifest = 4 << 20  // bytes; the specification asks clients for 4 MiB at least
	maxConfig   = 4 << 20  // bytes
	maxBlob     = 32 << 30 // bytes

	// MaxLayers is how many can be stacked: overlayfs's bound and Docker's own.
	MaxLayers = 127

	maxTags = 10_000 // of one repository

	maxRedirects = 10 // net/http's own, which the registry library has taken off
)

// stallPatience is how long a registry may send nothing in the middle of an
// answer. What has been stored whole by then stays: pulling again goes on there.
const stallPatience = 60 * time.Second

// Source is one image at one registry.
type Source struct {
	name   reference.Named
	mirror string // host:port that stands in for Docker Hub; "" for Hub itself
	puller *remote.Puller
	log    *exchangeLog

	anonymous bool // no credentials were given
}

// NewSource prepares to pull name. The bundled registry at mirror is asked
// instead of Docker Hub; the credentials may be nil.
func NewSource(name reference.Named, mirror string, auth *authn.AuthConfig) (*Source, error) {
	s := &Source{name: name, anonymous: auth == nil, log: &exchangeLog{next: newTransport(), patience: stallPatience}}
	if reference.Domain(name) == "docker.io" {
		s.mirror = mirror
	}
	var err error
	s.puller, err = remote.NewPuller(s.options(auth)...)
	if err != nil {
		return nil, fmt.Errorf("prepare pull of %s: %w", name, err)
	}
	return s, nil
}

// options are those of each request. The bundled registry knows nobody.
func (s *Source) options(auth *authn.AuthConfig) []remote.Option {
	authenticator := authn.Anonymous
	if auth != nil && s.mirror == "" {
		authenticator = authn.FromConfig(*auth)
	}
	return []remote.Option{
		remote.WithTransport(s.log), remote.WithAuth(authenticator), remote.WithUserAgent("learndocker"),
		remote.WithRetryPredicate(func(error) bool { return false }), remote.WithRetryStatusCodes(),
	}
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxResponseHeaderBytes = 1 << 20
	return t
}

// Close lets go of the connections to the registry.
func (s *Source) Close() { s.log.next.CloseIdleConnections() }

// repository is where the image is asked for.
func (s *Source) repository() (name.Repository, error) {
	if s.mirror != "" {
		return name.NewRepository(s.mirror + "/" + reference.Path(s.name))
	}
	return name.NewRepository(s.name.Name())
}

// Resolved is what a name stands for on this platform.
type Resolved struct {
	Fact     stage.Resolved
	Manifest v1.Descriptor
	Raw      []byte        // the manifest's bytes
	Pulled   digest.Digest // of the index, or of the manifest where there is none
	Config   v1.Descriptor
	Layers   []v1.Descriptor
}

// Resolve asks for the manifest: name → index → the entry for this platform.
// platform is "os/arch[/variant]"; "" is the machine's own.
func (s *Source) Resolve(ctx context.Context, platform string) (*Resolved, error) {
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}
	want, err := ggcr.ParsePlatform(platform)
	if err != nil {
		return nil, fmt.Errorf("platform %q: %w", platform, err)
	}
	repo, err := s.repository()
	if err != nil {
		return nil, err
	}
	desc, err := s.puller.Get(ctx, s.reference(repo))
	if err != nil {
		return nil, s.explain(err)
	}
	r := &Resolved{Pulled: digest.Digest(desc.Digest.String())}
	r.Fact = stage.Resolved{
		Reference: s.name.String(), Registry: repo.RegistryStr(), Mirror: s.mirror != "", Platform: platform,
	}
	r.note(desc)
	if desc.MediaType.IsIndex() {
		desc, err = s.choose(ctx, repo, desc, want, &r.Fact)
		if err != nil {
			return nil, err
		}
		r.note(desc)
	}
	if !desc.MediaType.IsImage() {
		return nil, fmt.Errorf("%s: media type %q is no image", s.name, desc.MediaType)
	}
	r.Raw = desc.Manifest
	r.Manifest = v1.Descriptor{MediaType: string(desc.MediaType), Digest: digest.Digest(desc.Digest.String()), Size: int64(len(desc.Manifest)),
		Platform: &v1.Platform{OS: want.OS, Architecture: want.Architecture, Variant: want.Variant}}
	return r, s.readManifest(r)
}

// note keeps a document for whoever watches.
func (r *Resolved) note(desc *remote.Descriptor) {
	d := stage.Document{Digest: desc.Digest.String(), MediaType: string(desc.MediaType), Size: int64(len(desc.Manifest))}
	if len(desc.Manifest) <= stage.MaxDocument && utf8.Valid(desc.Manifest) { // JSON would change other bytes
		d.Body = string(desc.Manifest)
	}
	r.Fact.Documents = append(r.Fact.Documents, d)
}

func (s *Source) reference(repo name.Repository) name.Reference {
	if d, ok := s.name.(reference.Digested); ok {
		return repo.Digest(d.Digest().String())
	}
	return repo.Tag(s.name.(reference.Tagged).Tag())
}

// choose takes the first entry for the platform; attestations and other
// machines' entries are passed over.
func (s *Source) choose(ctx context.Context, repo name.Repository, desc *remote.Descriptor, want *ggcr.Platform, fact *stage.Resolved) (*remote.Descriptor, error) {
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read index of %s: %w", s.name, err)
	}
	fact.Index = desc.Digest.String()
	var chosen *ggcr.Descriptor
	var offered []string
	for _, m := range list.Manifests {
		v := stage.Variant{Platform: platformName(m), Digest: m.Digest.String(), Size: m.Size}
		if chosen == nil && m.MediaType.IsImage() && m.Platform != nil && fits(*m.Platform, *want) {
			chosen, v.Chosen = &m, true
		}
		if v.Platform != "" {
			offered = append(offered, v.Platform)
		}
		fact.Variants = append(fact.Variants, v)
	}
	if chosen == nil {
		return nil, fmt.Errorf("no matching manifest for %s in the manifest list entries: %s is offered for %s", want, s.name, strings.Join(offered, ", "))
	}
	found, err := s.puller.Get(ctx, repo.Digest(chosen.Digest.String()))
	if err != nil {
		return nil, s.explain(err)
	}
	return found, nil
}

// fits compares platforms as Docker does: an entry without a variant runs on
// all of them (arm64 is arm64/v8).
func fits(have, want ggcr.Platform) bool {
	return have.OS == want.OS && have.Architecture == want.Architecture &&
		(want.Variant == "" || have.Variant == "" || have.Variant == want.Variant)
}

// platformName is "" for what no machine runs: attestations.
func platformName(d ggcr.Descriptor) string {
	if d.Platform == nil || d.Platform.OS == "unknown" {
		return ""
	}
	return d.Platform.String()
}

func (s *Source) readManifest(r *Resolved) error {
	m, err := ParseManifest(r.Raw)
	if err != nil {
		return fmt.Errorf("manifest of %s: %w", s.name, err)
	}
	r.Config, r.Layers = m.Config, m.Layers
	r.Fact.Manifest, r.Fact.Config = r.Manifest.Digest.String(), r.Config.Digest.String()
	for _, l := range r.Layers {
		r.Fact.Layers = append(r.Fact.Layers, stage.Layer{Digest: l.Digest.String(), Size: l.Size, MediaType: l.MediaType})
	}
	r.Fact.Exchanges = s.log.take()
	return nil
}

// Tags lists the repository's, in order.
func (s *Source) Tags(ctx context.Context) ([]string, error) {
	repo, err := s.repository()
	if err != nil {
		return nil, err
	}
	pages, err := s.puller.Lister(ctx, repo)
	if err != nil {
		return nil, s.explain(err)
	}
	var tags []string
	for pages.HasNext() {
		page, err := pages.Next(ctx)
		if err != nil {
			return nil, s.explain(err)
		}
		if tags = append(tags, page.Tags...); len(tags) > maxTags {
			return nil, fmt.Errorf("repository %s: more than %d tags", s.name, maxTags)
		}
		if len(page.Tags) == 0 && page.Next != "" { // pages without end hold nothing
			return nil, fmt.Errorf("repository %s: the registry lists an empty page of tags", s.name)
		}
	}
	slices.Sort(tags)
	return tags, nil
}

// Blob opens a blob of the image. What is read is not verified here: the store
// does that as it writes.
func (s *Source) Blob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	repo, err := s.repository()
	if err != nil {
		return nil, err
	}
	blob, err := s.puller.Layer(ctx, repo.Digest(desc.Digest.String()))
	if err != nil {
		return nil, s.explain(err)
	}
	rc, err := blob.Compressed()
	if err != nil {
		return nil, s.explain(err)
	}
	return rc, nil
}

// Exchange is the last answer with a body since it was last asked for.
func (s *Source) Exchange() *stage.Exchange {
	all := s.log.take()
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}

// Errors of a pull that Docker has its own words for.
var (
	ErrDenied    = errors.New("pull access denied")
	ErrRateLimit = errors.New("rate limit reached")
	ErrNoTag     = errors.New("not found")
)

// explain turns a registry's answer into Docker's words, with what can be done.
func (s *Source) explain(err error) error {
	familiar := reference.FamiliarName(s.name)
	var answer *transport.Error
	var network *net.OpError
	switch {
	case errors.As(err, &answer):
	case errors.As(err, &network):
		return fmt.Errorf("the registry of %s cannot be reached: %w", familiar, network)
	default:
		return err
	}
	switch {
	case answer.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("toomanyrequests: %w: the registry counts anonymous pulls for each address, and a class behind one address shares them; log in (docker login), wait for the hours it names to pass, or pull from a mirror: %s", ErrRateLimit, strings.TrimSpace(answer.Error()))
	case answer.StatusCode == http.StatusUnauthorized && s.anonymous && s.log.asksBasic() && answer.Request != nil:
		return fmt.Errorf("Head %q: no basic auth credentials", answer.Request.URL.Redacted()) //nolint:staticcheck // Docker's words
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w for %s, repository does not exist or may require 'docker login'", ErrDenied, familiar)
	case answer.StatusCode != http.StatusNotFound:
		return err
	case s.mirror != "":
		return fmt.Errorf("%w for %s: the bundled registry does not have it (it stands in for Docker Hub and holds hello-world, guestbook and toolbox); start the daemon with --hub to pull from Docker Hub itself", ErrDenied, familiar)
	}
	for _, d := range answer.Errors {
		if d.Code == transport.NameUnknownErrorCode {
			return fmt.Errorf("repository %s %w: name unknown: %s", familiar, ErrNoTag, d.Message)
		}
	}
	said := ""
	for _, d := range answer.Errors {
		said = ": " + d.Message
	}
	return fmt.Errorf("manifest for %s %w: manifest unknown%s", reference.FamiliarString(s.name), ErrNoTag, said)
}

// exchangeLog is a transport that writes down what went over the wire, and
// bounds manifests.
type exchangeLog struct {
	next     *http.Transport
	patience time.Duration // with an answer that stalls
	mu       sync.Mutex
	seen     []stage.Exchange
	basic    bool // a name and a password were asked for
}

func (l *exchangeLog) asksBasic() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.basic
}

func (l *exchangeLog) RoundTrip(q *http.Request) (*http.Response, error) {
	if redirects(q) > maxRedirects {
		return nil, fmt.Errorf("%s: more than %d redirects", q.URL.Redacted(), maxRedirects)
	}
	ctx, cancel := context.WithCancel(q.Context())
	a, err := l.next.RoundTrip(q.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	a.Request = q // redirects are counted along the requests as they came
	a.Body = &hurried{ReadCloser: a.Body, cancel: cancel, patience: l.patience, host: q.URL.Host}
	if strings.Contains(q.URL.Path, "/manifests/") || strings.HasSuffix(q.URL.Path, "/tags/list") {
		a.Body = &bounded{ReadCloser: a.Body, left: maxManifest}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	asks := a.Header.Get("Www-Authenticate")
	l.basic = l.basic || a.StatusCode == http.StatusUnauthorized && strings.HasPrefix(strings.ToLower(asks), "basic")
	l.seen = append(l.seen, stage.Exchange{
		Method: q.Method, URL: q.URL.Redacted(), Accept: q.Header.Get("Accept"), Status: a.StatusCode,
		MediaType: a.Header.Get("Content-Type"), Digest: a.Header.Get("Docker-Content-Digest"),
		Bytes: a.ContentLength, RateLimit: a.Header.Get("Ratelimit-Remaining"),
	})
	return a, nil
}

// redirects counts the answers that have led to this request.
func redirects(q *http.Request) int {
	n := 0
	for from := q.Response; from != nil && from.Request != nil; from = from.Request.Response {
		n++
	}
	return n
}

func (l *exchangeLog) take() []stage.Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}

// bounded is a body that errs, rather than ends, past its bound.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("manifest: more than %d bytes", maxManifest)
	}
	return n, err
}

// hurried is a body that errs where nothing of it comes for a while.
type hurried struct {
	io.ReadCloser
	cancel   context.CancelFunc
	patience time.Duration
	host     string
}

func (h *hurried) Read(p []byte) (int, error) {
	stalled := time.AfterFunc(h.patience, h.cancel)
	n, err := h.ReadCloser.Read(p)
	if !stalled.Stop() && n == 0 && err != nil {
		return 0, fmt.Errorf("the registry at %s sent nothing for %s; pull again to go on with what is here", h.host, h.patience)
	}
	return n, err
}

// Close also ends the request where its answer was not read to the end.
func (h *hurried) Close() error {
	defer h.cancel()
	return h.ReadCloser.Close()
}

package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/stage"
)

// Target is a registry to which an image is sent.
type Target struct {
	*Source
	options []remote.Option
}

// NewTarget prepares to push to where name is pulled from.
func NewTarget(name reference.Named, mirror string, auth *authn.AuthConfig) (*Target, error) {
	s, err := NewSource(name, mirror, auth)
	if err != nil {
		return nil, err
	}
	return &Target{s, s.options(auth)}, nil
}

// Registry is the host that is sent to.
func (t *Target) Registry() string {
	if t.mirror != "" {
		return t.mirror
	}
	return reference.Domain(t.name)
}

// Blob sends one blob unless the registry has it, which it reports. open opens
// the blob from its beginning.
func (t *Target) Blob(ctx context.Context, desc v1.Descriptor, open func() (io.ReadCloser, error)) (had bool, err error) {
	repo, err := t.repository()
	if err != nil {
		return false, err
	}
	sent := false
	blob := &outgoing{desc: desc, open: func() (io.ReadCloser, error) {
		sent = true
		return open()
	}}
	if err := remote.WriteLayer(repo, blob, append(t.options, remote.WithContext(ctx))...); err != nil {
		return false, t.refused(err)
	}
	return !sent, nil
}

// Manifest sends the manifest and points the name to it.
func (t *Target) Manifest(ctx context.Context, desc v1.Descriptor, raw []byte) error {
	repo, err := t.repository()
	if err != nil {
		return err
	}
	return t.refused(remote.Put(t.reference(repo), rawManifest{desc, raw}, append(t.options, remote.WithContext(ctx))...))
}

// Exchanges are the requests and answers since they were last asked for.
func (t *Target) Exchanges() []stage.Exchange { return t.log.take() }

// refused puts a registry's no into Docker's words.
func (t *Target) refused(err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return t.explain(err)
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		if t.anonymous && t.log.asksBasic() {
			return fmt.Errorf("no basic auth credentials")
		}
		return fmt.Errorf("unauthorized: authentication required")
	case http.StatusForbidden:
		if t.mirror != "" {
			return fmt.Errorf("denied: requested access to the resource is denied: the bundled registry, which stands in for Docker Hub, is read-only; push to a registry of your own, by its address")
		}
		return fmt.Errorf("denied: requested access to the resource is denied")
	}
	return err
}

// rawManifest is a manifest as it stands.
type rawManifest struct {
	desc v1.Descriptor
	raw  []byte
}

func (m rawManifest) RawManifest() ([]byte, error) { return m.raw, nil }
func (m rawManifest) MediaType() (types.MediaType, error) {
	return types.MediaType(m.desc.MediaType), nil
}

// outgoing is a blob of the store as the registry library reads it.
type outgoing struct {
	desc v1.Descriptor
	open func() (io.ReadCloser, error)
}

func (o *outgoing) Digest() (ggcr.Hash, error)           { return ggcr.NewHash(o.desc.Digest.String()) }
func (o *outgoing) DiffID() (ggcr.Hash, error)           { return o.Digest() }
func (o *outgoing) Compressed() (io.ReadCloser, error)   { return o.open() }
func (o *outgoing) Uncompressed() (io.ReadCloser, error) { return o.open() }
func (o *outgoing) Size() (int64, error)                 { return o.desc.Size, nil }
func (o *outgoing) MediaType() (types.MediaType, error) {
	return types.MediaType(o.desc.MediaType), nil
}

// Described is what a registry says of a name.
type Described struct {
	v1.Descriptor
	Platforms []v1.Platform
}

// Describe asks for what a name leads to, without its layers.
func (s *Source) Describe(ctx context.Context) (Described, error) {
	var d Described
	repo, err := s.repository()
	if err != nil {
		return d, err
	}
	got, err := s.puller.Get(ctx, s.reference(repo))
	if err != nil {
		return d, s.explain(err)
	}
	d.Descriptor = v1.Descriptor{MediaType: string(got.MediaType), Digest: digest.Digest(got.Digest.String()), Size: int64(len(got.Manifest))}
	if got.MediaType.IsIndex() {
		return d, s.platforms(got, &d)
	}
	img, err := got.Image()
	if err != nil {
		return d, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return d, s.explain(err)
	}
	d.Platforms = []v1.Platform{{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}}
	return d, nil
}

func (s *Source) platforms(got *remote.Descriptor, d *Described) error {
	index, err := got.ImageIndex()
	if err != nil {
		return err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("read index of %s: %w", s.name, err)
	}
	for _, m := range list.Manifests {
		if m.Platform != nil {
			d.Platforms = append(d.Platforms, v1.Platform{OS: m.Platform.OS, Architecture: m.Platform.Architecture, Variant: m.Platform.Variant, OSVersion: m.Platform.OSVersion})
		}
	}
	return nil
}

// ErrUnauthorized is the error of credentials that a registry does not take.
var ErrUnauthorized = errors.New("unauthorized: incorrect username or password")

// Login asks the registry at host whether it takes the credentials: GET /v2/ of the
// OCI distribution specification.
func Login(ctx context.Context, host string, auth authn.AuthConfig) error {
	registry, err := name.NewRegistry(host)
	if err != nil {
		return fmt.Errorf("registry %q: %w", host, err)
	}
	log := &exchangeLog{next: newTransport(), patience: stallPatience}
	defer log.next.CloseIdleConnections()
	authenticated, err := transport.NewWithContext(ctx, registry, authn.FromConfig(auth), log, nil)
	if err == nil {
		err = askBase(ctx, registry, authenticated)
	}
	var answer *transport.Error
	var network *net.OpError
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusUnauthorized && log.asksBasic():
		return refusal(fmt.Sprintf("login attempt to %s://%s/v2/ failed with status: 401 Unauthorized", registry.Scheme(), host))
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return ErrUnauthorized
	case errors.As(err, &network):
		return fmt.Errorf("Get \"%s://%s/v2/\": %w", registry.Scheme(), host, network)
	}
	return err
}

// refusal is a registry's no to credentials, in Docker's words.
type refusal string

func (r refusal) Error() string        { return string(r) }
func (r refusal) Is(target error) bool { return target == ErrUnauthorized }

func askBase(ctx context.Context, registry name.Registry, t http.RoundTripper) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, registry.Scheme()+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return err
	}
	a, err := t.RoundTrip(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	return transport.CheckError(a, http.StatusOK)
}

// LoginHost is the host of a registry's address as docker login gives it:
// "https://index.docker.io/v1/", "localhost:5000".
func LoginHost(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

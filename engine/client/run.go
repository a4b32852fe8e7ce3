package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	containertypes "github.com/moby/moby/api/types/container"
)

// RunOptions are what `docker run` is asked for.
type RunOptions struct {
	CreateOptions
	Detach     bool
	DetachKeys string
	Signals    <-chan os.Signal // passed on to the container's program once it is made; nil for none
}

// CreateOptions are what `docker create` is asked for.
type CreateOptions struct {
	Name     string
	Platform string
	Pull     string // "missing", "always", "never"
	Quiet    bool   // of a pull nothing is shown
	Request  containertypes.CreateRequest
}

// Exit codes of `docker run` that are not the container's own.
const (
	ExitDaemonError   = 125
	ExitNotExecutable = 126
	ExitNotFound      = 127
)

// RunError is an error before the container's program ran, with the exit
// status that it makes.
type RunError struct {
	Status int
	Err    error
}

func (e *RunError) Error() string { return e.Err.Error() }

func (e *RunError) Unwrap() error { return e.Err }

// runError tells 126 and 127 from 125 by the words, as the docker command does.
func runError(err error) error {
	status := ExitDaemonError
	switch {
	case containsAny(err.Error(), "executable file not found", "no such file or directory", "system cannot find the file specified") && !errors.Is(err, ErrNoDaemon):
		status = ExitNotFound
	case containsAny(err.Error(), "permission denied", "is a directory", "exec format error") && !errors.Is(err, ErrNoDaemon):
		status = ExitNotExecutable
	}
	return &RunError{status, err}
}

// Run does what `docker run` does, with the same requests in the same order:
// create, and where the answer is 404, pull and create again; then attach,
// wait, start. It returns the container's exit status. The end of ctx stops it
// up to the start; from then on the container's end does.
func (c *Client) Run(ctx context.Context, o RunOptions, s Streams) (int, error) {
	if err := c.Ping(ctx); err != nil {
		return 0, runError(err)
	}
	if !o.Detach {
		if err := s.CheckTerminal(o.Request.AttachStdin, o.Request.Tty); err != nil {
			return 0, err
		}
	}
	id, err := c.CreatePulled(ctx, o.CreateOptions, s)
	if err != nil {
		return 0, runError(err)
	}
	ctx = context.WithoutCancel(ctx)
	defer c.forward(ctx, id, o.Signals)()
	q := o.Request
	if !q.AttachStdin && !q.AttachStdout && !q.AttachStderr {
		err := c.startAlone(ctx, id, q.HostConfig.AutoRemove)
		fmt.Fprintln(s.Out, id)
		return 0, err
	}
	return c.startAttached(ctx, id, attachment{
		AttachOptions: AttachOptions{Stdin: q.AttachStdin, Stdout: q.AttachStdout, Stderr: q.AttachStderr, DetachKeys: o.DetachKeys},
		tty:           q.Tty, autoRemove: q.HostConfig.AutoRemove, streams: s,
	})
}

// startAlone starts a container whose output nobody sees.
func (c *Client) startAlone(ctx context.Context, id string, autoRemove bool) error {
	exit, err := c.Wait(ctx, id, condition(autoRemove))
	if err != nil {
		return err
	}
	if err := c.Start(ctx, id); err != nil {
		if autoRemove {
			<-exit
		}
		return runError(err)
	}
	return nil
}

// condition is what a client waits for whose container may remove itself.
func condition(autoRemove bool) string {
	if autoRemove {
		return "removed"
	}
	return "next-exit"
}

// CreatePulled makes a container, of an image that is pulled before where it
// has to be, and returns its id.
func (c *Client) CreatePulled(ctx context.Context, o CreateOptions, s Streams) (id string, err error) {
	note, err := openIDFile(o.Request.HostConfig.ContainerIDFile)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, note.close(id)) }()
	ref, err := reference.ParseAnyReference(o.Request.Image)
	if err != nil {
		return "", err
	}
	named, _ := ref.(reference.Named) // the id of an image is nothing that can be pulled
	if o.Pull == "always" {
		if err := c.pullQuietly(ctx, o, s); err != nil {
			return "", err
		}
	}
	size := s.Size()
	o.Request.HostConfig.ConsoleSize = [2]uint{size.Height, size.Width}
	answer, err := c.Create(ctx, o.Name, o.Platform, o.Request)
	var missing *Error
	if errors.As(err, &missing) && missing.Status == http.StatusNotFound && named != nil && o.Pull == "missing" {
		if !o.Quiet {
			fmt.Fprintf(s.Err, "Unable to find image '%s' locally\n", reference.FamiliarString(reference.TagNameOnly(named)))
		}
		if err := c.pullQuietly(ctx, o, s); err != nil {
			return "", err
		}
		answer, err = c.Create(ctx, o.Name, o.Platform, o.Request)
	}
	if err != nil {
		return "", err
	}
	for _, w := range append(answer.Warnings, localDNS(o.Request.HostConfig)...) {
		fmt.Fprintln(s.Err, "WARNING:", w)
	}
	return answer.ID, nil
}

// localDNS warns of a name server on a loopback, which is the container's own.
func localDNS(h *containertypes.HostConfig) []string {
	i := slices.IndexFunc(h.DNS, func(a netip.Addr) bool { return a.IsLoopback() })
	if i < 0 {
		return nil
	}
	return []string{fmt.Sprintf("Localhost DNS (%s) may fail in containers.", h.DNS[i])}
}

func (c *Client) pullQuietly(ctx context.Context, o CreateOptions, s Streams) error {
	p := &Progress{W: s.Err, Terminal: s.Terminal}
	if o.Quiet {
		p = &Progress{W: io.Discard}
	}
	return c.PullNamed(ctx, o.Request.Image, o.Platform, p)
}

// idFile is the file into which a container's id goes (--cidfile). It is made
// before the container, so that no container is made without it.
type idFile struct{ f *os.File }

func openIDFile(path string) (idFile, error) {
	if path == "" {
		return idFile{}, nil
	}
	if _, err := os.Stat(path); err == nil {
		return idFile{}, fmt.Errorf("container ID file found, make sure the other container isn't running or delete %s", path)
	}
	f, err := os.Create(path)
	if err != nil {
		return idFile{}, fmt.Errorf("failed to create the container ID file: %w", err)
	}
	return idFile{f}, nil
}

// close writes the id, or takes the file away where there is none.
func (n idFile) close(id string) error {
	if n.f == nil {
		return nil
	}
	_, err := n.f.WriteString(id)
	if err = errors.Join(err, n.f.Close()); err != nil {
		return fmt.Errorf("failed to write the container ID to the file: %w", err)
	}
	if id != "" {
		return nil
	}
	if err := os.Remove(n.f.Name()); err != nil {
		return fmt.Errorf("failed to remove the CID file '%s': %w", n.f.Name(), err)
	}
	return nil
}

// PullNamed pulls an image by its name as people write it, with the user's
// credentials for its registry.
func (c *Client) PullNamed(ctx context.Context, image, platform string, p *Progress) error {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return fmt.Errorf("invalid reference format: %q", image)
	}
	auth, err := Credentials(named)
	if err != nil {
		return err
	}
	tag := ""
	switch n := named.(type) {
	case reference.Canonical:
		tag = n.Digest().String()
	case reference.Tagged:
		tag = n.Tag()
	}
	return c.Pull(ctx, reference.FamiliarName(named), tag, platform, auth, p.Show)
}

// PullAll pulls every image of a repository.
func (c *Client) PullAll(ctx context.Context, named reference.Named, platform string, p *Progress) error {
	auth, err := Credentials(named)
	if err != nil {
		return err
	}
	return c.Pull(ctx, reference.FamiliarName(named), "", platform, auth, p.Show)
}

// Credentials reads the user's docker config file, and the credential helpers
// that it names, and encodes what it says of the image's registry for
// X-Registry-Auth.
func Credentials(named reference.Named) (string, error) {
	registry := reference.Domain(named)
	if registry == "docker.io" {
		registry = name.DefaultRegistry
	}
	r, err := name.NewRegistry(registry)
	if err != nil {
		return "", fmt.Errorf("registry %s: %w", registry, err)
	}
	a, err := authn.DefaultKeychain.Resolve(r)
	if err != nil {
		return "", fmt.Errorf("read credentials for %s: %w", registry, err)
	}
	config, err := a.Authorization()
	if err != nil {
		return "", fmt.Errorf("read credentials for %s: %w", registry, err)
	}
	answer := map[string]string{}
	for k, v := range map[string]string{
		"username": config.Username, "password": config.Password, "auth": config.Auth,
		"identitytoken": config.IdentityToken, "registrytoken": config.RegistryToken,
	} {
		if v != "" {
			answer[k] = v
		}
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return "", err
	}
	return base64.URLEncoding.EncodeToString(data), nil
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/stdcopy"
	containertypes "github.com/moby/moby/api/types/container"
)

// Streams are the terminal, or whatever stands in for it.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal bool // Err is one
}

// RunOptions are what `docker run` is asked for.
type RunOptions struct {
	Name     string
	Platform string
	Pull     string // "missing", "always", "never"
	Detach   bool
	Request  containertypes.CreateRequest
	Signals  <-chan os.Signal // passed on to the container's program once it runs; nil for none
}

// Exit codes of `docker run` that are not the container's own.
const (
	ExitDaemonError   = 125
	ExitNotExecutable = 126
	ExitNotFound      = 127
)

// Run does what `docker run` does, with the same requests in the same order:
// create, and where the answer is 404, pull and create again; then attach,
// wait, start. It returns the container's exit status. The end of ctx stops it
// up to the start; from then on the container's end does.
func (c *Client) Run(ctx context.Context, o RunOptions, s Streams) (int, error) {
	if err := c.Ping(ctx); err != nil {
		return ExitDaemonError, err
	}
	id, err := c.createPulled(ctx, o, s)
	if err != nil {
		return ExitDaemonError, err
	}
	ctx = context.WithoutCancel(ctx)
	if o.Detach {
		if err := c.Start(ctx, id); err != nil {
			return ExitDaemonError, err
		}
		fmt.Fprintln(s.Out, id)
		return 0, nil
	}
	conn, r, err := c.Attach(ctx, id, o.Request.OpenStdin)
	if err != nil {
		return ExitDaemonError, err
	}
	defer conn.Close()
	go sendInput(conn, s.In, o.Request.OpenStdin)
	output := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(s.Out, s.Err, r)
		output <- err
	}()
	condition := "next-exit"
	if o.Request.HostConfig.AutoRemove {
		condition = "removed"
	}
	exit, err := c.Wait(ctx, id, condition)
	if err != nil {
		return ExitDaemonError, err
	}
	if err := c.Start(ctx, id); err != nil {
		if o.Request.HostConfig.AutoRemove {
			<-exit // it removes itself
		}
		return startStatus(err), err
	}
	end := c.await(ctx, id, exit, o.Signals)
	if err := <-output; err != nil && end.Err == nil {
		end.Err = fmt.Errorf("read output: %w", err)
	}
	return end.Status, end.Err
}

// await passes signals on until the container has ended.
func (c *Client) await(ctx context.Context, id string, exit <-chan Exit, signals <-chan os.Signal) Exit {
	for {
		select {
		case end := <-exit:
			return end
		case s := <-signals:
			if n, ok := s.(syscall.Signal); ok {
				_ = c.Kill(ctx, id, strconv.Itoa(int(n))) // an error is a container that has just ended
			}
		}
	}
}

// sendInput passes input on and tells its end by closing half the connection.
func sendInput(conn net.Conn, in io.Reader, attached bool) {
	if attached {
		_, _ = io.Copy(conn, in) // an error is a container that has ended
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// startStatus tells 126 and 127 from 125 by the daemon's words, as the docker
// command does.
func startStatus(err error) int {
	var e *Error
	if !errors.As(err, &e) {
		return ExitDaemonError
	}
	switch {
	case containsAny(e.Message, "executable file not found", "no such file or directory"):
		return ExitNotFound
	case containsAny(e.Message, "permission denied", "is a directory", "exec format error"):
		return ExitNotExecutable
	}
	return ExitDaemonError
}

func (c *Client) createPulled(ctx context.Context, o RunOptions, s Streams) (string, error) {
	if o.Pull == "always" {
		if err := c.PullNamed(ctx, o.Request.Image, o.Platform, &Progress{W: s.Err, Terminal: s.Terminal}); err != nil {
			return "", err
		}
	}
	id, err := c.Create(ctx, o.Name, o.Request)
	var missing *Error
	if !errors.As(err, &missing) || missing.Status != http.StatusNotFound || o.Pull == "never" {
		return id, err
	}
	named, parseErr := reference.ParseDockerRef(o.Request.Image)
	if parseErr != nil {
		return "", fmt.Errorf("invalid reference format: %q", o.Request.Image)
	}
	fmt.Fprintf(s.Err, "Unable to find image '%s' locally\n", reference.FamiliarString(named))
	if err := c.PullNamed(ctx, o.Request.Image, o.Platform, &Progress{W: s.Err, Terminal: s.Terminal}); err != nil {
		return "", err
	}
	return c.Create(ctx, o.Name, o.Request)
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

//go:build linux

package daemon

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/types/jsonstream"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/image"
)

// createImage pulls an image, or makes one of an archive of files.
func createImage(x *exchange) error {
	query := x.r.URL.Query()
	switch {
	case query.Get("fromImage") != "":
		return pullImage(x)
	case query.Get("fromSrc") != "":
		return importImage(x)
	}
	return badRequest{fmt.Errorf("only fromImage and fromSrc are supported")}
}

// pullImage streams its progress.
func pullImage(x *exchange) error {
	query := x.r.URL.Query()
	name, err := pullName(query.Get("fromImage"), query.Get("tag"))
	if err != nil {
		return badRequest{err}
	}
	auth, err := registryAuth(x.r.Header.Get("X-Registry-Auth"))
	if err != nil {
		return badRequest{err}
	}
	s := &progressStream{x: x}
	return s.end(x.Pull(x.r.Context(), engine.PullRequest{Name: name, Platform: query.Get("platform"), Auth: auth}, s.say))
}

func pullName(from, tag string) (reference.Named, error) {
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		from += "@" + tag
	case tag != "":
		from += ":" + tag
	}
	// Without a tag all of them are meant.
	if named, err := reference.ParseNormalizedNamed(from); err == nil && reference.IsNameOnly(named) {
		return named, nil
	}
	return image.ParseName(from)
}

// registryAuth decodes X-Registry-Auth: base64url of a JSON object, which may
// be empty.
func registryAuth(header string) (*authn.AuthConfig, error) {
	if header == "" {
		return nil, nil
	}
	data, err := base64.URLEncoding.DecodeString(header)
	if err != nil {
		if data, err = base64.RawURLEncoding.DecodeString(header); err != nil {
			return nil, fmt.Errorf("X-Registry-Auth: %w", err)
		}
	}
	var a struct{ Username, Password, Auth, IdentityToken, RegistryToken string }
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("X-Registry-Auth: %w", err)
	}
	config := authn.AuthConfig{Username: a.Username, Password: a.Password, Auth: a.Auth, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
	if config == (authn.AuthConfig{}) {
		return nil, nil
	}
	return &config, nil
}

// progressStream writes messages as they come, one JSON object a line.
type progressStream struct {
	x     *exchange
	begun bool
	err   error // of the hold at the stream's beginning
}

func (s *progressStream) say(m jsonstream.Message) {
	if s.err != nil {
		return
	}
	if !s.begun {
		s.begun = true
		if s.err = s.x.stream(); s.err != nil {
			return
		}
	}
	s.write(m)
}

// end ends the answer. An error before the first line is an answer of its own, a
// later one is the stream's last line.
func (s *progressStream) end(err error) error {
	switch {
	case err == nil && !s.begun:
		return s.x.stream()
	case err == nil:
		return s.err
	case !s.begun:
		return err
	}
	s.write(struct {
		jsonstream.Message
		Error string `json:"error"` // the older form, which some clients still read
	}{jsonstream.Message{Error: &jsonstream.Error{Message: err.Error()}}, err.Error()})
	return nil
}

func (s *progressStream) write(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		return
	}
	_, _ = s.x.w.Write(append(line, "\r\n"...)) // an error is a client that has gone
	_ = http.NewResponseController(s.x.w).Flush()
}

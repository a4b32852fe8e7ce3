//go:build linux

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	registrytypes "github.com/moby/moby/api/types/registry"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/image"
)

func decodeJSON(s string, into any) error { return json.Unmarshal([]byte(s), into) }

// shownBody is the request's body as a watcher sees it. A password is shown to
// nobody.
func (x *exchange) shownBody() string {
	if x.r.URL.Path == "/auth" && len(x.body) > 0 {
		return "(hidden)"
	}
	return shown(x.body)
}

func login(x *exchange) error {
	var q registrytypes.AuthConfig
	if err := x.decode(&q); err != nil {
		return err
	}
	auth := authn.AuthConfig{Username: q.Username, Password: q.Password, IdentityToken: q.IdentityToken, RegistryToken: q.RegistryToken}
	if err := x.Login(x.r.Context(), q.ServerAddress, auth); err != nil {
		return err
	}
	return x.json(http.StatusOK, registrytypes.AuthResponse{Status: "Login Succeeded"})
}

func distribution(x *exchange) error {
	asked, ok := strings.CutSuffix(x.r.PathValue("name"), "/json")
	if !ok || asked == "" {
		return badRequest{fmt.Errorf("learndocker's daemon has no such request: %s", x.r.URL.Path)}
	}
	name, err := image.ParseName(asked)
	if err != nil {
		return badRequest{err}
	}
	auth, err := registryAuth(x.r.Header.Get("X-Registry-Auth"))
	if err != nil {
		return badRequest{err}
	}
	d, err := x.Distribution(x.r.Context(), name, auth)
	if err != nil {
		return err
	}
	if d.Platforms == nil {
		d.Platforms = []v1.Platform{}
	}
	return x.json(http.StatusOK, map[string]any{"Descriptor": d.Descriptor, "Platforms": d.Platforms})
}

func pushImage(x *exchange, asked string) error {
	name, err := reference.ParseNormalizedNamed(asked)
	if err != nil {
		return badRequest{fmt.Errorf("invalid reference format: %w", err)}
	}
	auth, err := registryAuth(x.r.Header.Get("X-Registry-Auth"))
	if err != nil {
		return badRequest{err}
	}
	tag, platform := x.r.URL.Query().Get("tag"), platformQuery(x.r.URL.Query())
	if tagged, is := name.(reference.Tagged); is && tag == "" {
		tag = tagged.Tag()
	}
	s := &progressStream{x: x}
	return s.end(x.Push(x.r.Context(), engine.PushRequest{Repository: reference.TrimNamed(name), Tag: tag, Platform: platform, Auth: auth}, s.say))
}

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
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/image"
)

// pullImage streams its progress. An error before the first line is an answer
// of its own, a later one is the stream's last line.
func pullImage(x *exchange) error {
	query := x.r.URL.Query()
	if query.Get("fromImage") == "" {
		return badRequest{fmt.Errorf("only fromImage is supported")}
	}
	name, err := pullName(query.Get("fromImage"), query.Get("tag"))
	if err != nil {
		return badRequest{err}
	}
	auth, err := registryAuth(x.r.Header.Get("X-Registry-Auth"))
	if err != nil {
		return badRequest{err}
	}
	s := &progressStream{x: x}
	err = x.Pull(x.r.Context(), engine.PullRequest{Name: name, Platform: query.Get("platform"), Auth: auth}, s.say)
	switch {
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

func pullName(from, tag string) (reference.Named, error) {
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		from += "@" + tag
	case tag != "":
		from += ":" + tag
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

func (s *progressStream) write(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		return
	}
	_, _ = s.x.w.Write(append(line, "\r\n"...)) // an error is a client that has gone
	_ = http.NewResponseController(s.x.w).Flush()
}

func listImages(x *exchange) error {
	images, err := x.Images()
	if err != nil {
		return err
	}
	list := []imagetypes.Summary{}
	for _, img := range images {
		list = append(list, imagetypes.Summary{
			ID: img.ID.String(), RepoTags: familiarNames(img), RepoDigests: repoDigests(img), Created: created(img),
			Size: img.Size(), SharedSize: -1, Containers: -1, Labels: img.Config.Config.Labels,
		})
	}
	return x.json(http.StatusOK, list)
}

func created(img image.Image) int64 {
	if img.Config.Created == nil {
		return 0
	}
	return img.Config.Created.Unix()
}

func familiarNames(img image.Image) []string {
	names := []string{}
	for _, n := range img.Names {
		if named, err := image.ParseName(n); err == nil {
			if _, ok := named.(reference.Tagged); ok {
				names = append(names, reference.FamiliarString(named))
			}
		}
	}
	return names
}

func repoDigests(img image.Image) []string {
	digests := []string{}
	for _, n := range img.Names {
		if named, err := image.ParseName(n); err == nil {
			digests = append(digests, reference.FamiliarName(named)+"@"+img.Pulled.String())
		}
	}
	return digests
}

func inspectImage(x *exchange) error {
	name, ok := strings.CutSuffix(x.r.PathValue("name"), "/json")
	if !ok {
		return badRequest{fmt.Errorf("learndocker's daemon has no such request: %s", x.r.URL.Path)}
	}
	img, err := x.Image(name)
	if err != nil {
		return err
	}
	stamp := ""
	if img.Config.Created != nil {
		stamp = img.Config.Created.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return x.json(http.StatusOK, map[string]any{
		"Id": img.ID, "RepoTags": familiarNames(img), "RepoDigests": repoDigests(img), "Created": stamp,
		"Architecture": img.Config.Architecture, "Os": img.Config.OS, "Size": img.Size(), "Config": img.Config.Config,
		"RootFS": map[string]any{"Type": "layers", "Layers": img.Config.RootFS.DiffIDs},
	})
}

func removeImage(x *exchange) error {
	done, err := x.RemoveImage(x.r.PathValue("name"), isTrue(x.r.URL.Query().Get("force")))
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, done)
}

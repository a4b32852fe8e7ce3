//go:build linux

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/image"
)

// errNotImplemented marks what this daemon does not do, and says so.
var errNotImplemented = errors.New("not implemented")

type notImplemented string

func (e notImplemented) Error() string        { return string(e) }
func (e notImplemented) Is(target error) bool { return target == errNotImplemented }

// imageRequest tells apart requests whose path has an image's name, with any
// number of slashes, in its middle.
func imageRequest(x *exchange) error {
	for suffix, f := range map[string]func(*exchange, string) error{
		"GET /json": inspectImage, "GET /history": imageHistory, "GET /get": saveImage, "POST /tag": tagImage, "POST /push": pushImage,
	} {
		method, end, _ := strings.Cut(suffix, " ")
		if name, ok := strings.CutSuffix(x.r.PathValue("name"), end); ok && name != "" && x.r.Method == method {
			return f(x, name)
		}
	}
	return badRequest{fmt.Errorf("learndocker's daemon has no such request: %s", x.r.URL.Path)}
}

// inspectedImage is what docker image inspect shows, in Docker's order.
type inspectedImage struct {
	ID              string `json:"Id"`
	RepoTags        []string
	RepoDigests     []string
	Parent          string
	Comment         string
	Created         string           `json:",omitempty"`
	Container       *string          `json:",omitempty"` // before API 1.45
	ContainerConfig *json.RawMessage `json:",omitempty"` // the same
	DockerVersion   string
	Author          string
	Config          *dockerspec.DockerOCIImageConfig
	Architecture    string
	Variant         string `json:",omitempty"`
	Os              string
	OsVersion       string `json:",omitempty"`
	Size            int64
	VirtualSize     *int64 `json:",omitempty"` // before API 1.44
	GraphDriver     storage.DriverData
	RootFS          imagetypes.RootFS
	Metadata        imagetypes.Metadata
}

func inspectImage(x *exchange, name string) error {
	img, err := x.Image(name)
	if err != nil {
		return err
	}
	config := img.Config
	noSettings := json.RawMessage(`{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}`)
	answer := inspectedImage{
		ID: img.ID.String(), RepoTags: familiar(img.Tags()), RepoDigests: familiar(img.Digests), Parent: img.Parent.String(), Comment: lastComment(img),
		DockerVersion: config.DockerVersion, Author: config.Author, Config: &config.Config, Architecture: config.Architecture, Variant: config.Variant,
		Os: config.OS, OsVersion: config.OSVersion, Size: x.ImageSize(img), GraphDriver: layersOf(x, img),
		RootFS: imagetypes.RootFS{Type: config.RootFS.Type, Layers: texts(config.RootFS.DiffIDs)}, Metadata: imagetypes.Metadata{LastTagTime: img.Tagged},
	}
	if config.Created != nil {
		answer.Created = config.Created.Format(time.RFC3339Nano)
	}
	if older(versionOf(x.r), "1.44") {
		answer.VirtualSize = &answer.Size
	}
	if older(versionOf(x.r), "1.45") {
		answer.Container, answer.ContainerConfig = &config.Container, &config.ContainerConfig
		if len(config.ContainerConfig) == 0 {
			answer.ContainerConfig = &noSettings
		}
	}
	return x.json(http.StatusOK, answer)
}

// lastComment is the image's comment: Docker keeps it in the config, others in
// the last step of the history.
func lastComment(img image.Image) string {
	if c, h := img.Config.Comment, img.Config.History; c != "" || len(h) == 0 {
		return c
	}
	return img.Config.History[len(img.Config.History)-1].Comment
}

func texts(digests []digest.Digest) []string {
	list := []string{}
	for _, d := range digests {
		list = append(list, d.String())
	}
	return list
}

// layersOf tells where the image's layers are: the topmost first.
func layersOf(x *exchange, img image.Image) storage.DriverData {
	d := storage.DriverData{Name: x.StorageDriver(), Data: map[string]string{}}
	dirs := x.ImageLayers(img)
	if len(dirs) > 0 {
		d.Data["UpperDir"] = dirs[0]
	}
	if len(dirs) > 1 {
		d.Data["LowerDir"] = strings.Join(dirs[1:], ":")
	}
	return d
}

func imageHistory(x *exchange, name string) error {
	items, err := x.History(name)
	if err != nil {
		return err
	}
	list := []imagetypes.HistoryResponseItem{}
	for _, i := range items {
		tags := familiar(i.Tags)
		if len(tags) == 0 {
			tags = nil
		}
		list = append(list, imagetypes.HistoryResponseItem{ID: i.ID, Created: i.Created.Unix(), CreatedBy: i.CreatedBy, Comment: i.Comment, Size: i.Size, Tags: tags})
	}
	return x.json(http.StatusOK, list)
}

func tagImage(x *exchange, name string) error {
	query := x.r.URL.Query()
	if err := x.TagImage(x.r.Context(), name, query.Get("repo"), query.Get("tag")); err != nil {
		return err
	}
	return x.json(http.StatusCreated, nil)
}

// searchImages: there is nothing to search. Docker Hub's search is a service of
// its own, no part of the registry's protocol.
func searchImages(*exchange) error {
	return notImplemented("learndocker's daemon cannot search: a registry offers no search, and the service of Docker Hub that does is not asked")
}

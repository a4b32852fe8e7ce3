package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/distribution/reference"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// image is the path of a request of one image. Its name may hold slashes.
func (c *Client) image(name, request string) string { return "/images/" + name + request }

// Images lists the images that pass the filters; with all, those too that are
// only there for others.
func (c *Client) Images(ctx context.Context, all bool, f Filters) ([]imagetypes.Summary, error) {
	query := url.Values{}
	if all {
		query.Set("all", "1")
	}
	f.set(query)
	var answer []imagetypes.Summary
	err := c.get(ctx, "/images/json", query, &answer)
	return answer, err
}

// InspectImage is all that the daemon says of an image, also as it came.
func (c *Client) InspectImage(ctx context.Context, name string) (imagetypes.InspectResponse, []byte, error) {
	var answer imagetypes.InspectResponse
	if _, err := trimmed("image", name); err != nil {
		return answer, nil, err
	}
	raw, err := c.getRaw(ctx, c.image(name, "/json"), nil, &answer)
	return answer, raw, err
}

// RemoveImage removes an image's name, and with the last name the image and,
// with prune, what was only there for it.
func (c *Client) RemoveImage(ctx context.Context, name string, force, prune bool) ([]imagetypes.DeleteResponse, error) {
	if _, err := trimmed("image", name); err != nil {
		return nil, err
	}
	query := url.Values{}
	if force {
		query.Set("force", "1")
	}
	if !prune {
		query.Set("noprune", "1")
	}
	var answer []imagetypes.DeleteResponse
	err := c.do(ctx, http.MethodDelete, c.image(name, ""), query, nil, &answer)
	return answer, err
}

// History lists the steps by which an image came to be, the latest first.
func (c *Client) History(ctx context.Context, name string) ([]imagetypes.HistoryResponseItem, error) {
	var answer []imagetypes.HistoryResponseItem
	err := c.get(ctx, c.image(name, "/history"), nil, &answer)
	return answer, err
}

// Tag gives an image one more name.
func (c *Client) Tag(ctx context.Context, source, name string) error {
	if _, err := reference.ParseAnyReference(source); err != nil {
		return fmt.Errorf("Error parsing reference: %q is not a valid repository/tag: %w", source, err)
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return fmt.Errorf("Error parsing reference: %q is not a valid repository/tag: %w", name, err)
	}
	repository, tag, err := target(name)
	if err != nil {
		return err
	}
	query := url.Values{"repo": {repository}}
	if tag != "" {
		query.Set("tag", tag)
	}
	return c.post(ctx, c.image(source, "/tag"), query, nil, nil)
}

// Save reads images as one tar archive. The caller closes it.
func (c *Client) Save(ctx context.Context, names []string) (io.ReadCloser, error) {
	return c.body(ctx, "/images/get", url.Values{"names": names})
}

// Load takes images out of a tar archive, and shows what the daemon says.
func (c *Client) Load(ctx context.Context, archive io.Reader, quiet bool, p *Progress) error {
	query := url.Values{"quiet": {"0"}}
	if quiet {
		query.Set("quiet", "1")
	}
	return c.upload(ctx, "/images/load", query, archive, "application/x-tar", p)
}

// ImportOptions say what the imported image is to be.
type ImportOptions struct {
	Source                       string // "-" for the archive that is sent, or an address that the daemon reads
	Reference, Message, Platform string
	Changes                      []string // lines of a Dockerfile
}

// Import makes an image of one layer of a tar archive, nil where the daemon is
// to read it itself, and shows what the daemon says.
func (c *Client) Import(ctx context.Context, archive io.Reader, o ImportOptions, p *Progress) error {
	query := url.Values{"fromSrc": {o.Source}, "changes": slices.Clone(o.Changes)}
	if o.Reference != "" {
		if _, err := reference.ParseNormalizedNamed(o.Reference); err != nil {
			return err
		}
		query.Set("repo", o.Reference)
	}
	if o.Message != "" {
		query.Set("message", o.Message)
	}
	if o.Platform != "" {
		query.Set("platform", strings.ToLower(o.Platform))
	}
	return c.upload(ctx, "/images/create", query, archive, "text/plain", p)
}

func (c *Client) upload(ctx context.Context, path string, query url.Values, archive io.Reader, mediaType string, p *Progress) error {
	q, err := c.requestRaw(ctx, http.MethodPost, path, query, archive, mediaType)
	if err != nil {
		return err
	}
	a, err := c.send(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";"); kind != "application/json" {
		_, err := io.Copy(p.W, a.Body)
		return err
	}
	return showAll(a.Body, p.Show)
}

// Pull pulls an image, all of its repository's where tag is ""; progress is
// called for each line of it. auth is the value of X-Registry-Auth.
func (c *Client) Pull(ctx context.Context, name, tag, platform, auth string, progress func(jsonstream.Message)) error {
	query := url.Values{"fromImage": {name}}
	if tag != "" {
		query.Set("tag", tag)
	}
	if platform != "" {
		query.Set("platform", strings.ToLower(platform))
	}
	q, err := c.request(ctx, http.MethodPost, "/images/create", query, nil)
	if err != nil {
		return err
	}
	return c.transfer(q, auth, progress)
}

// Push sends an image to its registry, all tags of its repository where tag is "";
// progress is called for each line of it. auth is the value of X-Registry-Auth.
func (c *Client) Push(ctx context.Context, named reference.Named, tag, platform, auth string, progress func(jsonstream.Message)) error {
	query := url.Values{}
	if tag != "" {
		query.Set("tag", tag)
	}
	if platform != "" {
		parts := append(strings.Split(platform, "/"), "", "")
		wish, err := json.Marshal(v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]})
		if err != nil {
			return err
		}
		query.Set("platform", string(wish))
	}
	q, err := c.request(ctx, http.MethodPost, c.image(reference.FamiliarName(named), "/push"), query, nil)
	if err != nil {
		return err
	}
	return c.transfer(q, auth, progress)
}

// transfer sends a request on which the daemon asks a registry, and shows what it
// says meanwhile.
func (c *Client) transfer(q *http.Request, auth string, progress func(jsonstream.Message)) error {
	q.Header.Set("X-Registry-Auth", auth)
	a, err := c.send(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	return showAll(a.Body, progress)
}

// showAll reads a stream of messages to its end, or to the error in it.
func showAll(body io.Reader, show func(jsonstream.Message)) error {
	lines := json.NewDecoder(body)
	for {
		var m jsonstream.Message
		if err := lines.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read progress: %w", err)
		}
		if m.Error != nil {
			return errors.New(m.Error.Message)
		}
		if m.Aux == nil { // that is for programs
			show(m)
		}
	}
}

// PruneImages removes the images that the filters let pass and nobody uses.
func (c *Client) PruneImages(ctx context.Context, f Filters) (imagetypes.PruneReport, error) {
	var answer imagetypes.PruneReport
	query := url.Values{}
	f.set(query)
	err := c.post(ctx, "/images/prune", query, nil, &answer)
	return answer, err
}

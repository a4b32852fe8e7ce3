//go:build linux

package daemon

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"

	"github.com/learndocker/learndocker/engine"
)

// streamPatience is how long a client may send nothing in the middle of an archive.
const streamPatience = 5 * time.Minute

// streamsBody reports whether a request's body is an archive, of any size: it is
// read as it comes.
func streamsBody(r *http.Request) bool {
	switch r.URL.Path {
	case "/images/load":
		return true
	case "/images/create":
		return r.URL.Query().Get("fromSrc") != ""
	}
	return r.Method == http.MethodPut // an archive for a container
}

// bodyStream is the body of such a request.
func (x *exchange) bodyStream() io.Reader { return &patientBody{x} }

type patientBody struct{ x *exchange }

func (b *patientBody) Read(p []byte) (int, error) {
	if err := http.NewResponseController(b.x.w).SetReadDeadline(time.Now().Add(streamPatience)); err != nil {
		return 0, err
	}
	return b.x.r.Body.Read(p)
}

// archiveRead is called when the archive is here: the connection may rest again.
func (x *exchange) archiveRead() {
	_, _ = io.Copy(io.Discard, io.LimitReader(x.r.Body, 1<<20)) // what follows the archive's end
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{})
}

func loadImages(x *exchange) error {
	query := x.r.URL.Query()
	s := &progressStream{x: x}
	err := x.Load(x.r.Context(), engine.LoadRequest{Quiet: isTrue(query.Get("quiet")), Platform: platformQuery(query)}, x.bodyStream(), s.say)
	x.archiveRead()
	return s.end(err)
}

// platformQuery reads the parameter platform, which is JSON from API 1.48 on.
func platformQuery(query url.Values) string {
	p := query.Get("platform")
	if !strings.HasPrefix(p, "{") {
		return p
	}
	var parts struct{ OS, Architecture, Variant string }
	if decodeJSON(p, &parts) != nil {
		return p
	}
	return strings.Trim(strings.Join([]string{parts.OS, parts.Architecture, parts.Variant}, "/"), "/")
}

func importImage(x *exchange) error {
	query := x.r.URL.Query()
	if from := query.Get("fromSrc"); from != "-" {
		return notImplemented(fmt.Sprintf("learndocker's daemon fetches no archives: download %s, and docker import the file", from))
	}
	s := &progressStream{x: x}
	img, err := x.Import(x.r.Context(), engine.ImportRequest{
		Repository: query.Get("repo"), Tag: query.Get("tag"), Message: query.Get("message"), Changes: query["changes"], Platform: query.Get("platform"), From: "-",
	}, x.bodyStream())
	x.archiveRead()
	if err == nil {
		s.say(jsonstream.Message{Status: img.ID.String()})
	}
	return s.end(err)
}

func saveImages(x *exchange) error {
	names := x.r.URL.Query()["names"]
	if len(names) == 0 {
		return badRequest{fmt.Errorf("no image names provided")}
	}
	return save(x, names)
}

func saveImage(x *exchange, name string) error { return save(x, []string{name}) }

func save(x *exchange, names []string) error {
	s, err := x.Save(names)
	if err != nil {
		return err
	}
	defer s.Release()
	return x.archive(func() error { return s.Write(x.r.Context(), x.w) })
}

// archive answers with an archive. An error in the middle ends the connection:
// a client that got a part must not take it for the whole.
func (x *exchange) archive(write func() error) error {
	x.w.Header().Set("Content-Type", "application/x-tar")
	if err := x.hold(http.StatusOK, nil, true); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusOK)
	if err := write(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func exportContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	return x.archive(func() error { return x.Export(x.r.Context(), c, x.w) })
}

func containerChanges(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	changes, err := x.Changes(c)
	if err != nil {
		return err
	}
	var list []containertypes.FilesystemChange
	for _, change := range changes {
		list = append(list, containertypes.FilesystemChange{Path: change.Path, Kind: containertypes.ChangeType(change.Kind)})
	}
	slices.SortFunc(list, func(a, b containertypes.FilesystemChange) int { return strings.Compare(a.Path, b.Path) })
	return x.json(http.StatusOK, list)
}

func commitContainer(x *exchange) error {
	query := x.r.URL.Query()
	c, err := x.Container(query.Get("container"))
	if err != nil {
		return err
	}
	q := engine.CommitRequest{
		Repository: query.Get("repo"), Tag: query.Get("tag"), Comment: query.Get("comment"), Author: query.Get("author"),
		Pause: query.Get("pause") == "" || isTrue(query.Get("pause")), Changes: query["changes"],
	}
	if len(x.body) > 0 {
		if err := x.decode(&q.Config); err != nil {
			return err
		}
	}
	img, err := x.Commit(x.r.Context(), c, q)
	if err != nil {
		return err
	}
	return x.json(http.StatusCreated, containertypes.CommitResponse{ID: img.ID.String()})
}

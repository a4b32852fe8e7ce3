//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

// checkStore verifies an image store as another tool would: every blob has the
// digest that it is named by, and everything that a name leads to is there.
func checkStore(t *testing.T, data string) (names []string) {
	t.Helper()
	dir := filepath.Join(data, "images")
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		if got := digest.FromString(readText(t, filepath.Join(dir, "blobs", "sha256", b.Name()))); got.Encoded() != b.Name() {
			t.Errorf("blob %s has digest %s", b.Name(), got)
		}
	}
	var index v1.Index
	decode(t, filepath.Join(dir, "index.json"), &index)
	for _, desc := range index.Manifests {
		names = append(names, desc.Annotations[v1.AnnotationRefName])
		var m v1.Manifest
		decode(t, filepath.Join(dir, "blobs", "sha256", desc.Digest.Encoded()), &m)
		for _, d := range append(m.Layers, m.Config) {
			info, err := os.Stat(filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded()))
			if err != nil || info.Size() != d.Size {
				t.Errorf("%v leads to blob %s, which is not whole: %v", desc.Annotations, d.Digest, err)
			}
		}
	}
	return names
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(readText(t, path)), into); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

// checkNothingUnfinished finds what a pull left that did not end well.
func checkNothingUnfinished(t *testing.T, data string) {
	t.Helper()
	for _, pattern := range []string{"images/ingest/*", "layers/unpack-*", "layers/*"} {
		left, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	}
}

// tempStation is a station that can be killed and started anew.
func tempStation(t *testing.T) (start func() *station) {
	t.Helper()
	needRoot(t)
	dir, learndocker := shortDir(t), program(t)
	return func() *station {
		t.Helper()
		s, err := startStation(learndocker, dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.kill) // ended ones do not mind
		return s
	}
}

// TestKilledPull kills the daemon in the middle of a blob: a registry that
// stalls there says when.
func TestKilledPull(t *testing.T) {
	stalled := make(chan struct{})
	var stall sync.Once
	images := registry.New(registry.Logger(discardLogger))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodGet || !strings.Contains(q.URL.Path, "/blobs/") {
			images.ServeHTTP(w, q)
			return
		}
		whole := httptest.NewRecorder()
		images.ServeHTTP(whole, q)
		w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()))
		half := whole.Body.Bytes()
		if len(half) > 100_000 { // the layer with the program
			stall.Do(func() {
				_, _ = w.Write(half[:len(half)/2]) // its reader is to be killed
				_ = http.NewResponseController(w).Flush()
				close(stalled)
				<-q.Context().Done()
			})
			if q.Context().Err() != nil {
				return
			}
		}
		_, _ = w.Write(half) // a reader that has gone is the test's to see
	}))
	defer server.Close()
	image := strings.TrimPrefix(server.URL, "http://") + "/bb:latest"
	push(t, image, busyboxImage(t))

	start := tempStation(t)
	first := start()
	c, err := first.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pulled := make(chan error, 1)
	go func() { pulled <- c.PullNamed(context.Background(), image, "", quietProgress()) }()
	<-stalled
	first.kill()
	if err := receive(t, "the end of the pull", pulled); err == nil {
		t.Error("the client of a killed daemon was told that all went well")
	}
	if names := checkStore(t, first.data()); len(names) != 0 {
		t.Errorf("the killed pull left names: %v", names)
	}

	second := start()
	checkNothingPartial(t, second.data())
	o := clientCommand(t, second.host(), nil, program(t), "run", "--rm", image, "cat", "/etc/added").must(t)
	if o.stdout != "by the second layer\n" {
		t.Errorf("after the kill: %q", o.stdout)
	}
	checkStore(t, second.data())
	if err := second.stop(); err != nil {
		t.Error(err)
	}
}

func quietProgress() *client.Progress { return &client.Progress{W: io.Discard} }

// checkNothingPartial finds unfinished downloads and layers; whole ones may stay.
func checkNothingPartial(t *testing.T, data string) {
	t.Helper()
	for _, pattern := range []string{"images/ingest/*", "layers/unpack-*"} {
		left, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	}
}

// wholeLife are commands of a client's, in an empty directory, that come by every
// stage.
const wholeLife = `
	learndocker run --rm -p 127.0.0.1::80 hello-world
	learndocker volume create kept
	learndocker run -d --name one toolbox greeter
	learndocker exec one true
	learndocker pause one
	learndocker unpause one
	learndocker update --memory 64m one
	learndocker rename one two
	learndocker stop two
	learndocker commit two $REGISTRY/mine
	docker push $REGISTRY/mine
	learndocker save -o image.tar $REGISTRY/mine
	learndocker load -i image.tar
	learndocker export -o files.tar two
	learndocker import files.tar theirs
`

// TestKilledAtEveryStage kills the daemon while it is held at each stage of a
// whole life. The next daemon on the same data must start, clear up, and run.
func TestKilledAtEveryStage(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	t.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("PATH", filepath.Dir(program(t))+":"+os.Getenv("PATH"))
	for _, at := range stage.Names() {
		t.Run(string(at), func(t *testing.T) {
			start := tempStation(t)
			first := start()
			killAt(t, first, at)
			checkStore(t, first.data())

			second := start()
			checkNothingPartial(t, second.data())
			o := clientCommand(t, second.host(), nil, program(t), "run", "--rm", "hello-world").must(t)
			if !strings.Contains(o.stdout, "Hello from learndocker!") {
				t.Errorf("after the kill: %q", o.stdout)
			}
			for _, id := range strings.Fields(clientCommand(t, second.host(), nil, program(t), "ps", "-aq").must(t).stdout) {
				clientCommand(t, second.host(), nil, program(t), "rm", id).must(t)
			}
			checkStore(t, second.data())
			if err := second.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// killAt kills a daemon that is held at a stage of a whole life.
func killAt(t *testing.T, s *station, at stage.Name) {
	t.Helper()
	c, err := s.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, buffered, err := c.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	ran := make(chan outcome, 1)
	life := "cd " + shortDir(t) + wholeLife
	go func() {
		ran <- clientCommand(t, s.host(), nil, "sh", "-ec", life)
		conn.Close() // nothing more will come
	}()
	w := wire.NewConn(conn, buffered)
	for {
		p, err := w.Receive()
		if err != nil {
			t.Errorf("never came to %s: %v; the client ended with %+v", at, err, receive(t, "the end of the commands", ran))
			s.kill()
			return
		}
		if p.Point.Fact.Stage() == at {
			break
		}
		if err := w.Send(wire.Packet{Go: true}); err != nil {
			t.Error(err)
			break
		}
	}
	s.kill()
	receive(t, "the end of the commands", ran)
}

// fakeRegistry answers with what it is told to, true or not.
type fakeRegistry struct {
	mediaType string
	manifest  []byte            // of every tag
	headers   map[string]string // of a manifest's answer
	documents map[digest.Digest][]byte
	status    int // of a manifest's answer, where not 200
	moved     string
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	_, wanted, _ := strings.Cut(q.URL.Path, "/manifests/")
	switch {
	case q.URL.Path == "/v2/":
	case wanted != "" && f.status != 0:
		w.WriteHeader(f.status)
	case wanted != "" && f.moved != "":
		http.Redirect(w, q, f.moved, http.StatusTemporaryRedirect)
	case wanted != "":
		body := f.manifest
		w.Header().Set("Content-Type", f.mediaType)
		if d := digest.Digest(wanted); d.Validate() == nil {
			body = f.documents[d]
			w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
		}
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(body).String())
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		for k, v := range f.headers {
			w.Header().Set(k, v)
		}
		_, _ = w.Write(body) // a reader that had enough has gone
	default:
		body, ok := f.documents[digest.Digest(q.URL.Path[strings.LastIndexByte(q.URL.Path, '/')+1:])]
		if !ok {
			http.NotFound(w, q)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}
}

// draft is an image under construction, every part of which can be made wrong.
type draft struct {
	config   v1.Image
	manifest v1.Manifest
	blobs    map[digest.Digest][]byte
}

// honest is an image of one layer that could be pulled.
func honest(t *testing.T) *draft {
	t.Helper()
	d := &draft{blobs: map[digest.Digest][]byte{}}
	d.config = v1.Image{Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, Config: v1.ImageConfig{Cmd: []string{"/x"}}}
	d.config.RootFS.Type = "layers"
	d.manifest.SchemaVersion, d.manifest.MediaType = 2, v1.MediaTypeImageManifest
	d.layer(t, archive(t, []entry{{name: "x", body: "program"}}))
	return d
}

// layer adds a layer.
func (d *draft) layer(t *testing.T, tarball []byte) {
	t.Helper()
	d.config.RootFS.DiffIDs = append(d.config.RootFS.DiffIDs, digest.FromBytes(tarball))
	d.manifest.Layers = append(d.manifest.Layers, d.put(v1.MediaTypeImageLayerGzip, gzipped(t, tarball)))
}

// put stores a blob and returns its true descriptor.
func (d *draft) put(mediaType string, data []byte) v1.Descriptor {
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	d.blobs[desc.Digest] = data
	return desc
}

// serve writes the config and the manifest as they are now.
func (d *draft) serve(t *testing.T) *fakeRegistry {
	t.Helper()
	if d.manifest.Config.Digest == "" {
		d.manifest.Config = d.put(v1.MediaTypeImageConfig, toJSON(t, d.config))
	}
	return &fakeRegistry{mediaType: v1.MediaTypeImageManifest, manifest: toJSON(t, d.manifest), documents: d.blobs}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// lies are registries that must not be believed, with the words by which each
// is told.
var lies = []struct {
	name string
	make func(*testing.T, *draft) *fakeRegistry
	want string // expression in the error
}{
	{"a layer's bytes are others", func(t *testing.T, d *draft) *fakeRegistry {
		data := bytes.Clone(d.blobs[d.manifest.Layers[0].Digest])
		data[len(data)/2] ^= 1
		d.blobs[d.manifest.Layers[0].Digest] = data
		return d.serve(t)
	}, `(have digest|error verifying sha256 checksum)`},
	{"a layer is shorter", func(t *testing.T, d *draft) *fakeRegistry {
		l := d.manifest.Layers[0].Digest
		d.blobs[l] = d.blobs[l][:len(d.blobs[l])-1]
		return d.serve(t)
	}, `(bytes|size|EOF|digest)`},
	{"a layer is longer", func(t *testing.T, d *draft) *fakeRegistry {
		l := d.manifest.Layers[0].Digest
		d.blobs[l] = append(bytes.Clone(d.blobs[l]), "more"...)
		return d.serve(t)
	}, `(bytes|size|digest)`},
	{"a layer is promised shorter than it is", func(t *testing.T, d *draft) *fakeRegistry {
		d.manifest.Layers[0].Size--
		return d.serve(t)
	}, `bytes or more, \d+ were promised`},
	{"a layer is missing", func(t *testing.T, d *draft) *fakeRegistry {
		delete(d.blobs, d.manifest.Layers[0].Digest)
		return d.serve(t)
	}, `(not found|unknown|404)`},
	{"a layer is no archive", func(t *testing.T, d *draft) *fakeRegistry {
		d.config.RootFS.DiffIDs, d.manifest.Layers = nil, nil
		d.layer(t, bytes.Repeat([]byte("no tar"), 1000))
		return d.serve(t)
	}, `unpack layer sha256:[0-9a-f]{64}: read archive`},
	{"a layer's compression is cut short", func(t *testing.T, d *draft) *fakeRegistry {
		whole := d.blobs[d.manifest.Layers[0].Digest]
		d.manifest.Layers[0] = d.put(v1.MediaTypeImageLayerGzip, whole[:len(whole)-9])
		return d.serve(t)
	}, `unpack layer sha256:[0-9a-f]{64}: `},
	{"a layer's archive is another than the config says", func(t *testing.T, d *draft) *fakeRegistry {
		d.config.RootFS.DiffIDs[0] = digest.FromString("another")
		return d.serve(t)
	}, `has diffID sha256:[0-9a-f]{64}, the image's config promises`},
	{"a layer without an entry in the config", func(t *testing.T, d *draft) *fakeRegistry {
		d.config.RootFS.DiffIDs = nil
		return d.serve(t)
	}, `0 diffIDs for 1 layers`},
	{"a diffID that is a path", func(t *testing.T, d *draft) *fakeRegistry {
		d.config.RootFS.DiffIDs[0] = "sha256:../../../../../../../../tmp/x"
		return d.serve(t)
	}, `is no sha256 digest`},
	{"a digest that is a path", func(t *testing.T, d *draft) *fakeRegistry {
		d.manifest.Layers[0].Digest = "sha256:../../../../../../../../../etc/passwd"
		return d.serve(t)
	}, `manifest of .*: layer 1: digest "sha256:\.\./`},
	{"a digest of another kind", func(t *testing.T, d *draft) *fakeRegistry {
		data := d.blobs[d.manifest.Layers[0].Digest]
		d.manifest.Layers[0].Digest = digest.SHA512.FromBytes(data)
		d.blobs[d.manifest.Layers[0].Digest] = data
		return d.serve(t)
	}, `only sha256 is supported`},
	{"the config is no JSON", func(t *testing.T, d *draft) *fakeRegistry {
		d.manifest.Config = d.put(v1.MediaTypeImageConfig, []byte("{"))
		return d.serve(t)
	}, `read image config sha256:[0-9a-f]{64}`},
	{"the config is too large", func(t *testing.T, d *draft) *fakeRegistry {
		d.manifest.Config = d.put(v1.MediaTypeImageConfig, append(toJSON(t, d.config), bytes.Repeat([]byte(" "), 5<<20)...))
		return d.serve(t)
	}, `config: size \d+: the bound is \d+ bytes`},
	{"a size below nothing", func(t *testing.T, d *draft) *fakeRegistry {
		d.manifest.Layers[0].Size = -1
		return d.serve(t)
	}, `layer 1: size -1`},
	{"the manifest is cut short", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		f.manifest = f.manifest[:len(f.manifest)-2]
		return f
	}, `manifest of .*: unexpected end of JSON input`},
	{"the manifest is an index too (CVE-2021-41190)", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		f.manifest = append(bytes.TrimSuffix(f.manifest, []byte("}")), `,"manifests":[]}`...)
		return f
	}, `it is a manifest and an index at once`},
	{"the manifest has 200 layers", func(t *testing.T, d *draft) *fakeRegistry {
		for i := range 199 {
			d.layer(t, archive(t, []entry{{name: fmt.Sprint("f", i)}}))
		}
		return d.serve(t)
	}, `200 layers, at most 127 can be stacked`},
	{"the manifest has 100 MB", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		f.manifest = append(f.manifest, bytes.Repeat([]byte(" "), 100<<20)...)
		return f
	}, `manifest: more than \d+ bytes`},
	{"the media type is no image", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		f.mediaType = "text/html"
		return f
	}, `media type "text/html" is no image`},
	{"the platform's manifest is another", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		real := digest.FromBytes(f.manifest)
		f.documents[real] = append(bytes.Clone(f.manifest), ' ')
		return asIndex(t, f, v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: real, Size: int64(len(f.manifest)), Platform: &d.config.Platform})
	}, `(digest|size)`},
	{"the index has nothing for this machine", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		return asIndex(t, f, v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(f.manifest), Size: int64(len(f.manifest)), Platform: &v1.Platform{OS: "plan9", Architecture: "mips"}})
	}, `no matching manifest for linux/[a-z0-9]+ in the manifest list entries: .* is offered for plan9/mips`},
	{"the index is empty", func(t *testing.T, d *draft) *fakeRegistry { return asIndex(t, d.serve(t)) }, `no matching manifest`},
	{"the index leads to itself", func(t *testing.T, d *draft) *fakeRegistry {
		f := d.serve(t)
		inner := toJSON(t, v1.Index{MediaType: v1.MediaTypeImageIndex})
		f.documents[digest.FromBytes(inner)] = inner
		return asIndex(t, f, v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(inner), Size: int64(len(inner)), Platform: &d.config.Platform})
	}, `no matching manifest`},
	{"the registry fails", func(t *testing.T, d *draft) *fakeRegistry {
		return &fakeRegistry{status: http.StatusInternalServerError}
	}, `500`},
	{"the registry wants a login", func(t *testing.T, d *draft) *fakeRegistry { return &fakeRegistry{status: http.StatusUnauthorized} },
		`pull access denied for .*, repository does not exist or may require 'docker login'`},
	{"the registry has had enough", func(t *testing.T, d *draft) *fakeRegistry { return &fakeRegistry{status: http.StatusTooManyRequests} },
		`toomanyrequests: .*log in \(docker login\)`},
	{"the registry sends round in circles", func(t *testing.T, d *draft) *fakeRegistry { return &fakeRegistry{moved: "/v2/x/y/manifests/latest"} },
		`more than 10 redirects`},
}

// asIndex puts an index in place of the manifest.
func asIndex(t *testing.T, f *fakeRegistry, entries ...v1.Descriptor) *fakeRegistry {
	t.Helper()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: entries}
	index.SchemaVersion = 2
	f.mediaType, f.manifest = v1.MediaTypeImageIndex, toJSON(t, index)
	return f
}

// TestLies pulls from registries that lie. Each is told in words, and nothing
// gets a name or is left half done.
func TestLies(t *testing.T) {
	d := startDaemon(t)
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			image := serveImage(t, lie.make(t, honest(t)))
			for command, status := range map[string]int{"pull": 1, "run": 125} {
				o := clientCommand(t, d.host, nil, program(t), command, image)
				if o.status != status || !matches(`(?s:.*)`+lie.want+`[^\n]*\n(?s:.*)`, o.stderr) {
					t.Errorf("%s: status %d, want %d; stderr %.1000q, want %s", command, o.status, status, o.stderr, lie.want)
				}
				if strings.Contains(o.stdout+o.stderr, "Downloaded newer image") {
					t.Errorf("%s: said that all went well", command)
				}
			}
			if names := checkStore(t, d.data); len(names) > 0 {
				t.Errorf("the lie has a name: %v", names)
			}
			checkNothingUnfinished(t, d.data)
		})
	}
	t.Run("the truth", func(t *testing.T) {
		registry := honest(t).serve(t)
		// A header is no evidence: the digest shown is that of the bytes.
		registry.headers = map[string]string{"Docker-Content-Digest": digest.FromString("another").String()}
		image := serveImage(t, registry)
		if o := d.run("pull", image).must(t); !strings.Contains(o.stdout, "Digest: "+digest.FromBytes(registry.manifest).String()+"\n") {
			t.Errorf("pull said\n%s", o.stdout)
		}
		if names := checkStore(t, d.data); !slices.Equal(names, []string{image + ":latest"}) {
			t.Errorf("names: %v", names)
		}
		d.run("rmi", image).must(t)
	})
}

// serveImage serves a registry and returns its image's name.
func serveImage(t *testing.T, f *fakeRegistry) string {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/x/y"
}

// TestSharedLayers: two images of the same layers keep them once, and removing
// one leaves the other whole. The same layer may come twice in one image.
func TestSharedLayers(t *testing.T) {
	d := startDaemon(t)
	registry := memoryRegistry(t)
	layers := busyboxLayers(t)
	push(t, registry+"/one:1", imageOf(t, busyboxConfig, layers...))
	push(t, registry+"/two:1", imageOf(t, busyboxConfig, layers[0], layers[1], layers[1]))
	d.run("pull", registry+"/one:1").must(t)
	if o := d.run("pull", registry+"/two:1").must(t); strings.Count(o.stdout, "Already exists") < 2 {
		t.Errorf("the second image fetched what was there:\n%s", o.stdout)
	}
	d.run("rmi", registry+"/one:1").must(t)
	checkStore(t, d.data)
	if o := d.run("run", "--rm", registry+"/two:1", "cat", "/etc/gone", "/etc/added").must(t); o.stdout != "deleted by the layer above\nby the second layer\n" {
		t.Errorf("stdout %q", o.stdout)
	}
	d.run("rmi", registry+"/two:1").must(t)
	checkNothingUnfinished(t, d.data)
}

// TestStacks: what a container finds where layers delete and make anew.
func TestStacks(t *testing.T) {
	b := newBench(t)
	base := busyboxLayers(t)[0]
	below := layerOf(t, entry{name: "d/old", body: "old"}, entry{name: "d/sub/old", body: "old"}, entry{name: "f", body: "old"})
	many := []ggcr.Layer{base}
	for i := range 40 {
		many = append(many, layerOf(t, entry{name: fmt.Sprintf("many/%02d", i), body: "x"}))
	}
	for _, c := range []struct {
		name   string
		layers []ggcr.Layer
		script string
		stdout string
	}{
		{"a file deleted", []ggcr.Layer{base, below, layerOf(t, entry{name: ".wh.f"})}, "ls -d /f /d/old", "/d/old\n"},
		{"a file deleted and made anew above", []ggcr.Layer{base, below, layerOf(t, entry{name: ".wh.f"}), layerOf(t, entry{name: "f", body: "new"})}, "cat /f", "new"},
		{"a directory deleted", []ggcr.Layer{base, below, layerOf(t, entry{name: ".wh.d"})}, "ls -d /d /f", "/f\n"},
		{"a directory deleted and made anew", []ggcr.Layer{base, below, layerOf(t, entry{name: ".wh.d"}, entry{name: "d/", kind: '5'}, entry{name: "d/new", body: "new"})}, "find /d", "/d\n/d/new\n"},
		{"the same in the other order", []ggcr.Layer{base, below, layerOf(t, entry{name: "d/new", body: "new"}, entry{name: ".wh.d"})}, "find /d", "/d\n/d/new\n"},
		{"an opaque directory", []ggcr.Layer{base, below, layerOf(t, entry{name: "d/.wh..wh..opq"}, entry{name: "d/new", body: "new"})}, "find /d", "/d\n/d/new\n"},
		{"a file in the place of a directory", []ggcr.Layer{base, below, layerOf(t, entry{name: "d", body: "file"})}, "cat /d", "file"},
		{"a directory in the place of a file", []ggcr.Layer{base, below, layerOf(t, entry{name: "f/", kind: '5'}, entry{name: "f/in", body: "in"})}, "find /f", "/f\n/f/in\n"},
		{"a link in the place of a directory", []ggcr.Layer{base, below, layerOf(t, entry{name: "d", kind: '2', link: "/bin"})}, "ls -d /d/sh", "/d/sh\n"},
		{"an opaque root", []ggcr.Layer{below, layerOf(t, entry{name: ".wh..wh..opq"}), base}, "ls -d /d /f /bin", "/bin\n"},
		{"a layer without anything", []ggcr.Layer{base, layerOf(t), layerOf(t), layerOf(t)}, "echo up", "up\n"},
		{"forty layers", many, "ls /many | wc -l", "40\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := b.registry + "/stack:latest"
			push(t, image, imageOf(t, busyboxConfig, c.layers...))
			b.run("pull", "-q", image).must(t)
			if o := b.run("run", "--rm", image, "sh", "-c", c.script); o.stdout != c.stdout {
				t.Errorf("status %d, stdout %q, stderr %q, want %q", o.status, o.stdout, o.stderr, c.stdout)
			}
			b.run("rmi", image).must(t)
		})
	}
}

// TestManyPulls pulls the same image from many clients at once.
func TestManyPulls(t *testing.T) {
	d := startDaemon(t)
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	errs := make(chan error)
	const clients = 8
	for range clients {
		c := d.client()
		go func() { errs <- c.PullNamed(context.Background(), image, "", quietProgress()) }()
	}
	var failed []error
	for range clients {
		failed = append(failed, receive(t, "the end of a pull", errs))
	}
	if err := errors.Join(failed...); err != nil {
		t.Error(err)
	}
	checkStore(t, d.data)
	checkNothingPartial(t, d.data)
	d.run("run", "--rm", image, "true").must(t)
}

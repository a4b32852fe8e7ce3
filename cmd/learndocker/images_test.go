//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var discardLogger = log.New(io.Discard, "", 0)

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// applets are the names under which the busybox image has its one program.
var applets = strings.Fields("sh cat echo ls id sleep true false hostname ip mount unshare mknod dd wc env pwd touch kill readlink find grep stat ps head tail rm mkdir cut tr seq test chmod awk sort mv umount")

// entry is a file of a layer under construction.
type entry struct {
	name string
	kind byte // of tar; 0 is a regular file
	mode int64
	body string
	link string
}

// archive writes entries as a tar.
func archive(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.body)), Linkname: e.link, ModTime: time.Unix(1_700_000_000, 0)}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gzipped compresses.
func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layerOf makes a gzip-compressed OCI layer.
func layerOf(t *testing.T, entries ...entry) ggcr.Layer {
	t.Helper()
	data := archive(t, entries)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// imageOf makes an OCI image for this machine.
func imageOf(t *testing.T, config ggcr.Config, layers ...ggcr.Layer) ggcr.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

// busyboxLayers are three: the program; a file more; a file and what was in a
// directory less.
func busyboxLayers(t *testing.T) []ggcr.Layer {
	t.Helper()
	need(t, "busybox", "busybox-static")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	base := []entry{
		{name: "bin/", kind: tar.TypeDir}, {name: "bin/busybox", body: readText(t, path)},
		{name: "etc/", kind: tar.TypeDir}, {name: "etc/passwd", mode: 0o644, body: "root:x:0:0:root:/root:/bin/sh\nada:x:1815:1852::/home/ada:/bin/sh\n"},
		{name: "etc/group", mode: 0o644, body: "root:x:0:\nlovelace:x:1852:ada\n"},
		{name: "etc/plain", mode: 0o644, body: "not a program\n"},
		{name: "etc/text", mode: 0o755, body: "is executable and no program\n"},
		{name: "etc/gone", mode: 0o644, body: "deleted by the layer above\n"},
		{name: "opaque/", kind: tar.TypeDir}, {name: "opaque/old", mode: 0o644, body: "hidden\n"},
		{name: "tmp/", kind: tar.TypeDir, mode: 0o1777}, {name: "root/", kind: tar.TypeDir, mode: 0o700},
	}
	for _, a := range applets {
		base = append(base, entry{name: "bin/" + a, kind: tar.TypeSymlink, link: "busybox"})
	}
	return []ggcr.Layer{
		layerOf(t, base...),
		layerOf(t, entry{name: "etc/added", mode: 0o644, body: "by the second layer\n"}),
		layerOf(t,
			entry{name: "etc/.wh.gone"}, entry{name: "opaque/", kind: tar.TypeDir}, entry{name: "opaque/.wh..wh..opq"},
			entry{name: "opaque/new", mode: 0o644, body: "shown\n"}),
	}
}

var busyboxConfig = ggcr.Config{Cmd: []string{"sh"}, Env: []string{searchPath, "FROM_IMAGE=yes"}}

// busyboxImage is an image with a shell.
func busyboxImage(t *testing.T) ggcr.Image {
	t.Helper()
	return imageOf(t, busyboxConfig, busyboxLayers(t)...)
}

// push puts an image into a registry.
func push(t *testing.T, ref string, img ggcr.Image) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img, remote.WithContext(t.Context())); err != nil {
		t.Fatalf("push %s: %v", ref, err)
	}
}

//go:build linux

package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostileArchive is an archive of images that no docker has written.
type hostileArchive struct {
	name    string
	members []entry
	want    string
}

// TestHostileArchives loads archives that lie or lead elsewhere. Each is refused in
// words; nothing gets a name, nothing is left, nothing outside is touched.
func TestHostileArchives(t *testing.T) {
	d := startDaemon(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	layer := archive(t, []entry{{name: "f", body: "x"}})
	outside := archive(t, []entry{{name: "up", kind: tar.TypeSymlink, link: filepath.Dir(secret)}, {name: "up/secret", body: "changed"}})
	config := func(layers ...[]byte) string {
		var ids []string
		for _, l := range layers {
			ids = append(ids, `"`+sha256Of(l)+`"`)
		}
		return `{"os":"linux","architecture":"amd64","config":{"Cmd":["x"]},"rootfs":{"type":"layers","diff_ids":[` + strings.Join(ids, ",") + `]}}`
	}
	list := func(config string, layers ...string) entry {
		data, _ := json.Marshal([]map[string]any{{"Config": config, "RepoTags": []string{"evil:1"}, "Layers": layers}}) // strings and lists only
		return entry{name: "manifest.json", body: string(data)}
	}
	good := []entry{{name: "c.json", body: config(layer)}, {name: "l.tar", body: string(layer)}}
	for _, c := range []hostileArchive{
		{"no archive", nil, "read archive"},
		{"nothing of an image", []entry{{name: "x", body: "y"}}, "neither manifest.json nor index.json"},
		{"a config outside", append(good, list("../../../../../../../"+secret, "l.tar")), "the archive has no"},
		{"a config that is a link outside", append(good, entry{name: "out.json", kind: tar.TypeSymlink, link: secret}, list("out.json", "l.tar")), "the archive has no out.json"},
		{"a layer that is a link outside", append(good, entry{name: "out.tar", kind: tar.TypeSymlink, link: "../../../.." + secret}, list("c.json", "out.tar")), "the archive has no out.tar"},
		{"links in a circle", append(good, entry{name: "a", kind: tar.TypeSymlink, link: "b"}, entry{name: "b", kind: tar.TypeSymlink, link: "a"}, list("c.json", "a")), "the archive has no a"},
		{"a layer that is missing", append(good, list("c.json", "l.tar", "m.tar")), "the archive has no m.tar"},
		{"more diffIDs than layers", append(good, list("c.json")), "1 diffIDs for 0 layers"},
		{"a layer of another digest", []entry{{name: "c.json", body: config(outside)}, {name: "l.tar", body: string(layer)}, list("c.json", "l.tar")}, "the image's config promises"},
		{"a diffID that is a path", []entry{{name: "c.json", body: strings.Replace(config(layer), sha256Of(layer), "../../../../etc", 1)}, {name: "l.tar", body: string(layer)}, list("c.json", "l.tar")}, "is no sha256 digest"},
		{"a layer that is no archive", []entry{{name: "c.json", body: config([]byte("rubbish"))}, {name: "l.tar", body: "rubbish"}, list("c.json", "l.tar")}, "read archive"},
		{"a config that is no JSON", []entry{{name: "c.json", body: "{"}, {name: "l.tar", body: string(layer)}, list("c.json", "l.tar")}, "image config"},
		{"a config of 5 MB", []entry{{name: "c.json", body: strings.Repeat(" ", 5<<20) + config(layer)}, {name: "l.tar", body: string(layer)}, list("c.json", "l.tar")}, "at most 4194304 are read"},
		{"a name that is none", append(good, entry{name: "manifest.json", body: `[{"Config":"c.json","RepoTags":["UPPER:1"],"Layers":["l.tar"]}]`}), "invalid reference format"},
		{"200 layers", []entry{{name: "c.json", body: config(slices.Repeat([][]byte{layer}, 200)...)}, {name: "l.tar", body: string(layer)}, list("c.json", slices.Repeat([]string{"l.tar"}, 200)...)}, "at most 127 can be stacked"},
		{"another system", []entry{{name: "c.json", body: strings.Replace(config(layer), "linux", "windows", 1)}, {name: "l.tar", body: string(layer)}, list("c.json", "l.tar")}, "cannot load windows image"},
		{"an index that names what is not there", []entry{{name: "index.json", body: `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + sha256Of([]byte("x")) + `","size":1}]}`}}, "the archive lacks the blob"},
		{"a blob of another digest", []entry{{name: "blobs/sha256/" + strings.TrimPrefix(sha256Of([]byte("x")), "sha256:"), body: "y"}, {name: "index.json", body: `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + sha256Of([]byte("x")) + `","size":1}]}`}}, "the bytes in the archive have digest"},
		{"a digest that is a path", []entry{{name: "index.json", body: `{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}`}}, "no sha256 digest"},
		{"too many files", slices.Repeat([]entry{{name: "d/", kind: tar.TypeDir}}, 20_001), "more than 20000 files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := "no archive at all" + strings.Repeat("x", 2000)
			if c.members != nil {
				body = string(archive(t, c.members))
			}
			_, said := d.ask(t, postArchive("/images/load?quiet=1", body))
			if !strings.Contains(said, c.want) || strings.Contains(said, "Loaded") {
				t.Errorf("said %.500s, want %s", said, c.want)
			}
			if got := readText(t, secret); got != "untouched" {
				t.Errorf("the file outside is %q", got)
			}
			if names := checkStore(t, d.data); len(names) > 0 {
				t.Errorf("it has a name: %v", names)
			}
			if left, _ := filepath.Glob(d.data + "/images/ingest/*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	t.Run("a layer that leads outside", func(t *testing.T) {
		_, said := d.ask(t, postArchive("/images/load?quiet=1", string(archive(t, []entry{{name: "c.json", body: config(outside)}, {name: "l.tar", body: string(outside)}, list("c.json", "l.tar")}))))
		if got := readText(t, secret); got != "untouched" {
			t.Errorf("the file outside is %q; said %s", got, said)
		}
	})
	t.Run("a bomb", func(t *testing.T) {
		zeros := gzipped(t, archive(t, []entry{{name: "f", body: string(make([]byte, 64<<20))}}))
		for range 2 { // gzip of gzip of zeros
			zeros = gzipped(t, zeros)
		}
		for _, path := range []string{"/images/load", "/images/create?fromSrc=-&repo=evil2"} {
			if status, said := d.ask(t, postArchive(path, string(zeros))); !strings.Contains(said, "rror") && status == 200 {
				t.Errorf("%s: status %d, %.300s", path, status, said)
			}
		}
	})
	t.Run("the truth by another name", func(t *testing.T) {
		members := []entry{{name: "./c.json", body: config(layer)}, {name: "../../l.tar", body: string(layer)}, list("c.json", "x/../l.tar")}
		if _, said := d.ask(t, postArchive("/images/load?quiet=1", string(archive(t, members)))); !strings.Contains(said, "Loaded image: evil:1") {
			t.Errorf("said %s", said)
		}
	})
	t.Run("the truth", func(t *testing.T) {
		if _, said := d.ask(t, postArchive("/images/load?quiet=1", string(archive(t, append(good, list("c.json", "l.tar")))))); !strings.Contains(said, "Loaded image: evil:1") {
			t.Errorf("said %s", said)
		}
	})
}

// postArchive is a request whose body is an archive, in one chunk.
func postArchive(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, len(body), body)
}

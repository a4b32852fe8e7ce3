//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/learndocker/learndocker/engine/stage"
)

// storeImage is busybox with a place for a volume, /opaque, which has a file.
func storeImage(t *testing.T, ref string) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	config := busyboxConfig
	config.Volumes = map[string]struct{}{"/opaque": {}}
	if err := remote.Write(tag, imageOf(t, ggcr.Config(config), busyboxLayers(t)...)); err != nil {
		t.Fatal(err)
	}
}

// TestVolumes: what a container writes into a volume outlives it, the image's own
// files are there first, and a volume that nobody has named goes where asked.
func TestVolumes(t *testing.T) {
	b := newBench(t)
	withVolume := b.registry + "/store:1"
	storeImage(t, withVolume)
	cli := func(args ...string) outcome { return b.dockerCLI("", args...) }
	volumes := func() []string { return strings.Fields(cli("volume", "ls", "-q").must(t).stdout) }

	t.Run("named", func(t *testing.T) {
		if o := cli("run", "--rm", "-v", "mine:/opaque", b.image, "sh", "-c", "cat /opaque/new; echo more > /opaque/more").must(t); o.stdout != "shown\n" {
			t.Errorf("the image's file in the volume: %q", o.stdout)
		}
		if o := cli("run", "--rm", "--mount", "type=volume,src=mine,dst=/opaque", b.image, "cat", "/opaque/more").must(t); o.stdout != "more\n" {
			t.Errorf("what another container wrote: %q", o.stdout)
		}
		if got := volumes(); !slices.Equal(got, []string{"mine"}) {
			t.Errorf("volumes %v", got)
		}
		if o := cli("run", "--rm", "-v", "bare:/opaque:nocopy", b.image, "ls", "/opaque").must(t); o.stdout != "" {
			t.Errorf("with nocopy there is %q", o.stdout)
		}
		cli("volume", "rm", "mine", "bare").must(t)
	})
	t.Run("anonymous", func(t *testing.T) {
		cli("run", "--rm", withVolume, "cat", "/opaque/new").must(t)
		if got := volumes(); len(got) > 0 {
			t.Errorf("left by --rm: %v", got)
		}
		id := strings.TrimSpace(cli("create", "-v", "/tmp", withVolume, "true").must(t).stdout)
		got := volumes()
		if len(got) != 2 || len(got[0]) != 64 {
			t.Errorf("volumes %v, want two of 64 digits", got)
		}
		format := `{{range .Mounts}}{{.Type}} {{.Destination}} {{.Driver}} {{.RW}} {{.Mode}}|{{end}}`
		if o := cli("inspect", "-f", format, id).must(t); o.stdout != "" && o.stdout != "\n" && o.stdout != "volume /opaque local true |volume /tmp local true |\n" {
			t.Errorf("mounts: %s", o.stdout)
		}
		if o := cli("volume", "rm", got[0]); o.status != 1 || !strings.Contains(o.stderr, "remove "+got[0]+": volume is in use - ["+id+"]") {
			t.Errorf("rm of one in use: status %d, %s", o.status, o.stderr)
		}
		if o := cli("volume", "prune", "-f").must(t); strings.Contains(o.stdout, got[0]) {
			t.Errorf("prune took one in use: %s", o.stdout)
		}
		cli("volume", "create", "named").must(t)
		cli("rm", id).must(t)
		if o := cli("volume", "prune", "-f").must(t); strings.Count(o.stdout, "\n") < 4 || strings.Contains(o.stdout, "named") {
			t.Errorf("prune: %s", o.stdout)
		}
		if o := cli("volume", "prune", "-af").must(t); !strings.Contains(o.stdout, "named\n") {
			t.Errorf("prune --all: %s", o.stdout)
		}
	})
	t.Run("from another container", func(t *testing.T) {
		id := strings.TrimSpace(cli("create", "-v", "shared:/opaque", b.image, "true").must(t).stdout)
		if o := cli("run", "--rm", "--volumes-from", id, b.image, "cat", "/opaque/new").must(t); o.stdout != "shown\n" {
			t.Errorf("stdout %q", o.stdout)
		}
		cli("rm", id).must(t)
		cli("volume", "rm", "shared").must(t)
	})
	t.Run("of the host", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "made", "by", "-v")
		cli("run", "--rm", "-v", dir+":/opaque", b.image, "touch", "/opaque/f").must(t)
		if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
			t.Error(err)
		}
		if len(volumes()) > 0 {
			t.Errorf("volumes %v", volumes())
		}
	})
	t.Run("inspect", func(t *testing.T) {
		cli("volume", "create", "--label", "a=b", "told").must(t)
		format := `{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Mountpoint}}`
		if o := cli("volume", "inspect", "-f", format, "told").must(t); o.stdout != "told local local map[a:b] "+b.data+"/volumes/told/_data\n" {
			t.Errorf("inspect: %s", o.stdout)
		}
		for filter, want := range map[string]string{"label=a": "told\n", "label=a=c": "", "name=ol": "told\n", "dangling=true": "told\n", "dangling=false": "", "driver=x": ""} {
			if o := cli("volume", "ls", "-q", "--filter", filter).must(t); o.stdout != want {
				t.Errorf("%s: %q, want %q", filter, o.stdout, want)
			}
		}
		if o := cli("volume", "create", "-d", "none", "other"); o.status != 1 || !strings.Contains(o.stderr, `plugin "none" not found`) {
			t.Errorf("create: %s", o.stderr)
		}
		if o := cli("create", "--mount", "type=volume,src=xx,dst=/a,volume-driver=none", b.image); o.status != 1 || !strings.Contains(o.stderr, `plugin "none" not found`) {
			t.Errorf("create: %s", o.stderr)
		}
		if o := cli("volume", "rm", "told", "nothing"); o.status != 1 || !strings.Contains(o.stderr, "get nothing: no such volume") {
			t.Errorf("rm: %s", o.stderr)
		}
	})
}

// refusedMounts: wishes that cannot be are refused in the words of a real dockerd
// of the same machine. Both have an image bb:1.
func refusedMounts(t *testing.T, b *bench, real *realDockerd) {
	sentence := regexp.MustCompile(`(?m)^See 'docker.*|^Run 'docker.*|docker: `)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"the root", []string{"-v", "xx:/"}},
		{"the root, --mount", []string{"--mount", "type=volume,src=x,dst=/"}},
		{"a relative destination", []string{"-v", "/tmp:rel"}},
		{"a relative destination, --mount", []string{"--mount", "type=volume,src=x,dst=rel"}},
		{"a source that is missing", []string{"--mount", "type=bind,src=/nonexistent,dst=/a"}},
		{"twice one place", []string{"-v", "x1:/a", "-v", "x2:/a"}},
		{"twice one place, of both kinds", []string{"-v", "x1:/a", "--mount", "type=tmpfs,dst=/a"}},
		{"twice one place, with a tmpfs", []string{"-v", "x1:/a", "--tmpfs", "/a"}},
		{"a mode that is none", []string{"-v", "x1:/a:no"}},
		{"two modes that do not go together", []string{"-v", "x1:/a:ro,rw"}},
		{"a name that is a path", []string{"--mount", "type=volume,src=rel/path,dst=/a"}},
		{"a name with other letters", []string{"-v", "a$b:/a"}},
		{"a name that is too short", []string{"--mount", "type=volume,src=a,dst=/a"}},
		{"a container that is none", []string{"--volumes-from", "nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(append([]string{"create"}, c.args...), "bb:1")
			ours, theirs := b.dockerCLI("", args...), real.docker("", args...)
			if ours.status == 0 || theirs.status == 0 {
				t.Fatalf("status here %d, there %d: %s", ours.status, theirs.status, ours.stderr+theirs.stderr)
			}
			said := func(o outcome) string { return strings.TrimSpace(sentence.ReplaceAllString(o.stderr, "")) }
			if said(ours) != said(theirs) {
				t.Errorf("here:  %s\nthere: %s", said(ours), said(theirs))
			}
		})
	}
	if o := b.dockerCLI("", "ps", "-aq", "--filter", "status=created").must(t); o.stdout != "" {
		t.Errorf("containers are left: %s", o.stdout)
	}
}

// TestStagesOfImages: commits, archives and volumes pass their stages.
func TestStagesOfImages(t *testing.T) {
	b := newBench(t)
	unwatch := b.watch()
	b.dockerCLI("", "run", "--name", "one", "-v", "mine:/opaque", b.image, "touch", "/f").must(t)
	b.dockerCLI("", "commit", "one", "made").must(t)
	tar := filepath.Join(t.TempDir(), "a.tar")
	b.dockerCLI("", "save", "-o", tar, "made").must(t)
	b.dockerCLI("", "rm", "one").must(t)
	b.dockerCLI("", "rmi", "made").must(t)
	b.dockerCLI("", "load", "-i", tar).must(t)
	b.dockerCLI(string(archive(t, []entry{{name: "x"}})), "import", "-", "made2").must(t)
	b.dockerCLI("", "tag", "made", b.registry+"/made:1").must(t)
	b.dockerCLI("", "push", b.registry+"/made:1").must(t)
	seen := unwatch()
	for _, want := range []stage.Name{stage.VolumeCreate, stage.ContainerCommit, stage.LayerUnpack, stage.ImageTag, stage.ImageSave, stage.ImageLoad, stage.ImageImport, stage.ImagePush} {
		if !slices.Contains(seen, want) {
			t.Errorf("nobody was shown %s: %v", want, seen)
		}
	}
}

// TestDiskUsage: docker system df counts what is there.
func TestDiskUsage(t *testing.T) {
	b := newBench(t)
	b.dockerCLI("", "run", "--name", "one", "-v", "mine:/tmp", b.image, "sh", "-c", "head -c 5000 /dev/zero > /f; head -c 7000 /dev/zero > /tmp/f").must(t)
	b.dockerCLI("", "commit", "one", "made").must(t)
	format := "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}}"
	o := b.dockerCLI("", "system", "df", "--format", format).must(t)
	if !matches(`Images 2 1 [0-9.]+MB\nContainers 1 0 5kB\nLocal Volumes 1 1 7kB\nBuild Cache 0 0 0B\n`, o.stdout) {
		t.Errorf("df says\n%s", o.stdout)
	}
	if o := b.dockerCLI("", "images", "--format", "{{.Size}}", "made").must(t); !strings.HasSuffix(o.stdout, "MB\n") {
		t.Errorf("its size is %s", o.stdout)
	}
}

// TestTmpfsVolume: a volume in memory is one and the same for all who use it, and
// empty again when nobody does; a killed daemon leaves none mounted.
func TestTmpfsVolume(t *testing.T) {
	b := newBench(t)
	cli := func(args ...string) outcome { return b.dockerCLI("", args...) }
	mounted := func() bool {
		return strings.Contains(readText(t, "/proc/self/mountinfo"), b.data+"/volumes/memory/_data")
	}
	cli("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,nosuid", "memory").must(t)
	cli("run", "-d", "--name", "first", "-v", "memory:/x", b.image, "sh", "-c", "echo here >/x/f; sleep 1000").must(t)
	await(t, "the file", func() bool { return cli("exec", "first", "test", "-e", "/x/f").status == 0 })
	if o := cli("run", "--rm", "-v", "memory:/x", b.image, "sh", "-c", "cat /x/f; grep ' /x ' /proc/mounts").must(t); !matches(`here\ntmpfs /x tmpfs rw,nosuid,.*size=1024k.*\n`, o.stdout) {
		t.Errorf("the second sees %q", o.stdout)
	}
	if !mounted() {
		t.Error("it is mounted nowhere while it is used")
	}
	cli("rm", "-f", "first").must(t)
	if mounted() {
		t.Error("it is mounted while nobody uses it")
	}
	if o := cli("run", "--rm", "-v", "memory:/x", b.image, "ls", "/x").must(t); o.stdout != "" {
		t.Errorf("it keeps %q", o.stdout)
	}
	cli("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=much", "wrong").must(t)
	if o := cli("run", "--rm", "-v", "wrong:/x", b.image, "true"); o.status != 125 || !strings.Contains(o.stderr, "failed to mount local volume: mount tmpfs:"+b.data+"/volumes/wrong/_data, data: size=much: invalid argument") {
		t.Errorf("status %d, %s", o.status, o.stderr)
	}
	if o := cli("volume", "create", "--opt", "type=tmpfs", "without"); o.status != 1 || !strings.Contains(o.stderr, `missing required option: "device"`) {
		t.Errorf("status %d, %s", o.status, o.stderr)
	}
}

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// change is what the tests below do in a container: of each kind of change one.
const change = `umask 022; echo new > /new; ln /new /again; ln -s new /link; chmod 4755 /new; rm /etc/plain; echo more >> /etc/added;
	mkdir -p /dir/sub; echo deep > /dir/sub/file; rm -r /opaque; mkdir /opaque; echo other > /opaque/other; chown 12:34 /dir`

// look prints what a container of the committed image must see.
const look = `cat /new /again /link /dir/sub/file /etc/added /opaque/other; ls /opaque; ls /etc/plain; stat -c '%a %u:%g %h' /new /dir`

const seen = "new\nnew\nnew\ndeep\nby the second layer\nmore\nother\nother\n4755 0:0 2\n755 12:34 3\n"

// TestCommit: what a container has changed is in the image that is made of it,
// and docker diff tells it as a real dockerd does.
func TestCommit(t *testing.T) {
	b := newBench(t)
	b.dockerCLI("", "run", "--name", "one", b.image, "sh", "-c", change).must(t)
	diff := b.dockerCLI("", "diff", "one").must(t).stdout
	for _, want := range []string{"A /new\n", "A /again\n", "C /etc\n", "D /etc/plain\n", "C /etc/added\n", "A /dir\n", "A /dir/sub/file\n", "D /opaque/new\n", "A /opaque/other\n"} {
		if !strings.Contains(diff, want) {
			t.Errorf("docker diff lacks %q:\n%s", want, diff)
		}
	}
	for _, not := range []string{"/proc", "/dev\n", "hosts", "resolv.conf", "/bin"} {
		if strings.Contains(diff, not) {
			t.Errorf("docker diff has %q, which nobody has changed:\n%s", not, diff)
		}
	}
	id := b.dockerCLI("", "commit", "-a", "Ada", "-m", "changed", "-c", `CMD ["cat", "/new"]`, "-c", `ENV A="x y"`, "one", "made:1").must(t).stdout
	if o := b.dockerCLI("", "run", "--rm", "made:1").must(t); o.stdout != "new\n" {
		t.Errorf("its command prints %q", o.stdout)
	}
	o := b.dockerCLI("", "run", "--rm", "made:1", "sh", "-c", look)
	if o.stdout != seen || !strings.Contains(o.stderr, "/etc/plain: No such file") {
		t.Errorf("in a container of it:\n%s%s\nwant\n%s", o.stdout, o.stderr, seen)
	}
	format := `{{.Id}} {{.Author}} {{.Comment}} {{json .Config.Env}} {{len .RootFS.Layers}} {{slice .Metadata.LastTagTime 0 2}} {{.Parent}}`
	base := strings.TrimSpace(b.dockerCLI("", "image", "inspect", "-f", "{{.Id}}", b.image).must(t).stdout)
	want := strings.TrimSpace(id) + ` Ada changed ["` + searchPath + `","FROM_IMAGE=yes","A=x y"] 4 20 ` + base + "\n"
	if o := b.dockerCLI("", "image", "inspect", "-f", format, "made:1").must(t); o.stdout != want {
		t.Errorf("inspect: %s\nwant %s", o.stdout, want)
	}
	if o := b.dockerCLI("", "rmi", "-f", b.image); o.status == 0 || !strings.Contains(o.stderr, "image has dependent child images") {
		// The name goes, the image that others were made from stays.
		if o := b.dockerCLI("", "image", "inspect", base); o.status != 0 {
			t.Errorf("the parent is gone: %s", o.stderr)
		}
	}
	checkStore(t, b.data)
	t.Run("nothing changed", func(t *testing.T) {
		b.dockerCLI("", "create", "--name", "still", "made:1").must(t)
		b.dockerCLI("", "commit", "still", "made:2").must(t)
		if o := b.dockerCLI("", "image", "inspect", "-f", "{{len .RootFS.Layers}}", "made:2").must(t); o.stdout != "4\n" {
			t.Errorf("%s layers, want 4", o.stdout)
		}
	})
	t.Run("a container that runs", func(t *testing.T) {
		id := strings.TrimSpace(b.dockerCLI("", "run", "-d", "made:1", "sh", "-c", "while :; do echo x >> /log; sleep 0.05; done").must(t).stdout)
		for deadline := time.Now().Add(patience); !strings.Contains(b.dockerCLI("", "diff", id).must(t).stdout, "A /log\n"); {
			if time.Now().After(deadline) {
				t.Fatal("it writes nothing")
			}
		}
		b.dockerCLI("", "commit", id, "made:3").must(t)
		if o := b.dockerCLI("", "run", "--rm", "made:3", "wc", "-c", "/log").must(t); !matches(`[1-9][0-9]* /log\n`, o.stdout) {
			t.Errorf("the log: %q", o.stdout)
		}
		if o := b.dockerCLI("", "ps", "-q", "--no-trunc").must(t); o.stdout != id+"\n" {
			t.Errorf("it runs no more: %q", o.stdout)
		}
		b.dockerCLI("", "rm", "-f", id).must(t)
	})
	t.Run("refused", func(t *testing.T) {
		for _, c := range []struct{ args []string }{{[]string{"one", "UPPER"}}, {[]string{"-c", "RUN x", "one", "made:4"}}, {[]string{"-c", "CMD [", "-c", "FROM x", "one", "made:4"}}, {[]string{"none", "made:4"}}} {
			if o := b.dockerCLI("", append([]string{"commit"}, c.args...)...); o.status != 1 {
				t.Errorf("%v: status %d, %s", c.args, o.status, o.stdout)
			}
		}
	})
}

// TestBesideDockerd passes images between the engine and a real dockerd, by
// archives of all kinds, and holds docker diff and the errors of mounts against
// its.
func TestBesideDockerd(t *testing.T) {
	need(t, "skopeo", "skopeo")
	b, real := newBench(t), startDockerd(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := []string{"run", "--rm", "--network", "none"}

	b.dockerCLI("", "tag", b.image, "bb:1").must(t)
	b.dockerCLI("", "run", "--network", "none", "--name", "one", "bb:1", "sh", "-c", change).must(t)
	b.dockerCLI("", "commit", "one", "made:1").must(t)
	b.dockerCLI("", "save", "-o", at("ours.tar"), "bb:1", "made:1").must(t)

	t.Run("saved here, loaded there", func(t *testing.T) {
		if o := real.docker("", "load", "-i", at("ours.tar")).must(t); o.stdout != "Loaded image: bb:1\nLoaded image: made:1\n" {
			t.Errorf("docker load says %q", o.stdout)
		}
		o := real.docker("", append(run, "made:1", "sh", "-c", look)...)
		if o.stdout != seen || !strings.Contains(o.stderr, "/etc/plain: No such file") {
			t.Errorf("dockerd's container sees\n%s%s", o.stdout, o.stderr)
		}
		for _, image := range []string{"bb:1", "made:1"} {
			format := "{{.Id}} {{.RepoTags}} {{json .RootFS}} {{.Config.Cmd}} {{.Architecture}} {{.Os}}"
			ours, theirs := b.dockerCLI("", "image", "inspect", "-f", format, image).must(t).stdout, real.docker("", "image", "inspect", "-f", format, image).must(t).stdout
			if !strings.HasPrefix(theirs, strings.Fields(ours)[0]) || strings.Split(ours, "{")[1] != strings.Split(theirs, "{")[1] {
				t.Errorf("%s here is\n%sthere it is\n%s", image, ours, theirs)
			}
		}
	})
	t.Run("docker diff", func(t *testing.T) {
		real.docker("", "run", "--network", "none", "--name", "one", "bb:1", "sh", "-c", change).must(t)
		ours, theirs := lines(b.dockerCLI("", "diff", "one").must(t).stdout), lines(real.docker("", "diff", "one").must(t).stdout)
		// A directory that was removed and made anew is to dockerd one that was
		// deleted; here it has changed, and what was in it is deleted.
		apart := regexp.MustCompile(`^[ACD] /opaque`)
		for _, list := range []*[]string{&ours, &theirs} {
			*list = slices.DeleteFunc(*list, apart.MatchString)
		}
		if !slices.Equal(ours, theirs) {
			t.Errorf("here\n%v\nthere\n%v", ours, theirs)
		}
	})
	t.Run("skopeo reads it", func(t *testing.T) {
		var inspected struct {
			Architecture string
			Layers       []string
		}
		for source, layers := range map[string]int{"docker-archive:" + at("ours.tar") + ":made:1": 4, "docker-archive:" + at("ours.tar") + ":bb:1": 3} {
			if err := json.Unmarshal([]byte(skopeo(t, "inspect", source)), &inspected); err != nil || len(inspected.Layers) != layers {
				t.Errorf("%s: %v (%v)", source, inspected, err)
			}
		}
		skopeo(t, "copy", "docker-archive:"+at("ours.tar")+":made:1", "oci-archive:"+at("oci.tar")+":skopeo/made:2")
		if o := b.dockerCLI("", "load", "-i", at("oci.tar")).must(t); o.stdout != "Loaded image: skopeo/made:2\n" {
			t.Errorf("docker load of an OCI layout says %q", o.stdout)
		}
		if o := b.dockerCLI("", append(run, "skopeo/made:2", "cat", "/new")...).must(t); o.stdout != "new\n" {
			t.Errorf("stdout %q", o.stdout)
		}
	})
	t.Run("saved there, loaded here", func(t *testing.T) {
		real.docker("", "commit", "one", "theirs:1").must(t)
		id := real.docker("", "image", "inspect", "-f", "{{.Id}}", "theirs:1").must(t).stdout
		real.docker("", "save", "-o", at("theirs.tar"), "theirs:1", "bb:1").must(t)
		for _, pack := range [][]string{nil, {"gzip", "-kf"}, {"zstd", "-qf"}, {"bzip2", "-kf"}} {
			file := at("theirs.tar")
			if pack != nil {
				need(t, pack[0], pack[0])
				tool(t, pack[0], append(pack[1:], file)...)
				file += map[string]string{"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2"}[pack[0]]
			}
			if o := b.dockerCLI("", "load", "-i", file).must(t); !strings.Contains(o.stdout, "Loaded image: theirs:1\n") {
				t.Errorf("docker load of %s says %q", filepath.Base(file), o.stdout)
			}
			if o := b.dockerCLI("", "image", "inspect", "-f", "{{.Id}}", "theirs:1").must(t); o.stdout != id {
				t.Errorf("here %s, there %s", o.stdout, id)
			}
			o := b.dockerCLI("", append(run, "theirs:1", "sh", "-c", look)...)
			if o.stdout != seen || !strings.Contains(o.stderr, "/etc/plain: No such file") {
				t.Errorf("a container of %s sees\n%s%s", filepath.Base(file), o.stdout, o.stderr)
			}
			b.dockerCLI("", "rmi", "theirs:1").must(t)
		}
	})
	t.Run("exported and imported, both ways", func(t *testing.T) {
		b.dockerCLI("", "export", "-o", at("here.tar"), "one").must(t)
		real.docker("", "export", "-o", at("there.tar"), "one").must(t)
		files := regexp.MustCompile(`(?m)^[^d].*`) // directories: dockerd makes others to mount on
		list := func(file string) []string {
			var names []string
			for _, line := range files.FindAllString(tool(t, "tar", "-tvf", file, "--numeric-owner"), -1) {
				f := strings.Fields(line)
				if name := strings.Join(f[5:], " "); !regexp.MustCompile(`^(\.dockerenv|dev/|etc/(hosts|hostname|resolv.conf|mtab))`).MatchString(name) {
					names = append(names, f[0]+" "+f[1]+" "+name)
				}
			}
			slices.Sort(names)
			return names
		}
		if ours, theirs := list(at("here.tar")), list(at("there.tar")); !slices.Equal(ours, theirs) {
			t.Errorf("export here\n%v\nthere\n%v", ours, theirs)
		}
		real.docker("", "import", "-c", `CMD ["cat", "/new"]`, at("here.tar"), "imported:1").must(t)
		b.dockerCLI("", "import", "-m", "from there", "-c", `CMD ["cat", "/new"]`, "-c", "EXPOSE 80", at("there.tar"), "imported:1").must(t)
		for _, o := range []outcome{real.docker("", append(run, "imported:1")...), b.dockerCLI("", append(run, "imported:1")...)} {
			if o.stdout != "new\n" {
				t.Errorf("stdout %q, stderr %q", o.stdout, o.stderr)
			}
		}
		b.dockerCLI("", "import", "-m", "from there", "-c", "EXPOSE 80", "-c", "VOLUME /data", at("there.tar"), "imported:1").must(t)
		if o := b.dockerCLI("", "image", "inspect", "-f", "{{.Comment}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}}", "imported:1").must(t); o.stdout != `from there {"80/tcp":{}} {"/data":{}}`+"\n" {
			t.Errorf("inspect: %s", o.stdout)
		}
	})
	t.Run("mounts that are refused", func(t *testing.T) {
		real.docker("", "load", "-q", "-i", at("ours.tar")).must(t)
		refusedMounts(t, b, real)
	})
	checkStore(t, b.data)
}

func lines(s string) []string {
	list := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(list)
	return list
}

// TestPush sends an image to Debian's registry and to a private one, and what was
// sent runs when it is pulled back.
func TestPush(t *testing.T) {
	b, registry := newBench(t), debianRegistry(t)
	target := registry + "/x/bb:1"
	b.dockerCLI("", "tag", b.image, target).must(t)
	first := b.dockerCLI("", "push", target).must(t)
	if got, want := maskDigests(first.stdout), "The push refers to repository ["+registry+"/x/bb]\n"+strings.Repeat("<12>: Preparing\n", 3)+strings.Repeat("<12>: Pushed\n", 3)+"1: digest: sha256:<64> size: "; !strings.HasPrefix(got, want) {
		t.Errorf("push says\n%s\nwant\n%s", got, want)
	}
	if o := b.dockerCLI("", "push", target).must(t); strings.Count(o.stdout, ": Layer already exists\n") != 3 {
		t.Errorf("pushed again it says\n%s", o.stdout)
	}
	for _, flag := range []string{"--quiet=false", "-q", "--platform=linux/" + runtime.GOARCH} { // our own command says what docker's does
		ours, theirs := b.run("push", flag, target).must(t), b.dockerCLI("", "push", flag, target).must(t)
		if ours.stdout != theirs.stdout {
			t.Errorf("push %s says\n%s\ndocker's\n%s", flag, ours.stdout, theirs.stdout)
		}
	}
	if o := b.run("push", "--platform", "linux/s390x", target); o.status != 1 || !strings.Contains(o.stderr, "does not match the specified platform: wanted linux/s390x") {
		t.Errorf("of another platform: status %d, %s", o.status, o.stderr)
	}
	ref, err := name.ParseReference(target)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Get(ref)
	if err != nil || !strings.Contains(first.stdout, desc.Digest.String()) {
		t.Errorf("the registry has %v (%v)", desc, err)
	}
	if o := b.dockerCLI("", "image", "inspect", "-f", "{{.RepoDigests}}", target).must(t); !strings.Contains(o.stdout, registry+"/x/bb@"+desc.Digest.String()) {
		t.Errorf("digests: %s", o.stdout)
	}
	b.dockerCLI("", "rmi", target, b.image).must(t)
	if o := b.dockerCLI("", "run", "--rm", target, "cat", "/etc/added").must(t); o.stdout != "by the second layer\n" {
		t.Errorf("pulled back it prints %q", o.stdout)
	}
	for _, c := range []struct{ name, want string }{
		{"docker.io/library/hello-world:latest", "denied: requested access to the resource is denied"},
		{registry + "/not/here:1", "An image does not exist locally with the tag: " + registry + "/not/here"},
	} {
		if c.name[0] == 'd' {
			b.dockerCLI("", "pull", "-q", c.name).must(t)
			b.dockerCLI("", "tag", target, c.name).must(t)
		}
		if o := b.dockerCLI("", "push", c.name); o.status != 1 || !strings.Contains(o.stderr, c.want) {
			t.Errorf("push %s: status %d, %s", c.name, o.status, o.stderr)
		}
	}
}

// TestLogin: credentials are asked of the registry itself; nobody who watches is
// shown them.
func TestLogin(t *testing.T) {
	image := privateRegistry(t, "ada", "s3cret")
	host, _, _ := strings.Cut(image, "/")
	d := startDaemon(t)
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"username":"ada","password":"s3cret","serveraddress":"` + host + `"}`, 200, `{"Status":"Login Succeeded"}`},
		{`{"username":"ada","password":"wrong","serveraddress":"` + host + `"}`, 401, `login attempt to http://` + host + `/v2/ failed with status: 401 Unauthorized`},
		{`{"username":"u","password":"p","serveraddress":"https://index.docker.io/v1/"}`, 200, `Login Succeeded`},
		{`{"username":"u","password":"p","serveraddress":"127.0.0.1:1"}`, 500, `dial tcp 127.0.0.1:1: connect: connection refused`},
	} {
		if status, said := d.ask(t, post("/auth", c.body)); status != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s: status %d, %s", c.body, status, said)
		}
	}
	var answer struct {
		Platforms []struct{ Architecture string }
	}
	status, said := d.ask(t, "GET /distribution/hello-world/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if err := json.Unmarshal([]byte(said), &answer); err != nil || status != 200 || len(answer.Platforms) < 3 {
		t.Errorf("distribution: status %d, %s (%v)", status, said, err)
	}
}

// TestDamagedImage: one damaged image does not hide the others, says what it is,
// and can be removed or pulled again.
func TestDamagedImage(t *testing.T) {
	b := newBench(t)
	b.run("pull", "-q", "hello-world").must(t)
	id := strings.TrimSpace(b.dockerCLI("", "images", "-q", "--no-trunc", "hello-world").must(t).stdout)
	path := filepath.Join(b.data, "images", "blobs", "sha256", strings.TrimPrefix(id, "sha256:"))
	damage := func() {
		if err := os.WriteFile(path, bytes.ToUpper([]byte(readText(t, path))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	if o := b.dockerCLI("", "images").must(t); !strings.Contains(o.stdout, "hello-world ") || !strings.Contains(o.stdout, b.registry+"/bb ") {
		t.Errorf("images:\n%s", o.stdout)
	}
	if _, said := b.ask(t, "GET /images/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(said, `"com.github.learndocker.damaged":"read config: document`) {
		t.Errorf("the list: %s", said)
	}
	if o := b.dockerCLI("", "run", "--rm", "hello-world"); o.status == 0 || !strings.Contains(o.stderr, "damaged on disk") {
		t.Errorf("run: status %d, %s", o.status, o.stderr)
	}
	b.run("pull", "-q", "hello-world").must(t)
	b.dockerCLI("", "run", "--rm", "hello-world").must(t)
	damage()
	b.dockerCLI("", "rmi", "hello-world").must(t)
	if o := b.dockerCLI("", "images", "-q", "hello-world").must(t); o.stdout != "" {
		t.Errorf("left: %s", o.stdout)
	}
}

// TestImageNames: tag, rmi, filters and prune as Docker has them.
func TestImageNames(t *testing.T) {
	b := newBench(t)
	cli := func(args ...string) outcome { return b.dockerCLI("", args...) }
	expect := func(o outcome, status int, stdout, stderr string) {
		t.Helper()
		if o.status != status || !matches(stdout, o.stdout) || !matches(`(?s:.*)`+stderr+`(?s:.*)`, o.stderr) {
			t.Errorf("status %d, stdout %q, stderr %q\nwant %d, %s, %s", o.status, o.stdout, o.stderr, status, stdout, stderr)
		}
	}
	for _, n := range []string{"a:1", "a:2", "team/b"} {
		cli("tag", b.image, n).must(t)
	}
	id := strings.TrimSpace(cli("images", "-q", "--no-trunc", "a:1").must(t).stdout)
	expect(cli("tag", "nothing", "x"), 1, ``, `No such image: nothing:latest`)
	expect(cli("tag", "a:1", "X"), 1, ``, `must be lowercase`)
	expect(cli("tag", "a:1", "x@"+id), 1, ``, `refusing to create a tag with a digest reference`)
	expect(cli("images", "--format", "{{.Repository}}:{{.Tag}}", "a"), 0, `a:[12]\na:[12]\n`, ``)
	expect(cli("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=team/*"), 0, `team/b:latest\n`, ``)
	expect(cli("images", "-q", "--filter", "label=none"), 0, ``, ``)
	expect(cli("images", "-q", "--filter", "dangling=true"), 0, ``, ``)
	expect(cli("images", "-q", "--filter", "no=such"), 1, ``, `invalid filter 'no'`)
	expect(cli("images", "--digests", "--format", "{{.Digest}}", strings.TrimSuffix(b.image, ":latest")), 0, `sha256:[0-9a-f]{64}\n`, ``)
	expect(cli("rmi", id), 1, ``, `conflict: unable to delete `+id[7:19]+` \(must be forced\) - image is referenced in multiple repositories`)
	expect(cli("rmi", "a:1", "a:2"), 0, `Untagged: a:1\nUntagged: a:2\n`, ``)
	expect(cli("rmi", "a:1"), 1, ``, `No such image: a:1`)

	cli("run", "--name", "user", b.image, "touch", "/made").must(t)
	expect(cli("rmi", id), 1, ``, `\(must be forced\) - image is referenced in multiple repositories`)
	cli("commit", "user", "child").must(t)
	cli("commit", "-m", "again", "user", "child").must(t) // the name moves: the first is dangling
	expect(cli("images", "-q", "--filter", "dangling=true"), 0, `[0-9a-f]{12}\n`, ``)
	expect(cli("image", "prune", "-f"), 0, `Deleted Images:\ndeleted: sha256:[0-9a-f]{64}\n(?s:.*)Total reclaimed space: .*\n`, ``)
	expect(cli("images", "-q", "--filter", "dangling=true"), 0, ``, ``)
	expect(cli("rm", "user"), 0, `user\n`, ``)
	expect(cli("rmi", "-f", id), 1, ``, `conflict: unable to delete `+id[7:19]+` \(cannot be forced\) - image has dependent child images`)
	expect(cli("image", "prune", "-af"), 0, `Deleted Images:\n(?s:.*)Total reclaimed space: [1-9].*\n`, ``)
	expect(cli("images", "-aq"), 0, ``, ``)
	for _, dir := range []string{"layers", "images/blobs/sha256"} {
		if left, err := os.ReadDir(filepath.Join(b.data, dir)); err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v (%v)", dir, left, err)
		}
	}
}

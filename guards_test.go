//go:build guards

package learndocker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// edit takes code out of a file and puts other code in its place.
type edit struct{ file, out, in string }

// guard is code that keeps harm away, and the test that must fail without it.
type guard struct {
	name     string
	edits    []edit
	pkg, run string
}

// TestGuards takes each guard out, in a copy that the compiler is given in place
// of the file (go help build, -overlay), and runs a test that must then fail. A
// guard that can go without any test noticing is not held by anything.
func TestGuards(t *testing.T) {
	t.Run("with all guards in their places", func(t *testing.T) { // where it can write next to nothing, too
		cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-exec", confined(t), layerPkg)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	})
	for _, g := range guards {
		t.Run(g.name, func(t *testing.T) {
			overlay := overlayFor(t, g.edits)
			args := []string{"test", "-count=1", "-timeout", "120s", "-run", g.run}
			// By the environment, so that tests that build the program build this one.
			env := append(os.Environ(), "GOFLAGS=-overlay="+overlay)
			if g.pkg == layerPkg { // without its guards it writes wherever an archive says
				args = append(args, "-exec", confined(t))
				env = append(env, "TMPDIR="+t.TempDir())
			}
			cmd := exec.CommandContext(t.Context(), "go", append(args, g.pkg)...)
			cmd.Env = env
			said, err := cmd.CombinedOutput()
			text := string(said)
			switch {
			case err == nil && strings.Contains(text, "no tests to run"):
				t.Errorf("no test is named %s in %s", g.run, g.pkg)
			case err == nil:
				t.Errorf("%s in %s passes without the guard", g.run, g.pkg)
			case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") || strings.Contains(text, "go build:"):
				t.Errorf("what is put in its place is no Go:\n%s", text)
			case strings.Contains(text, "the machine can be written"):
				t.Fatal(text)
			case !strings.Contains(text, "--- FAIL") && !strings.Contains(text, "panic: test timed out"):
				t.Errorf("ended otherwise than by a test's failure: %v\n%s", err, text)
			}
		})
	}
}

// confined is a program that runs another so that it can write next to nothing.
func confined(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("scripts/confined")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// overlayFor writes the edited copies and the file that tells the compiler of them.
func overlayFor(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for i, e := range edits {
		path := filepath.Join(root, e.file)
		from := path
		if again, ok := replace[path]; ok {
			from = again
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), e.out); n != 1 {
			t.Fatalf("%s: the code to take out is there %d times, want once: correct the table\n%s", e.file, n, e.out)
		}
		copied := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(copied, []byte(strings.Replace(string(data), e.out, e.in, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[path] = copied
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// one is a guard of one edit.
func one(name, file, out, in, pkg, run string) guard {
	return guard{name, []edit{{file, out, in}}, pkg, run}
}

const (
	extract   = "engine/layer/extract.go"
	layers    = "engine/layer/layer.go"
	layerPkg  = "./engine/layer"
	store     = "engine/image/store.go"
	storePkg  = "./engine/image"
	pulls     = "engine/pull/pull.go"
	manifest  = "engine/pull/manifest.go"
	pullPkg   = "./engine/pull"
	images    = "engine/images.go"
	daemons   = "engine/daemon/"
	wires     = "engine/stage/wire/wire.go"
	rootfs    = "engine/container/pid1/rootfs.go"
	execs     = "engine/container/pid1/exec.go"
	inits     = "engine/container/pid1/init.go"
	cmd       = "./cmd/learndocker"
	neverTrue = "if false {"
)

var guards = []guard{
	// The unpacker.
	one("paths are resolved inside the layer", extract, "unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS", "0", layerPkg, "TestUnpack"),
	one("names stop at the root", extract, `name := path.Clean("/" + h.Name)[1:] // ".." stops at the root`, "name := h.Name", layerPkg, "TestUnpack"),
	one("links' targets stop at the root", extract, "from, err := x.open(path.Dir(target))", `from, err := unix.Open(path.Dir(h.Linkname), unix.O_PATH, 0)`, layerPkg, "TestUnpack"),
	one("hard links do not follow links", extract, "unix.Linkat(from, path.Base(target), parent, base, 0)", "unix.Linkat(from, path.Base(target), parent, base, unix.AT_SYMLINK_FOLLOW)", layerPkg, "TestUnpack"),
	one("the root stays a directory", extract, "if h.Typeflag != tar.TypeDir {\n\t\t\treturn e, errors.New(\"the root must be a directory\")", "if false {\n\t\t\treturn e, errors.New(\"the root must be a directory\")", layerPkg, "TestUnpack"),
	guard{"what was there goes before a file is written", []edit{
		{extract, "if err := clear(parent, base, h.Typeflag == tar.TypeDir); err != nil {", "if err := error(nil); err != nil {"},
		{extract, "unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)", "unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, mode)"},
	}, layerPkg, "TestUnpack"},
	one("whiteouts of nothing and of the directory itself", extract, `if base == "" || base == "." || base == ".." || strings.HasPrefix(base, whiteoutPrefix) {`, neverTrue, layerPkg, "TestUnpack"),
	one("whiteouts spare their own layer", extract, "case errors.Is(err, unix.ENOENT):\n\t\treturn unix.Mknodat(parent, base, unix.S_IFCHR, 0)", "case true:\n\t\t_ = unix.Unlinkat(parent, base, 0)\n\t\treturn unix.Mknodat(parent, base, unix.S_IFCHR, 0)", layerPkg, "TestUnpack"),
	one("what aufs kept", extract, "if isAufs(name) {", neverTrue, layerPkg, "TestUnpack"),
	one("new directories hide deleted ones", extract, "if opaque {\n\t\treturn x.opaque(parent, base)\n\t}", "", layerPkg, "TestUnpack"),
	one("kinds that are unknown", extract, `return "", fmt.Errorf("unknown type %q", h.Typeflag)`, `return "", nil`, layerPkg, "TestUnpack"),
	one("owners beyond 32 bits", extract, "if !validID(h.Uid) || !validID(h.Gid) {", neverTrue, layerPkg, "TestOddRecords"),
	one("devices beyond the kernel's numbers", extract, "if h.Devmajor < 0 || h.Devmajor >= 1<<12 || h.Devminor < 0 || h.Devminor >= 1<<20 {", neverTrue, layerPkg, "TestOddRecords"),
	one("no devices without root", extract, "if x.userns {\n\t\treturn nil\n\t}\n\treturn unix.Mknodat", "return unix.Mknodat", layerPkg, "TestRootless"),
	one("trusted attributes", extract, `strings.HasPrefix(name, "trusted.")`, "false", layerPkg, "TestAttributes"),
	one("overlayfs's attributes of users", extract, `strings.HasPrefix(name, "user.overlay.")`, "false", layerPkg, "TestAttributes"),
	one("names of directories", extract, "x.dirNames > x.maxDirNames", "false", layerPkg, "TestBombs"),
	one("bytes of an archive", layers, `most: most, of: "archive"`, `most: most * 4, of: "archive"`, layerPkg, "TestBombs"),
	one("bytes of files", layers, "written: counter{most: most,", "written: counter{most: most * 4,", layerPkg, "TestBombs"),
	one("growth of a blob", layers, "return min(max(blob*MaxGrowth, b.FloorBytes), b.MaxBytes)", "return b.MaxBytes / 2", layerPkg, "TestBombs"),
	one("entries", layers, "fact.Entries > s.bounds.MaxEntries", "false", layerPkg, "TestBombs"),
	one("room for bytes", layers, "if full := c.room.Use(int64(n)); full != nil {", "if full := error(nil); full != nil {", layerPkg, "TestFullDisk"),
	one("room for files", layers, "if err := room.Use(entryBytes); err != nil {", "if err := room.Use(0); err != nil {", layerPkg, "TestFullDisk"),
	one("the archive's digest", layers, "if fact.Hashed != fact.DiffID {", neverTrue, layerPkg, "TestCompression"),
	one("what follows the archive", layers, "if _, err := io.Copy(io.Discard, counted); err != nil {", "if err := error(nil); err != nil {", layerPkg, "TestCompression"),
	one("unfinished layers go", layers, "defer os.RemoveAll(tmp)\n\tk.Did", "k.Did", layerPkg, "TestUnpack"),
	one("one at a time for each layer", layers, "release := s.claim(diffID)\n\tdefer release()", "", layerPkg, "TestStore"),

	// The image store.
	one("a blob's size", store, "if n != desc.Size {", neverTrue, storePkg, "TestIngest"),
	one("a blob's digest", store, "if computed != desc.Digest {", neverTrue, storePkg, "TestIngest"),
	one("no more than was promised", store, "io.LimitReader(from, desc.Size+1)", "from", storePkg, "TestIngest"),
	one("a digest is no path", store, "if err := d.Validate(); err != nil {\n\t\treturn \"\", fmt", "if err := d.Validate(); false {\n\t\treturn \"\", fmt", storePkg, "TestIngest"),
	one("sha256 only", store, "if d.Algorithm() != digest.SHA256 {", neverTrue, cmd, "TestLies/a_digest_of_another"),
	one("documents of a size", store, "if len(data) > maxDocument {", neverTrue, storePkg, "TestDamage"),
	one("documents as they were", store, "if digest.FromBytes(data) != d {", neverTrue, storePkg, "TestDamage"),
	one("damaged documents are missing", store, "return err == nil && digest.FromBytes(data) == desc.Digest", "return err == nil && data != nil", storePkg, "TestDamageIsMended"),
	one("unfinished downloads go", store, "if err := s.clearIngest(); err != nil {", "if err := error(nil); err != nil {", storePkg, "TestLayout|TestIngest"),

	// Registries.
	one("manifest and index at once (CVE-2021-41190)", manifest, "if alsoIndex.Manifests != nil {", neverTrue, cmd, "TestLies/the_manifest_is_an_index"),
	one("number of layers", manifest, "if len(m.Layers) > maxLayers {", neverTrue, cmd, "TestLies/the_manifest_has_200"),
	one("digests of a manifest", manifest, "if err := d.Digest.Validate(); err != nil {", "if err := error(nil); err != nil {", cmd, "TestLies/a_digest_that_is_a_path"),
	one("sizes of a manifest", manifest, "if d.Size < 0 || d.Size > most {", neverTrue, cmd, "TestLies/(the_config_is_too|a_size_below)"),
	one("size of the manifest", pulls, "if b.left -= int64(n); b.left < 0 {", "if b.left < 0 {", cmd, "TestLies/the_manifest_has_100"),
	one("redirects", pulls, "if redirects(q) > maxRedirects {", "if redirects(q) > 100 {\n\t\treturn nil, fmt.Errorf(\"a hundred\")\n\t}\n\tif false {", cmd, "TestLies/the_registry_sends"),
	one("what is no image", pulls, "if !desc.MediaType.IsImage() {", neverTrue, cmd, "TestLies/the_media_type"),
	one("a registry that stalls", pulls, "time.AfterFunc(h.patience, h.cancel)", "time.AfterFunc(time.Hour, h.cancel)", pullPkg, "TestStall"),
	one("diffIDs for layers", images, "got != want {", "got != want && false {", cmd, "TestLies/a_layer_without"),
	one("diffIDs are digests", images, "if err := id.Validate(); err != nil || id.Algorithm() != digest.SHA256 {", neverTrue, cmd, "TestLies/a_diffID_that"),

	// The API.
	one("a body's size", daemons+"exchange.go", "http.MaxBytesReader(x.w, x.r.Body, maxBody)", "x.r.Body", cmd, "TestBadRequests/a_body_that"),
	one("a header's size", daemons+"daemon.go", "MaxHeaderBytes: 1 << 20", "MaxHeaderBytes: 1 << 24", cmd, "TestBadRequests/a_header_beyond"),
	one("a container's name", "engine/request.go", `if name != "" && !validName`, `if name == "\x00" && !validName`, cmd, "TestBadRequests/a_name"),
	one("numbers of a query", daemons+"containers.go", "n, err := strconv.ParseInt(given, 10, 32)\n\tif err != nil {", "n, err := strconv.ParseInt(given, 10, 32)\n\tif err != nil && false {", cmd, "TestBadRequests/a_(while|limit)"),
	one("filters that are unknown", daemons+"containers.go", "if tests[name] == nil {", neverTrue, cmd, "TestBadRequests/a_filter"),
	one("a packet's size", wires, "if len(line) > MaxPacket {", neverTrue, "./engine/stage/wire", "TestPacketsAreBounded"),
	one("one watcher", daemons+"daemon.go", "if d.watcher != nil {\n\t\twriteError", "if false {\n\t\twriteError", cmd, "TestBadWatchers/one_that"),
	one("loopback only", daemons+"daemon.go", "if !tcp.IP.IsLoopback() {", neverTrue, cmd, "TestScript/daemon"),

	// The container and its init.
	one("masked paths", rootfs, "range p.Spec.Linux.MaskedPaths {", "range []string{} {", cmd, "TestInsideMasks"),
	one("read-only paths", rootfs, "range p.Spec.Linux.ReadonlyPaths {", "range []string{} {", cmd, "TestInsideMasks"),
	one("mount points that are links (CVE-2019-19921)", rootfs, "if got != want {", neverTrue, cmd, "TestTraps"),
	one("files of /etc behind links", rootfs, "file, err := joinIn(root, destination)", "file, err := filepath.Join(root, destination), error(nil)", cmd, "TestTraps"),
	one("a working directory outside (CVE-2024-21626)", rootfs, "err != nil || n < 1 || buf[0] != '/' {", "false && (err != nil || n < 1) {", cmd, "TestLeakedDescriptors"),
	one("the old root goes", rootfs, `if err := p.kernel.Unmount(".", unix.MNT_DETACH); err != nil {`, "if err := error(nil); err != nil {", cmd, "TestInside$|TestLeakedDescriptors|TestTraps"),
	one("a read-only root", rootfs, "if p.Spec.Root.Readonly {", neverTrue, cmd, "TestInside/read-only_root"),
	guard{"descriptors are closed", []edit{
		{inits, "unix.CloseOnExec(socketFD)", ""},
		{execs, "_ = unix.CloseRange(3, ^uint(0)>>1&0xffffffff, unix.CLOSE_RANGE_CLOEXEC)", ""},
	}, cmd, "TestInside/its_descriptors|TestInsideFromOutside|TestSmallestLimit"},
	one("the sealed program", "engine/container/sealed.go", "if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, seals); err != nil {", "if err := error(nil); err != nil || seals == 0 {", "./engine/container", "TestSealed"),
	one("the engine's own program (CVE-2019-5736)", execs, "if own.Dev == wanted.Dev && own.Ino == wanted.Ino {", neverTrue, cmd, "TestOddImages/a_program_that_is_the_engine"),
	one("capabilities", execs, "if err := p.setCapabilities(caps.Mask(wanted)); err != nil {", "if err := error(nil); err != nil {", cmd, "TestInside/capabilities"),
	one("the bounding set", execs, "if err := p.dropBounding(wanted); err != nil {", "if err := error(nil); err != nil {", cmd, "TestInside/capabilities"),
	one("the system call filter", execs, "if len(p.Filter) == 0 {\n\t\treturn nil", "if true {\n\t\treturn nil", cmd, "TestInside/seccomp"),
	one("no new privileges", execs, "if p.Spec.Process.NoNewPrivileges {", neverTrue, cmd, "TestInside/no_new"),
	one("/etc/passwd up to a size", execs, "return io.LimitReader(f, maxPasswd), f.Close", "return f, f.Close", cmd, "TestOddImages/a_user_at_the_end"),
	one("/etc/passwd that is a fifo", execs, "os.O_RDONLY|unix.O_NONBLOCK", "os.O_RDONLY", cmd, "TestTraps//etc/passwd_is_a_fifo"),
	one("the end with the daemon", execs, `unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), "PR_SET_PDEATHSIG", "SIGKILL"`, `unix.PR_SET_PDEATHSIG, 0, "PR_SET_PDEATHSIG", "SIGKILL"`, cmd, "TestCrash|TestKilled"),

	// Lessons, recordings, posts.
	one("a lesson's size", "narrate/lesson/lesson.go", "if len(data) > MaxScript {", neverTrue, "./narrate/lesson", "TestMistakes"),
	one("anchors", "narrate/lesson/lesson.go", `if n.Kind == yaml.AliasNode || n.Anchor != "" {`, neverTrue, "./narrate/lesson", "TestMistakes"),
	one("a lesson's commands", "narrate/lesson/command.go", "if !slices.Contains(commands, command) {", neverTrue, "./narrate/lesson", "TestCommands"),
	one("a lesson's own daemon", "narrate/lesson/command.go", `if name, _, _ := strings.Cut(w, "="); name == f {`, `if name, _, _ := strings.Cut(w, "="); name == f+"!" {`, "./narrate/lesson", "TestCommands"),
	one("turns of an expression", "narrate/prose/eval.go", "turns > maxTurns", "turns > 8 * maxTurns && false", "./narrate/prose", "TestBounds"),
	one("texts of an expression", "narrate/prose/eval.go", "first && second && len(a)+len(b) > maxText", "first && second && len(a)+len(b) > 4 * maxText", "./narrate/prose", "TestBounds"),
	one("patience with an expression", "narrate/prose/eval.go", "time.After(evalPatience)", "time.After(100 * evalPatience)", "./narrate/prose", "TestEverythingEnds"),
	one("texts of a recording", "narrate/record.go", "\ts.clean()\n", "", "./narrate", "TestHostileText"),
	one("a recording's size", "narrate/record.go", "if all.N <= 0 {", neverTrue, "./narrate", "TestBadRecordings"),
	one("HTML in posts", "narrate/transcript/markdown.go", "body := plain(d.b.String())", "body := d.b.String()", "./narrate/transcript", "TestNoHTML"),
	one("templates in posts", "narrate/transcript/markdown.go", `endraw.ReplaceAllString(body, "{ %$1")`, "body", "./narrate/transcript", "TestNoTemplates"),
}

// TestTable builds each mutation without running a test: the code to take out is
// there, and what is put in its place is Go.
func TestTable(t *testing.T) {
	for _, g := range guards {
		overlay := overlayFor(t, g.edits)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "./"+filepath.Dir(g.edits[0].file))
		cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", g.name, err, said)
		}
	}
}

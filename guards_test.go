package learndocker

import (
	"os"
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

// TestGuardsAreThere holds the table against the code: what make guards is to
// take out, some minutes' work that not every change is worth, is still there,
// and so is the test that is to notice.
func TestGuardsAreThere(t *testing.T) {
	for _, g := range guards {
		for _, e := range g.edits {
			data, err := os.ReadFile(e.file)
			if err != nil {
				t.Error(err)
			}
			if n := strings.Count(string(data), e.out); n != 1 {
				t.Errorf("%s: the code to take out is in %s %d times, want once: correct the table\n%s", g.name, e.file, n, e.out)
			}
		}
	}
}

// one is a guard of one edit.
func one(name, file, out, in, pkg, run string) guard {
	return guard{name, []edit{{file, out, in}}, pkg, run}
}

const (
	extract    = "engine/layer/extract.go"
	layers     = "engine/layer/layer.go"
	layerPkg   = "./engine/layer"
	store      = "engine/image/store.go"
	storePkg   = "./engine/image"
	pulls      = "engine/pull/pull.go"
	manifest   = "engine/pull/manifest.go"
	pullPkg    = "./engine/pull"
	images     = "engine/pulling.go"
	daemons    = "engine/daemon/"
	wires      = "engine/stage/wire/wire.go"
	rootfs     = "engine/container/pid1/pivot.go"
	rights     = "engine/container/pid1/security.go"
	targets    = "engine/container/pid1/target.go"
	pid1Pkg    = "./engine/container/pid1"
	execs      = "engine/container/pid1/exec.go"
	inits      = "engine/container/pid1/init.go"
	cgroups    = "engine/cgroup/cgroup.go"
	left       = "engine/leftover.go"
	lefts      = "narrate/leftover_linux.go"
	copies     = "engine/overlay/copy.go"
	lives      = "narrate/live.go"
	webs       = "narrate/web/"
	webPkg     = "./narrate/web"
	sites      = "narrate/site/"
	sitePkg    = "./narrate/site"
	overlayPkg = "./engine/overlay"
	cmd        = "./cmd/learndocker"
	neverTrue  = "if false {"
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
	one("whiteouts spare their own layer", extract, "case errors.Is(err, unix.ENOENT):\n\t\treturn x.marks.remove(parent, base)", "case true:\n\t\t_ = unix.Unlinkat(parent, base, 0)\n\t\treturn x.marks.remove(parent, base)", layerPkg, "TestUnpack"),
	one("what aufs kept", extract, "if isAufs(name) {", neverTrue, layerPkg, "TestUnpack"),
	one("new directories hide deleted ones", extract, "if opaque {\n\t\treturn x.marks.opaque(parent, base)\n\t}", "", layerPkg, "TestUnpack"),
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
	one("one at a time for each layer", layers, "release := s.claim(diffID)\n\tdefer release()", "", layerPkg, "TestTurns"),

	// Layers copied over each other.
	one("what deletes in a plain layer goes when it is made anew", "engine/layer/marks.go", "return unix.Unlinkat(parent, whiteoutPrefix+base, 0)", "return nil", overlayPkg, "TestDriversAgree"),
	one("plain layers mark what they delete", "engine/layer/marks.go", "{ return touch(parent, whiteoutPrefix+base) }", "{ return nil }", overlayPkg, "TestDriversAgree"),
	one("plain layers mark what they hide", "engine/layer/marks.go", "return touch(dir, opaqueMarker)", "return nil", overlayPkg, "TestDriversAgree"),
	one("a link is no directory to copy into", copies, "if err == nil && !info.IsDir() {", "if err == nil && !info.IsDir() && false {", overlayPkg, "TestDriversAgree"),
	guard{"no file is copied through a link", []edit{
		{copies, "if err := os.RemoveAll(to); err != nil {", "if err := error(nil); err != nil {"},
		{copies, "os.O_CREATE|os.O_EXCL|os.O_WRONLY", "os.O_CREATE|os.O_WRONLY"},
	}, overlayPkg, "TestDriversAgree"},
	one("links are copied as links", copies, "case unix.S_IFLNK:", "case unix.S_IFLNK + 1:", overlayPkg, "TestDriversAgree"),
	one("what a layer deletes is deleted in the copy", copies, "if err := os.RemoveAll(filepath.Join(to, deleted)); err != nil {", "if deleted == opaqueMarker {", overlayPkg, "TestDriversAgree"),
	one("what a layer hides is hidden in the copy", copies, "if err := empty(to); err != nil {", "if err := error(nil); err != nil {", overlayPkg, "TestDriversAgree"),
	one("owners of copies", copies, "unix.Lchown(to, int(st.Uid), int(st.Gid))", "error(nil)", overlayPkg, "TestDriversAgree"),
	one("modes of copies", copies, "unix.Chmod(to, st.Mode&0o7777)", "error(nil)", overlayPkg, "TestDriversAgree"),
	one("extended attributes of copies", copies, "if err := xattrs(from, to); err != nil {", "if err := error(nil); err != nil {", overlayPkg, "TestDriversAgree"),
	one("a second run keeps its copy", copies, "if err := os.WriteFile(mark, nil, 0o600); err != nil {", "if err := error(nil); err != nil {", overlayPkg, "TestSecondRun"),

	// Archives, commits and exports.
	guard{"no link is followed in what a container has written", []edit{
		{"engine/layer/tree.go", "unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV", "unix.RESOLVE_NO_MAGICLINKS"},
	}, layerPkg, "TestPackStaysInside"},
	one("names that would delete in a layer", "engine/layer/pack.go", "if strings.HasPrefix(path.Base(name), whiteoutPrefix) {", neverTrue, layerPkg, "TestNamesOfWhiteouts"),
	one("deletions are packed", "engine/layer/pack.go", "return p.mark(path.Join(path.Dir(name), whiteoutPrefix+path.Base(name)))", "return nil", overlayPkg, "TestPack"),
	one("opaque directories are packed", "engine/layer/pack.go", "if err != nil || !c.opaque {", "if err != nil || true {", overlayPkg, "TestPack"),
	one("growth of what is sent", "engine/layer/bounded.go", "b.out > b.bounds.bytes(b.in.n)", "b.out < 0", layerPkg, "TestPlain"),
	one("dictionaries of xz", "engine/layer/xz.go", "dictionary > maxDictionary", "dictionary > 8 * maxDictionary", layerPkg, "TestXZ"),
	one("checksums of xz", "engine/layer/xz.go", "if !bytes.Equal(got, want) {", "if !bytes.Equal(got, want) && false {", layerPkg, "TestXZ"),
	one("pages of tags", "engine/pull/pull.go", "len(tags) > maxTags", "len(tags) > 64 * maxTags", "./engine/pull", "TestEndlessTags"),
	one("files of an archive stay in it", "engine/archive.go", "func clean(name string) string { return path.Clean(\"/\" + name)[1:] }", "func clean(name string) string { return name }", cmd, "TestHostileArchives/the_truth_by_another_name"),
	one("links in a circle", "engine/archive.go", "for range maxArchiveLinks {", "for {", cmd, "TestHostileArchives/links_in_a_circle"),
	one("number of files in an archive", "engine/archive.go", "a.count > maxArchiveFiles", "a.count > 100 * maxArchiveFiles", cmd, "TestHostileArchives/too_many"),
	one("documents of an archive", "engine/archive.go", "if f.Size > maxArchiveDocument {", neverTrue, cmd, "TestHostileArchives/a_config_of_5"),
	one("digests of an archive's blobs", "engine/archive.go", "if f.Digest != d {", neverTrue, cmd, "TestHostileArchives/a_blob_of_another"),
	one("digests of an archive are no paths", "engine/archive.go", "if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {", neverTrue, cmd, "TestHostileArchives/a_digest_that_is_a_path"),
	one("diffIDs of an archive's layers", "engine/load.go", "got != want {", "got != want && false {", cmd, "TestHostileArchives/more_diffIDs"),
	one("diffIDs of an archive are digests", "engine/load.go", "if err := id.Validate(); err != nil || id.Algorithm() != digest.SHA256 {", `if err := error(nil); err != nil || digest.SHA256 == "" {`, cmd, "TestHostileArchives/a_diffID_that"),
	one("names of an archive, before anything is kept", "engine/load.go", "if err := l.readNames(); err != nil {\n\t\treturn err\n\t}\n\tif err := l.readConfig()", "if err := l.readConfig()", cmd, "TestHostileArchives/(a_name_that|the_truth)"),
	one("a password is not shown", daemons+"registry.go", `if x.r.URL.Path == "/auth" && len(x.body) > 0 {`, neverTrue, "./engine/daemon", "TestPasswordIsHidden"),

	// Volumes and mounts.
	one("a volume's name is no path", "engine/volume/volume.go", "len(name) > 255 || !validName.MatchString(name)", "false", "./engine/volume", "TestNames"),
	one("options of volumes that are unknown", "engine/volume/volume.go", `if name != "type" && name != "device" && name != "o" {`, neverTrue, "./engine/volume", "TestNames"),
	one("a volume is filled from inside the image", "engine/volume/copy.go", "unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS", "0", "./engine/volume", "TestFill"),
	one("links are copied as links into a volume", "engine/volume/copy.go", "case unix.S_IFLNK:\n\t\treturn link(from, to, name, &st)", "case unix.S_IFLNK:\n\t\treturn f.file(from, to, name, &st)", "./engine/volume", "TestFill"),
	one("a volume in use stays", "engine/volumes.go", "if users := e.VolumeUsers(name); len(users) > 0 {", "if users := e.VolumeUsers(name); len(users) > 1000 {", cmd, "TestVolumes/anonymous"),
	one("nothing is mounted on the root", "engine/mountspec.go", `if path.Clean(p) == "/" {`, neverTrue, cmd, "TestBesideDockerd/mounts_that_are_refused/the_root"),

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
	one("number of layers", manifest, "if len(m.Layers) > MaxLayers {", neverTrue, cmd, "TestLies/the_manifest_has_200"),
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
	one("filters that are unknown", daemons+"filters.go", "if !slices.Contains(known, name) {", "if known == nil && slices.Contains(known, name) {", cmd, "TestBadRequests/a_filter"),
	one("credentials are not shown", daemons+"exchange.go", `flat[name] = "(hidden)"`, "continue", "./engine/daemon", "TestCredentials"),
	one("a packet's size", wires, "if len(line) > MaxPacket {", neverTrue, "./engine/stage/wire", "TestPacketsAreBounded"),
	one("one watcher", daemons+"daemon.go", "if d.watcher != nil {\n\t\twriteError", "if false {\n\t\twriteError", cmd, "TestBadWatchers/one_that"),
	one("loopback only", daemons+"daemon.go", "if !tcp.IP.IsLoopback() {", neverTrue, cmd, "TestScript/daemon"),

	// The container and its init.
	one("masked paths", rootfs, "range p.Spec.Linux.MaskedPaths {", "range []string{} {", cmd, "TestInsideMasks"),
	one("read-only paths", rootfs, "range p.Spec.Linux.ReadonlyPaths {", "range []string{} {", cmd, "TestInsideMasks"),
	one("mount points that are links (CVE-2019-19921)", targets, "if got != want && slices", "if false && got != want && slices", cmd, "TestTraps"),
	one("files of /etc behind links", targets, "got, err := joinIn(root, m.Destination)", "got, err := want, error(nil)", cmd, "TestTraps"),
	one("mount points in volumes that change (CVE-2021-30465)", targets, "return p.pin(root, m.Destination)", "return got, done, nil", pid1Pkg, "TestTargetStays"),
	one("a mask that is another's (CVE-2025-31133, CVE-2025-52565)", rootfs, "err = isNode(name, unix.Mkdev(1, 3))", "err = error(nil)", pid1Pkg, "TestMaskIsNull"),
	guard{"a file of /proc that is another's (CVE-2025-52881)", []edit{
		{rootfs, "unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS", "0"},
		{rootfs, "err != nil || fs.Type != unix.PROC_SUPER_MAGIC {", "err != nil {"},
	}, pid1Pkg, "TestWriteProcIsProc"},
	one("files are read inside the container's root (CVE-2018-15664)", "engine/files/files.go", "unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS", "0", "./engine/files", "TestReadsNothingOutside"),
	one("files are written inside the container's root (CVE-2018-15664)", "engine/files/files.go", "unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS", "0", "./engine/files", "TestWritesNothingOutside"),
	guard{"a working directory outside, where a descriptor leaks (CVE-2024-21626)", []edit{
		{inits, "unix.CloseOnExec(socketFD)", "unix.CloseOnExec(socketFD)\n\t_, _ = unix.Open(\"/\", unix.O_PATH|unix.O_DIRECTORY, 0)"},
		{rootfs, "err != nil || n < 1 || buf[0] != '/' {", "false && (err != nil || n < 1) {"},
		{rootfs, "fact.CWD, err = os.Getwd()", "fact.CWD, err = p.Spec.Process.Cwd, error(nil)"},
	}, cmd, "TestLeakedDescriptors"},
	guard{"an exec's working directory outside, where a descriptor leaks (CVE-2024-21626)", []edit{
		{"engine/container/enter.go", "e.program, e.files = e.files[len(files)], e.files[:len(files)]", "e.program, e.files = e.files[len(files)], e.files[:len(files)]\n\t_, _ = unix.Open(\"/\", unix.O_PATH|unix.O_DIRECTORY, 0)"},
		{rootfs, "err != nil || n < 1 || buf[0] != '/' {", "false && (err != nil || n < 1) {"},
	}, cmd, "TestExecIsNoWayOut"},
	one("a check ends with what it has begun", "engine/container/process.go", "_ = syscall.Kill(-p.PID, syscall.SIGKILL)", "", cmd, "TestHealth/timeout"),
	one("a check ends with its container", "engine/finish.go", "r.c.endChecks()", "", cmd, "TestHealth/gone_in"),
	one("the old root goes", rootfs, `if err := p.kernel.Unmount(".", unix.MNT_DETACH); err != nil {`, "if err := error(nil); err != nil {", cmd, "TestInside$|TestLeakedDescriptors|TestTraps"),
	one("a read-only root", rootfs, "if p.Spec.Root.Readonly {", neverTrue, cmd, "TestInside/read-only_root"),
	guard{"descriptors are closed", []edit{
		{inits, "unix.CloseOnExec(socketFD)", ""},
		{execs, "_ = unix.CloseRange(3, ^uint(0)>>1&0xffffffff, unix.CLOSE_RANGE_CLOEXEC)", ""},
	}, cmd, "TestInside/its_descriptors|TestInsideFromOutside|TestSmallestLimit"},
	one("the program, mounted read-only", "engine/container/sealed.go", "unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}", "unix.MountAttr{}", "./engine/container", "TestSealed/mounted"),
	one("the sealed program", "engine/container/sealed.go", "if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, seals); err != nil {", "if err := error(nil); err != nil || seals == 0 {", "./engine/container", "TestSealed/copied"),
	one("the engine's own program (CVE-2019-5736)", execs, "if own.Dev_major == wanted.Dev_major && own.Dev_minor == wanted.Dev_minor && own.Ino == wanted.Ino && own.Mnt_id == wanted.Mnt_id {", neverTrue, cmd, "TestOddImages/a_program_that_is_the_engine"),
	one("the engine's own program, by exec (CVE-2019-5736)", execs, "if own.Dev_major == wanted.Dev_major && own.Dev_minor == wanted.Dev_minor && own.Ino == wanted.Ino && own.Mnt_id == wanted.Mnt_id {", neverTrue, cmd, "TestExecIsNoWayOut"),
	one("calls that the filter refuses", rights, "if len(p.Filter) == 0 {\n\t\treturn nil", "if true {\n\t\treturn nil", cmd, "TestForbiddenCalls"),
	one("capabilities that are not given", rights, "if err := p.dropBounding(wanted.Bounding); err != nil {", "if err := error(nil); err != nil {", cmd, "TestExecIsNoWayOut|TestInside/capabilities"),
	one("the killed that stand still go on to their end", cgroups, "if g.Frozen() {", neverTrue, cmd, "TestKilledAtEveryStage/container.pause"),
	one("capabilities", rights, "if err := p.setCapabilities(wanted); err != nil {", "if err := error(nil); err != nil {", cmd, "TestGoldenTranscript/hello-world"),
	one("the bounding set", rights, "if err := p.dropBounding(wanted.Bounding); err != nil {", "if err := error(nil); err != nil {", cmd, "TestInside/capabilities"),
	one("the system call filter", rights, "if len(p.Filter) == 0 {\n\t\treturn nil", "if true {\n\t\treturn nil", cmd, "TestInside/seccomp"),
	one("no new privileges", rights, "if p.Spec.Process.NoNewPrivileges {", neverTrue, cmd, "TestInside/no_new"),
	guard{"the device list", []edit{
		{"engine/cgroup/limits.go", "return append(g.writesV1(l), g.deviceRules(devices)...)", "return g.writesV1(l)"},
		{cgroups, "if err := confineDevices(k, g.Dirs()[0], devices); err != nil {", "if err := error(nil); err != nil {"},
	}, cmd, "TestInsideRawDisk"},
	guard{"limits", []edit{
		{"engine/cgroup/limits.go", "return append(g.writesV1(l), g.deviceRules(devices)...)", "return g.deviceRules(devices)"},
		{"engine/cgroup/limits.go", "return g.writesV2(l)", "return nil"},
	}, cmd, "TestInside/(memory_beyond|a_fork_too_many)"},
	one("/etc/passwd up to a size", rights, "return io.LimitReader(f, maxPasswd), f.Close", "return f, f.Close", cmd, "TestOddImages/a_user_at_the_end"),
	one("/etc/passwd that is a fifo", rights, "os.O_RDONLY|unix.O_NONBLOCK", "os.O_RDONLY", cmd, "TestTraps//etc/passwd_is_a_fifo"),
	one("init's parent is a thread that stays", "engine/container/parent.go", "	parent() <- func() {\n\t\tdefer close(done)\n\t\tfork()\n\t}\n", "\tfork()\n\tclose(done)\n", "./engine/container", "TestParentStays"),
	one("users' networks are apart", "engine/network/isolate.go", "range [][]expr.Any{in, out} {", "range [][]expr.Any{in, out}[:0] {", cmd, "TestNetworksApart"),
	one("internal networks ask nobody", "engine/network/resolver.go", "outside { // an internal", "outside || true { // an internal", cmd, "TestNetworkInternal"),
	one("a bridge's name is an interface's", "engine/network/definition.go", "if !validLink.MatchString(value) {", neverTrue, cmd, "TestNetworkDefinitions"),
	one("rules of others are not touched", "engine/network/translate.go", "if !namePattern.MatchString(bridge) {", neverTrue, cmd, "TestNetworkDefinitions"),
	one("definitions are files of networks only", "engine/network/definition.go", "if !ok || !validID.MatchString(id) {", "if !ok {", "./engine/network", "TestLoad"),
	one("what enters a namespace does not come back", "engine/network/namespace.go", "runtime.LockOSThread() // and no unlocking", "runtime.LockOSThread()\n\t\tdefer runtime.UnlockOSThread()", cmd, "TestPublishedWithoutBridge"),
	one("the end with the daemon", rights, `unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), "PR_SET_PDEATHSIG", "SIGKILL"`, `unix.PR_SET_PDEATHSIG, 0, "PR_SET_PDEATHSIG", "SIGKILL"`, cmd, "TestEndWithDaemon/another_user"),

	// The web page.
	one("the teacher's token", webs+"guard.go", "subtle.ConstantTimeCompare([]byte(shown), []byte(s.token)) != 1", "subtle.ConstantTimeCompare([]byte(shown), []byte(s.token)) > 1", webPkg, "TestOnlyTheTeacher"),
	one("names of the server (DNS rebinding)", webs+"guard.go", "if !names(r.Host) {", neverTrue, webPkg, "TestOnlyTheTeacher"),
	one("requests of other pages", webs+"guard.go", `origin != "" && origin != "http://"+r.Host`, "origin != origin", webPkg, "TestOnlyTheTeacher"),
	one("a body's size, of the page", webs+"control.go", "http.MaxBytesReader(w, r.Body, maxBody)", "r.Body", webPkg, "TestOnlyTheTeacher"),
	one("votes for what is asked", webs+"control.go", "|| !offers(seen[q.Step].Question.Choices, q.Key) {", "{", webPkg, "TestVotes"),
	one("votes before the truth", webs+"control.go", "if q.Step < len(seen)-1 {", neverTrue, webPkg, "TestVotes"),

	one("votes are secret until the truth", webs+"stream.go", "return step < latest })", "return step <= latest })", webPkg, "TestVotes"),
	one("a voter's number", webs+"ballots.go", "len(voter) > maxVoter", "len(voter) > maxBody", webPkg, "TestVotes"),
	one("what the page may load", webs+"guard.go", `header.Set("Content-Security-Policy", policy)`, "_ = policy", webPkg, "TestPageIsSmall"),

	// The web site.
	one("HTML in a line, on the site", sites+"markdown.go", "writeText(w, string(n.(*ast.RawHTML).Segments.Value(source)))", "_, _ = w.Write(n.(*ast.RawHTML).Segments.Value(source))", sitePkg, "TestHostileWords"),
	one("HTML in lines of its own, on the site", sites+"markdown.go", "template.HTMLEscapeString(strings.TrimSpace(text))", "strings.TrimSpace(text)", sitePkg, "TestHostileWords"),
	one("images, on the site", sites+"markdown.go", "r.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) { return ast.WalkContinue, nil })", "", sitePkg, "TestHostileWords"),
	one("links that run scripts, on the site", sites+"markdown.go", `return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")`, "return address != \"\"", sitePkg, "TestHostileWords"),
	one("a lesson's id is no path, on the site", sites+"lesson.go", "if len(r.header.Lesson) > maxLessonName || !validLesson.MatchString(r.header.Lesson) {", neverTrue, sitePkg, "TestRefusesRecordings"),
	one("a language is no path, on the site", sites+"lesson.go", "if !validLanguage.MatchString(l) {", neverTrue, sitePkg, "TestRefusesRecordings"),
	one("directories that are no site", sites+"write.go", "if len(before) > 0 && ours == nil && !force {", "if len(before) > 0 && ours == nil && !force && false {", sitePkg, "TestWriteRefuses"),
	one("files beside the site", sites+"write.go", "range foreign {", "range foreign[:0] {", sitePkg, "TestWrite$"),

	// Ends: nothing may be left.
	one("a failed start unwinds", "engine/run.go", "\t\tr.unwind()\n\t\tr.failed(err)", "\t\tr.failed(err)", cmd, "TestFailedStart"),
	guard{"an aborted start unwinds, or the narrator sweeps", []edit{
		{"engine/run.go", "\t\tr.unwind()\n\t\tr.failed(err)", "\t\tr.failed(err)"},
		{lives, "err := l.sweep()", "err := error(nil)"},
	}, cmd, "TestNothingIsLeft/root/quit/16"},
	one("a killed daemon's mounts go", "engine/container.go", "errors.Join(one.stack().Unmount(sys.Kernel{}), one.groups()", "errors.Join(nil, one.groups()", cmd, "TestNothingIsLeft/root/daemon_KILL/16"),
	one("a killed daemon's groups go", "engine/container.go", ", one.groups().Open(one.record.ID).End())", ")", cmd, "TestNothingIsLeft/root/daemon_KILL/16"),
	one("a killed daemon's bridge goes", "engine/network/network.go", "return n, n.removeLeft()", "return n, nil", cmd, "TestNothingIsLeft/root/daemon_KILL/16"),
	guard{"who survives the daemon is ended by the next", []edit{
		{"engine/container.go", "_ = syscall.Kill(r.State.Pid, syscall.SIGKILL)", "_ = syscall.Kill"},
		{"engine/cgroup/cgroup.go", "_ = unix.Kill(pid, unix.SIGKILL)", "_ = pid"},
	}, cmd, "TestEndWithDaemon/a_set-user-ID"},
	one("init's early end with the daemon", inits, "mortal := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)", "mortal := error(nil)", cmd, "TestNothingIsLeft/root/daemon_KILL_beside_a_stopped_container/1[45]"),
	one("a daemon's other half has time", "narrate/process_linux.go", "time.Now().Before(end)", "time.Now().After(end)", "./narrate", "TestAwaitGroup"),
	one("a daemon's other half ends", "narrate/process_linux.go", "_ = kill(p)", "_ = kill", "./narrate", "TestAwaitGroup"),
	one("what is kept of a stream", "narrate/output.go", "if len(t.kept) > 2*maxKept {", neverTrue, "./narrate", "TestOutputIsBounded"),
	one("lines of a step", "narrate/output.go", "if len(l.last) > maxLines {", "if len(l.last) < 0 {", "./narrate", "TestOutputIsBounded"),
	one("length of a line", "narrate/output.go", "if len(line.Text) > maxLine {", neverTrue, "./narrate", "TestOutputIsBounded"),
	one("the narrator sweeps after a killed daemon", lives, "err := l.sweep()", "err := error(nil)", cmd, "TestNothingIsLeft/root/daemon_KILL/16"),
	one("the lesson's directory goes", lives, "errs = append(errs, l.removeDir())", "", cmd, "TestFullDisk/(4|8|12)_KiB"),
	one("the lesson's directory goes without the narrator", "cmd/learndocker/daemon_linux.go", "err = errors.Join(err, os.RemoveAll(ephemeral))", "err = errors.Join(err)", cmd, "TestNothingIsLeft/root/narrator_KILL/16"),
	one("the daemon ends with the narrator", "narrate/process_linux.go", ", Pdeathsig: syscall.SIGTERM", "", cmd, "TestNothingIsLeft/root/narrator_KILL/16"),

	// clean.
	one("mounts of the living", left, "return slices.ContainsFunc(living, func(r livingRoot) bool { return r.path == root })", "return false", cmd, "TestCleanSpares"),
	one("mounts of others", left, `if root == "" || !isDataRoot(root) {`, `if root == "" {`, cmd, "TestCleanSpares"),
	one("groups of the living", left, `_, err := os.Lstat(filepath.Join(r.seen, "containers", g.ID()))`, `_, err := os.Lstat("/nonexistent" + r.seen)`, cmd, "TestCleanSpares"),
	one("groups of the living whose mounts are others", left, `root.seen = filepath.Join(process, "root", root.path)`, `root.seen = filepath.Join("/", root.path, process, strings.Repeat("../", 3))`, cmd, "TestCleanSpares"),
	one("groups of others", left, "if !containerID.MatchString(g.ID()) {", neverTrue, cmd, "TestCleanSpares"),
	one("bridges of the living", left, "return strings.HasPrefix(r.path, b.DataRoot) })", `return strings.HasPrefix(r.path, "\x00") })`, cmd, "TestCleanSpares"),
	one("bridges of others", "engine/network/network.go", `l.Type() == "bridge" && (marked || unmarked)`, `l.Type() == "bridge" && (marked || unmarked || namePattern.MatchString(a.Name))`, cmd, "TestCleanSpares"),
	one("directories of living lessons", lefts, "return !isLesson(dir) || lives(dir)", "return !isLesson(dir)", cmd, "TestCleanSpares"),
	one("directories with other files", lefts, "!slices.Contains(lessonFiles, e.Name())", "false", cmd, "TestCleanSpares"),
	one("directories with other data", lefts, `e.Name() == "lock"`, "true", cmd, "TestCleanSpares"),
	one("directories that others can enter", lefts, "info.Mode().Perm() != 0o700", "false", cmd, "TestCleanSpares"),
	one("directories of other users", lefts, "int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid()", "info.Sys().(*syscall.Stat_t) == nil", cmd, "TestCleanSpares"),
	guard{"links to directories", []edit{
		{lefts, "info, err := os.Lstat(dir)", "info, err := os.Stat(dir)"},
	}, cmd, "TestCleanSpares"},
	one("what lives again when the answer comes", "cmd/learndocker/clean_linux.go", "if things, err = stillLeft(things); err != nil {", "if _ = stillLeft; err != nil {", cmd, "TestCleanLooksAgain"),
	one("nothing goes unasked", "cmd/learndocker/clean_linux.go", "if !agreed(in, out) {", "if !agreed(in, out) && false {", cmd, "TestClean/root/process.exec"),

	// Lessons, recordings, posts.
	one("a lesson's size", "narrate/lesson/lesson.go", "if len(data) > MaxScript {", neverTrue, "./narrate/lesson", "TestMistakes"),
	one("anchors", "narrate/lesson/lesson.go", `if n.Kind == yaml.AliasNode || n.Anchor != "" {`, neverTrue, "./narrate/lesson", "TestMistakes"),
	one("a lesson's commands", "narrate/lesson/command.go", "if !slices.Contains(commands, command) {", neverTrue, "./narrate/lesson", "TestCommands"),
	one("a lesson mounts nothing of the host", "narrate/lesson/command.go", "if passedOn && reachesHost(w, words[i+1:]) {", neverTrue, "./narrate/lesson", "TestCommands"),
	one("a lesson's own daemon", "narrate/lesson/command.go", `if name, _, _ := strings.Cut(w, "="); name == f {`, `if name, _, _ := strings.Cut(w, "="); name == f+"!" {`, "./narrate/lesson", "TestCommands"),
	one("turns of an expression", "narrate/prose/eval.go", "turns > maxTurns", "turns > 8 * maxTurns && false", "./narrate/prose", "TestBounds"),
	one("texts of an expression", "narrate/prose/eval.go", "first && second && len(a)+len(b) > maxText", "first && second && len(a)+len(b) > 4 * maxText", "./narrate/prose", "TestBounds"),
	one("patience with an expression", "narrate/prose/eval.go", "time.After(evalPatience)", "time.After(100 * evalPatience)", "./narrate/prose", "TestEverythingEnds"),
	one("texts of a recording", "narrate/record.go", "\ts.clean()\n", "", "./narrate", "TestHostileText"),
	one("a recording's size", "narrate/record.go", "if all.N <= 0 {", neverTrue, "./narrate", "TestBadRecordings"),
	one("HTML in posts", "narrate/transcript/markdown.go", "d.posted(inert(d.b.String()))", "d.posted(d.b.String())", "./narrate/transcript", "TestNoHTML"),
	one("templates in posts", "narrate/transcript/frontmatter.go", "endRaw = regexp.MustCompile(`\\{%-?\\s*endraw`)", "endRaw = regexp.MustCompile(`no such text`)", "./narrate/transcript", "TestNoTemplates"),
}

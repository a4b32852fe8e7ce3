//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/learndocker/learndocker/narrate/doctor"
)

// stranger is an ordinary user whom the password file does not know.
const stranger = 34567

// visit is a directory with the program in it, which everybody can reach, and
// a home and a directory for temporary files for an ordinary user.
type visit struct {
	t   *testing.T
	dir string
	uid int
}

func newVisit(t *testing.T) visit {
	t.Helper()
	needRoot(t)
	need(t, "newuidmap", "uidmap")
	need(t, "setpriv", "util-linux")
	need(t, "sysctl", "procps")
	dir := shortDir(t)
	data, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "learndocker"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, own), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, own), stranger, stranger); err != nil {
			t.Fatal(err)
		}
	}
	return visit{t, dir, stranger}
}

// env is the user's, with the program in PATH.
func (v visit) env() []string {
	return []string{"PATH=" + v.dir + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "HOME=" + v.dir + "/home", "TMPDIR=" + v.dir + "/tmp"}
}

// asUser makes a line of shell that runs a command as the user.
func (v visit) asUser(command string) string {
	id := strconv.Itoa(v.uid)
	return "setpriv --reuid " + id + " --regid " + id + " --clear-groups " + command
}

// shell runs a script as root in a mount namespace of its own and, where
// asked for, in a user namespace whose limits are its own too.
func (v visit) shell(script string, inUserNamespace bool) outcome {
	v.t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir, cmd.Env = v.dir, v.env()
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if inUserNamespace {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
		}
	}
	return finish(v.t, cmd)
}

// examined is what doctor --json has said in the file.
func (v visit) examined(file string) doctor.Diagnosis {
	v.t.Helper()
	var d doctor.Diagnosis
	if err := json.Unmarshal([]byte(readText(v.t, filepath.Join(v.dir, file))), &d); err != nil {
		v.t.Fatal(err)
	}
	return d
}

func pointOf(t *testing.T, d doctor.Diagnosis, name string) doctor.Point {
	t.Helper()
	for _, p := range d.Points {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("doctor says nothing of %s: %+v", name, d.Points)
	return doctor.Point{}
}

// nothingLeft: the user's directories are as they were.
func (v visit) nothingLeft() {
	v.t.Helper()
	for _, own := range []string{"home", "tmp"} {
		if entries, err := os.ReadDir(filepath.Join(v.dir, own)); err != nil || len(entries) > 0 {
			v.t.Errorf("left in %s: %v %v", own, entries, err)
		}
	}
}

// TestDoctorOfUser: an ordinary user without subordinate ids. What doctor says
// of the machine is so: the lesson runs.
func TestDoctorOfUser(t *testing.T) {
	v := newVisit(t)
	script := "status=0; " + v.asUser("learndocker doctor --json") + " >seen.json || status=$?; test $status = 2; " + v.asUser("learndocker lesson hello-world")
	o := v.shell(script, false).must(t)
	if !strings.Contains(o.stdout, "Hello from learndocker!") {
		t.Errorf("the lesson shows no container's output:\n%s", o.stdout)
	}
	d := v.examined("seen.json")
	if d.Verdict != doctor.Rootless || d.Survey.Inside.IDs != 1 || d.Survey.Outside.UID != stranger {
		t.Errorf("%s, %d ids, user %d", d.Verdict, d.Survey.Inside.IDs, d.Survey.Outside.UID)
	}
	for name, state := range map[string]doctor.State{
		"root": doctor.Limited, "user namespace": doctor.OK, "ids": doctor.Limited, "namespaces": doctor.OK, "layers": doctor.OK,
		"seccomp": doctor.OK, "network": doctor.Limited, "disk": doctor.OK, "data root": doctor.OK,
	} {
		if p := pointOf(t, d, name); p.State != state {
			t.Errorf("%s is %s (%s), want %s", name, p.State, p.Meaning, state)
		}
	}
	v.nothingLeft()
}

// TestDoctorGivesIDs: the mend for a user with one id is typed, on a copy of
// /etc, and then there are as many as it said.
func TestDoctorGivesIDs(t *testing.T) {
	v := newVisit(t)
	script := `
mkdir etc && mount -t tmpfs none etc && mkdir etc/upper etc/work
mount -t overlay -o lowerdir=/etc,upperdir=$PWD/etc/upper,workdir=$PWD/etc/work overlay /etc
useradd --no-create-home --uid ` + strconv.Itoa(stranger) + ` ld-visitor
sed -i /^ld-visitor:/d /etc/subuid /etc/subgid
status=0; ` + v.asUser("learndocker doctor --json") + ` >before.json || status=$?; test $status = 2
sh -euc "$(jq -r '.points[] | select(.name == "ids").mend' before.json)"
status=0; ` + v.asUser("learndocker doctor --json") + ` >after.json || status=$?; test $status = 2
` + v.asUser("learndocker lesson hello-world") + ` >lesson.txt`
	need(t, "jq", "jq")
	v.shell(script, false).must(t)
	if p := pointOf(t, v.examined("before.json"), "ids"); p.State != doctor.Limited || !strings.Contains(p.Mend, "usermod") {
		t.Errorf("before: %+v", p)
	}
	after := v.examined("after.json")
	if p := pointOf(t, after, "ids"); p.State != doctor.OK || after.Survey.Inside.IDs != 65537 {
		t.Errorf("after: %+v, %d ids", p, after.Survey.Inside.IDs)
	}
	v.nothingLeft()
}

// TestDoctorAllowsNamespaces: where user.max_user_namespaces is 0 a user can run
// no lesson. The mend is typed, and one can. The setting is of a user namespace
// of the test's own.
func TestDoctorAllowsNamespaces(t *testing.T) {
	v := newVisit(t)
	script := `
echo 0 >/proc/sys/user/max_user_namespaces
status=0; ` + v.asUser("learndocker doctor --json") + ` >before.json || status=$?; test $status = 3
status=0; ` + v.asUser("learndocker lesson hello-world") + ` 2>lesson.txt || status=$?; test $status = 1
status=0; ` + v.asUser("learndocker daemon") + ` 2>daemon.txt || status=$?; test $status = 1
mend=$(jq -r '.points[] | select(.name == "user namespace").mend' before.json)
echo "$mend" | grep -qE "^(sudo|su -c) .?sysctl "
sh -euc "$(echo "$mend" | sed -E "s/^(sudo|su -c) //; s/'//g")" # root already
status=0; ` + v.asUser("learndocker doctor --json") + ` >after.json || status=$?; test $status = 2
` + v.asUser("learndocker lesson hello-world") + ` >lesson-runs.txt`
	need(t, "jq", "jq")
	v.shell(script, true).must(t)
	before, after := v.examined("before.json"), v.examined("after.json")
	if before.Verdict != doctor.Recordings || before.Survey.Inside != nil || before.Survey.Entry.Errno != "ENOSPC" {
		t.Errorf("before: %s, %+v", before.Verdict, before.Survey)
	}
	if p := pointOf(t, before, "user namespace"); p.State != doctor.Missing || p.Note == "" {
		t.Errorf("before: %+v", p)
	}
	if p := pointOf(t, after, "user namespace"); after.Verdict != doctor.Rootless || p.State != doctor.OK {
		t.Errorf("after: %s, %+v", after.Verdict, p)
	}
	for file, wants := range map[string][]string{
		"lesson.txt":      {"cannot run live", "user.max_user_namespaces is 0", "learndocker doctor", "replay hello-world --step"},
		"daemon.txt":      {"does not let us make a user namespace", "learndocker doctor"},
		"lesson-runs.txt": {"Hello from learndocker!"},
	} {
		for _, want := range wants {
			if text := readText(t, filepath.Join(v.dir, file)); !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", file, want, text)
			}
		}
	}
	v.nothingLeft()
}

// TestDoctorMissesHelpers: without the helpers, and with helpers that may not.
func TestDoctorMissesHelpers(t *testing.T) {
	v := newVisit(t)
	id := strconv.Itoa(stranger)
	script := `
mkdir bin weak && ln -s "$(command -v setpriv)" "$(command -v sh)" bin && cp "$(command -v newuidmap)" "$(command -v newgidmap)" weak
chmod 755 weak/new?idmap
mkdir etc && mount -t tmpfs none etc && mkdir etc/upper etc/work
mount -t overlay -o lowerdir=/etc,upperdir=$PWD/etc/upper,workdir=$PWD/etc/work overlay /etc
useradd --no-create-home --uid ` + id + ` ld-visitor
echo ld-visitor:200000:65536 | tee /etc/subuid >/etc/subgid
status=0; PATH=$PWD:$PWD/bin ` + v.asUser("learndocker doctor --json") + ` >without.json || status=$?; test $status = 2
status=0; PATH=$PWD/weak:$PATH ` + v.asUser("learndocker doctor --json") + ` >weak.json || status=$?; test $status = 2
sh -euc "$(jq -r '.points[] | select(.name == "ids").mend' weak.json | sed -E "s/^(sudo|su -c) //; s/'//g")"
status=0; PATH=$PWD/weak:$PATH ` + v.asUser("learndocker doctor --json") + ` >strong.json || status=$?; test $status = 2`
	need(t, "jq", "jq")
	v.shell(script, false).must(t)
	if p := pointOf(t, v.examined("without.json"), "ids"); p.State != doctor.Limited || !strings.Contains(p.Mend, "install -y uidmap") {
		t.Errorf("without: %+v", p)
	}
	if p := pointOf(t, v.examined("weak.json"), "ids"); p.State != doctor.Limited || !strings.Contains(p.Mend, "chmod u+s") {
		t.Errorf("weak: %+v", p)
	}
	if p := pointOf(t, v.examined("strong.json"), "ids"); p.State != doctor.OK {
		t.Errorf("strong: %+v", p)
	}
	v.nothingLeft()
}

// TestDoctorColours: there are some on a terminal, unless they are not wanted.
func TestDoctorColours(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		env     string
		colours bool
	}{{"TERM=xterm", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}} {
		cmd := exec.Command(program(t), "doctor")
		cmd.Env = append(os.Environ(), "NO_COLOR=", "TERM=xterm", c.env)
		status, shown := openTerminal(t, cmd).end()
		if status != 0 || strings.Contains(shown, "\x1b[") != c.colours || !strings.Contains(shown, "Lessons run live here") {
			t.Errorf("%s: status %d\n%q", c.env, status, shown)
		}
	}
}

// TestOfferOnTerminal: at a terminal a lesson that cannot run live asks, and
// plays its recording.
func TestOfferOnTerminal(t *testing.T) {
	needRoot(t)
	for answer, status := range map[string]int{"\r": 0, "n\r": 1} {
		cmd := exec.Command(program(t), "lesson", "hello-world", "--step")
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "TMPDIR=/proc")
		x := openTerminal(t, cmd)
		x.expect("Nothing can be written to /proc", "learndocker doctor", "Play its recording instead? [Y/n]")
		x.press(answer)
		if status == 0 {
			x.expect("What docker run hello-world really does", "n next")
			x.press("n")
			x.expect("1/24", "recorded")
			x.press("q")
		}
		if got, shown := x.end(); got != status {
			t.Errorf("%q: status %d, want %d\n%s", answer, got, status, shown)
		}
	}
}

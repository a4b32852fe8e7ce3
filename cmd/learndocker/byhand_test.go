//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/transcript"
)

// TestByHand: the script of a run, run, makes the same container with standard
// tools: the same namespaces, mounts, control group, capabilities and output.
func TestByHand(t *testing.T) {
	for name, command := range map[string]string{
		"plain":  "docker run hello-world",
		"layers": "docker run guestbook",
		"walled": "docker run --memory 64m --cpus 0.5 --pids-limit 7 --read-only --cap-drop CHOWN --cap-add SYS_TIME --security-opt no-new-privileges --user 1234:99 --workdir /made/here --env WORD=it's --hostname box --network none hello-world",
	} {
		t.Run(name, func(t *testing.T) {
			needRoot(t)
			need(t, "setpriv", "util-linux")
			need(t, "ip", "iproute2")
			file := filepath.Join(t.TempDir(), "mine.yaml")
			// The lesson stops where both can be looked at. All else the
			// script has from what the engine passed on the way.
			lesson := "format: 1\nid: mine\nsteps:\n  - run: " + yamlString(command) + "\n    stops:\n      - stage: process.exec\n"
			if err := os.WriteFile(file, []byte(lesson), 0o600); err != nil {
				t.Fatal(err)
			}
			header, steps := runLesson(t, file)
			script := transcribe(t, "sh", header, steps, transcript.Options{Name: "mine.sh"})[0].Data
			compareByHand(t, steps, script)
		})
	}
}

func yamlString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// looked is what is the same in both containers, whoever made them.
type looked struct {
	Namespaces []string          // types of those that are not the host's
	Mounts     []string          // target, type, source, options
	Limits     map[string]string // file → value
	Status     map[string]string // of /proc/PID/status
	IDs        []string
	Env        []string
	Cwd        string
	Hostname   string
	Interfaces []string
	Output     string
}

// statusFields are those that say who a process is and what it may do. Groups
// and the filter are not among them: the filter cannot be had by hand.
var statusFields = []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid"}

const noCapabilities = "0000000000000000"

func compareByHand(t *testing.T, steps []*narrate.Step, script []byte) {
	t.Helper()
	engine, id := ofEngine(t, steps)
	dir := shortDir(t)
	file := filepath.Join(dir, "by-hand.sh")
	if err := os.WriteFile(file, script, 0o700); err != nil {
		t.Fatal(err)
	}
	marks := []string{id, "veth" + id[:8], dir}
	before := takeSnapshot(t)
	// It is looked at while it is held, before its program runs.
	cmd := exec.Command("sh", file)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "LOOK=touch "+dir+"/held; echo $PID > "+dir+"/pid; while [ -e "+dir+"/held ]; do sleep 0.05; done")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	pid := awaitHeld(t, dir, ended, &errs)
	hand := ofProcess(t, pid, engine)
	if err := os.Remove(filepath.Join(dir, "held")); err != nil {
		t.Error(err)
	}
	if err := receive(t, "the end of the script", ended); err != nil {
		t.Errorf("the script ended with %v\n%s", err, errs.String())
	}
	hand.Output = out.String()
	if diff := cmp.Diff(engine, hand); diff != "" {
		t.Errorf("by hand it is another container (-engine +by hand):\n%s\n%s", diff, errs.String())
	}
	reportLeft(t, snapshot{}, before, takeSnapshot(t), marks)
	if left, err := filepath.Glob(filepath.Join(dir, "tmp.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// awaitHeld returns the pid of the script's process once it is held.
func awaitHeld(t *testing.T, dir string, ended chan error, errs *strings.Builder) int {
	t.Helper()
	var pid int
	for {
		select {
		case err := <-ended:
			t.Fatalf("the script ended before it came to its process: %v\n%s", err, errs.String())
		default:
		}
		if data, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
			if _, err := fmt.Sscan(string(data), &pid); err == nil {
				return pid
			}
		}
	}
}

// ofEngine is what the lesson has recorded of the engine's container.
func ofEngine(t *testing.T, steps []*narrate.Step) (l looked, id string) {
	t.Helper()
	var snap probe.Snapshot
	writes := map[string]string{}
	for _, s := range steps {
		for _, line := range s.Output {
			if line.Stream == "stdout" {
				l.Output += line.Text + "\n"
			}
		}
		if s.Stage() == stage.ProcessExec {
			snap = s.Probe
		}
		for _, p := range s.Points() {
			switch f := p.Fact.(type) {
			case stage.Created:
				id = f.ID
			case stage.Cgroup:
				for _, w := range f.Writes {
					if w.Error == "" {
						writes[w.File] = w.Value
					}
				}
			case stage.Exec:
				l.Env, l.Cwd = f.Env, f.CWD
			case stage.Mounts:
				l.Hostname = f.Hostname
			}
		}
	}
	if id == "" || snap.PID == 0 || l.Env == nil {
		t.Fatal("the lesson has not seen the container")
	}
	l.take(snap, id)
	if !strings.HasPrefix(l.Status["Uid"], "0 ") {
		// The engine's init is held before execve, which takes these from
		// everybody but root (capabilities(7)); the script's shell after it.
		l.Status["CapPrm"], l.Status["CapEff"] = noCapabilities, noCapabilities
	}
	return l, id
}

// take keeps of a snapshot what must be the same.
func (l *looked) take(snap probe.Snapshot, id string) {
	for _, n := range snap.Namespaces {
		if n.Inode != n.Host {
			l.Namespaces = append(l.Namespaces, n.Type)
		}
	}
	for _, m := range snap.Mounts {
		own, super, _ := strings.Cut(m.Options, "; ")
		if m.Type == "overlay" {
			super = "" // its directories
		}
		l.Mounts = append(l.Mounts, strings.Join([]string{m.Target, m.Type, m.Source, own, super}, " "))
	}
	slices.Sort(l.Mounts)
	l.Limits, l.Status = map[string]string{}, map[string]string{}
	for _, c := range snap.Cgroup {
		if name := filepath.Base(c.Path); name != "cgroup.procs" && !strings.Contains(name, "usage") && name != "memory.current" && name != "memory.peak" {
			l.Limits[strings.ReplaceAll(c.Path, id, "ID")] = c.Value
		}
	}
	for _, name := range statusFields {
		l.Status[name] = snap.Status[name]
	}
	l.IDs = []string{snap.UIDMap, snap.GIDMap}
	l.Interfaces = snap.Interfaces
}

// ofProcess looks at the script's process as the lesson's probe did at the
// engine's.
func ofProcess(t *testing.T, pid int, engine looked) looked {
	t.Helper()
	id, dirs := "", []string{}
	for line := range strings.Lines(readText(t, fmt.Sprintf("/proc/%d/cgroup", pid))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && strings.HasPrefix(parts[2], "/learndocker/") {
			id = filepath.Base(parts[2])
			dirs = append(dirs, filepath.Join("/sys/fs/cgroup", parts[1], parts[2]))
		}
	}
	// In the engine's order: what it lists first is listed first.
	slices.SortFunc(dirs, func(a, b string) int { return strings.Compare(a, b) })
	var l looked
	l.take(probe.Take(probe.Subject{PID: pid, Cgroup: dirs}), id)
	l.Env = strings.Split(strings.Trim(readText(t, fmt.Sprintf("/proc/%d/environ", pid)), "\x00"), "\x00")
	// The shell that is held changes directory as its last act.
	l.Cwd = engine.Cwd
	name, err := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-u", "hostname").Output()
	if err != nil {
		t.Error(err)
	}
	l.Hostname = strings.TrimSpace(string(name))
	return l
}

// TestByHandSaysWhatIsMissing: a larger image is not carried in the script,
// which says where to get it.
func TestByHandSaysWhatIsMissing(t *testing.T) {
	needRoot(t)
	recording, err := readRecording("hello-world")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range recording.Steps {
		s.Blobs = nil
	}
	dir := shortDir(t)
	file := filepath.Join(dir, "large.sh")
	script := transcribe(t, "sh", recording.Header, recording.Steps, transcript.Options{Name: "large.sh"})[0].Data
	if err := os.WriteFile(file, script, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", file)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "docker export") {
		t.Errorf("%v: %s", err, said)
	}
	root := filepath.Join(dir, "rootfs")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	unpack(t, root)
	cmd = exec.Command("sh", file)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "ROOTFS="+root)
	if said, err = cmd.CombinedOutput(); err != nil || !strings.Contains(string(said), "Hello from learndocker!") {
		t.Errorf("with ROOTFS: %v: %s", err, said)
	}
}

// unpack unpacks hello-world's layer from the bundled recording.
func unpack(t *testing.T, dir string) {
	t.Helper()
	recording, err := readRecording("hello-world")
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[string][]byte{}
	for _, s := range recording.Steps {
		for _, b := range s.Blobs {
			blobs[b.Digest] = b.Data
		}
	}
	if len(blobs) != 1 {
		t.Fatalf("the recording keeps %d layers", len(blobs))
	}
	tar := exec.Command("tar", "-xz", "-C", dir)
	tar.Stdin = strings.NewReader(string(blobs[slices.Collect(maps.Keys(blobs))[0]]))
	if said, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, said)
	}
}

// TestHandsCanBePasted: while the engine is held, the variables of a post's
// blocks mean what the system calls had.
func TestHandsCanBePasted(t *testing.T) {
	needRoot(t)
	pasted := 0
	followLesson(t, "hello-world", func(h narrate.Header, s *narrate.Step) {
		if s.Stage() != stage.OverlayMount && s.Stage() != stage.CgroupCreate {
			return
		}
		post := string(transcribe(t, "md", h, []*narrate.Step{s}, transcript.Options{Name: "x.md", Only: fmt.Sprint(s.N), Detail: "full"})[0].Data)
		_, block, found := strings.Cut(post, "```sh\n")
		block, _, ended := strings.Cut(block, "```")
		if !found || !ended {
			t.Fatalf("step %d has no block:\n%s", s.N, post)
		}
		// The calls were made already: these show what they would be made with.
		block = regexp.MustCompile(`(?m)^(\s*echo \S+ )>`).ReplaceAllString(block, `$1\>`)
		said, err := exec.Command("sh", "-euc", `mkdir() { for d; do echo "mkdir $d"; done; }; mount() { echo "mount $*"; }; `+"\n"+block).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, said, block)
		}
		var want []string
		for _, a := range s.Point.Acts {
			if a.Result == "0" && a.Hand != "" {
				want = append(want, strings.TrimPrefix(strings.ReplaceAll(a.Hand, "'", ""), "echo "))
			}
		}
		if diff := cmp.Diff(strings.Join(want, "\n")+"\n", string(said)); diff != "" {
			t.Errorf("step %d, pasted, does something else (-engine +pasted):\n%s", s.N, diff)
		}
		pasted++
	})
	if pasted != 2 {
		t.Errorf("%d blocks were pasted", pasted)
	}
}

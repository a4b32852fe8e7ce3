//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rowPatience bounds one command line. A side that hangs fails its row.
const rowPatience = 20 * time.Second

// scenariosAtOnce is how many scenarios run beside each other: most of what
// they do is waiting.
const scenariosAtOnce = 12

// TestParity lets each docker command type each row of testdata/parity against
// a real dockerd and against learndocker's daemon, and holds status, stdout and
// stderr side by side. PARITY.md says what came of it.
//
//	LEARNDOCKER_PARITY_ONLY=run,cp   these scenarios and no others
//	LEARNDOCKER_PARITY_PEER=dockerd  a second dockerd in learndocker's place: what differs then is volatile
//	LEARNDOCKER_PARITY_SHOW=1        tells how what has a mark differs
//	LEARNDOCKER_PARITY_MARK=1        marks what differs and has no mark: not yet
//	-update                          rewrites PARITY.md; takes away "not yet" where it is no longer true
func TestParity(t *testing.T) {
	scenarios, statements := readScenarios(t)
	chosen := chooseScenarios(t, scenarios)
	commands := dockers(t)
	results := newParityResults()
	for _, docker := range commands {
		version := dockerVersion(t, docker)
		t.Run(version, func(t *testing.T) {
			bench := &parityBench{docker: docker, version: version, bin: parityTools(t, docker)}
			bench.inClassroom(t, "once", chosen, results)
			// On a busy machine what depends on who is quicker comes out wrong at
			// times: what differs gets a second chance, with daemons of its own.
			if again := results.doubtful(chosen, version); len(again) > 0 && len(again) < secondChances {
				bench.inClassroom(t, "again", again, results)
			}
		})
	}
	results.judge(t, chosen)
	if len(chosen) < len(scenarios) || t.Failed() && !*update {
		return // it would speak of a part, or of what is not so
	}
	holdParity(t, commands[0], scenarios, statements, results)
}

// secondChances bounds how many scenarios are run again: where most differ,
// that is no accident.
const secondChances = 8

// inClassroom runs scenarios with daemons made for them.
func (b *parityBench) inClassroom(t *testing.T, name string, scenarios []*scenario, results *parityResults) {
	t.Run(name, func(t *testing.T) {
		b.room = newClassroom(t)
		b.pullImages(t)
		b.runAll(t, scenarios, results)
		b.clear(t)
	})
}

func chooseScenarios(t *testing.T, all []*scenario) []*scenario {
	t.Helper()
	only := os.Getenv("LEARNDOCKER_PARITY_ONLY")
	if only == "" {
		return all
	}
	names := strings.Split(only, ",")
	chosen := slices.DeleteFunc(slices.Clone(all), func(s *scenario) bool { return !slices.Contains(names, s.name) })
	if len(chosen) != len(names) {
		t.Fatalf("LEARNDOCKER_PARITY_ONLY=%s names %d scenarios", only, len(chosen))
	}
	return chosen
}

func dockerVersion(t *testing.T, docker string) string {
	t.Helper()
	said := strings.Fields(tool(t, docker, "--version")) // Docker version 28.2.2, build …
	if len(said) < 3 {
		t.Fatalf("%s --version says %q", docker, said)
	}
	return strings.TrimRight(said[2], ",")
}

// parityBench is one docker command before two daemons.
type parityBench struct {
	room            *classroom
	docker, version string
	bin             string // holds the docker command and await, for the PATH
}

// parityTools makes a directory with the docker command under its name, and
// with await TEXT COMMAND…, which repeats the command until it prints the text.
func parityTools(t *testing.T, docker string) string {
	t.Helper()
	dir := shortDir(t)
	if err := os.Symlink(docker, filepath.Join(dir, "docker")); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ntext=$1; shift\nfor i in $(seq 50); do\n\t\"$@\" 2>&1 | grep -q -e \"$text\" && exit 0\n\tsleep .1\ndone\necho \"no $text\" >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "await"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// paritySide is a daemon as one scenario sees it: with a directory of its own.
type paritySide struct {
	bench  *parityBench
	daemon parityDaemon
	dir    string
	masks  *masker
}

func (b *parityBench) side(d parityDaemon, dir string) *paritySide {
	names := []string{d.data, "<root>", dir, "<here>", strings.TrimPrefix(d.host, "unix://"), "<socket>", d.dir, "<daemon>", b.bin, "<bin>"}
	if d.group != "" {
		names = append(names, "/"+d.group+"/", "/<group>/")
	}
	return &paritySide{b, d, dir, newMasker(names...)}
}

// pullImages lets both daemons have the images.
func (b *parityBench) pullImages(t *testing.T) {
	t.Helper()
	for _, d := range []parityDaemon{b.room.dockerd, b.room.ours} {
		for _, image := range []string{"localhost:5000/bb", "localhost:5000/web:1"} {
			clientCommand(t, d.host, nil, b.docker, "pull", "-q", image).must(t)
		}
	}
}

// clear removes the containers that scenarios have left with learndocker, which
// may outlive their daemon. dockerd's end with it.
func (b *parityBench) clear(t *testing.T) {
	t.Helper()
	ids := strings.Fields(clientCommand(t, b.room.ours.host, nil, b.docker, "ps", "-aq").must(t).stdout)
	if len(ids) > 0 {
		clientCommand(t, b.room.ours.host, nil, b.docker, append([]string{"rm", "-f", "-v"}, ids...)...).must(t)
	}
}

// runAll runs those that are alone, then the others.
func (b *parityBench) runAll(t *testing.T, scenarios []*scenario, results *parityResults) {
	base := shortDir(t)
	atOnce := make(chan struct{}, scenariosAtOnce)
	var running sync.WaitGroup
	for _, s := range scenarios {
		if s.alone {
			results.add(b.run(t, base, s)...)
		}
	}
	b.pullImages(t) // which those have pruned
	for _, s := range scenarios {
		if s.alone {
			continue
		}
		running.Add(1)
		go func() {
			defer running.Done()
			atOnce <- struct{}{}
			results.add(b.run(t, base, s)...)
			<-atOnce
		}()
	}
	running.Wait()
}

// run types a scenario against both daemons at once.
func (b *parityBench) run(t *testing.T, base string, s *scenario) []parityResult {
	began := time.Now()
	defer func() { t.Logf("%s %s: %s", b.version, s.name, time.Since(began).Round(time.Second/10)) }()
	var outcomes [2][]outcome
	var both sync.WaitGroup
	for i, d := range []parityDaemon{b.room.dockerd, b.room.ours} {
		both.Add(1)
		go func() {
			defer both.Done()
			side := b.side(d, filepath.Join(base, s.name, fmt.Sprint(i)))
			outcomes[i] = side.play(s)
		}()
	}
	both.Wait()
	results := make([]parityResult, 0, len(s.rows))
	for i, r := range s.rows {
		one := parityResult{s, r, b.version, outcomes[0][i], outcomes[1][i]}
		if one.theirs.status < 0 || one.ours.status < 0 {
			t.Logf("%s:%d: dockerd: status %d, learndocker: status %d: %s", s.file, r.number, one.theirs.status, one.ours.status, r.line)
		}
		results = append(results, one)
	}
	return results
}

func (s *paritySide) play(script *scenario) []outcome {
	var list []outcome
	err := os.MkdirAll(s.dir, 0o755)
	for _, r := range script.rows {
		o := outcome{stderr: fmt.Sprint(err), status: -1}
		if err == nil {
			o = s.typeRow(r)
		}
		s.masks.next()
		o.stdout, o.stderr = s.masks.mask(o.stdout, r.volatile), s.masks.mask(o.stderr, r.volatile)
		list = append(list, o)
	}
	return list
}

// typeRow types one row and waits for its end.
func (s *paritySide) typeRow(r *row) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), rowPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.line)
	cmd.Dir = s.dir
	cmd.Env = []string{
		"PATH=" + s.bench.bin + ":" + os.Getenv("PATH"), "DOCKER_HOST=" + s.daemon.host, "DOCKER_CONFIG=" + filepath.Join(s.dir, ".docker"),
		"HOME=" + s.dir, "LC_ALL=C", "TERM=xterm", "bb=localhost:5000/bb", "web=localhost:5000/web:1", "DOCKER_BUILDKIT=0",
	}
	if r.terminal != [2]uint16{} {
		return playTerminal(ctx, cmd, r)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// What the line has started goes with it.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return ended(ctx, cmd.Run(), stdout.String(), stderr.String())
}

// ended tells how a line has ended.
func ended(ctx context.Context, err error, stdout, stderr string) outcome {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return outcome{stdout, stderr + "\n[it does not end]", -1}
	case errors.As(err, &exit):
		return outcome{stdout, stderr, exit.ExitCode()}
	case err != nil:
		return outcome{stdout, stderr + "\n[" + err.Error() + "]", -1}
	}
	return outcome{stdout, stderr, 0}
}

// parityResult is a row that one docker command has typed on both sides.
type parityResult struct {
	scenario     *scenario
	row          *row
	version      string
	theirs, ours outcome
}

func (r parityResult) same() bool { return r.theirs == r.ours }

type parityResults struct {
	mu    sync.Mutex
	byRow map[*row][]parityResult
}

func newParityResults() *parityResults { return &parityResults{byRow: map[*row][]parityResult{}} }

func (p *parityResults) add(list ...parityResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range list {
		earlier := slices.DeleteFunc(p.byRow[r.row], func(e parityResult) bool { return e.version == r.version })
		p.byRow[r.row] = append(earlier, r)
	}
}

// doubtful are the scenarios with a row that differs and has no mark.
func (p *parityResults) doubtful(scenarios []*scenario, version string) (list []*scenario) {
	for _, s := range scenarios {
		if slices.ContainsFunc(s.rows, func(r *row) bool {
			unmarked, _ := p.verdict(r)
			return slices.ContainsFunc(unmarked, func(u parityResult) bool { return u.version == version })
		}) {
			list = append(list, s)
		}
	}
	return list
}

// judge holds each row against its mark.
func (p *parityResults) judge(t *testing.T, scenarios []*scenario) {
	t.Helper()
	gone, fresh := map[string]map[int]bool{}, map[string]map[int]string{}
	for _, s := range scenarios {
		if gone[s.file] == nil {
			gone[s.file], fresh[s.file] = map[int]bool{}, map[int]string{}
		}
		for _, r := range s.rows {
			if os.Getenv("LEARNDOCKER_PARITY_SHOW") != "" && r.mark != nil {
				p.show(t, r)
			}
			switch unmarked, stale := p.verdict(r); {
			case len(unmarked) > 0 && os.Getenv("LEARNDOCKER_PARITY_MARK") != "":
				fresh[s.file][r.lastLine()] = "absent: " + notYet
			case len(unmarked) > 0:
				for _, u := range unmarked {
					u.report(t)
				}
			case stale && *update && r.mark.why == notYet:
				gone[s.file][r.mark.number] = true
			case stale:
				t.Errorf("%s:%d: %s\nis the same as dockerd's now: take its mark away (-update takes away those that say %q)", s.file, r.mark.number, r.line, notYet)
			}
		}
	}
	for file := range gone {
		if len(gone[file])+len(fresh[file]) > 0 {
			rewriteMarks(t, file, gone[file], fresh[file])
		}
	}
}

// show tells how a row with a mark differs.
func (p *parityResults) show(t *testing.T, r *row) {
	t.Helper()
	for _, result := range p.byRow[r] {
		if !result.same() {
			t.Logf("marked %q: %s", r.mark.why, result.text())
		}
	}
}

// verdict returns what differs and has no mark, and whether there is a mark
// where nothing differs.
func (p *parityResults) verdict(r *row) (unmarked []parityResult, stale bool) {
	stale = r.mark != nil
	for _, result := range p.byRow[r] {
		marked := r.mark.holds(result.version)
		if !result.same() && !marked {
			unmarked = append(unmarked, result)
		}
		if !result.same() && marked {
			stale = false
		}
	}
	return unmarked, stale
}

func (r *row) lastLine() int { return r.number + len(r.steps) + len(r.volatile) }

func (r parityResult) report(t *testing.T) {
	t.Helper()
	t.Error(r.text())
}

func (r parityResult) text() string {
	text := func(o outcome) string {
		return fmt.Sprintf("status %d\nstdout:\n%s\nstderr:\n%s", o.status, o.stdout, o.stderr)
	}
	return fmt.Sprintf("%s:%d: docker %s: %s\n(-dockerd +learndocker):\n%s", r.scenario.file, r.row.number, r.version, r.row.line, cmp.Diff(text(r.theirs), text(r.ours)))
}

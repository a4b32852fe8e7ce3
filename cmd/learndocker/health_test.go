//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	containertypes "github.com/moby/moby/api/types/container"
)

// checked starts a container with health checks in quick succession, and returns
// its id. Of the flags, later ones count.
func (b *bench) checked(t *testing.T, test string, flags ...string) string {
	t.Helper()
	args := append([]string{"run", "-d", "--health-cmd", test, "--health-interval", "20ms", "--health-retries", "2"}, flags...)
	return strings.TrimSpace(b.run(append(args, b.image, "sleep", "1000")...).must(t).stdout)
}

// health is a container's, or nil where it has none.
func (d *testDaemon) health(t *testing.T, container string) *containertypes.Health {
	t.Helper()
	var h *containertypes.Health
	text := d.run("inspect", "-f", "{{json .State.Health}}", container).must(t).stdout
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return h
}

// awaitHealth waits until a container's health is as told.
func (d *testDaemon) awaitHealth(t *testing.T, container, what string, is func(*containertypes.Health) bool) *containertypes.Health {
	t.Helper()
	var h *containertypes.Health
	await(t, container+" to be "+what, func() bool {
		h = d.health(t, container)
		return h != nil && is(h)
	})
	return h
}

func (d *testDaemon) awaitStatus(t *testing.T, container string, status containertypes.HealthStatus) *containertypes.Health {
	t.Helper()
	return d.awaitHealth(t, container, string(status), func(h *containertypes.Health) bool { return h.Status == status })
}

// awaitChecks waits until a container has been checked so many times, five at most.
func (d *testDaemon) awaitChecks(t *testing.T, container string, n int) *containertypes.Health {
	t.Helper()
	return d.awaitHealth(t, container, fmt.Sprint("checked ", n, " times"), func(h *containertypes.Health) bool { return len(h.Log) >= n })
}

// shownHealth is what docker ps says of a container, and which health filters find it.
func (d *testDaemon) shownHealth(t *testing.T, id string) (status string, found []string) {
	t.Helper()
	for _, value := range []string{"none", "starting", "healthy", "unhealthy"} {
		if d.run("ps", "-aq", "-f", "id="+id, "-f", "health="+value).must(t).stdout != "" {
			found = append(found, value)
		}
	}
	return strings.TrimSpace(d.run("ps", "-a", "-f", "id="+id, "--format", "{{.Status}}").must(t).stdout), found
}

func (d *testDaemon) mustShow(t *testing.T, id, status, filter string) {
	t.Helper()
	if got, found := d.shownHealth(t, id); !strings.HasSuffix(got, status) || !slices.Equal(found, []string{filter}) {
		t.Errorf("ps says %q, and finds it by %v; want %q and %s", got, found, status, filter)
	}
}

// TestHealth lets containers be healthy, and not.
func TestHealth(t *testing.T) {
	b := newBench(t)
	t.Run("there and back", b.healthThereAndBack)
	t.Run("what a check says", b.healthResults)
	t.Run("timeout", b.healthTimeout)
	t.Run("start period", b.healthStartPeriod)
	t.Run("paused", b.healthPaused)
	t.Run("the end and a new start", b.healthRestart)
	t.Run("gone in the middle of a check", b.healthRemoved)
	t.Run("while somebody watches", b.healthWatched)
	for _, c := range []struct{ flag, value, says string }{
		{"--health-interval", "1us", "Interval in Healthcheck cannot be less than 1ms"},
		{"--health-timeout", "1us", "Timeout in Healthcheck cannot be less than 1ms"},
		{"--health-start-period", "1us", "StartPeriod in Healthcheck cannot be less than 1ms"},
		{"--health-start-interval", "1us", "StartInterval in Healthcheck cannot be less than 1ms"},
	} {
		if o := b.run("create", "--health-cmd", "true", c.flag, c.value, b.image); o.status == 0 || !strings.Contains(o.stderr, c.says) {
			t.Errorf("%s %s: %+v", c.flag, c.value, o)
		}
	}
	if o := b.run("ps", "-f", "health=well"); o.status == 0 || !strings.Contains(o.stderr, "invalid filter 'health=well'") {
		t.Errorf("%+v", o)
	}
	b.checked(t, "sleep 1000", "--pid", "host") // the daemon ends while it is checked
}

func (b *bench) healthThereAndBack(t *testing.T) {
	id := b.checked(t, "cat /well")
	h := b.awaitHealth(t, id, "unhealthy five times", func(h *containertypes.Health) bool { return h.Status == containertypes.Unhealthy && len(h.Log) == 5 })
	if last := h.Log[4]; last.ExitCode != 1 || !strings.Contains(last.Output, "/well") || last.End.Before(last.Start) || h.FailingStreak < 2 {
		t.Errorf("%+v, the last: %+v", h, last)
	}
	b.mustShow(t, id, "(unhealthy)", "unhealthy")
	b.run("exec", id, "sh", "-c", "echo fine >/new && mv /new /well").must(t)
	h = b.awaitStatus(t, id, containertypes.Healthy)
	if last := h.Log[len(h.Log)-1]; last.ExitCode != 0 || last.Output != "fine\n" || h.FailingStreak != 0 || len(h.Log) > 5 {
		t.Errorf("%+v, the last: %+v", h, last)
	}
	b.mustShow(t, id, "(healthy)", "healthy")
	b.run("exec", id, "rm", "/well").must(t)
	b.awaitStatus(t, id, containertypes.Unhealthy)
	b.run("rm", "-f", id).must(t)
	said := b.run("events", "--since", "1", "--until", fmt.Sprint(time.Now().Unix()+1), "-f", "container="+id, "--format", "{{.Action}}").must(t).stdout
	check := "exec_create: /bin/sh -c cat /well\nexec_start: /bin/sh -c cat /well\nexec_die\n"
	if !strings.HasPrefix(said, "create\nstart\n"+check+check+"health_status: unhealthy\n"+check) {
		t.Errorf("events:\n%s", said)
	}
	var statuses []string
	for line := range strings.Lines(said) {
		if status, ok := strings.CutPrefix(line, "health_status: "); ok {
			statuses = append(statuses, strings.TrimSpace(status))
		}
	}
	if !slices.Equal(statuses, []string{"unhealthy", "healthy", "unhealthy"}) {
		t.Errorf("events of health: %v", statuses)
	}
}

func (b *bench) healthResults(t *testing.T) {
	id := b.checked(t, "seq 10000", "--health-interval", "1h", "--health-start-period", "1h", "--health-start-interval", "20ms")
	if out := b.awaitChecks(t, id, 1).Log[0].Output; len(out) != 4096+3 || !strings.HasPrefix(out, "1\n2\n") || !strings.HasSuffix(out, "...") {
		t.Errorf("%d bytes of output", len(out))
	}
	b.run("rm", "-f", id).must(t)
	image := b.registry + "/wrong:latest"
	push(t, image, imageOf(t, ggcr.Config{Cmd: []string{"sleep", "1000"}, Env: []string{searchPath}, Healthcheck: &ggcr.HealthConfig{
		Test: []string{"CMD", "/no/such"}, Interval: -1, Retries: 1}}, busyboxLayers(t)...))
	id = strings.TrimSpace(b.run("run", "-d", "-q", image).must(t).stdout)
	if last := b.awaitStatus(t, id, containertypes.Unhealthy).Log[0]; last.ExitCode != -1 || !strings.Contains(last.Output, "stat /no/such: no such file or directory") {
		t.Errorf("%+v", last)
	}
	b.run("rm", "-f", id).must(t)
}

// healthTimeout: what a check has begun ends with it; a shell that is killed
// would leave it behind.
func (b *bench) healthTimeout(t *testing.T) {
	id := b.checked(t, "echo begun; sleep 1234; true", "--health-timeout", "500ms")
	h := b.awaitChecks(t, id, 4)
	if last := h.Log[3]; h.Status != containertypes.Unhealthy || last.ExitCode != -1 || last.Output != "Health check exceeded timeout (500ms): begun\n" {
		t.Errorf("%s, the last: %+v", h.Status, last)
	}
	if top := b.run("top", id).must(t).stdout; strings.Count(top, "sleep 1234\n") > 1 {
		t.Errorf("checks are left:\n%s", top)
	}
	b.run("rm", "-f", id).must(t)
}

func (b *bench) healthStartPeriod(t *testing.T) {
	id := b.checked(t, "test -e /well", "--health-start-period", "1h", "--health-start-interval", "20ms")
	if h := b.awaitChecks(t, id, 5); h.Status != containertypes.Starting || h.FailingStreak != 0 || h.Log[4].ExitCode != 1 {
		t.Errorf("%+v", h)
	}
	b.mustShow(t, id, "(health: starting)", "starting")
	b.run("exec", id, "touch", "/well").must(t)
	b.awaitStatus(t, id, containertypes.Healthy)
	b.run("exec", id, "rm", "/well").must(t)
	b.awaitStatus(t, id, containertypes.Unhealthy) // it has started: the period counts no more
	b.run("rm", "-f", id).must(t)
}

func (b *bench) healthPaused(t *testing.T) {
	id := b.checked(t, "true", "--health-interval", "300ms") // hardly a check is under way
	b.awaitStatus(t, id, containertypes.Healthy)
	b.run("pause", id).must(t)
	b.mustShow(t, id, "(Paused)", "unhealthy")
	before := b.health(t, id)
	other := b.checked(t, "true", "--health-interval", "300ms")
	b.awaitChecks(t, other, 3) // time for as many of the first
	if after := b.health(t, id); !slices.EqualFunc(before.Log, after.Log, func(a, b *containertypes.HealthcheckResult) bool { return *a == *b }) {
		t.Errorf("it is checked while it stands still")
	}
	b.run("unpause", id).must(t)
	b.awaitStatus(t, id, containertypes.Healthy)
	b.run("rm", "-f", id, other).must(t)
}

func (b *bench) healthRestart(t *testing.T) {
	id := b.checked(t, "true", "--restart", "always")
	b.awaitChecks(t, id, 3)
	b.run("stop", "-t", "0", id).must(t)
	h := b.health(t, id)
	if h.Status != containertypes.Unhealthy || len(h.Log) < 3 {
		t.Errorf("at its end: %+v", h)
	}
	if status, _ := b.shownHealth(t, id); !strings.HasPrefix(status, "Exited (137)") || strings.Contains(status, "health") {
		t.Errorf("ps: %q", status)
	}
	b.run("start", id).must(t)
	b.awaitStatus(t, id, containertypes.Healthy)
	pid, err := strconv.Atoi(strings.TrimSpace(b.run("inspect", "-f", "{{.State.Pid}}", id).must(t).stdout))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.awaitHealth(t, id, "checked after it has restarted by itself", func(h *containertypes.Health) bool {
		return h.Status == containertypes.Healthy && h.Log[0].Start.After(began)
	})
	b.run("rm", "-f", id).must(t)
}

// healthRemoved: where no PID namespace ends a check, the engine does.
func (b *bench) healthRemoved(t *testing.T) {
	dir := t.TempDir()
	id := b.checked(t, "echo $$ >/out/new; mv /out/new /out/pid; sleep 1000; true", "--health-timeout", "1h", "--pid", "host", "-v", dir+":/out")
	path := filepath.Join(dir, "pid")
	await(t, "a check", func() bool { _, err := os.Stat(path); return err == nil })
	pid, err := strconv.Atoi(strings.TrimSpace(readText(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	b.run("rm", "-f", id).must(t)
	await(t, "the end of the check", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

// healthWatched: checks are not shown, and go on while somebody is.
func (b *bench) healthWatched(t *testing.T) {
	leave := b.watch()
	id := b.checked(t, "true")
	b.awaitChecks(t, id, 5)
	b.run("rm", "-f", id).must(t)
	for _, seen := range leave() {
		if strings.HasPrefix(string(seen), "exec.") {
			t.Errorf("the watcher was shown %s", seen)
		}
	}
}

// TestHealthOfImages: an image says how its containers are checked, each setting
// by itself.
func TestHealthOfImages(t *testing.T) {
	b := newBench(t)
	image := b.registry + "/checked:latest"
	push(t, image, imageOf(t, ggcr.Config{Cmd: []string{"sleep", "1000"}, Env: []string{searchPath}, Healthcheck: &ggcr.HealthConfig{
		Test: []string{"CMD", "true"}, Interval: 20 * time.Millisecond, Timeout: 7 * time.Second, Retries: 9}}, busyboxLayers(t)...))
	b.run("pull", "-q", image).must(t)
	for _, c := range []struct{ flags, want string }{
		{"", `{"Test":["CMD","true"],"Interval":20000000,"Timeout":7000000000,"Retries":9}`},
		{"--health-retries 2", `{"Test":["CMD","true"],"Interval":20000000,"Timeout":7000000000,"Retries":2}`},
		{"--health-cmd false", `{"Test":["CMD-SHELL","false"],"Interval":20000000,"Timeout":7000000000,"Retries":9}`},
		{"--no-healthcheck", `{"Test":["NONE"],"Interval":20000000,"Timeout":7000000000,"Retries":9}`},
	} {
		id := strings.TrimSpace(b.run(append(append([]string{"run", "-d"}, strings.Fields(c.flags)...), image)...).must(t).stdout)
		if got := strings.TrimSpace(b.run("inspect", "-f", "{{json .Config.Healthcheck}}", id).must(t).stdout); got != c.want {
			t.Errorf("%s: %s, want %s", c.flags, got, c.want)
		}
		if c.flags != "--no-healthcheck" {
			b.awaitChecks(t, id, 1)
		} else if h := b.health(t, id); h != nil {
			t.Errorf("without checks: %+v", h)
		}
		b.run("rm", "-f", id).must(t)
	}
	of := func(image string) string {
		return strings.TrimSpace(b.run("image", "inspect", "-f", "{{json .Config.Healthcheck}}", image).must(t).stdout)
	}
	b.run("create", "--name", "checked", "--health-start-period", "3s", image).must(t)
	for change, want := range map[string]string{
		"":                 `{"Test":["CMD","true"],"Interval":20000000,"Timeout":7000000000,"StartPeriod":3000000000,"Retries":9}`,
		"HEALTHCHECK NONE": `{"Test":["NONE"],"Interval":20000000,"Timeout":7000000000,"StartPeriod":3000000000,"Retries":9}`,
		"HEALTHCHECK --interval=1s --retries=4 CMD test -e /x": `{"Test":["CMD-SHELL","test -e /x"],"Interval":1000000000,"Timeout":7000000000,"StartPeriod":3000000000,"Retries":4}`,
	} {
		args := []string{"commit"}
		if change != "" {
			args = append(args, "-c", change)
		}
		if got := of(strings.TrimSpace(b.run(append(args, "checked")...).must(t).stdout)); got != want {
			t.Errorf("commit %s: %s, want %s", change, got, want)
		}
	}
	empty := strings.NewReader(string(archive(t, []entry{{name: "file"}})))
	o := clientCommand(t, b.host, empty, program(t), "import", "-c", `HEALTHCHECK --start-period=2s CMD ["/check"]`, "-").must(t)
	if got := of(strings.TrimSpace(o.stdout)); got != `{"Test":["CMD","/check"],"StartPeriod":2000000000}` {
		t.Errorf("import: %s", got)
	}
}

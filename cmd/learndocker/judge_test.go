//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/client"
)

// dockerd is Docker's own daemon, beside everything else: the judge of what
// learndocker's client commands ask for and say.
type dockerd struct {
	host   string
	docker string
	config string // for DOCKER_CONFIG
}

// startJudge starts a daemon with an image "busybox" and without a network.
func startJudge(t *testing.T) *dockerd {
	t.Helper()
	needRoot(t)
	need(t, "dockerd", "docker.io")
	need(t, "busybox", "busybox-static")
	dir := shortDir(t)
	docker, _ := newestDocker(t)
	d := &dockerd{host: "unix://" + filepath.Join(dir, "s"), docker: docker, config: filepath.Join(dir, "config")}
	group := "/" + filepath.Base(dir)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "exec"), "-H", d.host,
		"-p", filepath.Join(dir, "pid"), "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", group,
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.run(t, d.docker, "sh", "-c", d.docker+` ps -aq | xargs -r `+d.docker+` rm -f`)
		_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended
		if err := awaitExit(t, cmd); err != nil {
			t.Errorf("dockerd: %v\n%s", err, readText(t, log.Name()))
		}
		groups, _ := filepath.Glob("/sys/fs/cgroup/*" + group)
		for _, g := range append(groups, "/sys/fs/cgroup"+group) {
			_ = os.Remove(g) // where it is
		}
		for line := range strings.Lines(readText(t, "/proc/self/mountinfo")) {
			if at := strings.Fields(line)[4]; strings.HasPrefix(at, dir+"/") {
				_ = unix.Unmount(at, unix.MNT_DETACH)
			}
		}
	})
	c, err := client.New(d.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ready, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Await(ready); err != nil {
		t.Fatalf("dockerd does not answer: %s\n%s", err, readText(t, log.Name()))
	}
	root := filepath.Join(dir, "busybox")
	tool(t, "sh", "-c", `mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/dir/in" && cp "$(command -v busybox)" "$1/bin/bb" &&
		for a in sh cat echo sleep tty stty id env hostname pwd ls touch true kill grep wc mkdir ln stat; do ln -s bb "$1/bin/$a"; done &&
		echo root:x:0:0:root:/root:/bin/sh >"$1/etc/passwd" && echo text >"$1/dir/in/file" && ln -s dir "$1/link" && tar -C "$1" -cf "$1.tar" .`, "sh", root)
	if o := d.run(t, d.docker, d.docker, "import", "-c", `CMD ["/bin/sh"]`, root+".tar", "busybox:latest"); o.status != 0 {
		t.Fatal(o.stderr)
	}
	return d
}

// run runs a command line as a client of the daemon.
func (d *dockerd) run(t *testing.T, docker string, line ...string) outcome {
	t.Helper()
	return finish(t, d.command(docker, line...))
}

func (d *dockerd) command(docker string, line ...string) *exec.Cmd {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = filepath.Dir(d.config)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_CONFIG="+d.config, "DOCKER_API_VERSION=", "DOCKER_CONTEXT=", "DOCKER="+docker)
	return cmd
}

// sameLines are command lines, each for docker and for learndocker. An @ in a
// name tells the two apart, so that what one does is not in the other's way;
// in what they say it is an @ again. Lines that begin with sh are the shell's,
// with the command in $D.
const sameLines = `
run -d --network none --name run@ --label a=b busybox sh -c 'trap "exit 5" TERM; echo one; echo two >&2; while :; do sleep 0.1; done'
run --network none --name end@ busybox sh -c 'echo hello@ > /tmp/x; exit 3'
run -d --network none --name vol@ -v v@:/data busybox sleep 1000
create --network none --name new@ busybox cat
version -f '{{.Server.Version}} {{.Client.APIVersion}} {{json .Server.Components}}'
info -f '{{.Driver}} {{.Containers}} {{json .Plugins}}'
info -f '{{.ClientInfo.Context}}'
info -f '{{.Nope}}'
ps --filter name=@
ps -a --filter name=@
ps -aq --filter name=@
ps -a -n 2 -q
ps -l -q
ps -s --filter name=run@
ps -a --no-trunc --filter name=end@ --format '{{.Command}} {{.Image}} {{.State}}'
ps --filter name=run@ --format 'table {{.Names}}\t{{upper .Image}}\t{{.Label "a"}}\t{{.Mounts}}'
ps --filter name=run@ --format json
ps --filter name=run@ --format '{{json .Size}} {{.Networks}} {{.LocalVolumes}}'
ps --filter name=run@ --format '{{range $i, $n := split .Image "s"}}{{$i}}{{title $n}}{{end}} {{pad .Image 1 2}}{{truncate .Image 3}} {{join (split .Image "s") "-"}}{{println}}'
ps --format raw --filter name=end@
ps --filter bad
ps -a --filter nosuch=x
ps --format '{{'
ps --format '{{.N}}'
ps nosuch
images
images -q --no-trunc
images --digests
images --format json
images --format 'table {{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.VirtualSize}}'
images nothing
images prune
images --filter dangling=true
history busybox
history --no-trunc -H=false busybox
history -q busybox
history --format '{{.Comment}}' busybox
history nosuch
inspect run@
inspect busybox
inspect run@ busybox nosuch
inspect --type container busybox
inspect --type nosuch x
inspect --type= x
inspect -f '{{.State.Status}} {{.Config.Labels}}' run@ end@
inspect -f '{{.NetworkSettings.IPAddress}}/{{.Nope}}' run@
inspect -f '{{json .HostConfig}}' end@
inspect -f '{{index .Config.Cmd 0}}' end@
inspect -s end@
inspect -s busybox
inspect --format json end@
inspect v@
inspect none -f '{{.Name}}'
container inspect end@ nosuch
image inspect busybox nosuch
logs run@
logs -n 0 run@
logs --since 1h --tail 0 run@
logs --since nonsense run@
logs --until 2020-01-01 run@
logs nosuch
sh -c '$D logs -t run@ 2>&1 | wc -l'
top run@ -o comm
top end@
diff end@
diff nosuch
port run@
port run@ 80
port run@ x
wait end@
exec run@ sh -c 'echo hi; echo err >&2; exit 4'
exec run@ nosuchcmd
exec run@ /etc
exec end@ true
exec nosuch true
exec -it run@ true
exec run@
exec -e A=1 -e HOME -w /tmp -u 1000:1000 run@ sh -c 'echo $A; pwd; id'
exec -d run@ touch /tmp/detached
sh -c 'echo in | $D exec -i run@ cat'
stats --no-stream --format '{{.Name}} {{.PIDs}} {{.Container}}' run@
stats --no-stream nosuch
volume create --label x=y --opt type=tmpfs --opt device=tmpfs other@
volume create other@
volume ls --filter name=@
volume ls -q --filter name=@
volume ls --format json --filter name=other@
volume inspect other@
volume inspect nosuch v@
volume inspect -f '{{.Driver}} {{.Options}}' other@
volume rm other@
volume rm nosuch
volume rm v@
volume rm -f nosuch
network create --label x=y -o com.docker.network.driver.mtu=1400 n@
network create n@
network create --internal --attachable other@
network create
network create --gateway 10.93.9.1 x
network create --subnet 10.94.0.0/24 --gateway 10.93.9.1 x
network create --subnet 10.94.0.0/24 --aux-address a=10.93.9.1 x
network create --subnet 10.94.0.0/24 --ip-range 10.93.9.0/28 x
network create --subnet 10.94.0.0/24 --subnet 10.94.0.0/25 x
network create --driver nosuch x
network ls --filter name=@
network ls -q --filter name=@
network ls --no-trunc --format '{{.ID}} {{.Name}} {{.Internal}} {{.Labels}} {{.IPv6}}' --filter name=@
network ls --format json --filter name=n@
network ls --filter nosuch=x
network inspect host
network inspect -f '{{.Internal}} {{.Attachable}} {{len .Containers}}' nosuch other@
network inspect -f '{{len .IPAM.Config}} {{.Options}} {{json .Labels}}' n@
network connect --alias web --ip 10.93.0.77 n@ run@
network connect --driver-opt wrong n@ run@
network connect n@ run@
network connect nosuch run@
network connect n@ nosuch
network connect n@
inspect -f '{{(index .NetworkSettings.Networks "n@").IPAddress}}' run@
network rm n@ nosuch
network disconnect n@ run@
network disconnect n@ run@
network disconnect -f nosuch run@
network rm n@ other@
network rm -f nosuch
network rm bridge
network nosuch
sh -c 'echo n | $D network prune'
network prune -f --filter label=nosuch
system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
system df
system df -v --format '{{range .Images}}{{.Repository}} {{end}}'
events --since 1h --until 0s --filter container=end@ --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
events --since 1h --until 0s --filter container=end@
events --since 1h --until 0s --filter container=end@ --format json
events --filter nosuch
rename run@ renamed@
rename renamed@ run@
rename nosuch x
rename run@ ''
run --rm --network none busybox echo hi
run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7'
run --rm --network none busybox nosuchcmd
run --rm --network none busybox /etc
run --rm -t --network none busybox tty
run --rm -it --network none busybox true
run --rm --network none nosuchimage true
run -q --pull always --network none busybox true
run --pull never nosuchimage
run -a stdout --rm --network none busybox sh -c 'echo out; echo err >&2'
sh -c 'echo in | $D run --rm -i --network none busybox cat'
sh -c 'echo in | $D run --rm -i -a stdin --network none busybox cat'
run --cidfile id@ --rm --network none busybox true
sh -c 'wc -c <id@; $D run --cidfile id@ --rm --network none busybox true'
run --rm --network none --cpus 1000 busybox true
run --rm --network none -m 1m busybox true
run --rm --network nosuch busybox true
run --rm --network none -e X -e Y=2 -w /tmp -u 5 -h hh busybox sh -c 'env | grep -v PATH; id; hostname; pwd'
run --rm --network none --tmpfs /t:size=1m --shm-size 8m --read-only busybox touch /x
run --rm --network none --dns 127.0.0.53 busybox true
run -d --name run@ busybox
run --rm --stop-timeout x busybox
run
rm run@
rm nosuch end@x
rm -f nosuch
rmi nosuch
rmi -f nosuch
rmi busybox
kill end@
kill -s NOSUCH run@
pause end@
pause run@
ps --filter name=run@ --format '{{.Status}}'
attach run@
unpause run@ nosuch
update run@
update --cpu-shares 512 --restart always vol@
inspect -f '{{.HostConfig.CpuShares}} {{.HostConfig.RestartPolicy.Name}}' vol@
update --restart no vol@
update --memory 1k vol@
tag busybox bb@:2
tag nosuch x
tag busybox UPPER
tag busybox a@sha256:0123456789012345678901234567890123456789012345678901234567890123
rmi bb@:2
commit -a me -m msg -c 'ENV A=1' -p=false end@ snap@:1
history --format '{{.Comment}} {{.CreatedBy}}' snap@:1
inspect -f '{{.Author}} {{.Config.Env}}' snap@:1
commit end@ UPPER
commit nosuch
save -o saved@.tar snap@:1
save nosuch
save -o /nosuch/x busybox
save -o /dev/null busybox
save -o . busybox
rmi snap@:1
load -i saved@.tar
load -i /nosuch
sh -c '$D load -q <saved@.tar'
rmi --no-prune snap@:1
export -o exported@.tar end@
export nosuch
import -m why -c 'CMD ["/bin/true"]' exported@.tar imported@:1
inspect -f '{{.Comment}} {{.Config.Cmd}}' imported@:1
sh -c '$D rmi $($D export end@ | $D import -)'
rmi imported@:1
import /nosuch
import - UPPER
cp nosuch run@:/tmp
cp run@:/nosuch .
cp run@:/etc vol@:/tmp
cp a b
cp end@:/tmp/x /nosuch/dir/
sh -c '$D cp end@:/tmp/x - | tar -tvf - | wc -l'
cp /etc/hostname run@:/nosuch/dir/x
cp run@:/etc/passwd got@
sh -c 'mkdir -p up@/sub && echo a >up@/a && echo b >up@/sub/b && chmod 750 up@/sub && ln -s a up@/l && $D cp up@ run@:/tmp && $D cp up@/. run@:/tmp/dots && $D cp up@/a run@:/tmp/renamed && $D cp up@/l run@:/tmp/ && $D cp -L up@/l run@:/tmp/followed; $D exec run@ sh -c "cd /tmp; ls -lR up@ dots renamed l followed | grep -v total"'
sh -c '$D cp run@:/dir down@ && $D cp run@:/dir/. dots@ && $D cp run@:/dir/in/file down@/renamed && $D cp run@:/link link@ && $D cp -L run@:/link followed@ && $D cp run@:/dir down@; ls -lR down@ dots@ link@ followed@ | grep -v total'
sh -c 'mkdir full@; echo keep >full@/dir; $D cp run@:/dir full@; mkdir -p full2@/file; $D cp run@:/dir/in/file full2@'
sh -c 'tar -c up@ | $D cp - run@:/tmp && tar -c up@ | $D cp - run@:/etc/passwd'
start end@
wait end@
start -a end@
start nosuch end@
start -ai end@ new@
sh -c 'echo text | $D start -ai new@'
attach end@
attach nosuch
stop -t 0 vol@
stop -t 5 run@
inspect -f '{{.State.ExitCode}}' run@
stop nosuch run@
start run@
restart -t 5 run@ nosuch
stop --time 0 -t 0 run@
kill -s TERM run@
wait run@
start run@
sh -c '$D attach --no-stdin run@ & sleep 1; $D kill -s TERM run@ >/dev/null; wait $!; echo $?'
sh -c 'timeout -s TERM 1 $D attach --no-stdin run@; echo $?; $D start run@; timeout -s TERM 1 $D logs -f -n 0 run@; echo $?'
rm -f -v run@ end@ vol@ new@
container ls -a --filter name=@ --format '{{.Names}}'
image ls --format '{{.Repository}}' busybox
container nosuch
volume nosuch
nosuch
stop
cp x
logs a b
images a --nosuch
images a b
pull UPPER
push UPPER
push -a busybox:1
push nosuch.invalid/x
push -q nosuch.invalid/x:1
push a b
pull -a busybox:1
pull nosuch.invalid/x
login -u x reg.example
login --password x --password-stdin
login --username ''
logout reg.example
login reg.invalid -u a -p b
container prune -f --filter label=nosuch
volume prune -f --filter label=nosuch
image prune -f --filter label=nosuch
system prune -f --filter label=nosuch
sh -c 'echo n | $D container prune; echo n | $D image prune -a --filter until=1h; echo n | $D system prune --volumes --filter label=z'
`

// TestLikeDocker holds learndocker's client commands against the docker command
// on the same daemon.
func TestLikeDocker(t *testing.T) {
	d := startJudge(t)
	t.Run("lines", func(t *testing.T) { sameWords(t, d) })
	t.Run("terminal", func(t *testing.T) { sameOnTerminal(t, d) })
}

// sameWords: the same lines on both outputs, the same exit codes.
func sameWords(t *testing.T, d *dockerd) {
	learndocker := program(t)
	for line := range strings.Lines(strings.TrimSpace(sameLines)) {
		line = strings.TrimSpace(line)
		words := split(t, line)
		// What counts all things of the daemon would count the other's half-made ones.
		if !slices.Contains(strings.Fields("info system events images image volume ps inspect rmi"), words[0]) {
			var want, got string
			var both sync.WaitGroup // neither is in the other's way
			both.Go(func() { want = d.said(t, d.docker, "qzd", words) })
			both.Go(func() { got = d.said(t, learndocker, "qzl", words) })
			both.Wait()
			expectSame(t, line, want, got)
			continue
		}
		expectSame(t, line, d.said(t, d.docker, "qzd", words), d.said(t, learndocker, "qzl", words))
	}
}

func expectSame(t *testing.T, line, want, got string) {
	t.Helper()
	if want != got && !differs(line) {
		t.Errorf("%s\n%s", line, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}

// differs reports whether a line is one at which learndocker is known to
// differ.
func differs(line string) bool {
	return slices.Contains([]string{
		"images a b",           // docker has a slip of the pen there: "SRun 'docker images --help'"
		"info -f '{{.Nope}}'",  // the name of a Go type of docker's own
		"ps --format '{{.N}}'", // as well
	}, line)
}

// said runs a line with that mark for its own things, and returns all that is
// said, without what differs from one run to the next.
func (d *dockerd) said(t *testing.T, program, mark string, words []string) string {
	t.Helper()
	var line []string
	for _, w := range words {
		line = append(line, strings.ReplaceAll(w, "@", mark))
	}
	if line[0] == "sh" {
		line[2] = "D=" + program + "; " + line[2]
	} else {
		line = append([]string{program}, line...)
	}
	o := d.run(t, program, line...)
	return fmt.Sprintf("%d\n%s--\n%s", o.status, unvaried(o.stdout, mark), unvaried(o.stderr, mark))
}

var varied = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "<64>"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "<12>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[0-9.]*(Z|\+\d\d:\d\d| \+\d{4} UTC)`), "<time>"},
	{regexp.MustCompile(`"time(Nano)?":\d+`), `"time":<n>`},
	{regexp.MustCompile(`\w{3} +\d+ \d\d:\d\d`), "<date>"},
	{regexp.MustCompile(`((Less than|About) an? \w+|\d+ (second|minute)s?)( ago)?`), "<while>"},
	{regexp.MustCompile(`"Pid": ?\d+`), `"Pid":<n>`},
	{regexp.MustCompile(`(sys_time|execDuration|exitedAt)=\d+`), "$1=<n>"},
	{regexp.MustCompile(` {2,}`), "  "}, // columns are as wide as what is in them
}

func unvaried(s, mark string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, mark, "@"), "learndocker", "docker")
	for _, v := range varied {
		s = v.what.ReplaceAllString(s, v.as)
	}
	return s
}

// sameOnTerminal: sizes, keys and signals of a terminal, and the terminal
// itself afterwards, as the docker command has them.
func sameOnTerminal(t *testing.T, d *dockerd) {
	for name, program := range map[string]string{"docker": d.docker, "learndocker": program(t)} {
		on := func(t *testing.T, args ...string) *terminal {
			cmd := d.command(program, append([]string{program}, args...)...)
			return openTerminal(t, cmd)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terminalRun(t, on)
			terminalDetach(t, d, on, name)
			terminalExec(t, d, on, name)
		})
	}
}

func modes(t *testing.T, x *terminal) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(x.own.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func isRaw(m unix.Termios) bool { return m.Lflag&(unix.ICANON|unix.ECHO) == 0 }

func terminalRun(t *testing.T, on func(*testing.T, ...string) *terminal) {
	x := on(t, "run", "--rm", "-it", "--network", "none", "busybox")
	x.expect("/ #")
	if !isRaw(modes(t, x)) {
		t.Error("the terminal is not raw while the container has it")
	}
	eventually(t, x, "stty size\r", "40 100")
	if err := unix.IoctlSetWinsize(int(x.own.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}); err != nil {
		t.Fatal(err)
	}
	eventually(t, x, "stty size\r", "33 77")
	x.press("echo g''o; cat\r")
	x.expect("go")
	x.press("\x03") // the container's ^C, not the client's
	x.expect("/ #")
	x.press("exit 9\r")
	if status, shown := x.end(); status != 9 {
		t.Errorf("status %d, want 9\n%s", status, shown)
	}
	if isRaw(modes(t, x)) {
		t.Error("the terminal is raw after the end")
	}
}

// eventually presses keys until something comes: a size takes its time.
func eventually(t *testing.T, x *terminal, keys, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		x.press(keys)
		x.expect("/ #")
		if text, _ := x.screen(); strings.Contains(text, want) {
			return
		}
		if time.Now().After(deadline) {
			x.expect(want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func terminalDetach(t *testing.T, d *dockerd, on func(*testing.T, ...string) *terminal, name string) {
	state := func() string {
		return strings.TrimSpace(d.run(t, d.docker, d.docker, "inspect", "-f", "{{.State.Status}}", "tty-"+name).stdout)
	}
	x := on(t, "run", "-it", "--network", "none", "--name", "tty-"+name, "busybox")
	x.expect("/ #")
	x.press("\x10a") // a ^P alone is the container's
	x.press("\x10\x11")
	if status, shown := x.end(); status != 0 || state() != "running" || isRaw(modes(t, x)) {
		t.Errorf("^P^Q: status %d, %s\n%s", status, state(), shown)
	}
	x = on(t, "attach", "--detach-keys", "ctrl-x,y", "tty-"+name)
	x.press("\r")
	x.expect("/ #")
	x.press("\x10\x11\x15echo still he''re\r")
	x.expect("still here")
	x.press("\x18y")
	if status, shown := x.end(); status != 1 || !strings.Contains(shown, "read escape sequence") || state() != "running" || isRaw(modes(t, x)) {
		t.Errorf("--detach-keys: status %d, %s\n%s", status, state(), shown)
	}
	x = on(t, "attach", "tty-"+name)
	x.press("\r")
	x.expect("/ #")
	x.press("exit 3\r")
	if status, shown := x.end(); status != 3 {
		t.Errorf("attach: status %d, want 3\n%s", status, shown)
	}
	x = on(t, "start", "-ai", "tty-"+name)
	x.expect("/ #")
	x.press("exit 4\r")
	if status, shown := x.end(); status != 4 || isRaw(modes(t, x)) {
		t.Errorf("start -ai: status %d, want 4\n%s", status, shown)
	}
}

func terminalExec(t *testing.T, d *dockerd, on func(*testing.T, ...string) *terminal, name string) {
	d.run(t, d.docker, d.docker, "run", "-d", "--network", "none", "--name", "exec-"+name, "busybox", "sleep", "1000").must(t)
	x := on(t, "exec", "-it", "exec-"+name, "sh")
	x.expect("/ #")
	eventually(t, x, "stty size\r", "40 100")
	x.press("exit 6\r")
	if status, shown := x.end(); status != 6 || isRaw(modes(t, x)) {
		t.Errorf("exec: status %d, want 6\n%s", status, shown)
	}
	x = on(t, "exec", "-it", "exec-"+name, "sh")
	x.expect("/ #")
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// docker ends with 0 here, learndocker with the signal's 143.
	if status, shown := x.end(); isRaw(modes(t, x)) {
		t.Errorf("exec, terminated: status %d, the terminal is raw\n%s", status, shown)
	}
}

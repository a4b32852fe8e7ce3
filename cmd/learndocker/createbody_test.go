//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newestDocker is the newest docker command of this machine, and its major
// version.
func newestDocker(t *testing.T) (path string, major int) {
	t.Helper()
	for _, each := range dockers(t) {
		said := finish(t, exec.Command(each, "version", "--format", "{{.Client.Version}}")).stdout
		n, err := strconv.Atoi(strings.SplitN(strings.TrimSpace(said), ".", 2)[0])
		if err != nil {
			t.Fatalf("%s: version %q", each, said)
		}
		if n > major {
			path, major = each, n
		}
	}
	return path, major
}

// recorder is a daemon that writes down what it is asked, and refuses it.
type recorder struct {
	host string
	mu   sync.Mutex
	seen []recorded
}

type recorded struct{ line, body string }

func startRecorder(t *testing.T, version string) *recorder {
	t.Helper()
	path := filepath.Join(shortDir(t), "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{host: "unix://" + path}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // a body cut short is one that differs
		if q.URL.Path == "/_ping" {
			w.Header().Set("Api-Version", version)
			w.Header().Set("Ostype", "linux")
			return
		}
		r.mu.Lock()
		r.seen = append(r.seen, recorded{q.Method + " " + q.URL.Path + "?" + q.URL.RawQuery, string(body)})
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"recorded"}`)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return r
}

// asked runs a client and returns what it has asked for.
func (r *recorder) asked(t *testing.T, dir, program string, args ...string) ([]recorded, outcome) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+r.host, "DOCKER_CONFIG="+filepath.Join(dir, "config"), "DOCKER_API_VERSION=", "DOCKER_CONTEXT=", "OWN=from outside")
	o := finish(t, cmd)
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen, o
}

// alike makes two bodies comparable that mean the same. A member that is null is
// one that is left out, to the daemon: the API's newer types leave some out
// (OnBuild) that older ones sent. Env and Binds go through a map in docker,
// which leaves them in any order.
func alike(t *testing.T, body string) any {
	t.Helper()
	if body == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return withoutNull(v, "")
}

func withoutNull(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for k, each := range v {
			if each != nil {
				kept[k] = withoutNull(each, k)
			}
		}
		return kept
	case []any:
		var kept []any
		for _, each := range v {
			kept = append(kept, withoutNull(each, ""))
		}
		if name == "Env" || name == "Binds" {
			slices.SortFunc(kept, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return kept
	}
	return v
}

// createLines are flags of docker run and docker create, a line for each
// request. {DIR} is the directory that the client runs in.
const createLines = `
busybox
busybox echo hello
-it busybox sh -c true
-i busybox cat
-t busybox
-d busybox sleep 1
-dit --name n busybox
-a stdout -a stdin busybox
-e A=1 -e B -e OWN -e A=2 busybox
--env-file {DIR}/env -e Z=1 busybox
-l a=b -l c --label-file {DIR}/labels --label a=d busybox
-w /tmp -u 1:2 -h host --domainname example.org busybox
--entrypoint /bin/x busybox a b
--entrypoint= busybox a
--rm busybox
--rm=false busybox
-v /a:/b -v vol:/c:ro -v /anonymous busybox
-v ./rel:/b -v /a:/b busybox
-v ~/x:/y:z,rshared busybox
--mount type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave busybox
--mount type=bind,source=./rel,target=/b,bind-nonrecursive busybox
--mount type=bind,source=/a,target=/b,ro,bind-recursive=writable busybox
--mount type=volume,source=v,target=/c,volume-nocopy,volume-label=a=b,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs busybox
--mount target=/c,volume-subpath=x busybox
--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox
--mount type=image,src=busybox,dst=/i,image-subpath=/bin busybox
--mount type=npipe,src=a,dst=b,consistency=cached busybox
--tmpfs /t --tmpfs /u:size=1m,mode=700 busybox
--read-only --init busybox
--init=false busybox
--network none busybox
--network host --uts host --ipc host --pid host --userns host --cgroupns host busybox
--net container:x --pid container:y --ipc container:z busybox
--network mine --network-alias one --net-alias two --ip 10.0.0.5 --ip6 2001:db8::1 --link-local-ip 169.254.1.1 busybox
--network mine --mac-address 92:d0:c6:0a:29:33 --link a:b busybox
--link a:b --link c busybox
--network name=mine,alias=x,ip=10.0.0.6,mac-address=92:d0:c6:0a:29:34,driver-opt=a=b,gw-priority=3 --network other busybox
--network mine --network name=other,alias=y busybox
--mac-address 92:d0:c6:0a:29:33 busybox
-m 64m --memory-swap 128m --memory-reservation 32m --memory-swappiness 10 busybox
-m 6M --memory-swap -1 busybox
--cpus 1.5 -c 512 busybox
--cpu-shares 2 --cpu-period 100000 --cpu-quota 50000 --cpuset-cpus 0,1 --cpuset-mems 0 busybox
--cpu-rt-period 5 --cpu-rt-runtime 6 busybox
--pids-limit 50 --oom-kill-disable --oom-score-adj -5 busybox
--pids-limit -1 busybox
--blkio-weight 300 --blkio-weight-device /dev/sda:200 busybox
--device-read-bps /dev/sda:1mb --device-write-bps /dev/sda:2k --device-read-iops /dev/sda:10 --device-write-iops /dev/sda:20 busybox
--cap-add net_admin --cap-add CAP_SYS_TIME --cap-add NET_ADMIN --cap-drop all --cap-drop mknod busybox
--cap-add ALL busybox
--security-opt no-new-privileges --security-opt apparmor=unconfined --security-opt label:disable busybox
--security-opt seccomp={DIR}/profile.json busybox
--security-opt seccomp=unconfined --security-opt seccomp=builtin busybox
--security-opt systempaths=unconfined busybox
--privileged busybox
--ulimit nofile=10:20 --ulimit core=0 --ulimit nofile=30 busybox
--stop-signal SIGINT --stop-timeout 3 busybox
--stop-timeout 0 busybox
--restart always busybox
--restart on-failure:5 busybox
--restart unless-stopped -d busybox
--restart= busybox
--device /dev/null --device /dev/zero:/dev/z --device /dev/full:/dev/f:r --device /dev/fuse:rw busybox
--device /dev/../dev/null busybox
--device vendor.com/class=name busybox
--device-cgroup-rule 'c 1:3 rwm' busybox
--group-add 5 --group-add audio busybox
--add-host a:1.2.3.4 --add-host b=::1 --add-host c:host-gateway --add-host d=[::1] busybox
--dns 1.1.1.1 --dns 2001:db8::1 --dns-search example.org --dns-search . --dns-option ndots:1 --dns-opt use-vc busybox
--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=1 busybox
--shm-size 128m busybox
--health-cmd 'true || false' --health-interval 3s --health-retries 2 --health-timeout 1s --health-start-period 5s --health-start-interval 1s busybox
--health-retries 4 busybox
--no-healthcheck busybox
--volumes-from a --volumes-from b:ro --volume-driver local busybox
--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 busybox
--log-driver none busybox
--storage-opt size=1G busybox
-p 80 -p 8080:80 -p 127.0.0.1:81:81/udp -p [::1]:82:82 busybox
-p 7000-7002:8000-8002 -p 9000-9005:90/tcp busybox
-p published=8081,target=81,protocol=udp -P --expose 5 --expose 6-8/udp busybox
-p 127.0.0.1::83/sctp busybox
--annotation a=b --annotation c busybox
--runtime runc --isolation default --cgroup-parent /x busybox
--platform linux/arm64 busybox
--platform Linux/AMD64 busybox
--cidfile {DIR}/cid busybox
--pull never --quiet --sig-proxy=false --detach-keys ctrl-a busybox
-q --name=x -itd -e=K=V busybox -e not=a-flag
localhost:5000/a/b:c@sha256:0123456789012345678901234567890123456789012345678901234567890123 x
`

// wrongLines are flags that docker refuses by itself.
const wrongLines = `
--nosuch busybox
-Z busybox
-m 1z busybox
-m
--memory-swappiness 101 busybox
--memory-swap x busybox
--cpus x busybox
--cpus 0.00000000001 busybox
--pids-limit many busybox
--blkio-weight 70000 busybox
--blkio-weight-device sda:1 busybox
--blkio-weight-device /dev/sda:5 busybox
--device-read-bps /dev/sda:x busybox
--device-read-iops /dev/sda:1m busybox
--device-write-bps sda:1 busybox
--ulimit nofile busybox
--ulimit nosuch=1 busybox
--ulimit nofile=20:10 busybox
-v a:b:c:d busybox
-v :x busybox
-v '' busybox
--mount type=bind busybox
--mount type=bind,dst=/x,tmpfs-size=1m busybox
--mount type=tmpfs,dst=/x,tmpfs-size=much busybox
--mount type=volume,dst=/x,nosuch=1 busybox
--mount nosuch busybox
--mount type=bind,dst=/x,readonly=maybe busybox
--mount type=bind,src=/a,dst=/b,bind-recursive=writable busybox
--mount type=bind,src=/a,dst=/b,bind-recursive=nope busybox
-p 1-2:3 -p 70000 busybox
-p nope busybox
-p 1-3:1-2 busybox
-p 80/http busybox
-p 1.2.3:80:80 busybox
-p : busybox
--expose 1:2 busybox
--expose x busybox
--expose 5-3 busybox
--dns nope busybox
--dns-search _ busybox
--add-host nope busybox
--add-host a:b busybox
--link a:b:c busybox
--label =x busybox
-e =x busybox
--env-file /nosuch busybox
--label-file /nosuch busybox
--sysctl nope=1 busybox
--restart x:y busybox
--restart :3 busybox
--restart always --rm busybox
--pid nope busybox
--uts nope busybox
--userns nope busybox
--cgroupns nope busybox
--security-opt nope busybox
--security-opt seccomp=/nosuch busybox
--security-opt seccomp={DIR}/labels busybox
--log-driver none --log-opt a=b busybox
--storage-opt nope busybox
--no-healthcheck --health-cmd x busybox
--health-interval -1s busybox
--health-retries x busybox
--mac-address nope busybox
--network none --network-alias x busybox
--network mine --network none busybox
--network mine --network mine busybox
--network name=mine,nosuch=1 busybox
--network name=mine,gw-priority=x busybox
--network name=mine,alias=a --network-alias b busybox
--device x busybox
--device /dev/null:/x:y busybox
--device /dev/null:/x:r:w busybox
--device-cgroup-rule nope busybox
-a nope busybox
-d -a stdout busybox
--pull sometimes busybox
--cidfile /nosuch/dir/x busybox
UPPER
-it busybox -d --sig-proxy
-itd
`

// TestCreateBodies: for each line of flags docker and learndocker ask the
// daemon for the same container, in the newest version of the API that both
// know and in an old one.
func TestCreateBodies(t *testing.T) {
	docker, major := newestDocker(t)
	if major < 28 {
		t.Fatalf("%s is version %d, which sends less than 28 does: install docker-ce-cli 28", docker, major)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"env": "# comment\nFROM_FILE=1\n  INDENTED=a b \nOWN\nNOT_THERE\n", "labels": "file=yes\nbare\nwith=two=signs\n",
		"profile.json": "{ \"defaultAction\":\n \"SCMP_ACT_ALLOW\" }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ version, lines string }{{"1.50", createLines}, {"1.41", createLines}, {"1.50", wrongLines}} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			r := startRecorder(t, c.version)
			for line := range strings.Lines(strings.TrimSpace(c.lines)) {
				compareCreate(t, r, docker, dir, strings.TrimSpace(line))
			}
		})
	}
}

func compareCreate(t *testing.T, r *recorder, docker, dir, line string) {
	t.Helper()
	words := split(t, strings.ReplaceAll(line, "{DIR}", dir))
	command := "create"
	if slices.ContainsFunc(words, func(w string) bool {
		return w == "-d" || strings.HasPrefix(w, "--sig-proxy") || w == "-dit" || w == "-itd"
	}) {
		command = "run"
	}
	words = append([]string{command}, words...)
	want, wantSaid := r.asked(t, dir, docker, words...)
	got, gotSaid := r.asked(t, dir, program(t), words...)
	if diff := differ(t, want, got); diff != "" || gotSaid.status != wantSaid.status || strings.ReplaceAll(gotSaid.stderr, "learndocker", "docker") != wantSaid.stderr {
		t.Errorf("%s\ndocker %d %s\nlearndocker %d %s\n%s", line, wantSaid.status, wantSaid.stderr, gotSaid.status, gotSaid.stderr, diff)
	}
	if len(want) == 0 && wantSaid.stderr == "" {
		t.Errorf("%s: docker has asked for nothing and said nothing: the line proves nothing", line)
	}
}

// differ is how the requests differ; "" for not at all.
func differ(t *testing.T, want, got []recorded) string {
	t.Helper()
	type request struct {
		Line string
		Body any
	}
	list := func(seen []recorded) []request {
		var l []request
		for _, s := range seen {
			l = append(l, request{s.line, alike(t, s.body)})
		}
		return l
	}
	return cmp.Diff(list(want), list(got))
}

// split parts a line into words as a shell does that knows single quotes only.
func split(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

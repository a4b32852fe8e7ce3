//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestToolbox runs the bundled userland: what a container is can be seen from
// inside it, with nothing but what learndocker brings.
func TestToolbox(t *testing.T) {
	d := startDaemon(t)
	if o := d.run("run", "--rm", "toolbox", "echo", "pulled").must(t); o.stdout != "pulled\n" || !strings.Contains(o.stderr, "Status: Downloaded newer image for toolbox:latest\n") {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct {
		name   string
		flags  []string
		script string
		stdout string // expression for all of it
		stderr string // part of it; "" is none at all
		status int
	}{
		{"users", nil, "id; whoami; ls -ld /root /tmp | cut -c1-10", `uid=0\(root\) gid=0\(root\) groups=0\(root\)\nroot\ndrwx------\ndrwxrwxrwt\n`, "", 0},
		{"an ordinary user", []string{"-u", "learner"}, "id; cd; pwd; echo mine >file && cat file; touch /file", `uid=1000\(learner\) gid=1000\(learner\) groups=1000\(learner\)\n/home/learner\nmine\n`, "touch: /file: Permission denied\n", 1},
		{"a pipeline", nil, "cut -d: -f1 /etc/passwd | sort | tr '\\n' ' '; seq 3 | while read n; do echo -n $n; done", `learner nobody root 123`, "", 0},
		{"the first process", nil, "echo $$; (echo $$; sh -c 'echo $PPID'; :) | tail -n 1; cat /proc/1/comm; ls -l /proc/1/cwd | tr -s ' ' | cut -d' ' -f9-", `1\n\d+\nsh\n/proc/1/cwd -> /\n`, "", 0},
		{"the shell moves", nil, "cd /etc; readlink /proc/1/cwd", `/etc\n`, "", 0},
		{"the last command is the first process", nil, "sleep 0 && exec cat /proc/1/comm", `cat\n`, "", 0},
		{"processes", nil, "sleep 100 & ps | tr -s ' ' | cut -d' ' -f3,5-; kill $!", `PPID STAT COMMAND\n0 \S+ sh -c .*\n1 \S+ sleep 100\n1 \S+ ps\n(1 \S+ (tr|cut) .*\n){0,2}`, "", 0},
		{"exit codes", nil, "sh -c 'exit 3'; echo $?; false; echo $?; sh -c 'kill -9 $$'; echo $?; nosuch; echo $?; exit 42", `3\n1\n137\n127\n`, "nosuch: not found", 42},
		{"capabilities", []string{"--cap-drop", "ALL", "--cap-add", "CHOWN"}, "caps | grep -E 'Cap(Eff|Bnd)'; touch /f; chown 1:2 /f && stat -c %u:%g /f; mknod /n c 1 3", `CapEff 0000000000000001 chown\nCapBnd 0000000000000001 chown\n1:2\n`, "mknod: /n: Operation not permitted\n", 1},
		{"the network", nil, "ip -4 addr show eth0 | grep -c 'inet 172.30'; ip route | cut -d' ' -f1,2,4- | head -n 1; ping -c 1 $(ip route | head -n 1 | cut -d' ' -f3) | grep -c '1 packets received'", `1\ndefault via dev eth0\n1\n`, "", 0},
		{"a server", nil, "httpd -p 8080 -h /www >/tmp/log & until nc -z localhost 8080 2>/dev/null; do sleep 0.05; done; wget -qO- http://localhost:8080/ | grep h1; hostname | tr -d '\\n' | wc -c; wget -qO- $(hostname):8080 | wc -l; kill $!", `<h1>It works</h1>\n12\n4\n`, "", 0},
		{"mounts", nil, "mount | grep -c ' on / type overlay'; df -T / | tail -n 1 | tr -s ' ' | cut -d' ' -f2; mount -t tmpfs none /tmp", `1\noverlay\n`, "mount: mounting none on /tmp: Operation not permitted\n", 1},
		{"namespaces", nil, "unshare -m true", ``, "unshare: Operation not permitted\n", 1},
		{"memory within the limit", []string{"--memory", "64m", "--memory-swap", "64m"}, "stress --memory 16m --seconds 1", `16.0MB taken and written to\n`, "", 0},
		{"memory beyond the limit", []string{"--memory", "32m", "--memory-swap", "32m"}, "stress --memory 100m --seconds 1", ``, "", 137},
		{"processes beyond the limit", []string{"--pids-limit", "20"}, "stress --procs 30 --seconds 1", ``, "Resource temporarily unavailable", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(append([]string{"run", "--rm"}, c.flags...), "toolbox", "sh", "-c", c.script)
			o := d.run(args...)
			if o.status != c.status || !matches(c.stdout, o.stdout) || !strings.Contains(o.stderr, c.stderr) || (c.stderr == "") != (o.stderr == "") {
				t.Errorf("status %d, stdout %q, stderr %q\nwant status %d, stdout %s, stderr with %q", o.status, o.stdout, o.stderr, c.status, c.stdout, c.stderr)
			}
		})
	}
}

// TestToolboxSignals: as PID 1, a program without a handler is not ended by
// SIGTERM, and one with a handler ends itself.
func TestToolboxSignals(t *testing.T) {
	d := startDaemon(t)
	d.run("pull", "-q", "toolbox").must(t)
	t.Run("greeter", func(t *testing.T) {
		x := d.ticking(t, "greeter")
		x.catches(t, "0000000000004002") // SIGTERM, and SIGINT
		x.terminate(t)
		if rest, err := io.ReadAll(x.said); err != nil || !strings.HasSuffix(string(rest), "got SIGTERM, bye\n") {
			t.Errorf("%q %v", rest, err)
		}
		if err := awaitExit(t, x.client); err != nil {
			t.Errorf("status 0 is wanted: %v", err)
		}
	})
	t.Run("deaf", func(t *testing.T) {
		x := d.ticking(t, "deaf")
		x.catches(t, "0000000000000000")
		x.terminate(t)
		if line, err := x.said.ReadString('\n'); err != nil || !strings.HasPrefix(line, "tick ") {
			t.Errorf("after SIGTERM: %q %v", line, err)
		}
		d.endTicking(t, x)
	})
	t.Run("orphans", func(t *testing.T) {
		x := d.ticking(t, "sh", "-c", "(sleep 0.2; exec orphans 2 >/dev/null) & exec deaf")
		deadline := time.Now().Add(patience)
		for zombies := 0; zombies != 3; zombies = 0 { // the two, and the child that left them
			for _, p := range allProcesses() {
				if p.parent == x.pid && p.state == "Z" {
					zombies++
				}
			}
			if zombies == 3 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d zombies", zombies)
			}
			time.Sleep(20 * time.Millisecond)
		}
		d.endTicking(t, x)
	})
}

// ticking is a container whose first process prints a line a second.
type ticking struct {
	client *exec.Cmd
	said   *bufio.Reader
	pid    int // of the container's first process, as the host numbers it
}

// ticking starts one, and returns when it has printed its first line.
func (d *testDaemon) ticking(t *testing.T, command ...string) *ticking {
	t.Helper()
	x := &ticking{client: exec.Command(program(t), append([]string{"run", "--rm", "--name", "ticking", "toolbox"}, command...)...)}
	x.client.Env = append(os.Environ(), "DOCKER_HOST="+d.host)
	out, err := x.client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.client.Start(); err != nil {
		t.Fatal(err)
	}
	x.said = bufio.NewReader(out)
	if line, err := x.said.ReadString('\n'); err != nil || line != "tick 1 (pid 1)\n" {
		t.Fatalf("%q %v", line, err)
	}
	for _, p := range allProcesses() {
		if command := commandLine(p.pid); p.descends(d.pid()) && (command == "deaf" || command == "greeter") {
			x.pid = p.pid
			return x
		}
	}
	t.Fatal("its process is not there")
	return nil
}

func (x *ticking) catches(t *testing.T, want string) {
	t.Helper()
	status := readText(t, fmt.Sprintf("/proc/%d/status", x.pid))
	for _, line := range []string{"SigCgt:\t" + want, "SigIgn:\t0000000000000000", fmt.Sprintf("NSpid:\t%d\t1", x.pid)} {
		if !strings.Contains(status, "\n"+line+"\n") {
			t.Errorf("no %q:\n%s", line, status)
		}
	}
}

func (x *ticking) terminate(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(x.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// endTicking removes one that does not end by itself.
func (d *testDaemon) endTicking(t *testing.T, x *ticking) {
	t.Helper()
	d.run("rm", "-f", "ticking").must(t)
	_, _ = io.Copy(io.Discard, x.said) // up to its end
	if err := awaitExit(t, x.client); err == nil || x.client.ProcessState.ExitCode() != 137 {
		t.Errorf("%v, want status 137", err)
	}
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// bench is a daemon, and a busybox image that it has.
type bench struct {
	*testDaemon
	registry, image string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	d := startDaemon(t)
	b := &bench{testDaemon: d, registry: memoryRegistry(t)}
	b.image = b.registry + "/bb:latest"
	push(t, b.image, busyboxImage(t))
	d.run("pull", "-q", b.image).must(t)
	return b
}

// shell runs a shell script in a container, with further flags.
func (b *bench) shell(t *testing.T, script string, flags ...string) outcome {
	t.Helper()
	args := append(append([]string{"run", "--rm"}, flags...), b.image, "sh", "-c", script)
	return clientCommand(t, b.host, nil, program(t), args...)
}

// groupFile is a script that prints a limit as either version of control
// groups shows it.
func groupFile(v1, v2 string) string {
	return fmt.Sprintf("cd /sys/fs/cgroup; if [ -e cgroup.controllers ]; then cat %s; else cat %s; fi; ", v2, v1)
}

// TestInside looks around in a container: the facts are those that Docker's
// show.
func TestInside(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name   string
		flags  []string
		script string
		stdout string // expression for all of it
		stderr string // part of it; "" is none at all
		status int
	}{
		{"capabilities", nil, "grep ^Cap /proc/self/status",
			`CapInh:\t0{16}\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0{16}\n`, "", 0},
		{"capabilities of an ordinary user", []string{"-u", "1000:1000"}, "grep ^Cap /proc/self/status",
			`CapInh:\t0{16}\nCapPrm:\t0{16}\nCapEff:\t0{16}\nCapBnd:\t00000000a80425fb\nCapAmb:\t0{16}\n`, "", 0},
		{"no capabilities", []string{"--cap-drop", "ALL"}, "grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status", `(Cap...:\t0{16}\n){3}`, "", 0},
		{"all but one", []string{"--cap-drop", "CHOWN"}, "touch /tmp/f; chown 1:1 /tmp/f", ``, "Operation not permitted", 1},
		{"one more", []string{"--cap-add", "SYS_ADMIN"}, "mount -t tmpfs none /tmp && echo mounted", `mounted\n`, "", 0},
		{"seccomp", nil, "grep -E '^(NoNewPrivs|Seccomp|Seccomp_filters):' /proc/self/status", `NoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n`, "", 0},
		{"no new privileges", []string{"--security-opt", "no-new-privileges"}, "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\t1\n`, "", 0},
		{"unconfined", []string{"--security-opt", "seccomp=unconfined"}, "grep Seccomp: /proc/self/status", `Seccomp:\t0\n`, "", 0},
		{"the first process", nil, "echo $$; grep -E '^(NSpid|PPid):' /proc/1/status; cat /proc/1/comm; true", `1\nPPid:\t0\nNSpid:\t1\nsh\n`, "", 0},
		{"its descriptors", nil, "ls /proc/1/fd; true", `0\n1\n2\n`, "", 0},
		{"its environment", []string{"-e", "A=1", "-e", "FROM_IMAGE=no", "-e", "NOT_SET_ANYWHERE", "-e", "EMPTY=", "--hostname", "h"}, "env | grep -v ^PWD= | grep -v ^SHLVL= | sort",
			`A=1\nEMPTY=\nFROM_IMAGE=no\nHOME=/root\nHOSTNAME=h\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n`, "", 0},
		{"root", nil, "id -u; id -g; pwd; touch /x && stat -c %u:%g /x", `0\n0\n/\n0:0\n`, "", 0},
		{"another user", []string{"-u", "1000:1000"}, "id -u; id -g; id -G; touch /tmp/x && stat -c %u:%g /tmp/x; touch /x", `1000\n1000\n1000\n1000:1000\n`, "Permission denied", 1},
		{"a user by name", []string{"-u", "ada"}, "id -u; id -g; id -G; echo $HOME", `1815\n1852\n1852\n/home/ada\n`, "", 0},
		{"a user without an entry", []string{"-u", "4711"}, "id -u; id -g; echo $HOME", `4711\n0\n/\n`, "", 0},
		{"working directory", []string{"-w", "/a/new/one"}, "pwd; stat -c %u:%g:%a .", `/a/new/one\n0:0:755\n`, "", 0},
		{"host name", []string{"--hostname", "mine"}, "hostname; cat /etc/hostname; grep -c '[[:space:]]mine$' /etc/hosts; echo $HOSTNAME", `mine\nmine\n1\nmine\n`, "", 0},
		{"hosts", nil, "hostname | tr -d '\\n' | wc -c; grep -c \"^127.0.0.1[[:space:]]*localhost$\" /etc/hosts; grep -cE \"^172\\.30\\.[0-9]+\\.[0-9]+[[:space:]]$(hostname)$\" /etc/hosts", `12\n1\n1\n`, "", 0},
		{"a bridge", nil, "ls /sys/class/net; ip route | grep -c '^default via 172.30.*dev eth0'", `eth0\nlo\n1\n`, "", 0},
		{"no network", []string{"--network", "none"}, "ls /sys/class/net; ip addr show lo | grep -c 'inet 127.0.0.1'; ip route", `lo\n1\n`, "", 0},
		{"devices", nil, "ls /dev", `fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n`, "", 0},
		{"devices work", nil, "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; readlink /dev/ptmx; readlink /dev/fd; echo err >/dev/stderr; echo out >/dev/stdout", `3\n3\npts/ptmx\n/proc/self/fd\nout\n`, "err", 0},
		{"/sys cannot be written", nil, "mkdir /sys/fs/cgroup/x", ``, "Read-only file system", 1},
		{"kernel settings cannot be written", nil, "echo x >/proc/sys/kernel/hostname", ``, "Read-only file system", 1},
		{"kernel settings cannot be removed from under the mount", nil, "mv /proc/sys /tmp || umount /proc/sys", ``, "not permitted", 1},
		{"mount", nil, "mount -t tmpfs none /tmp", ``, "ermission denied", 1},
		{"bind mount", nil, "mount -o bind /bin /tmp", ``, "ermission denied", 1},
		{"remount", nil, "mount -o remount,rw /proc/sys", ``, "ermission denied", 1},
		{"new namespaces", nil, "unshare -m true", ``, "Operation not permitted", 1},
		{"a user namespace", nil, "unshare -U true", ``, "Operation not permitted", 1},
		{"read-only root", []string{"--read-only"}, "touch /x", ``, "Read-only file system", 1},
		{"read-only root, but for what is mounted", []string{"--read-only"}, "touch /dev/shm/x && echo done", `done\n`, "", 0},
		{"memory limit", []string{"--memory", "64m"}, groupFile("memory/memory.limit_in_bytes", "memory.max"), `67108864\n`, "", 0},
		{"CPU limit", []string{"--cpus", "0.5"}, groupFile("cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us", "cpu.max"), `50000[ \n]100000\n`, "", 0},
		{"process limit", []string{"--pids-limit", "20"}, groupFile("pids/pids.max", "pids.max"), `20\n`, "", 0},
		{"no limits", nil, groupFile("pids/pids.max", "pids.max"), `max\n`, "", 0},
		{"its own group is the root that it sees", nil, "grep -vc ':/$' /proc/self/cgroup || true", `[01]\n`, "", 0},
		{"a fork too many", []string{"--pids-limit", "5"}, "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done", ``, "can't fork", 2},
		{"a fork that fits", []string{"--pids-limit", "5"}, "for i in 1 2 3; do true & done; wait; echo done", `done\n`, "", 0},
		{"memory beyond the limit", []string{"--memory", "16m", "--memory-swap", "16m"}, "exec dd if=/dev/zero of=/dev/null bs=64M count=1", ``, "", 137},
		{"memory within the limit", []string{"--memory", "64m"}, "dd if=/dev/zero of=/dev/null bs=8M count=1 2>/dev/null && echo done", `done\n`, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := b.shell(t, c.script, c.flags...)
			if o.status != c.status || !matches(c.stdout, o.stdout) || !strings.Contains(o.stderr, c.stderr) || (c.stderr == "") != (o.stderr == "") {
				t.Errorf("status %d, stdout %q, stderr %q\nwant status %d, stdout %s, stderr with %q", o.status, o.stdout, o.stderr, c.status, c.stdout, c.stderr)
			}
		})
	}
}

// TestInsideMasks reads every path that must be covered, and writes to those
// that must not change. What this machine does not have is not there to cover.
func TestInsideMasks(t *testing.T) {
	b := newBench(t)
	masked := strings.Fields("/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware")
	thermal, err := filepath.Glob("/sys/devices/system/cpu/cpu*/thermal_throttle")
	if err != nil {
		t.Fatal(err)
	}
	masked = append(masked, thermal...)
	o := b.shell(t, "for p in "+strings.Join(masked, " ")+"; do if [ -d $p ]; then echo $p $(ls -A $p | wc -l); elif [ -e $p ]; then echo $p $(cat $p | wc -c); fi; done").must(t)
	seen := 0
	for line := range strings.Lines(o.stdout) {
		path, amount, _ := strings.Cut(strings.TrimSpace(line), " ")
		if seen++; amount != "0" {
			t.Errorf("%s shows %s bytes or entries", path, amount)
		}
	}
	if present := existing(masked); seen != len(present) {
		t.Errorf("%d masked paths seen, of %v", seen, present)
	}

	mounts := b.shell(t, "cat /proc/self/mountinfo").must(t).stdout
	for _, path := range existing(strings.Fields("/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /sys /sys/fs/cgroup")) {
		line := regexp.MustCompile(`(?m)^.* ` + regexp.QuoteMeta(path) + ` ro[, ].*$`).FindString(mounts)
		if line == "" {
			t.Errorf("%s is not mounted read-only:\n%s", path, mounts)
		}
	}
	for line := range strings.Lines(mounts) {
		if strings.Contains(line, " shared:") || strings.Contains(line, " master:") {
			t.Errorf("a mount that others see: %s", line)
		}
	}
}

func existing(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		_, err := os.Lstat(p)
		return err != nil
	})
}

// TestInsideRawDisk makes a node of one of the machine's disks, which a
// container may, and must not be able to open it.
func TestInsideRawDisk(t *testing.T) {
	b := newBench(t)
	major, minor := openDisk(t)
	script := fmt.Sprintf("mknod /tmp/disk b %d %d && ls -l /tmp/disk >&2 && head -c 1 /tmp/disk", major, minor)
	o := b.shell(t, script)
	if o.status == 0 || o.stdout != "" || !strings.Contains(o.stderr, "/tmp/disk: Operation not permitted") {
		t.Errorf("status %d, stdout %q, stderr %q", o.status, o.stdout, o.stderr)
	}
	if o := b.shell(t, "mknod /tmp/mem c 1 1; head -c 1 /tmp/mem"); o.status == 0 {
		t.Errorf("/dev/mem was read: %+v", o)
	}
}

// openDisk finds a disk that root can open: some virtual machines let nobody
// open the one that they run from. A loop device serves as well.
func openDisk(t *testing.T) (major, minor uint32) {
	t.Helper()
	node := filepath.Join(t.TempDir(), "disk")
	for line := range strings.Lines(readText(t, "/proc/partitions") + "7 0\n") {
		if n, _ := fmt.Sscan(line, &major, &minor); n != 2 {
			continue
		}
		if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(node)
		if err == nil {
			f.Close()
			return major, minor
		}
		if err := os.Remove(node); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("root can open no disk of this machine, and no loop device: modprobe loop")
	return 0, 0
}

// TestInsideFromOutside compares a running container's process with what the
// host sees of it.
func TestInsideFromOutside(t *testing.T) {
	b := newBench(t)
	id := strings.TrimSpace(b.run("run", "-d", "--name", "sleeper", b.image, "sleep", "1000").must(t).stdout)
	files, err := filepath.Glob("/sys/fs/cgroup/*/learndocker/" + id + "/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	unified, err := filepath.Glob("/sys/fs/cgroup/learndocker/" + id + "/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, unified...); len(files) == 0 {
		t.Fatal("the container has no control group")
	}
	pid := strings.TrimSpace(readText(t, files[0]))
	for _, f := range files {
		if got := strings.TrimSpace(readText(t, f)); got != pid {
			t.Errorf("%s holds %q, the others %q", f, got, pid)
		}
	}
	status := readText(t, "/proc/"+pid+"/status")
	if want := fmt.Sprintf("NSpid:\t%s\t1\n", pid); !strings.Contains(status, want) {
		t.Errorf("the host's view lacks %q:\n%s", want, status)
	}
	for _, ns := range []string{"mnt", "pid", "uts", "ipc", "net", "cgroup"} {
		inside, err := os.Readlink("/proc/" + pid + "/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		if outside, _ := os.Readlink("/proc/self/ns/" + ns); inside == outside {
			t.Errorf("the container shares the host's %s namespace", ns)
		}
	}
	fds, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	if len(fds) != 3 {
		t.Errorf("the container's first process has %d descriptors: %v", len(fds), fds)
	}
	b.run("rm", "-f", "sleeper").must(t)
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Error("the process outlives its container")
	}
}

// TestSmallestLimit: a limit of one process leaves room for a program of one
// process, every time; and nothing stays in the process table.
func TestSmallestLimit(t *testing.T) {
	d := startDaemon(t)
	for range 20 {
		o := d.run("run", "--rm", "--pids-limit", "1", "hello-world").must(t)
		if !strings.Contains(o.stdout, "Hello from learndocker!") {
			t.Fatalf("stdout %q", o.stdout)
		}
	}
	d.run("run", "--rm", "hello-world", "/no/such")
	for _, p := range allProcesses() {
		if p.parent == d.pid() {
			t.Errorf("the daemon still has a child: %s", p.line())
		}
	}
}

// TestStreams passes bytes in and out.
func TestStreams(t *testing.T) {
	b := newBench(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, c := range []struct {
		name    string
		flags   []string
		input   string
		command []string
		stdout  string
	}{
		{"input", []string{"-i"}, "hi\n", []string{"cat"}, "hi\n"},
		{"without -i there is none", nil, "hi\n", []string{"cat"}, ""},
		{"empty input ends", []string{"-i"}, "", []string{"cat"}, ""},
		{"a megabyte through both", []string{"-i"}, string(large), []string{"cat"}, string(large)},
		{"input that nobody reads", []string{"-i"}, string(large), []string{"true"}, ""},
		{"no line end", nil, "", []string{"sh", "-c", "printf '%s' a"}, "a"},
		{"bytes that are no text", []string{"-i"}, "\x00\xff\x1b[2J\r", []string{"cat"}, "\x00\xff\x1b[2J\r"},
		{"an entrypoint", []string{"--entrypoint", "echo"}, "", []string{"hi", "there"}, "hi there\n"},
		{"an entrypoint drops the image's command", []string{"--entrypoint", "echo"}, "", nil, "\n"},
		{"an image's command", []string{"-i"}, "echo read\n", nil, "read\n"},
		{"flags after the image are the program's", nil, "", []string{"echo", "--rm", "-x"}, "--rm -x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(append([]string{"run", "--rm"}, c.flags...), b.image)
			o := clientCommand(t, b.host, strings.NewReader(c.input), program(t), append(args, c.command...)...).must(t)
			if o.stdout != c.stdout || o.stderr != "" {
				t.Errorf("stdout of %d bytes %.60q, want %d bytes %.60q; stderr %q", len(o.stdout), o.stdout, len(c.stdout), c.stdout, o.stderr)
			}
		})
	}
	t.Run("many lines at once", func(t *testing.T) {
		o := b.shell(t, "seq 1 20000; seq 1 20000 >&2").must(t)
		for name, text := range map[string]string{"stdout": o.stdout, "stderr": o.stderr} {
			n, lines := 0, bufio.NewScanner(strings.NewReader(text))
			for lines.Scan() {
				if n++; lines.Text() != fmt.Sprint(n) {
					t.Fatalf("%s: line %d is %q", name, n, lines.Text())
				}
			}
			if n != 20000 {
				t.Errorf("%s: %d lines", name, n)
			}
		}
	})
}

// TestApart: what one container writes, another of the same image does not see.
func TestApart(t *testing.T) {
	b := newBench(t)
	b.run("run", "--name", "writer", b.image, "sh", "-c", "echo mine >/etc/added; touch /new; rm /etc/plain").must(t)
	o := b.shell(t, "cat /etc/added; ls /new; cat /etc/plain")
	if o.stdout != "by the second layer\nnot a program\n" || !strings.Contains(o.stderr, "/new: No such file") {
		t.Errorf("stdout %q, stderr %q", o.stdout, o.stderr)
	}
}

// TestLeakedDescriptors asks for working directories that are descriptors of
// whoever made the container (CVE-2024-21626).
func TestLeakedDescriptors(t *testing.T) {
	b := newBench(t)
	secret := hostSecret(t)
	for n := range 21 {
		o := b.shell(t, "cat ../../../../../../../../.."+secret+" ./"+filepath.Base(secret), "-w", fmt.Sprintf("/proc/self/fd/%d", n))
		if strings.Contains(o.stdout, "secret of the host") || o.status == 0 {
			t.Errorf("-w /proc/self/fd/%d: status %d, %q %q", n, o.status, o.stdout, o.stderr)
		}
	}
}

// hostSecret makes a file that no container may read.
func hostSecret(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("secret of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTraps runs images that were made to lead the engine out of the
// container's root while it prepares it. Whether they then run is theirs; the
// host must not change, nor be read.
func TestTraps(t *testing.T) {
	b := newBench(t)
	const up = "../../../../../../../../../.."
	for _, c := range []struct {
		name   string
		config ggcr.Config
		layer  func(host string) []entry
		runs   bool
	}{
		{"/proc is a link (CVE-2019-19921)", ggcr.Config{}, func(host string) []entry {
			return []entry{{name: "proc", kind: '2', link: up + host}}
		}, false},
		{"/sys is a link", ggcr.Config{}, func(host string) []entry { return []entry{{name: "sys", kind: '2', link: host}} }, false},
		{"/dev is a link (CVE-2026-41579)", ggcr.Config{}, func(host string) []entry {
			return []entry{{name: "dev", kind: '2', link: up + host}}
		}, false},
		{"/proc is a link that stays inside", ggcr.Config{}, func(string) []entry { return []entry{{name: "proc", kind: '2', link: "/tmp"}} }, false},
		{"/etc is a link to the host", ggcr.Config{}, func(host string) []entry {
			return []entry{{name: ".wh.etc"}, {name: "etc", kind: '2', link: up + host}}
		}, true},
		{"/etc/hosts is a link to the host", ggcr.Config{}, func(host string) []entry {
			return []entry{{name: "etc/hosts", kind: '2', link: up + host + "/secret"}, {name: "etc/hostname", kind: '2', link: host + "/made"}}
		}, true},
		{"/etc/passwd is a link to the host", ggcr.Config{User: "0"}, func(host string) []entry {
			return []entry{{name: "etc/passwd", kind: '2', link: up + host + "/secret"}}
		}, true},
		{"/etc/passwd is a fifo", ggcr.Config{User: "0"}, func(string) []entry { return []entry{{name: "etc/passwd", kind: '6'}} }, true},
		{"/etc/group is a device", ggcr.Config{User: "0"}, func(string) []entry { return []entry{{name: "etc/group", kind: '3'}} }, true},
		{"/etc/resolv.conf is a link to what is not there", ggcr.Config{}, func(string) []entry {
			return []entry{{name: "etc/resolv.conf", kind: '2', link: "../run/systemd/resolve/stub-resolv.conf"}}
		}, true},
		{"/etc/hosts is a link to itself", ggcr.Config{}, func(string) []entry { return []entry{{name: "etc/hosts", kind: '2', link: "hosts"}} }, false},
		{"/etc/hosts is a directory", ggcr.Config{}, func(string) []entry { return []entry{{name: "etc/hosts/", kind: '5'}} }, false},
		{"the working directory is a link", ggcr.Config{WorkingDir: "/out/made"}, func(host string) []entry {
			return []entry{{name: "out", kind: '2', link: up + host}}
		}, false},
		{"the working directory climbs", ggcr.Config{WorkingDir: "/" + up + "/made"}, func(string) []entry { return nil }, true},
		{"mount points below /dev are links", ggcr.Config{}, func(host string) []entry {
			return []entry{{name: "dev/", kind: '5'}, {name: "dev/shm", kind: '2', link: up + host}, {name: "dev/mqueue", kind: '2', link: host}, {name: "dev/null", kind: '2', link: host + "/secret"}}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			secret := hostSecret(t)
			host := filepath.Dir(secret)
			layers := busyboxLayers(t)
			if extra := c.layer(host); len(extra) > 0 {
				layers = append(layers, layerOf(t, extra...))
			}
			c.config.Env = []string{searchPath}
			c.config.Cmd = []string{"sh", "-c", "cat " + secret + " /etc/hosts /proc/secret 2>/dev/null; [ -p /etc/passwd ] || cat /etc/passwd; touch made; echo ran"}
			image := b.registry + "/trap:latest"
			push(t, image, imageOf(t, c.config, layers...))
			b.run("pull", "-q", image).must(t)
			o := b.run("run", "--rm", image)
			if strings.Contains(o.stdout, "secret of the host") {
				t.Errorf("the container read the host: %q", o.stdout)
			}
			if c.runs != strings.Contains(o.stdout, "ran") {
				t.Errorf("status %d, stdout %q, stderr %q, want it to run: %v", o.status, o.stdout, o.stderr, c.runs)
			}
			if !c.runs && o.status == 0 {
				t.Error("status 0 of a container that must be refused")
			}
			entries, err := os.ReadDir(host)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 || readText(t, secret) != "secret of the host\n" {
				t.Errorf("the host's directory was changed: %v", entries)
			}
			b.run("rmi", "-f", image).must(t)
		})
	}
}

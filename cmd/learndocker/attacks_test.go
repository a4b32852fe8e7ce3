//go:build linux

package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
)

// attackImage holds the program that asks for what must be refused.
func attackImage(t *testing.T) ggcr.Image {
	t.Helper()
	return goImage(t, "attacks", ggcr.Config{}, busyboxLayers(t)[:1]...)
}

// TestForbiddenCalls asks the kernel from inside a container, call by call, for
// what Docker's defaults forbid (attacks.md, security-baseline.md): whichever
// guard it is that refuses, it must be refused.
func TestForbiddenCalls(t *testing.T) {
	b := newBench(t)
	image := b.registry + "/attacks:latest"
	push(t, image, attackImage(t))
	b.run("pull", "-q", image).must(t)
	for _, flags := range [][]string{nil, {"-u", "1000"}, {"--security-opt", "no-new-privileges"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			o := b.run(append(append([]string{"run", "--rm"}, flags...), image)...).must(t)
			if o.stderr != "" {
				t.Error(o.stderr)
			}
			lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
			if len(lines) < 40 {
				t.Errorf("it tried only %d things", len(lines))
			}
			for _, line := range lines {
				name, how, _ := strings.Cut(line, ": ")
				if !refusedAsDocker(name, how) {
					t.Error(line)
				}
			}
		})
	}
}

// refusedAsDocker reports whether the error is one with which Docker's defaults
// refuse: by the filter, which says EPERM, or clone3's ENOSYS; by a read-only or
// masked path. What the kernel of this machine lacks cannot be asked for.
func refusedAsDocker(name, how string) bool {
	if name == "clone3" {
		return how == "ENOSYS" // the C library then takes clone, which can be looked into
	}
	if !strings.HasPrefix(name, "write ") {
		return how == "EPERM"
	}
	switch how {
	case "EROFS", "masked", "EACCES", "ENOENT":
		return true
	case "ETXTBSY":
		return name == "write /proc/self/exe" // its own program, and not the engine's
	}
	return false
}

// TestForbiddenWithoutFilter takes the filter away, as a user may: capabilities
// and mounts still hold.
func TestForbiddenWithoutFilter(t *testing.T) {
	b := newBench(t)
	image := b.registry + "/attacks:latest"
	push(t, image, attackImage(t))
	b.run("pull", "-q", image).must(t)
	o := b.run("run", "--rm", "--security-opt", "seccomp=unconfined", image).must(t)
	for line := range strings.Lines(o.stdout) {
		name, how, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "mount", "umount2", "pivot_root", "setns", "open_by_handle_at", "kexec_load", "init_module", "reboot", "swapon", "acct", "unshare mount":
			if how == "DONE" {
				t.Error(line)
			}
		}
		if strings.HasPrefix(name, "write ") && !refusedAsDocker(name, how) {
			t.Error(line)
		}
	}
}

// TestHostIsOutOfReach: what a container can name of the machine's processes,
// keys and files is nothing.
func TestHostIsOutOfReach(t *testing.T) {
	b := newBench(t)
	secret := hostSecret(t)
	for _, c := range []struct{ name, script string }{
		{"its first process's root is its own", "cat /proc/1/root" + secret},
		{"its own root is its own", "cat /proc/self/root" + secret + " /proc/self/cwd/../../../.." + secret},
		{"no process of the host", "kill -0 " + strings.TrimSpace(tool(t, "sh", "-c", "echo $PPID"))},
		{"no memory of the host", "head -c 1 /dev/mem || head -c 1 /dev/kmem || head -c 1 /dev/port"},
		{"no log of the kernel", "cat /dev/kmsg"},
		{"no descriptor beyond three", "for f in /proc/1/fd/*; do case $f in */0|*/1|*/2) ;; *) cat $f/.." + secret + " && exit 0;; esac; done; false"},
		{"no other root by chroot", "mkdir /tmp/a && cd / && chroot /tmp/a /bin/sh -c 'cat ../../../../.." + secret + "'"},
		{"no group to leave", "echo 1 >/sys/fs/cgroup/cgroup.procs || echo 1 >/sys/fs/cgroup/memory/cgroup.procs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if o := b.shell(t, c.script); o.status == 0 || strings.Contains(o.stdout, "secret of the host") {
				t.Errorf("status %d, stdout %q, stderr %q", o.status, o.stdout, o.stderr)
			}
		})
	}
	if runtime.GOARCH == "amd64" { // another table of calls: the filter must hold in it as well
		if o := b.shell(t, "grep Seccomp: /proc/self/status"); o.stdout != "Seccomp:\t2\n" {
			t.Errorf("%+v", o)
		}
	}
}

// TestExecIsNoWayOut: a further program has no more than the first: no descriptor
// of the engine's to work from (CVE-2024-21626), no way to the engine's own
// program (CVE-2019-5736), the same rights and the same filter.
func TestExecIsNoWayOut(t *testing.T) {
	b := newBench(t)
	secret := hostSecret(t)
	id := strings.TrimSpace(b.run("run", "-d", b.image, "sleep", "1000").must(t).stdout)
	for fd := 3; fd < 64; fd++ {
		o := b.run("exec", "-w", fmt.Sprintf("/proc/self/fd/%d", fd), id, "cat", "../../../../../../.."+secret)
		if o.status == 0 || strings.Contains(o.stdout, "secret of the host") {
			t.Errorf("from descriptor %d: %+v", fd, o)
		}
	}
	if o := b.run("exec", id, "/proc/self/exe", "version"); o.status == 0 || strings.Contains(o.stdout, "Version") {
		t.Errorf("the engine's own program: %+v", o)
	}
	if o := b.run("exec", id, "sh", "-c", "for f in /proc/$$/fd/*; do [ ! -e $f ] || echo ${f##*/}; done").must(t); o.stdout != "0\n1\n2\n" {
		t.Errorf("descriptors of an exec: %q, %q", o.stdout, o.stderr)
	}
	const rights = "grep -E '^(Cap...|NoNewPrivs|Seccomp|Groups):' /proc/%s/status"
	first := b.run("exec", id, "sh", "-c", fmt.Sprintf(rights, "1")).must(t).stdout
	if further := b.run("exec", id, "sh", "-c", fmt.Sprintf(rights, "self")).must(t).stdout; further != first || !strings.Contains(first, "Seccomp:\t2") {
		t.Errorf("an exec's rights:\n%s\nthe first process's:\n%s", further, first)
	}
}

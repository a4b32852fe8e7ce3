//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutwards lets a container ask a machine that knows no way to it: what
// arrives there must have the address of the container's own machine. Both
// machines are network namespaces, joined by a cable.
func TestOutwards(t *testing.T) {
	here, there := namespaceOfNet(t), namespaceOfNet(t)
	tool(t, "ip", "link", "add", "outside", "netns", here, "type", "veth", "peer", "name", "eth0", "netns", there)
	for _, words := range []string{here + " addr add 198.51.100.1/24 dev outside", here + " link set outside up", there + " addr add 198.51.100.2/24 dev eth0", there + " link set eth0 up"} {
		ns, command, _ := strings.Cut(words, " ")
		tool(t, "nsenter", append([]string{"-t", ns, "-n", "ip"}, strings.Fields(command)...)...)
	}
	tool(t, "nsenter", "-t", here, "-n", "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")
	echo := goProgram(t, "echo")
	start(t, "nsenter", "-t", there, "-n", echo)

	d := startDaemon(t, "nsenter", "-t", here, "-n")
	ask := func(name string) outcome {
		return d.run("run", "--rm", "--name", name, "toolbox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo hello | nc 198.51.100.2 80 && break; sleep 0.1; done")
	}
	d.run("pull", "-q", "toolbox").must(t)
	if o := ask("asks").must(t); o.stdout != "hello\n 198.51.100.1" {
		t.Errorf("%+v", o)
	}
	rules := tool(t, "nsenter", "-t", here, "-n", "nft", "list", "ruleset")
	if !strings.Contains(rules, "masquerade") {
		t.Errorf("rules: %s", rules)
	}
	d.end()
	if rules := tool(t, "nsenter", "-t", here, "-n", "nft", "list", "ruleset"); strings.TrimSpace(rules) != "" {
		t.Errorf("the daemon left rules: %s", rules)
	}
	if left := tool(t, "nsenter", "-t", here, "-n", "cat", "/proc/sys/net/ipv4/ip_forward"); left != "0\n" {
		t.Errorf("forwarding was off, and is left at %q", left)
	}
}

// namespaceOfNet makes a network namespace and returns the number of a process
// that stays in it for the length of the test.
func namespaceOfNet(t *testing.T) string {
	t.Helper()
	needRoot(t)
	need(t, "ip", "iproute2")
	need(t, "nft", "nftables")
	cmd := start(t, "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 1000")
	return fmt.Sprint(cmd.Process.Pid)
}

// goProgram builds a program of testdata and returns its path.
func goProgram(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", path, "./testdata/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return path
}

// start starts a command that stays until the end of the test, and waits for its
// first line.
func start(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it does not end by itself
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatalf("%v says nothing: %v", words, err)
	}
	return cmd
}

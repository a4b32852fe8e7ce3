//go:build linux

package main

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
)

// sleeper runs a container that stays, and returns its id.
func (b *bench) sleeper(t *testing.T, name string, flags ...string) string {
	t.Helper()
	args := append(append([]string{"run", "-d", "--name", name}, flags...), b.image, "sleep", "1000")
	return strings.TrimSpace(b.run(args...).must(t).stdout)
}

// inside runs a shell script in a container that runs.
func (b *bench) inside(container, script string) outcome {
	return b.run("exec", container, "sh", "-c", script)
}

func (b *bench) addressOn(t *testing.T, container, network string) string {
	t.Helper()
	return strings.TrimSpace(b.run("inspect", "-f", fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", network), container).must(t).stdout)
}

const (
	pingOnce    = "ping -c 1 -W 5 "
	pingNothing = "ping -c 1 -W 1 "
)

// TestNetworkNames: containers of a network find each other by name, alias and id.
func TestNetworkNames(t *testing.T) {
	b := newBench(t)
	b.run("network", "create", "mine").must(t)
	id := b.sleeper(t, "first", "--network", "mine", "--network-alias", "web", "--network-alias", "site")
	b.sleeper(t, "second", "--network", "mine", "--link", "first:linked")
	address := b.addressOn(t, "first", "mine")
	for _, name := range []string{"first", "FIRST", "web", "site", id[:12], "first.mine", "linked", address} {
		if o := b.inside("second", pingOnce+name); o.status != 0 || !strings.Contains(o.stdout, "("+address+")") {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if o := b.inside("first", "nslookup linked"); o.status == 0 {
		t.Errorf("a link is another's, too: %+v", o)
	}
	if o := b.inside("second", "nslookup "+address).must(t); !strings.Contains(o.stdout, "first.mine") {
		t.Errorf("in reverse: %s", o.stdout)
	}
	if o := b.inside("first", "cat /etc/resolv.conf").must(t); !strings.Contains(o.stdout, "nameserver 127.0.0.11\n") || !strings.Contains(o.stdout, "ndots:0") || strings.Count(o.stdout, "nameserver") != 1 {
		t.Errorf("resolv.conf: %s", o.stdout)
	}
	if o := b.run("run", "--rm", "--network", "container:second", b.image, "sh", "-c", pingOnce+"web"); o.status != 0 {
		t.Errorf("who shares the network: %+v", o)
	}
	for range 2 {
		if got := askNames(t, b.pidOf(t, "second"), "web."); !slices.Equal(got, []string{address, address}) {
			t.Errorf("over TCP: %v, want %s for each question", got, address)
		}
	}
	b.run("rename", "first", "renamed").must(t)
	if o := b.inside("second", pingOnce+"renamed"); o.status != 0 {
		t.Errorf("by its new name: %+v", o)
	}
	b.run("restart", "-t", "0", "renamed").must(t)
	if o := b.inside("second", pingOnce+"web"); o.status != 0 {
		t.Errorf("started anew: %+v", o)
	}
}

// TestNetworksApart: containers of other networks reach one neither by name nor by
// address.
func TestNetworksApart(t *testing.T) {
	b := newBench(t)
	for _, n := range []string{"mine", "other"} {
		b.run("network", "create", n).must(t)
	}
	b.sleeper(t, "first", "--network", "mine")
	b.sleeper(t, "elsewhere", "--network", "other")
	b.sleeper(t, "plain")
	address := b.addressOn(t, "first", "mine")
	for _, from := range []string{"elsewhere", "plain"} {
		for _, to := range []string{"first", address} {
			if o := b.inside(from, pingNothing+to); o.status == 0 {
				t.Errorf("%s reaches %s: %s", from, to, o.stdout)
			}
		}
	}
	if o := b.inside("first", pingNothing+b.addressOn(t, "plain", "bridge")); o.status == 0 {
		t.Errorf("a network of one's own reaches the standard one: %s", o.stdout)
	}
}

// TestNetworkConnect: a container that runs is put on a network and taken off it.
func TestNetworkConnect(t *testing.T) {
	b := newBench(t)
	b.run("network", "create", "aaa").must(t)
	b.run("network", "create", "--subnet", "10.213.7.0/24", "--gateway", "10.213.7.9", "--aux-address", "printer=10.213.7.1", "zzz").must(t)
	b.sleeper(t, "one", "--network", "zzz")
	b.sleeper(t, "two", "--network", "aaa")
	has := func(when, script, want string) {
		t.Helper()
		if o := b.inside("one", script); o.status != 0 || !strings.Contains(o.stdout, want) {
			t.Errorf("%s: %s: want %q: %+v", when, script, want, o)
		}
	}
	if got := b.addressOn(t, "one", "zzz"); got != "10.213.7.2" {
		t.Errorf("the first address is %s", got)
	}
	has("alone", "ip route", "default via 10.213.7.9 dev eth0")
	b.run("network", "connect", "--alias", "uno", "aaa", "one").must(t)
	has("connected", "ip addr show eth1", b.addressOn(t, "one", "aaa")+"/24")
	has("connected", pingOnce+"two", "("+b.addressOn(t, "two", "aaa")+")")
	has("the first network by name has the way out", "ip route", "dev eth1")
	if o := b.inside("two", pingOnce+"uno"); o.status != 0 {
		t.Errorf("by its alias there: %+v", o)
	}
	has("connected", "cat /etc/hosts", b.addressOn(t, "one", "aaa"))
	if o := b.run("network", "connect", "aaa", "one"); o.status != 1 || !strings.Contains(o.stderr, "endpoint with name one already exists in network aaa") {
		t.Errorf("twice: %+v", o)
	}
	if o := b.run("network", "rm", "aaa"); o.status != 1 || !strings.Contains(o.stderr, "has active endpoints") {
		t.Errorf("removed while it is used: %+v", o)
	}
	b.run("network", "disconnect", "aaa", "one").must(t)
	has("disconnected", "ip route", "default via 10.213.7.9 dev eth0")
	if o := b.inside("one", "ip link show eth1"); o.status == 0 {
		t.Errorf("disconnected, it has %s", o.stdout)
	}
	if o := b.inside("two", "nslookup uno"); o.status == 0 {
		t.Errorf("its alias stays: %+v", o)
	}
	b.run("network", "connect", "--ip", "10.213.7.77", "zzz", "two").must(t)
	has("a fixed address", pingOnce+"two", "(10.213.7.77)")
	for address, want := range map[string]string{
		"10.213.7.77": "Address already in use", "10.213.7.9": "Address already in use", "10.213.7.1": "Address already in use",
		"10.213.8.1": "It does not belong to any of this network's subnets", "10.213.7.255": "It does not belong to any of this network's subnets",
	} {
		if o := b.run("run", "--rm", "--network", "zzz", "--ip", address, b.image, "true"); o.status != 125 || !strings.Contains(o.stderr, want) {
			t.Errorf("%s: %+v", address, o)
		}
	}
	b.run("stop", "-t", "0", "two").must(t)
	b.run("network", "disconnect", "aaa", "two").must(t)
	b.run("start", "two").must(t)
	if got := b.addressOn(t, "two", "zzz"); got != "10.213.7.77" {
		t.Errorf("started anew it has the address %s", got)
	}
	if o := b.inside("two", "ip -o link | grep -c eth"); o.stdout != "1\n" {
		t.Errorf("started anew it has %s interfaces", o.stdout)
	}
}

// TestNetworkInternal: nothing goes out of an internal network, not even a question
// about a name.
func TestNetworkInternal(t *testing.T) {
	b := newBench(t)
	server := nameServer(t)
	b.run("network", "create", "--internal", "within").must(t)
	b.run("network", "create", "open").must(t)
	b.sleeper(t, "one", "--network", "within", "--dns", server)
	b.sleeper(t, "two", "--network", "within", "-p", "127.0.0.1::80")
	b.sleeper(t, "free", "--network", "open", "--dns", server)
	if o := b.inside("one", pingOnce+"two"); o.status != 0 {
		t.Errorf("a neighbour: %+v", o)
	}
	if o := b.inside("one", "ip route").must(t); strings.Contains(o.stdout, "default") {
		t.Errorf("it has a way out: %s", o.stdout)
	}
	if o := b.inside("one", "nslookup outside.example"); o.status == 0 {
		t.Errorf("its question went out: %+v", o)
	}
	if o := b.inside("free", "nslookup outside.example").must(t); !strings.Contains(o.stdout, "192.0.2.33") {
		t.Errorf("the question of another: %s", o.stdout)
	}
	if o := b.run("port", "two").must(t); o.stdout != "" {
		t.Errorf("it is published at %s", o.stdout)
	}
	// Even who makes himself a way gets no answer.
	b.sleeper(t, "sly", "--network", "within", "--cap-add", "NET_ADMIN")
	gateway := strings.TrimSpace(b.run("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "within").must(t).stdout)
	b.inside("sly", "ip route add default via "+gateway).must(t)
	if o := b.inside("sly", pingNothing+b.addressOn(t, "free", "open")); o.status == 0 {
		t.Errorf("the sly one reaches %s", o.stdout)
	}
}

// TestNetworkPorts: a port that is published leads to the container, by whichever
// network it is on.
func TestNetworkPorts(t *testing.T) {
	b := newBench(t)
	image := b.registry + "/echo:latest"
	push(t, image, goImage(t, "echo", ggcr.Config{}))
	b.run("pull", "-q", image).must(t)
	b.run("network", "create", "mine").must(t)
	b.run("network", "create", "next").must(t)
	b.run("run", "-d", "--name", "echo", "--network", "mine", "-p", "127.0.0.1::80", image).must(t)
	b.awaitSaid(t, "echo", "ready")
	at := b.portsOf(t, "echo", "80/tcp")[0]
	answers := func(when, network string) {
		t.Helper()
		gateway := strings.TrimSpace(b.run("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network).must(t).stdout)
		if got, err := askTCP(at, "hello"); err != nil || got != "hello "+gateway {
			t.Errorf("%s: %q, %v", when, got, err)
		}
	}
	answers("on one network", "mine")
	b.run("network", "connect", "next", "echo").must(t)
	b.run("network", "disconnect", "mine", "echo").must(t)
	answers("on another", "next")
	b.run("network", "disconnect", "next", "echo").must(t)
	if got, err := askTCP(at, "hello"); err == nil && got != "" {
		t.Errorf("on none: %q", got)
	}
}

// TestNetworkDefinitions: what there cannot be is refused, and what nobody uses is
// pruned.
func TestNetworkDefinitions(t *testing.T) {
	b := newBench(t)
	b.run("network", "create", "--subnet", "10.214.0.0/16", "--label", "keep=1", "-o", "com.docker.network.bridge.name=ldtest0", "mine").must(t)
	if _, err := net.InterfaceByName("ldtest0"); err != nil {
		t.Error(err)
	}
	for line, want := range map[string]string{
		"mine":                        "network with name mine already exists",
		"bridge":                      "operation is not permitted on predefined bridge network",
		"../x":                        "invalid network name",
		"--subnet 10.214.3.0/24 x":    "Pool overlaps with other one on this address space",
		"--subnet 10.0.0.0/31 x":      "invalid subnet",
		"--subnet fd00::/64 x":        "IPv4",
		"--driver overlay x":          `plugin "overlay" not found`,
		"--ipam-driver nosuch x":      "nosuch",
		"-o com.docker.network.x=y x": "is not supported",
		"-o com.docker.network.bridge.name=../x x":    "is no name of an interface",
		"-o com.docker.network.bridge.name=ldtest0 x": "ldtest0 exists already",
		"-o com.docker.network.bridge.name=lo x":      "lo exists already",
	} {
		o := b.run(append([]string{"network", "create"}, strings.Fields(line)...)...)
		if o.status != 1 || !strings.Contains(o.stderr, want) {
			t.Errorf("%s: want %q: %+v", line, want, o)
		}
	}
	tool(t, "nft", "add", "table", "ip", "ldtest1")
	t.Cleanup(func() {
		if err := exec.Command("nft", "delete", "table", "ip", "ldtest1").Run(); err != nil {
			t.Errorf("a table of somebody else has gone with the network: %v", err)
		}
	})
	b.run("network", "create", "-o", "com.docker.network.bridge.name=ldtest1", "named").must(t)
	b.run("network", "rm", "named").must(t)
	b.run("network", "create", "used").must(t)
	b.run("network", "create", "unused").must(t)
	b.sleeper(t, "user", "--network", "used")
	if o := b.run("network", "prune", "-f", "--filter", "label!=keep").must(t); o.stdout != "Deleted Networks:\nunused\n\n" {
		t.Errorf("%q", o.stdout)
	}
	if o := b.run("network", "ls", "--format", "{{.Name}}").must(t); o.stdout != "bridge\nhost\nmine\nnone\nused\n" {
		t.Errorf("there are %q", o.stdout)
	}
	if o := b.run("network", "ls", "-q", "--filter", "dangling=true", "--filter", "type=custom", "--format", "{{.Name}}").must(t); o.stdout != "mine\n" {
		t.Errorf("nobody is on %q", o.stdout)
	}
}

// TestNetworksOutliveTheDaemon: its definitions are there for the next one, its
// bridges and rules are not left, however it ends.
func TestNetworksOutliveTheDaemon(t *testing.T) {
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	need(t, "nft", "nftables")
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			c := newCell(t, asRoot)
			host, data := "unix://"+filepath.Join(c.home(), "docker.sock"), filepath.Join(c.tmp(), "data")
			daemon := func() {
				c.start(nil, nil, "daemon", "-H", host, "--data-root", data)
				c.ready(host)
			}
			run := func(args ...string) outcome { return clientCommand(t, host, nil, program(t), args...) }
			daemon()
			id := strings.TrimSpace(run("network", "create", "--subnet", "10.215.0.0/24", "mine").must(t).stdout)
			run("network", "create", "chosen").must(t)
			run("run", "-d", "--name", "one", "--network", "mine", "--ip", "10.215.0.5", image, "sleep", "1000").must(t)
			bridge := "br-" + id[:12]
			c.note()
			if err := syscall.Kill(c.pid, signal); err != nil {
				t.Fatal(err)
			}
			c.finish()
			if signal == syscall.SIGTERM {
				gone(t, bridge)
			}
			daemon()
			gone(t, bridge)
			if o := run("network", "ls", "-q", "--no-trunc", "--filter", "name=mine").must(t); strings.TrimSpace(o.stdout) != id {
				t.Errorf("mine was %s, and is %s", id, o.stdout)
			}
			run("start", "one").must(t)
			run("run", "--rm", "--network", "mine", image, "sh", "-c", pingOnce+"one").must(t)
			run("run", "--rm", "--network", "chosen", image, "true").must(t)
			c.note()
			if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := c.finish(); status != 0 {
				t.Errorf("the daemon ended with status %d: %s", status, c.stderr.String())
			}
			gone(t, bridge)
			c.left(false)
		})
	}
}

// gone fails where a bridge, or its rules, are there.
func gone(t *testing.T, bridge string) {
	t.Helper()
	if _, err := net.InterfaceByName(bridge); err == nil {
		t.Errorf("%s is there", bridge)
	}
	rules, err := exec.Command("nft", "list", "tables").Output()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(strings.Split(string(rules), "\n"), func(l string) bool { return strings.Contains(l, bridge) }) {
		t.Errorf("there are rules of %s", bridge)
	}
}

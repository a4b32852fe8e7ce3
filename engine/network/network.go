//go:build linux

// Package network gives containers their interfaces: each network is a bridge,
// and for each container on it there is a veth pair with one end on the bridge
// and the other, eth0, in the container's network namespace. See veth(4).
package network

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Modes of a container's network, Docker's names; they are also the names of
// networks that are always there.
const (
	Bridge = "bridge"
	None   = "none"
	Host   = "host"
)

// aliasPrefix marks a bridge as a learndocker daemon's. The rest of the alias is
// the daemon's data root: a bridge whose daemon has been killed is known by it.
const aliasPrefix = "learndocker "

// maxAlias is the kernel's IFALIASZ less the final zero, in bytes.
const maxAlias = 255

var namePattern = regexp.MustCompile(`^learndocker\d{1,3}$`)

func alias(dataRoot string) string {
	a := aliasPrefix + dataRoot
	return a[:min(len(a), maxAlias)]
}

// Networks are a daemon's: that which each has, whose bridge is made when the
// first container asks, and those that users have made.
type Networks struct {
	alias      string
	dir        string // of the users' definitions
	refused    string // why there can be no bridge here; "" where there can
	masquerade bool   // containers are to reach beyond this machine

	forwarded bool // by us: the machine's forwarding was off

	mu        sync.Mutex
	standard  *bridge
	all       map[string]*bridge // by id, the standard one among them
	ways      map[string]string  // container → network that has its default route
	published map[string][]*passing
	resolvers map[string]*resolver

	leaving leaving
}

// Open prepares the networks of the daemon with that data root: it reads the
// users' and removes the bridges that a killed daemon left. A rootless daemon has
// no say over the host's interfaces: its containers get loopback only, and what
// it has of users' networks is refused to them. masquerade lets containers reach
// beyond this machine, where the machine has what that takes.
func Open(dataRoot string, rootless, masquerade bool) (*Networks, error) {
	n := &Networks{
		alias: alias(dataRoot), dir: filepath.Join(dataRoot, "networks"), masquerade: masquerade,
		all: map[string]*bridge{}, ways: map[string]string{}, published: map[string][]*passing{}, resolvers: map[string]*resolver{},
	}
	n.standard = newBridge(standard(dataRoot))
	n.all[n.standard.ID] = n.standard
	if err := n.load(); err != nil {
		return nil, err
	}
	if rootless {
		n.refused = "an ordinary user may not add interfaces to the host's network namespace"
		return n, nil
	}
	return n, n.removeLeft()
}

func (n *Networks) removeLeft() error {
	left, err := Bridges()
	if err != nil {
		return err
	}
	for _, b := range left {
		if b.attrs.Alias != n.alias {
			continue
		}
		if err := b.Remove(); err != nil {
			return fmt.Errorf("remove the bridge of a killed daemon: %w", err)
		}
	}
	return nil
}

// Made is a bridge that some learndocker daemon has made.
type Made struct {
	Name     string
	DataRoot string // the daemon's; cut short where it is longer than an alias may be, "" in the moment before the bridge is marked
	attrs    *netlink.LinkAttrs
}

// Bridges lists the bridges of all learndocker daemons, living or not.
func Bridges() ([]Made, error) {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var made []Made
	for _, l := range links {
		a := l.Attrs()
		root, marked := strings.CutPrefix(a.Alias, aliasPrefix)
		unmarked := a.Alias == "" && namePattern.MatchString(a.Name)
		if l.Type() == "bridge" && (marked || unmarked) {
			made = append(made, Made{Name: a.Name, DataRoot: root, attrs: a})
		}
	}
	return made, nil
}

// whole lists again what has changed while it was listed, which the kernel tells
// by NLM_F_DUMP_INTR: other daemons come and go. On a machine that never rests the last
// list has to do.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	for range 20 {
		items, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return items, err
		}
	}
	items, err := list()
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return items, nil
	}
	return items, err
}

// Remove removes the bridge and its rules; one that has gone meanwhile is no error.
func (m Made) Remove() error {
	if err := untranslate(m.Name); err != nil {
		return fmt.Errorf("remove the rules of %s: %w", m.Name, err)
	}
	err := netlink.LinkDel(&netlink.Bridge{LinkAttrs: *m.attrs})
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// Close removes the bridges. The users' definitions stay for the next daemon.
func (n *Networks) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaving.all.Wait()
	var errs []error
	for _, b := range n.all {
		errs = append(errs, b.down())
	}
	return errors.Join(append(errs, n.unforward())...)
}

// isRefusal tells what the machine does not offer, or not to us, from what goes
// wrong.
func isRefusal(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM)
}

// refusal says why there is none of what.
func refusal(what string, err error) string {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return "this kernel cannot make " + what + ", or its module is not loaded"
	}
	return "this process may not add " + what + " to the host's network namespace"
}

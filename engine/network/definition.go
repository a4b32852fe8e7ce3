//go:build linux

package network

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	networktypes "github.com/moby/moby/api/types/network"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/sys"
)

// Kinds of refusals that callers tell apart with errors.Is.
var (
	ErrForbidden = errors.New("forbidden")
	ErrInvalid   = errors.New("invalid")
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("conflict")
)

// refused is an error of one kind in Docker's words.
type refusedError struct {
	kind error
	text string
}

func (e refusedError) Error() string { return e.text }
func (e refusedError) Unwrap() error { return e.kind }

func refuse(kind error, format string, args ...any) error {
	return refusedError{kind, fmt.Sprintf(format, args...)}
}

// Definition is what is kept of a network on disk.
type Definition struct {
	networktypes.Network
	Chosen bool `json:"chosen"` // its subnet is the user's choice
}

// Bounds on what users define.
const (
	maxNetworks = 256
	maxName     = 128
	maxSubnets  = 1
	minBits     = 8  // of a subnet
	maxBits     = 30 // the bridge and one container have to have room
	maxAux      = 256
)

// Options of Docker's bridge driver that this one knows.
const (
	optionName       = "com.docker.network.bridge.name"
	optionMasquerade = "com.docker.network.bridge.enable_ip_masquerade"
	optionMTU        = "com.docker.network.driver.mtu"
)

// standard is the network of containers that name none.
func standard(dataRoot string) Definition {
	d := Definition{Network: Fixed(dataRoot, Bridge, Bridge)}
	d.IPAM.Config = []networktypes.IPAMConfig{}
	d.Options = map[string]string{
		"com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.enable_icc": "true",
		"com.docker.network.bridge.enable_ip_masquerade": "true", "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
	}
	return d
}

// Fixed is a network that each daemon has, with an id that does not change.
func Fixed(dataRoot, name, driver string) networktypes.Network {
	id := sha256.Sum256([]byte("learndocker network " + name + " " + dataRoot))
	return networktypes.Network{
		Name: name, ID: hex.EncodeToString(id[:]), Created: time.Now(), Scope: "local", Driver: driver, EnableIPv4: true,
		IPAM: networktypes.IPAM{Driver: "default", Config: []networktypes.IPAMConfig{}}, Options: map[string]string{}, Labels: map[string]string{},
	}
}

// IsPredefined reports whether the network is always there.
func IsPredefined(name string) bool {
	return slices.Contains([]string{Bridge, None, Host, "default"}, name)
}

func (d Definition) gateway() netip.Addr {
	if g := d.IPAM.Config[0].Gateway; g.IsValid() {
		return g
	}
	first := d.IPAM.Config[0].Subnet.Masked().Addr().Next()
	for d.isAux(first) {
		first = first.Next()
	}
	return first
}

func (d Definition) isAux(a netip.Addr) bool {
	for _, c := range d.IPAM.Config {
		for _, aux := range c.AuxAddress {
			if aux == a {
				return true
			}
		}
	}
	return false
}

// linkName is the name of its bridge.
func (d Definition) linkName() string {
	if name := d.Options[optionName]; name != "" {
		return name
	}
	return "br-" + d.ID[:12]
}

func (d Definition) masqueraded() bool {
	on, err := strconv.ParseBool(d.Options[optionMasquerade])
	return !d.Internal && (err != nil || on)
}

// mtu is 0 for the kernel's own.
func (d Definition) mtu() int {
	n, _ := strconv.Atoi(d.Options[optionMTU]) // has been checked
	return n
}

var (
	validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	validLink = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,14}$`)
	validID   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// check refuses what cannot be, or is not done here.
func (d Definition) check() error {
	switch {
	case IsPredefined(d.Name):
		return refuse(ErrForbidden, "operation is not permitted on predefined %s network", d.Name)
	case len(d.Name) > maxName || !validName.MatchString(d.Name):
		return refuse(ErrInvalid, "invalid network name: %s", d.Name)
	case d.Driver != Bridge:
		return refuse(ErrNotFound, "plugin %q not found", d.Driver)
	case d.Scope != "local":
		return refuse(ErrInvalid, "this engine's networks are of scope local, not %s", d.Scope)
	case d.EnableIPv6:
		return refuse(ErrInvalid, "this engine's networks are IPv4")
	case d.IPAM.Driver != "default":
		return refuse(ErrInvalid, "could not find IPAM driver %q", d.IPAM.Driver)
	case d.Ingress || d.ConfigOnly || d.ConfigFrom.Network != "":
		return refuse(ErrForbidden, "this node is not a swarm manager")
	case len(d.IPAM.Config) > maxSubnets:
		return refuse(ErrInvalid, "bridge driver doesn't support multiple subnets")
	}
	if err := d.checkOptions(); err != nil {
		return err
	}
	for _, c := range d.IPAM.Config {
		if err := checkSubnet(c); err != nil {
			return err
		}
	}
	return nil
}

func (d Definition) checkOptions() error {
	for name, value := range d.Options {
		var err error
		switch name {
		case optionName:
			if !validLink.MatchString(value) {
				return refuse(ErrInvalid, "invalid value for %s: %q is no name of an interface", name, value)
			}
		case optionMasquerade:
			_, err = strconv.ParseBool(value)
		case optionMTU:
			var mtu int
			if mtu, err = strconv.Atoi(value); err == nil && (mtu < 68 || mtu > 65535) {
				return refuse(ErrInvalid, "invalid value for %s: want 68 to 65535", name)
			}
		default:
			if strings.HasPrefix(name, "com.docker.network.") {
				return refuse(ErrInvalid, "the option %s is not supported by this engine", name)
			}
		}
		if err != nil {
			return refuse(ErrInvalid, "failed to parse %s value: %q (%s)", name, value, err)
		}
	}
	return nil
}

func checkSubnet(c networktypes.IPAMConfig) error {
	s := c.Subnet
	switch {
	case !s.IsValid():
		return refuse(ErrInvalid, "invalid network config: a subnet has to be given with a gateway, a range or reserved addresses")
	case !s.Addr().Is4():
		return refuse(ErrInvalid, "invalid subnet %s: this engine's networks are IPv4", s)
	case s.Bits() < minBits || s.Bits() > maxBits:
		return refuse(ErrInvalid, "invalid subnet %s: want a prefix of %d to %d bits", s, minBits, maxBits)
	case s.Addr().IsLoopback() || s.Addr().IsMulticast() || s.Addr().IsUnspecified():
		return refuse(ErrInvalid, "invalid subnet %s: its addresses cannot be given out", s)
	case c.Gateway.IsValid() && !isUsable(s, c.Gateway):
		return refuse(ErrInvalid, "invalid gateway %s: it is no address of %s", c.Gateway, s)
	case c.IPRange.IsValid() && (!s.Contains(c.IPRange.Addr()) || c.IPRange.Bits() < s.Bits()):
		return refuse(ErrInvalid, "invalid ip-range %s: it is not within %s", c.IPRange, s)
	case len(c.AuxAddress) > maxAux:
		return refuse(ErrInvalid, "there are more than %d auxiliary addresses", maxAux)
	}
	for name, a := range c.AuxAddress {
		if !s.Contains(a) {
			return refuse(ErrInvalid, "invalid auxiliary address %s=%s: it is not within %s", name, a, s)
		}
		if a == c.Gateway {
			return refuse(ErrForbidden, "failed to allocate secondary ip address (%s:%s): Address already in use", name, a)
		}
	}
	return nil
}

// isUsable: the first address of a subnet is its name, the last means everybody.
func isUsable(subnet netip.Prefix, a netip.Addr) bool {
	return subnet.Contains(a) && a != subnet.Masked().Addr() && subnet.Contains(a.Next())
}

// load reads the users' networks. A file that is none of ours is left alone.
func (n *Networks) load() error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return fmt.Errorf("make directory of networks: %w", err)
	}
	entries, err := os.ReadDir(n.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || !validID.MatchString(id) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(n.dir, entry.Name()))
		if err != nil {
			return fmt.Errorf("read network: %w", err)
		}
		var d Definition
		if err := json.Unmarshal(data, &d); err != nil || d.ID != id || d.check() != nil {
			continue // was never whole
		}
		n.all[id] = newBridge(d)
	}
	return nil
}

func (n *Networks) path(id string) string { return filepath.Join(n.dir, id+".json") }

func (n *Networks) save(d Definition) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	tmp := n.path(d.ID) + ".new"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write network: %w", err)
	}
	return os.Rename(tmp, n.path(d.ID))
}

// Create makes a network and its bridge. What it is not told, it chooses.
func (n *Networks) Create(k sys.Kernel, d Definition) (Definition, error) {
	if err := d.check(); err != nil {
		return d, err
	}
	if n.refused != "" {
		return d, refuse(ErrForbidden, "a network of your own needs a bridge: %s", n.refused)
	}
	d.ID, d.Created, d.Chosen = newID(), time.Now().UTC(), len(d.IPAM.Config) > 0
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.all {
		if other.Name == d.Name {
			return d, refuse(ErrConflict, "network with name %s already exists", d.Name)
		}
	}
	if len(n.all) >= maxNetworks {
		return d, refuse(ErrForbidden, "there are %d networks already, which is as many as this engine keeps", len(n.all))
	}
	b := newBridge(d)
	if b.Chosen && n.isOthers(b, b.subnet) {
		return d, refuse(ErrForbidden, "Pool overlaps with other one on this address space")
	}
	if err := n.make(k, b); err != nil {
		return d, err
	}
	n.all[b.ID] = b
	return b.Definition, nil
}

func (n *Networks) make(k sys.Kernel, b *bridge) error {
	err := n.up(k, b)
	if isRefusal(err) {
		return refuse(ErrForbidden, "a network of your own needs a bridge: %s", refusal("a bridge", err))
	}
	if err != nil {
		return err
	}
	if err := n.save(b.Definition); err != nil {
		return errors.Join(err, b.down())
	}
	return nil
}

// Destroy removes a network on which nobody is.
func (n *Networks) Destroy(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.all[id]
	switch {
	case b == nil:
		return refuse(ErrNotFound, "network %s not found", id)
	case b == n.standard:
		return refuse(ErrForbidden, "%s is a pre-defined network and cannot be removed", b.Name)
	case len(b.endpoints) > 0:
		return refuse(ErrForbidden, "error while removing network: network %s id %s has active endpoints", b.Name, b.ID)
	}
	if err := b.down(); err != nil && !errors.Is(err, unix.ENODEV) { // somebody has removed it by hand
		return err
	}
	delete(n.all, id)
	return os.Remove(n.path(id))
}

// newID makes an id: 64 hex digits.
func newID() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand
	return hex.EncodeToString(b)
}

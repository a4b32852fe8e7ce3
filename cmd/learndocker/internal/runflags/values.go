package runflags

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
)

// List is a flag that may be given more than once. check may refuse a value,
// or change it.
type List struct {
	Values []string
	check  func(string) (string, error)
}

func (l *List) String() string {
	if len(l.Values) == 0 {
		return ""
	}
	return fmt.Sprint(l.Values)
}

// Set takes one more value.
func (l *List) Set(value string) error {
	if l.check != nil {
		v, err := l.check(value)
		if err != nil {
			return err
		}
		value = v
	}
	l.Values = append(l.Values, value)
	return nil
}

// Type is what the flag's help calls a value.
func (*List) Type() string { return "list" }

// orEmpty is the list as a daemon wants it where "none" is not the same as
// "nothing said".
func (l *List) orEmpty() []string { return append([]string{}, l.Values...) }

// Pairs is a flag of NAME=VALUE that may be given more than once.
type Pairs struct {
	Values map[string]string
	check  func(string) (string, error)
}

func (p *Pairs) String() string { return fmt.Sprint(p.Values) }

// Set takes one more pair.
func (p *Pairs) Set(value string) error {
	if p.check != nil {
		if _, err := p.check(value); err != nil {
			return err
		}
	}
	k, v, _ := strings.Cut(value, "=")
	if p.Values == nil {
		p.Values = map[string]string{}
	}
	p.Values[k] = v
	return nil
}

// Type is what the flag's help calls a value.
func (*Pairs) Type() string { return "map" }

// Bytes is an amount of memory: 64m, 1g.
type Bytes int64

func (b *Bytes) String() string {
	if *b == 0 {
		return "0" // which help does not show as a default
	}
	return units.BytesSize(float64(*b))
}

// Set reads an amount.
func (b *Bytes) Set(value string) error {
	n, err := units.RAMInBytes(value)
	*b = Bytes(n)
	return err
}

// Type is what the flag's help calls a value.
func (*Bytes) Type() string { return "bytes" }

// SwapBytes is an amount of memory, or -1 for no limit.
type SwapBytes struct{ Bytes }

// Set reads an amount.
func (b *SwapBytes) Set(value string) error {
	if value == "-1" {
		b.Bytes = -1
		return nil
	}
	return b.Bytes.Set(value)
}

// CPUs is a number of CPUs in billionths.
type CPUs int64

const billion = 1_000_000_000

func (c *CPUs) String() string {
	if *c == 0 {
		return ""
	}
	return big.NewRat(int64(*c), billion).FloatString(3)
}

// Set reads a decimal number.
func (c *CPUs) Set(value string) error {
	n, ok := new(big.Rat).SetString(value)
	if !ok {
		return fmt.Errorf("failed to parse %v as a rational number", value)
	}
	n.Mul(n, big.NewRat(billion, 1))
	if !n.IsInt() {
		return errors.New("value is too precise")
	}
	if !n.Num().IsInt64() {
		return errors.New("value is too large")
	}
	*c = CPUs(n.Num().Int64())
	return nil
}

// Type is what the flag's help calls a value.
func (*CPUs) Type() string { return "decimal" }

// ulimits is a flag of limits: NAME=SOFT[:HARD].
type ulimits map[string]*containertypes.Ulimit

func (u ulimits) String() string { return fmt.Sprint(u.list()) }

// Set takes one more limit; the last of a name counts.
func (u ulimits) Set(value string) error {
	l, err := units.ParseUlimit(value)
	if err != nil {
		return err
	}
	u[l.Name] = l
	return nil
}

// Type is what the flag's help calls a value.
func (ulimits) Type() string { return "ulimit" }

func (u ulimits) list() []*containertypes.Ulimit {
	list := []*containertypes.Ulimit{}
	for _, name := range slices.Sorted(maps.Keys(u)) {
		list = append(list, u[name])
	}
	return list
}

func ipAddress(value string) (string, error) {
	ip := net.ParseIP(strings.TrimSpace(value))
	if ip == nil {
		return "", fmt.Errorf("IP address is not correctly formatted: %s", value)
	}
	return ip.String(), nil
}

func searchDomain(value string) (string, error) {
	value = strings.Trim(value, " ")
	if value == "." {
		return value, nil
	}
	const label = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
	m := regexp.MustCompile(`^:?(` + label + `(?:\.` + label + `)*)\.?\s*$`).FindStringSubmatch(value)
	if m == nil || len(m[1]) >= 255 || !strings.ContainsFunc(value, isLetter) {
		return "", fmt.Errorf("%s is not a valid domain", value)
	}
	return m[1], nil
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func label(value string) (string, error) {
	key, _, _ := strings.Cut(value, "=")
	key = strings.TrimLeft(key, " \t")
	if key == "" {
		return "", fmt.Errorf("invalid label '%s': empty name", value)
	}
	if strings.ContainsAny(key, " \t") {
		return "", fmt.Errorf("label '%s' contains whitespaces", key)
	}
	return value, nil
}

// sysctl lets pass what belongs to a namespace of the container's own.
func sysctl(value string) (string, error) {
	key, _, ok := strings.Cut(value, "=")
	known := strings.Fields("kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced")
	if ok && (slices.Contains(known, key) || strings.HasPrefix(key, "net.") || strings.HasPrefix(key, "fs.mqueue.")) {
		return value, nil
	}
	return "", fmt.Errorf("sysctl '%s' is not allowed", value)
}

func link(value string) (string, error) {
	if value == "" {
		return "", errors.New("empty string specified for links")
	}
	if strings.Count(value, ":") > 1 {
		return "", errors.New("bad format for links: " + value)
	}
	return value, nil
}

// extraHost is NAME:ADDRESS or NAME=ADDRESS; the daemon gets a colon.
func extraHost(value string) (string, error) {
	name, address, ok := strings.Cut(value, "=")
	if !ok {
		name, address, ok = strings.Cut(value, ":")
	}
	if !ok || name == "" || strings.Contains(name, ":") {
		return "", fmt.Errorf("bad format for add-host: %q", value)
	}
	if address == "host-gateway" { // the daemon knows
		return name + ":" + address, nil
	}
	if len(address) > 2 && address[0] == '[' && address[len(address)-1] == ']' {
		address = address[1 : len(address)-1]
	}
	if _, err := ipAddress(address); err != nil {
		return "", fmt.Errorf("invalid IP address in add-host: %q", address)
	}
	return name + ":" + address, nil
}

func stream(value string) (string, error) {
	s := strings.ToLower(value)
	if !slices.Contains([]string{"stdin", "stdout", "stderr"}, s) {
		return "", errors.New("valid streams are STDIN, STDOUT and STDERR")
	}
	return s, nil
}

func deviceRule(value string) (string, error) {
	if !regexp.MustCompile(`^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`).MatchString(value) {
		return "", fmt.Errorf("invalid device cgroup format '%s'", value)
	}
	return value, nil
}

// RestartPolicy reads NAME[:COUNT].
func RestartPolicy(value string) (containertypes.RestartPolicy, error) {
	name, count, ok := strings.Cut(value, ":")
	if ok && name == "" {
		return containertypes.RestartPolicy{}, errors.New("invalid restart policy format: no policy provided before colon")
	}
	policy := containertypes.RestartPolicy{Name: containertypes.RestartPolicyMode(name)}
	if count != "" {
		n, err := strconv.Atoi(count)
		if err != nil {
			return containertypes.RestartPolicy{}, errors.New("invalid restart policy format: maximum retry count must be an integer")
		}
		policy.MaximumRetryCount = n
	}
	return policy, nil
}

// Map are the values as pairs: NAME=VALUE.
func (l *List) Map() map[string]string {
	m := map[string]string{}
	for _, v := range l.Values {
		k, v, _ := strings.Cut(v, "=")
		m[k] = v
	}
	return m
}

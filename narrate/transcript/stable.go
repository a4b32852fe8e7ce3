package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// namer replaces what differs from run to run by names, by kind and in the
// order of first sight: pid₁, ns₂. Two places that held the same value hold the
// same name, so that "the same namespace" survives. What an image's bytes
// determine (digests, sizes) is the same everywhere and stays.
type namer struct {
	kinds  map[string]subject
	values bool // names must themselves be valid: numbers, addresses, ids
	given  map[string]int
	count  map[string]int
	fixed  map[string]string
	mounts figure // how many the host has, in the words of the language
}

// subject is what a value stands for: two values of one subject, an id and its
// first digits, have one name.
type subject struct{ kind, key string }

func newNamer(w *work, values bool) *namer {
	h := w.header
	n := &namer{mounts: counted(w.words.Say("and %d mounts of the host")), kinds: volatile(w.steps), values: values, given: map[string]int{}, count: map[string]int{}, fixed: map[string]string{}}
	for _, each := range [][2]string{{h.Machine.Kernel, "kernel"}, {h.Version, "version"}} {
		if each[0] != "" {
			n.fixed[each[0]] = each[1]
		}
	}
	return n
}

func (n *namer) text() func(string) string {
	known := map[string]bool{}
	for v := range n.kinds {
		known[v] = true
	}
	for v := range n.fixed {
		known[v] = true
	}
	pattern := regexp.MustCompile(`(^|[^0-9A-Za-z_])(` + alternatives(known) + `)`)
	return func(s string) string {
		s = listing.ReplaceAllStringFunc(s, func(line string) string { return strings.Join(strings.Fields(line), " ") })
		for _, f := range append(figures(), n.mounts) {
			s = f.pattern.ReplaceAllString(s, f.with)
		}
		if len(known) == 0 { // the pattern would find nothing everywhere
			return s
		}
		return replaceWords(pattern, s, n.name)
	}
}

// name is what stands for a value.
func (n *namer) name(value string) string {
	if f, ok := n.fixed[value]; ok {
		return f
	}
	s := n.kinds[value]
	i := n.index(s)
	if !n.values {
		return s.kind + subscript(i)
	}
	switch s.kind {
	case "pid":
		return strconv.FormatInt(firstPID+int64(i), 10)
	case "ns":
		return strconv.FormatInt(firstNamespace+int64(i), 10)
	case "id":
		return strings.Repeat(fmt.Sprintf("%04x", i), 16)[:len(value)]
	case "registry":
		return fmt.Sprintf("127.0.0.1:%d", 5000+i)
	case "bridge":
		return fmt.Sprintf("learndocker%d", i-1)
	case "mac":
		return fmt.Sprintf("02:42:ac:1e:00:%02x", i+1)
	case "address":
		return fmt.Sprintf("172.30.0.%d", i+1)
	case "gateway":
		return "172.30.0.1"
	case "data":
		return "/var/lib/learndocker"
	case "dir":
		return "/run/learndocker"
	}
	return fmt.Sprintf("%s_%d", s.kind, i)
}

// What stands for the first of each, less one: within what Linux gives.
const firstPID, firstNamespace int64 = 1000, 4026540000

func (n *namer) index(s subject) int {
	key := s.kind + "\x00" + s.key
	if n.given[key] == 0 {
		n.count[s.kind]++
		n.given[key] = n.count[s.kind]
	}
	return n.given[key]
}

// number is the same for numbers that are kept as such: a field cannot hold
// a name.
func (n *namer) number(field string, value int64) int64 {
	s, known := n.kinds[strconv.FormatInt(value, 10)]
	if !known {
		return value
	}
	switch field {
	case "PID", "Parent", "NSpid", "Children":
		if s.kind == "pid" {
			return firstPID + int64(n.index(s))
		}
	case "Inode", "Host":
		if s.kind == "ns" {
			return firstNamespace + int64(n.index(s))
		}
	}
	return value
}

func subscript(n int) string {
	return strings.Map(func(r rune) rune { return r - '0' + '₀' }, strconv.Itoa(n))
}

// volatile gathers the values that this run alone has.
func volatile(steps []*narrate.Step) map[string]subject {
	found := map[string]subject{}
	add := func(kind, value, key string) {
		if value != "" && value != "0" && value != "1" {
			found[value] = subject{kind, key}
		}
	}
	pid := func(n int) { add("pid", strconv.Itoa(n), strconv.Itoa(n)) }
	for _, s := range steps {
		for _, p := range s.Probe.Processes {
			pid(p.PID)
			pid(p.Parent)
		}
		for _, n := range s.Probe.Namespaces {
			for _, inode := range []uint64{n.Inode, n.Host, n.Daemon} {
				if inode == 0 { // not known
					continue
				}
				add("ns", strconv.FormatUint(inode, 10), fmt.Sprint(inode))
			}
		}
		for _, c := range s.Containers {
			ofContainer(c, add)
		}
		if s.DataRoot != "" {
			add("data", s.DataRoot, s.DataRoot)
			dir := strings.TrimSuffix(s.DataRoot, "/data")
			add("dir", dir, dir)
		}
		for _, p := range s.Points() {
			ofFact(p.Fact, add)
		}
	}
	return found
}

func ofContainer(c narrate.Container, add func(kind, value, key string)) {
	add("id", c.ID, c.ID)
	add("id", c.ID[:min(12, len(c.ID))], c.ID)
	add("name", c.Name, c.Name)
	add("pid", strconv.Itoa(c.PID), strconv.Itoa(c.PID))
	add("address", c.Address, c.Address)
	for _, n := range c.Namespaces {
		add("ns", strconv.FormatUint(n.Inode, 10), fmt.Sprint(n.Inode))
	}
}

func ofFact(f stage.Fact, add func(kind, value, key string)) {
	switch f := f.(type) {
	case stage.Created:
		add("id", f.ID, f.ID)
		add("id", f.ID[:min(12, len(f.ID))], f.ID)
		add("name", f.Name, f.Name)
	case stage.Resolved:
		add("registry", f.Registry, f.Registry)
	case stage.Network:
		address, _, _ := strings.Cut(f.Address, "/")
		for _, v := range [][2]string{{"bridge", f.Bridge}, {"veth", f.Veth}, {"mac", f.MAC}, {"address", address}, {"gateway", f.Gateway}} {
			add(v[0], v[1], v[1])
		}
	case stage.Published:
		for _, p := range f.Ports {
			_, port, _ := strings.Cut(p.Host[strings.LastIndexByte(p.Host, ':'):], ":")
			add("port", port, port)
		}
	case stage.Joined:
		add("ns", fmt.Sprint(f.Inode), fmt.Sprint(f.Inode))
	}
}

// figure is a measurement within a text, and what stands for it.
type figure struct {
	pattern *regexp.Regexp
	with    string
}

// counted is the figure in a fixed phrase that holds a number.
func counted(phrase string) figure {
	return figure{
		regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(phrase), "%d", `\d+`)),
		strings.NewReplacer("%d", "n", "$", "$$").Replace(phrase),
	}
}

// figures are compiled when they are wanted: every command would wait for them.
var figures = sync.OnceValue(func() []figure {
	return []figure{
		{regexp.MustCompile(`\b\d+(\.\d+)? ms\b`), "t ms"},
		{regexp.MustCompile(`(?i)^(date: ).*$`), "${1}day"},
		{regexp.MustCompile(`"Created":\d+`), `"Created":0`},
		{regexp.MustCompile(`(?:Less than a second|\d+ seconds?|About a minute|\d+ minutes) ago`), "moments ago"},
		{regexp.MustCompile(`\bUp (?:Less than a second|\d+ seconds?|About a minute|\d+ minutes)`), "Up for moments"},
		// The groups' common parent is there already where another daemon runs.
		{regexp.MustCompile(`(mkdir\("/sys/fs/cgroup/(?:\w+/)?learndocker", 0755\) = )\w+`), "${1}made or there"},
	}
})

// listing is a line of `docker ps`, whose columns are as wide as what is in them.
var listing = regexp.MustCompile(`(?m)^(?:CONTAINER ID|[0-9a-f]{12}) .*$`)

var (
	usage    = []string{"memory.current", "memory.peak", "memory.usage_in_bytes", "memory.max_usage_in_bytes"}
	ownFiles = []string{"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}
)

// forget takes measurements out of a step's fields: times, memory in use, and
// what the file system is that holds the daemon's directory.
func (n *namer) forget(s *narrate.Step) {
	s.At = time.Time{}
	delete(s.Probe.Status, "VmRSS")
	for i, c := range s.Probe.Cgroup {
		if isUsage(c.Path) {
			s.Probe.Cgroup[i].Value = "0"
		}
	}
	for i, m := range s.Probe.Mounts {
		if slices.ContainsFunc(ownFiles, func(f string) bool { return strings.HasSuffix(m.Target, f) }) {
			s.Probe.Mounts[i].Type, s.Probe.Mounts[i].Source, s.Probe.Mounts[i].Options = "type", "device", ""
		}
	}
	for _, p := range s.Panels {
		for i := range p.Rows {
			forgetRow(&p.Rows[i])
		}
	}
	for _, p := range s.Points() {
		if f, ok := p.Fact.(stage.Exit); ok {
			f.UserUS, f.SystemUS, f.WallUS, f.MaxRSS = 0, 0, 0, 0
			p.Fact = f
		}
		for i, a := range p.Acts {
			if a.Call == "mkdir" && a.Result == "EEXIST" {
				p.Acts[i].Result = "0"
			}
		}
	}
}

func forgetRow(r *narrate.Row) {
	if len(r.Cells) < 3 {
		return
	}
	if isUsage(r.Cells[0]) {
		r.Cells[2], r.Changed = "bytes", false
	}
	if slices.ContainsFunc(ownFiles, func(f string) bool { return strings.HasSuffix(r.Cells[0], f) }) {
		r.Cells[1], r.Cells[2] = "type", "device"
	}
}

func isUsage(path string) bool { return slices.Contains(usage, path[strings.LastIndex(path, "/")+1:]) }

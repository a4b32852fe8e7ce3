package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// stable replaces what differs from run to run by names, by kind and in the
// order of first sight: pid₁, ns₂. Two places that held the same value hold the
// same name, so that "the same namespace" survives. What an image's bytes
// determine (digests, sizes) is the same everywhere and stays.
func stable(text string, h narrate.Header, steps []*narrate.Step, w prose.Words) string {
	text = replaceFigures(text, h, w)
	kinds := volatile(steps)
	if len(kinds) == 0 {
		return text
	}
	values := make([]string, 0, len(kinds))
	for v := range kinds {
		values = append(values, regexp.QuoteMeta(v))
	}
	// The longest first: an id before its own first digits.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	pattern := regexp.MustCompile(`(^|[^0-9A-Za-z_])(` + strings.Join(values, "|") + `)`)
	n := namer{names: map[string]string{}, count: map[string]int{}}
	var out strings.Builder
	for {
		at := pattern.FindStringSubmatchIndex(text)
		if at == nil {
			return out.String() + text
		}
		value, rest := text[at[4]:at[5]], text[at[5]:]
		out.WriteString(text[:at[4]])
		if partOfWord(rest, value) {
			out.WriteString(value)
		} else {
			out.WriteString(n.name(kinds[value]))
		}
		text = rest
	}
}

// partOfWord: a pid is not meant by the first digits of a longer number.
func partOfWord(rest, value string) bool {
	if rest == "" {
		return false
	}
	next := rest[0]
	return next >= '0' && next <= '9' || next >= 'a' && next <= 'f' && len(value) < 12
}

// subject is what a value stands for: two values of one subject, an id and its
// first digits, have one name.
type subject struct{ kind, key string }

type namer struct {
	names map[string]string
	count map[string]int
}

func (n *namer) name(s subject) string {
	key := s.kind + "\x00" + s.key
	if n.names[key] == "" {
		n.count[s.kind]++
		n.names[key] = s.kind + subscript(n.count[s.kind])
	}
	return n.names[key]
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
			for _, inode := range []uint64{n.Inode, n.Host} {
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
		if s.Point != nil {
			ofFact(s.Point.Fact, add)
		}
	}
	return found
}

func ofContainer(c narrate.Container, add func(kind, value, key string)) {
	add("id", c.ID, c.ID)
	add("id", c.ID[:12], c.ID)
	add("name", c.Name, c.Name)
	add("name", escape(c.Name), c.Name) // at the head of a table
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
	case stage.Joined:
		add("ns", fmt.Sprint(f.Inode), fmt.Sprint(f.Inode))
	}
}

var figures = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(memory\.(?:current|peak|usage_in_bytes|max_usage_in_bytes)[^\n]*\| )` + "`" + `\d+` + "`"), "$1`bytes`"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ms\b`), "t ms"},
	{regexp.MustCompile(`(?m)^date: .*$`), "date: day"},
	{regexp.MustCompile(`"Created":\d+`), `"Created":moment`},
	{regexp.MustCompile(`(?:Less than a second|\d+ seconds?|About a minute|\d+ minutes) ago`), "moments ago"},
	{regexp.MustCompile(`\bUp (?:Less than a second|\d+ seconds?|About a minute|\d+ minutes)`), "Up for moments"},
	// The groups' common parent is there already where another daemon runs.
	{regexp.MustCompile(`(mkdir\("/sys/fs/cgroup/(?:\w+/)?learndocker", 0755\) = )\w+`), "${1}made or there"},
	{regexp.MustCompile(`(?m)^mkdir /sys/fs/cgroup/(?:\w+/)?learndocker\n`), ""},
	// The file system that holds the daemon's directory.
	{regexp.MustCompile("(/etc/(?:resolv.conf|hostname|hosts)` \\| )`[^|]*` \\| `[^|]*`"), "${1}`type` | `device`"},
}

// listing is a line of `docker ps`, whose columns are as wide as what is in them.
var listing = regexp.MustCompile(`(?m)^(?:CONTAINER ID|[0-9a-f]{12}) .*$`)

// replaceFigures replaces measurements, and what names the machine.
func replaceFigures(text string, h narrate.Header, w prose.Words) string {
	mounts := w.Say("and %d mounts of the host")
	text = regexp.MustCompile(strings.Replace(regexp.QuoteMeta(mounts), "%d", `\d+`, 1)).ReplaceAllLiteralString(text, strings.Replace(mounts, "%d", "n", 1))
	text = listing.ReplaceAllStringFunc(text, func(line string) string { return strings.Join(strings.Fields(line), " ") })
	for _, f := range figures {
		text = f.pattern.ReplaceAllString(text, f.with)
	}
	for _, r := range [][2]string{{h.Machine.Kernel, "kernel"}, {h.Made.Format(w.Say(day)), "day"}, {h.Version, "version"}} {
		if r[0] != "" {
			text = strings.ReplaceAll(text, r[0], r[1])
		}
	}
	return text
}

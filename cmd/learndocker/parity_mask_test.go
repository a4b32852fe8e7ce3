//go:build linux

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// masker replaces what no two daemons share, by kind in order of first sight,
// so that what is the same thing twice still is.
type masker struct {
	paths *strings.Replacer
	seen  map[string]map[string]int
}

// newMasker takes pairs of a path of this side and its name.
func newMasker(paths ...string) *masker {
	return &masker{strings.NewReplacer(paths...), map[string]map[string]int{}}
}

var (
	hexWord = regexp.MustCompile(`\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b`)
	timeOf  = regexp.MustCompile(`\b[1-9]\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d)(?: UTC)?)?`)
	while   = regexp.MustCompile(`(?:Less than a second|About an? (?:minute|hour)|\b\d+ (?:second|minute|hour)s?)\b`)
	mac     = regexp.MustCompile(`\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b`)
	address = regexp.MustCompile(`\b172\.\d+\.\d+\.\d+\b`)
	logLine = regexp.MustCompile(`(?m)^time="[^"]*" level=\w+ msg=.*\n?`) // the client's own log: it depends on who was first
	blanks  = regexp.MustCompile(`[ \t]{2,}`)
	dashes  = regexp.MustCompile(`-{4,}`)
)

// mask replaces the values; the columns of a table are as wide as these.
func (m *masker) mask(text string, volatile []*regexp.Regexp) string {
	text = orderProgress(m.paths.Replace(logLine.ReplaceAllString(text, "")))
	for _, x := range volatile {
		text = x.ReplaceAllString(text, "<volatile>")
	}
	text = timeOf.ReplaceAllString(text, "<time>")
	text = hexWord.ReplaceAllStringFunc(text, func(id string) string {
		return fmt.Sprintf("<id%d of %d>", m.number("id", id[:12]), len(id))
	})
	text = while.ReplaceAllString(text, "<while>")
	for kind, x := range map[string]*regexp.Regexp{"mac": mac, "address": address} {
		text = x.ReplaceAllStringFunc(text, func(v string) string { return fmt.Sprintf("<%s%d>", kind, m.number(kind, v)) })
	}
	text = dashes.ReplaceAllString(text, "----")
	return blanks.ReplaceAllString(text, "  ")
}

// next begins another row: addresses are given again to others.
func (m *masker) next() { delete(m.seen, "mac"); delete(m.seen, "address") }

// progressLine is what is said of a layer that comes or goes.
var progressLine = regexp.MustCompile(`^([0-9a-f]{12}): (Pulling fs layer|Waiting|Verifying Checksum|Download complete|Pull complete|Already exists|Preparing|Pushed|Layer already exists|Mounted from .*)\n?$`)

// orderProgress puts together what is said of each layer, in the order in
// which the layers were named first, without what depends on which was quicker.
func orderProgress(text string) string {
	var done strings.Builder
	var order []string
	of := map[string]string{}
	flush := func() {
		for _, id := range order {
			done.WriteString(of[id])
		}
		order, of = nil, map[string]string{}
	}
	for line := range strings.Lines(text) {
		said := progressLine.FindStringSubmatch(line)
		if said == nil {
			flush()
			done.WriteString(line)
			continue
		}
		if !slices.Contains(order, said[1]) {
			order = append(order, said[1])
		}
		if said[2] != "Waiting" && said[2] != "Verifying Checksum" && said[2] != "Download complete" {
			of[said[1]] += line
		}
	}
	flush()
	return done.String()
}

// number is how many of a kind had been seen when this one first was.
func (m *masker) number(kind, value string) int {
	if m.seen[kind] == nil {
		m.seen[kind] = map[string]int{}
	}
	if _, known := m.seen[kind][value]; !known {
		m.seen[kind][value] = len(m.seen[kind]) + 1
	}
	return m.seen[kind][value]
}

// TestParityMask: a value keeps its name, and another gets another.
func TestParityMask(t *testing.T) {
	m := newMasker("/tmp/ld-1/data", "<root>")
	long := strings.Repeat("0123456789abcdef", 4)
	for _, c := range [][2]string{
		{long, "<id1 of 64>"},
		{long[:12] + " " + strings.Repeat("f", 12), "<id1 of 12> <id2 of 12>"},
		{"sha256:" + strings.Repeat("f", 64), "sha256:<id2 of 64>"},
		{"2026-11-25T20:59:51.123456789Z x", "<time> x"},
		{"2026-11-25 20:59:51 +0000 UTC", "<time>"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"Up Less than a second    x", "Up <while>  x"},
		{"Exited (0) 5 seconds ago", "Exited (0) <while> ago"},
		{"02:42:ac:11:00:02 172.17.0.2 172.17.0.1 172.17.0.2", "<mac1> <address1> <address2> <address1>"},
		{"127.0.0.1 0.0.0.0", "127.0.0.1 0.0.0.0"},
		{"x\n" + long[:12] + ": Preparing\nffffffffffff: Preparing\nffffffffffff: Waiting\nffffffffffff: Pushed\n" + long[:12] + ": Pushed\ny\n",
			"x\n<id1 of 12>: Preparing\n<id1 of 12>: Pushed\n<id2 of 12>: Preparing\n<id2 of 12>: Pushed\ny\n"},
		{"a\ntime=\"2026-11-25T20:59:51Z\" level=error msg=\"x\"\nb\n", "a\nb\n"},
		{"/tmp/ld-1/data/containers", "<root>/containers"},
	} {
		if got := m.mask(c[0], nil); got != c[1] {
			t.Errorf("%q became %q, want %q", c[0], got, c[1])
		}
	}
	if got := m.mask("pid 77", []*regexp.Regexp{regexp.MustCompile(`\d+`)}); got != "pid <volatile>" {
		t.Error(got)
	}
}

package transcript

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

// covers are the places in which a machine or a person is named, whatever the
// name is, and what is written instead.
var covers = sync.OnceValue(func() []figure {
	return []figure{
		{regexp.MustCompile(`/(home|Users)/[^/\s"',:;]+`), "/$1/user"},
		{regexp.MustCompile(`/run/user/\d+`), "/run/user/1000"},
		{regexp.MustCompile(`user-\d+\.slice`), "user-1000.slice"},
		{regexp.MustCompile(`user@\d+\.service`), "user@1000.service"},
		{regexp.MustCompile(`session-\w+\.scope`), "session-1.scope"},
		{regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`), "00000000-0000-0000-0000-000000000000"},
		{regexp.MustCompile(`/dev/(?:sd|vd|xvd|nvme|dm-|md|mapper/|disk/)[\w./-]+`), "/dev/disk"},
		{regexp.MustCompile(`(?i)(X-Registry-Auth|Authorization)(": "|: )[^\s"]+`), "$1${2}hidden"},
	}
})

// redactor covers what tells whose machine it was. It goes by the recording
// alone, but for the words that it is told: what is replayed was recorded
// elsewhere.
type redactor struct {
	words map[string]string // as they stand in the steps → what is written instead
	ids   map[int64]bool    // user and group ids of persons
}

// firstPersonID is where Debian begins to number people.
const firstPersonID = 1000

func newRedactor(h narrate.Header, steps []*narrate.Step, secrets []string) *redactor {
	r := &redactor{words: map[string]string{}, ids: map[int64]bool{}}
	for _, s := range secrets {
		if len(s) > 2 {
			r.words[s] = "hidden"
		}
	}
	if release := regexp.MustCompile(`^\d+\.\d+(\.\d+)?`).FindString(h.Machine.Kernel); release != "" {
		r.words[h.Machine.Kernel] = release
	}
	for _, f := range facts(steps) {
		switch f := f.(type) {
		case stage.Resolved:
			if !f.Mirror && f.Registry != "" && !publicRegistry(f.Registry) {
				r.words[f.Registry] = "registry.example"
			}
		case stage.Request:
			r.person(int64(f.Peer.UID))
			r.person(int64(f.Peer.GID))
			for name, value := range f.Headers {
				if isCredential(name) && len(value) > len("e30=") { // {}: none
					r.words[value] = "hidden"
				}
			}
		case stage.UserMap:
			for _, m := range append(f.UIDMap[:len(f.UIDMap):len(f.UIDMap)], f.GIDMap...) {
				if m.Count == 1 {
					r.person(m.Outside)
				}
			}
		}
	}
	for id := range r.ids {
		r.words[strconv.FormatInt(id, 10)] = strconv.Itoa(firstPersonID)
	}
	return r
}

// facts lists the facts of all steps.
func facts(steps []*narrate.Step) []stage.Fact {
	var list []stage.Fact
	for _, s := range steps {
		for _, p := range s.Points() {
			list = append(list, p.Fact)
		}
	}
	return list
}

func isCredential(header string) bool {
	return slices.Contains([]string{"x-registry-auth", "x-registry-config", "authorization"}, strings.ToLower(header))
}

func publicRegistry(host string) bool {
	return strings.HasSuffix(host, "docker.io") || strings.HasSuffix(host, "docker.com") || host == "ghcr.io" || host == "quay.io"
}

func (r *redactor) person(id int64) {
	if id > firstPersonID {
		r.ids[id] = true
	}
}

func (r *redactor) text() func(string) string {
	replace := wordReplacer(r.words)
	return func(s string) string {
		for _, c := range covers() {
			s = c.pattern.ReplaceAllString(s, c.with)
		}
		return replace(s)
	}
}

func (r *redactor) number(field string, n int64) int64 {
	if (field == "UID" || field == "GID" || field == "Outside") && r.ids[n] {
		return firstPersonID
	}
	return n
}

// wordReplacer replaces words where they stand alone, the longest first.
func wordReplacer(words map[string]string) func(string) string {
	if len(words) == 0 {
		return func(s string) string { return s }
	}
	pattern := regexp.MustCompile(`(^|[^0-9A-Za-z_])(` + alternatives(words) + `)`)
	return func(s string) string {
		return replaceWords(pattern, s, func(word string) string { return words[word] })
	}
}

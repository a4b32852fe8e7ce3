// Package doctor says what a survey of the machine means for lessons: what
// works, what is limited, what is missing, and the line to paste that mends it.
package doctor

import (
	"slices"
	"strings"

	"github.com/learndocker/learndocker/engine/api"
)

// State of a point.
type State string

// States. Missing is what no lesson can do without.
const (
	OK      State = "ok"
	Limited State = "limited"
	Missing State = "missing"
)

// Verdict is how lessons run here.
type Verdict string

// Verdicts.
const (
	Root       Verdict = "root"       // live, as root
	Rootless   Verdict = "rootless"   // live, in a user namespace
	Recordings Verdict = "recordings" // not live
)

// Status is the exit status that tells scripts the verdict.
func (v Verdict) Status() int {
	switch v {
	case Root:
		return 0
	case Rootless:
		return 2
	}
	return 3
}

// Point is one thing that lessons use.
type Point struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	Meaning string `json:"meaning"`        // one sentence or two
	Mend    string `json:"mend,omitempty"` // one line to paste into a shell
	Note    string `json:"note,omitempty"` // when the mend takes effect, or ceases to
	Refusal string `json:"refusal,omitempty"`

	// need is what a lesson's needs: calls it, withheld that such a lesson
	// cannot run here though others can.
	need     string
	withheld bool
}

// Diagnosis is all that is said of a machine.
type Diagnosis struct {
	Verdict Verdict     `json:"verdict"`
	Points  []Point     `json:"points"`
	Survey  *api.Survey `json:"survey,omitempty"` // nil where there is no engine to ask

	program string
}

// Diagnose says what the survey means. program is how the user calls
// learndocker.
func Diagnose(s api.Survey, program string) Diagnosis {
	c := patient{Survey: s, program: program}
	points := []Point{c.machine(), c.root(), c.userns()}
	if p, asked := c.ids(); asked {
		points = append(points, p)
	}
	if s.Inside != nil {
		points = append(points, c.namespaces(), c.cgroup(), c.seccomp(), c.network())
		points = append(points, c.places()...)
	}
	points = append(points, c.tools())
	d := Diagnosis{Verdict: Root, Points: points, Survey: &s, program: program}
	switch {
	case s.Inside == nil || slices.ContainsFunc(points, func(p Point) bool { return p.State == Missing }):
		d.Verdict = Recordings
	case s.Inside.UserNamespace:
		d.Verdict = Rootless
	}
	return d
}

// Lacks are the points because of which a lesson with these needs cannot run
// live.
func (d Diagnosis) Lacks(needs []string) []Point {
	var lacks []Point
	for _, p := range d.Points {
		if p.State == Missing || p.withheld && slices.Contains(needs, p.need) {
			lacks = append(lacks, p)
		}
	}
	return lacks
}

// patient is a survey with what its mends are written for.
type patient struct {
	api.Survey
	program string
}

// trueRoot reports whether we are root outside any user namespace.
func (c patient) trueRoot() bool {
	return c.Outside.UID == 0 && (c.Inside == nil || !c.Inside.UserNamespace)
}

// asRoot is a line that runs the command as root.
func (c patient) asRoot(command string) string {
	switch {
	case c.Outside.UID == 0:
		return command
	case c.Outside.Tools["sudo"] == "":
		return "su -c '" + command + "'" // no command here has a quote
	}
	return "sudo " + strings.ReplaceAll(command, "&& ", "&& sudo ")
}

// install is what root types to install a package: its name for Debian and
// Ubuntu, and for Fedora and its like.
func (c patient) install(apt, dnf string) string {
	for _, d := range c.Outside.Distribution {
		if slices.Contains([]string{"fedora", "rhel", "centos"}, d) {
			return "dnf install -y " + dnf
		}
	}
	return "apt-get install -y " + apt
}

// lesson is a line that runs a lesson.
func (c patient) lesson() string { return c.program + " lesson hello-world --step" }

// privileged is for whoever sits in a container: nothing in there can mend it.
func (c patient) privileged() string {
	return c.Outside.Container + " run --privileged -it IMAGE"
}

// boxed reports whether a container's runtime may be what refuses.
func (c patient) boxed() bool {
	return slices.Contains([]string{"docker", "podman"}, c.Outside.Container)
}

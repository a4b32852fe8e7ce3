// Package narrate turns the engine's stops into steps that people can follow,
// and leads through them. A step holds everything that was observed at one
// stop, and the prose that explains it; renderers render steps, live or
// recorded, and nothing else.
package narrate

import (
	"regexp"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Kinds of steps.
const (
	KindIntro = "intro"
	KindStop  = "stop"
	KindEnd   = "end"
)

// Step is what the learner sees.
type Step struct {
	Kind     string         `json:"kind"`
	N        int            `json:"n"`  // from 1; the introduction is 0
	Of       int            `json:"of"` // stops that the lesson plans; 0 where nobody knows
	At       time.Time      `json:"at"`
	Command  string         `json:"command,omitempty"` // what the client was asked to do
	Point    *stage.Point   `json:"point,omitempty"`
	Edge     Edge           `json:"edge"`
	Title    string         `json:"title"`
	Prose    string         `json:"prose"`          // Markdown, fields filled
	More     string         `json:"more,omitempty"` // for whoever asks for more
	In       Translations   `json:"in,omitempty"`   // all that is said, in the other languages
	Claims   []Claim        `json:"claims,omitempty"`
	Show     []string       `json:"show,omitempty"` // panels that belong on the page
	Panels   []Panel        `json:"panels,omitempty"`
	Output   []Line         `json:"output,omitempty"` // the client's, new since the step before
	Try      []prose.Try    `json:"try,omitempty"`
	Question *Question      `json:"question,omitempty"`
	Outcomes []Outcome      `json:"outcomes,omitempty"`
	Failed   []string       `json:"failed,omitempty"` // expectations that did not hold
	Probe    probe.Snapshot `json:"probe"`
	DataRoot string         `json:"dataRoot,omitempty"` // the daemon's, which Brief leaves out of paths
	Passed   []stage.Point  `json:"passed,omitempty"`   // points since the step before at which the lesson has no stop; without acts
	Blobs    []Blob         `json:"blobs,omitempty"`    // small layers that were fetched since the step before

	Containers []Container `json:"containers,omitempty"` // of the session, in the order of their creation
}

// Blob is a blob of the image store.
type Blob struct {
	Digest string `json:"digest"`
	Data   []byte `json:"data"` // as the registry keeps it
}

// MaxBlob bounds the blobs that are kept in steps, in bytes.
const MaxBlob = 64 << 10

// Points lists all that the engine told since the step before, the step's own
// point last.
func (s *Step) Points() []*stage.Point {
	var list []*stage.Point
	for i := range s.Passed {
		list = append(list, &s.Passed[i])
	}
	if s.Point != nil {
		list = append(list, s.Point)
	}
	return list
}

// Stage is the step's stage; "" for an introduction or an end.
func (s *Step) Stage() stage.Name {
	if s.Point == nil {
		return ""
	}
	return s.Point.Fact.Stage()
}

// ContainerHeld reports whether what is held is a container's process that lives:
// its namespaces can be entered.
func (s *Step) ContainerHeld() bool {
	if s.Point == nil {
		return false
	}
	for _, p := range s.Probe.Processes {
		if p.PID == s.Point.PID && (p.Role == BoxContainer || strings.HasPrefix(p.Role, BoxContainer+" ")) {
			return !strings.HasPrefix(p.State, "Z")
		}
	}
	return false
}

// Panel finds a panel of the step.
func (s *Step) Panel(kind string) (Panel, bool) {
	for _, p := range s.Panels {
		if p.Kind == kind {
			return p, true
		}
	}
	return Panel{}, false
}

var longID = regexp.MustCompile(`[0-9a-f]{32,64}`)

// Brief is the panel as it goes on a page: paths without the daemon's directory,
// ids by their first 12 digits, of the acts only the calls.
func (s *Step) Brief(p Panel) Panel {
	short := func(text string) string {
		if s.DataRoot != "" {
			text = strings.ReplaceAll(text, s.DataRoot, "…")
		}
		return longID.ReplaceAllStringFunc(text, func(id string) string { return id[:12] + "…" })
	}
	brief := p
	brief.Title = short(p.Title)
	brief.Rows = make([]Row, len(p.Rows))
	for i, r := range p.Rows {
		cells := r.Cells
		if p.Kind == PanelActs {
			cells = cells[:1]
		}
		for _, c := range cells {
			brief.Rows[i].Cells = append(brief.Rows[i].Cells, short(c))
		}
		brief.Rows[i].Changed = r.Changed
	}
	if p.Kind == PanelActs {
		brief.Head = nil
	}
	return brief
}

// False lists what was claimed and did not hold.
func (s *Step) False() []string {
	var list []string
	for _, c := range s.Claims {
		if !c.Holds {
			list = append(list, c.Say)
		}
	}
	return append(list, s.Failed...)
}

// Claim is a sentence that could be false, and whether it was true here.
type Claim struct {
	Say   string `json:"say"`
	Holds bool   `json:"holds"`
}

// Line is one line that the client wrote.
type Line struct {
	Stream string `json:"stream"` // "stdout", "stderr"
	Text   string `json:"text"`
}

// Question is asked before the stop is released.
type Question struct {
	ID       string          `json:"id"`
	Question string          `json:"question"`
	Choices  []lesson.Choice `json:"choices"`
}

// Outcome is what came of a question: measured, not looked up.
type Outcome struct {
	Question Question `json:"question"`
	Measured string   `json:"measured"` // key of the choice that came true
	Why      string   `json:"why"`
}

// Truth is the text of the choice that came true.
func (o Outcome) Truth() string { return o.Question.Text(o.Measured) }

// Text is the text of the choice with that key.
func (q Question) Text(key string) string {
	for _, c := range q.Choices {
		if c.Key == key {
			return c.Text
		}
	}
	return key
}

// Edge is what is busy in the small picture: one box, or the way between two.
type Edge struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// The picture's boxes.
const (
	BoxNarrator  = "narrator" // drawn by nobody: it is the picture's frame
	BoxClient    = "client"
	BoxDaemon    = "daemon"
	BoxRegistry  = "registry"
	BoxStore     = "store"
	BoxKernel    = "kernel"
	BoxContainer = "container"
)

var edges = map[stage.Name]Edge{
	stage.APIRequest: {BoxClient, BoxDaemon}, stage.APIResponse: {BoxDaemon, BoxClient},
	stage.ImageLookup: {BoxDaemon, BoxStore}, stage.ImageTag: {BoxDaemon, BoxStore}, stage.LayerUnpack: {BoxDaemon, BoxStore},
	stage.RegistryResolve: {BoxDaemon, BoxRegistry}, stage.RegistryBlob: {BoxRegistry, BoxDaemon},
	stage.ContainerCreate: {BoxDaemon, BoxStore}, stage.ContainerRemove: {BoxDaemon, BoxStore},
	stage.ContainerCommit: {BoxDaemon, BoxStore}, stage.VolumeCreate: {BoxDaemon, BoxStore}, stage.ImageLoad: {BoxDaemon, BoxStore},
	stage.ImageImport: {BoxDaemon, BoxStore}, stage.ImageSave: {BoxDaemon, BoxStore}, stage.ImagePush: {BoxDaemon, BoxRegistry},
	stage.OverlayMount: {BoxDaemon, BoxKernel}, stage.CgroupCreate: {BoxDaemon, BoxKernel},
	stage.NamespaceCreate: {BoxDaemon, BoxKernel}, stage.UsernsMap: {BoxKernel, BoxContainer}, stage.NetworkAttach: {BoxDaemon, BoxKernel}, stage.NetworkPublish: {BoxDaemon, BoxKernel},
	stage.CgroupJoin: {BoxContainer, BoxKernel}, stage.RootfsMounts: {BoxContainer, BoxKernel}, stage.RootfsPivot: {BoxContainer, BoxKernel},
	stage.SecurityDrop: {BoxContainer, BoxKernel}, stage.ProcessExec: {BoxKernel, BoxContainer}, stage.ProcessExit: {BoxContainer, BoxDaemon},
	stage.ExecCreate: {BoxClient, BoxDaemon}, stage.ExecSetns: {BoxDaemon, BoxContainer}, stage.ExecCgroup: {BoxDaemon, BoxKernel},
	stage.ExecExit: {BoxContainer, BoxDaemon}, stage.ProcessSignal: {BoxDaemon, BoxContainer}, stage.ContainerStop: {BoxContainer, BoxDaemon},
	stage.ContainerPause: {BoxDaemon, BoxKernel}, stage.ContainerUnpause: {BoxDaemon, BoxKernel}, stage.ContainerUpdate: {BoxDaemon, BoxKernel},
	stage.ContainerRename: {BoxDaemon, BoxStore},
}

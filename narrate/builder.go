package narrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// builder makes steps from points: it keeps what was seen so far.
type builder struct {
	library *prose.Library
	of      int

	n         int
	command   string
	facts     map[stage.Name]stage.Fact
	before    []Panel // of the step before
	roles     map[string]int
	storeDir  string
	stdout    tail
	stderr    tail
	exit      int
	lines     lines // not yet in a step
	predicted []predicted
	passed    []stage.Point // since the last step
	blobs     []Blob        // not yet in a step

	all     containers // of the session
	anatomy anatomy    // of the image pulled last
}

// predicted is a question that has been asked and waits for its truth.
type predicted struct {
	question Question
	plan     lesson.Predict
	why      string
	in       map[string]asked // in the other languages
}

func newBuilder(l *prose.Library, of int) *builder {
	return &builder{library: l, of: of, facts: map[stage.Name]stage.Fact{}, roles: map[string]int{BoxNarrator: os.Getpid()}}
}

// observe takes note of a point, whether it becomes a step or not.
func (b *builder) observe(p stage.Point) {
	b.facts[p.Fact.Stage()] = p.Fact
	b.passed = append(b.passed, stage.Point{Seq: p.Seq, PID: p.PID, Fact: p.Fact})
	b.all.observe(p)
	b.anatomy.observe(p)
	switch f := p.Fact.(type) {
	case stage.Request:
		b.roles[BoxDaemon] = p.PID
		if f.Peer.PID > 0 {
			b.roles[BoxClient] = f.Peer.PID
		}
	case stage.Lookup:
		b.storeDir = f.Store
	case stage.Blob:
		b.keep(f)
	case stage.Namespaces:
		b.roles[BoxContainer] = f.PID
	case stage.Removed:
		if c := b.all.byID(f.Container); c == nil || c.PID == b.roles[BoxContainer] {
			delete(b.roles, BoxContainer)
		}
	}
}

// keep reads a small layer while the store has it, so that what was unpacked
// here can be unpacked from a recording.
func (b *builder) keep(f stage.Blob) {
	if f.Size > MaxBlob || !strings.Contains(f.MediaType, "layer") && !strings.Contains(f.MediaType, "rootfs") {
		return
	}
	if data, err := os.ReadFile(f.Path); err == nil { // the daemon's own files may not be ours to read
		b.blobs = append(b.blobs, Blob{f.Digest, data})
	}
}

// since is what has passed since the last step.
func (b *builder) since() (passed []stage.Point, blobs []Blob) {
	passed, blobs = b.passed, b.blobs
	b.passed, b.blobs = nil, nil
	return passed, blobs
}

func (b *builder) wrote(stream, text string) {
	b.lines.add(Line{stream, text})
	if stream == "stdout" {
		b.stdout.add(text)
	} else {
		b.stderr.add(text)
	}
}

func (b *builder) takeLines() []Line { return b.lines.take() }

// words makes an introduction or an end.
func (b *builder) words(kind, page string) (*Step, error) {
	s := &Step{Kind: kind, N: b.n, Of: b.of, At: time.Now(), Output: b.takeLines()}
	s.Passed, s.Blobs = b.since()
	if page == "" {
		return s, nil
	}
	p, err := b.library.Page(page)
	if err != nil {
		return nil, err
	}
	err = b.fill(s, p, b.env(stage.Point{}, probe.Snapshot{}))
	s.clean()
	return s, err
}

// stop makes a step of a point.
func (b *builder) stop(plan lesson.Stop, p stage.Point) (*Step, error) {
	b.n++
	s := &Step{
		Kind: KindStop, N: b.n, Of: b.of, At: time.Now(), Command: b.command, Point: &p, Edge: edges[p.Fact.Stage()],
		Show: plan.Show, Output: b.takeLines(),
	}
	s.Passed, s.Blobs = b.since()
	if n := len(s.Passed); n > 0 {
		s.Passed = s.Passed[:n-1] // the last is the step's own
	}
	b.all.look(b.n, b.roles[BoxDaemon])
	b.anatomy.look(b.roles[BoxDaemon], b.merged())
	s.Containers = b.all.shown()
	s.Probe = probe.Take(probe.Subject{
		PID: p.PID, Roles: b.all.roles(b.roles), Cgroup: containerDirs(b.facts), Listening: addressesOf(p.Fact), StoreDir: b.storeDir, DaemonPID: b.roles[BoxDaemon],
	})
	e := &evidence{point: p, probe: s.Probe, facts: b.facts, held: b.roleOf(p.PID), step: b.n, all: b.all, anatomy: &b.anatomy}
	s.Panels, s.DataRoot = e.panels(), strings.TrimSuffix(b.storeDir, "/images")
	mark(s.Panels, b.before)
	b.before = s.Panels
	page, err := b.page(plan)
	if err != nil {
		return nil, err
	}
	env := b.env(p, s.Probe)
	if err := b.fill(s, page, env); err != nil && plan.Say != "" {
		return nil, &partError{"say", err}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Fact.Stage(), err)
	}
	if err := b.resolve(s, env); err != nil {
		return nil, err
	}
	if err := expectations(s, plan, env); err != nil {
		return nil, &partError{"expect", err}
	}
	if err = b.ask(s, plan, env); err != nil {
		return nil, &partError{"predict", err}
	}
	s.clean()
	return s, nil
}

// partError is a mistake in one part of a stop's plan, by its key in the script.
type partError struct {
	key string
	err error
}

func (e *partError) Error() string { return e.err.Error() }
func (e *partError) Unwrap() error { return e.err }

func (b *builder) roleOf(pid int) string {
	if pid == b.roles[BoxContainer] {
		return BoxContainer
	}
	return BoxDaemon
}

// merged is where the stack of the story's container is mounted.
func (b *builder) merged() string {
	f, _ := b.facts[stage.OverlayMount].(stage.Overlay) // none yet
	return f.Merged
}

// page is the stop's own, or the stage's. The words of a one-file lesson are
// in the script.
func (b *builder) page(plan lesson.Stop) (*prose.Page, error) {
	if plan.Say != "" {
		p, err := prose.ParsePage("say", plan.Say)
		if err == nil && p.Title == "" {
			p.Title = string(plan.Stage)
		}
		return p, err
	}
	return b.library.Page(pageName(plan))
}

func (b *builder) fill(s *Step, p *prose.Page, env prose.Env) error {
	var err error
	fill := func(text string) string {
		filled, e := prose.Fill(text, env)
		err = errors.Join(err, e)
		return filled
	}
	s.Title, s.Prose, s.More = fill(p.Title), fill(p.Body), fill(p.More)
	for _, c := range p.Claims {
		held, e := prose.Holds(c.If, env)
		err = errors.Join(err, e)
		s.Claims = append(s.Claims, Claim{Say: fill(c.Say), Holds: held})
	}
	var offered []int
	for i, t := range p.Try {
		if t.If != "" {
			if held, e := prose.Holds(t.If, env); e != nil || !held {
				err = errors.Join(err, e)
				continue
			}
		}
		offered = append(offered, i)
		s.Try = append(s.Try, prose.Try{Run: fill(t.Run), Why: fill(t.Why)})
	}
	if err != nil {
		return fmt.Errorf("page %s: %w", p.Name, err)
	}
	return b.translate(s, p, offered, env)
}

// resolve answers the questions whose truth is now known.
func (b *builder) resolve(s *Step, env prose.Env) error {
	var open []predicted
	for _, q := range b.predicted {
		if q.plan.At != "" && q.plan.At != s.Stage() {
			open = append(open, q)
			continue
		}
		truth, err := prose.Eval(q.plan.Answer, env)
		if err != nil {
			return fmt.Errorf("answer to %q: %w", q.question.ID, err)
		}
		why, err := prose.Fill(q.why, env)
		if err != nil {
			return fmt.Errorf("answer to %q: %w", q.question.ID, err)
		}
		o := Outcome{Question: q.question, Measured: fmt.Sprint(truth), Why: why}
		if o.Question.Text(o.Measured) == o.Measured {
			s.Failed = append(s.Failed, fmt.Sprintf("question %s: the measured answer %q is none of its choices", q.question.ID, o.Measured))
		}
		s.Outcomes = append(s.Outcomes, o)
		if err := b.answerIn(s, q, o, env); err != nil {
			return err
		}
	}
	b.predicted = open
	return nil
}

func expectations(s *Step, plan lesson.Stop, env prose.Env) error {
	for _, code := range plan.Expect {
		held, err := prose.Holds(code, env)
		if err != nil {
			return fmt.Errorf("expectation at %s: %w", s.Stage(), err)
		}
		if !held {
			s.Failed = append(s.Failed, "expected "+code)
		}
	}
	return nil
}

func (b *builder) ask(s *Step, plan lesson.Stop, env prose.Env) error {
	if plan.Predict == nil {
		return nil
	}
	q := prose.Question{Question: plan.Predict.Question, Choices: plan.Predict.Choices, Why: plan.Predict.Why}
	id := plan.Predict.Ask
	if id != "" {
		var err error
		if q, err = b.library.Question(id); err != nil {
			return err
		}
	}
	text, err := prose.Fill(q.Question, env)
	if err != nil {
		return fmt.Errorf("question %s: %w", id, err)
	}
	s.Question = &Question{ID: id, Question: text, Choices: q.Choices}
	in, err := b.askedIn(s, id, q, env)
	if err != nil {
		return err
	}
	b.predicted = append(b.predicted, predicted{*s.Question, *plan.Predict, q.Why, in})
	return nil
}

// env is what a page's fields and conditions can name.
func (b *builder) env(p stage.Point, snap probe.Snapshot) prose.Env {
	facts := map[string]any{}
	for name, f := range b.facts {
		facts[string(name)] = plain(f)
	}
	inside, host := map[string]any{}, map[string]any{}
	for _, n := range snap.Namespaces {
		inside[n.Type], host[n.Type] = n.Inode, n.Host
	}
	env := prose.Env{
		"facts": facts, "pid": p.PID, "acts": plain(p.Acts), "probe": plain(snap), "ns": inside, "host": host,
		"client": b.roles[BoxClient], "daemon": b.roles[BoxDaemon], "container": b.container(),
		"stdout": b.stdout.String(), "stderr": b.stderr.String(), "exit": b.exit, "command": b.command, "containers": b.all.env(),
	}
	b.anatomy.env(env)
	if p.Fact != nil {
		env["fact"] = plain(p.Fact)
	}
	return env
}

// container is the story's container as far as it is known.
func (b *builder) container() map[string]any {
	c := map[string]any{"id": "", "name": "", "dir": "", "pid": b.roles[BoxContainer]}
	if f, ok := b.facts[stage.ContainerCreate].(stage.Created); ok {
		c["id"], c["name"], c["dir"] = f.ID, f.Name, f.Dir
	}
	return c
}

// plain turns a value into maps and lists, named as in its JSON. A list of
// nothing is an empty list: pages count what is in it.
func plain(v any) any {
	if v != nil {
		full := reflect.New(reflect.TypeOf(v)).Elem()
		full.Set(reflect.ValueOf(v))
		emptyLists(full)
		v = full.Interface()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	var out any
	if d.Decode(&out) != nil {
		return nil
	}
	return out
}

// emptyLists makes an empty list of a nil one, or of those in a struct's own
// fields.
func emptyLists(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			emptyLists(v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
}

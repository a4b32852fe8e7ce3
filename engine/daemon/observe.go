//go:build linux

package daemon

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/logs"
)

func containerLogs(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	w := logs.Wish{Stdout: isTrue(query.Get("stdout")), Stderr: isTrue(query.Get("stderr")), Follow: isTrue(query.Get("follow")), Tail: -1}
	if !w.Stdout && !w.Stderr {
		return badRequest{fmt.Errorf("Bad parameters: you must choose at least one stream")}
	}
	if n, err := strconv.Atoi(query.Get("tail")); err == nil {
		w.Tail = n
	}
	for name, to := range map[string]*time.Time{"since": &w.Since, "until": &w.Until} {
		if *to, err = x.moment(name); err != nil {
			return err
		}
	}
	terminal := c.Snapshot().Config.Tty
	kind := api.RawStream
	if !terminal {
		kind = framedType(x.r)
	}
	stamped, begun := isTrue(query.Get("timestamps")), false
	details := ""
	if isTrue(query.Get("details")) {
		details = c.LogDetails() + " "
	}
	out := writers(terminal, x.w)
	begin := func() error {
		begun = true
		return x.streamOf(kind)
	}
	if w.Follow {
		if err := begin(); err != nil {
			return err
		}
	}
	err = c.Logs(x.r.Context(), w, func(e logs.Entry) error {
		if !begun {
			if err := begin(); err != nil {
				return err
			}
		}
		text := details + e.Text
		if stamped {
			text = e.Time.Format(stampFormat) + " " + text
		}
		if _, err := out[e.Stream].Write([]byte(text)); err != nil {
			return err
		}
		if w.Follow {
			return http.NewResponseController(x.w).Flush()
		}
		return nil
	})
	if begun {
		return nil // the client has gone, or has all there is
	}
	if err != nil {
		return err
	}
	return begin()
}

// stampFormat has nine digits always: columns stay in line.
const stampFormat = "2006-01-02T15:04:05.000000000Z07:00"

// moment reads a time of the query: seconds since 1970 with a fraction, or RFC
// 3339.
func (x *exchange) moment(name string) (time.Time, error) {
	given := x.r.URL.Query().Get(name)
	if given == "" || given == "0" {
		return time.Time{}, nil
	}
	t, err := parseMoment(given)
	if err != nil {
		return t, badRequest{fmt.Errorf("invalid value for %q: %w", name, err)}
	}
	return t, nil
}

func parseMoment(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	fraction = (fraction + "000000000")[:9]
	nanos, err := strconv.ParseInt(fraction, 10, 64)
	return time.Unix(seconds, nanos), err
}

func topContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	table, err := x.Top(x.r.Context(), c, x.r.URL.Query().Get("ps_args"))
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, table)
}

// containerStats sends what the container uses once a second, or once. Of what
// counts up a client wants to know the growth: the first answer waits for two
// looks.
func containerStats(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	stream := query.Get("stream") == "" || isTrue(query.Get("stream"))
	once := isTrue(query.Get("one-shot"))
	before := x.Stats(c)
	if !stream && once {
		return x.json(http.StatusOK, before)
	}
	if err := x.stream(); err != nil {
		return err
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	if stream {
		if err := x.encodeInto(before); err != nil {
			return nil // the client has gone
		}
	}
	for {
		select {
		case <-second.C:
		case <-x.r.Context().Done():
			return nil
		case <-c.Removed():
			return nil
		}
		now := x.Stats(c)
		now.PreRead, now.PreCPUStats = before.Read, before.CPUStats
		before = now
		if err := x.encodeInto(now); err != nil || !stream {
			return nil // the client has gone, or has what it wanted
		}
	}
}

func watchEvents(x *exchange) error {
	f, err := readAnyFilters(x.r.URL.Query().Get("filters"))
	if err != nil {
		return err
	}
	since, err := x.moment("since")
	if err != nil {
		return err
	}
	until, err := x.moment("until")
	if err != nil {
		return err
	}
	if err := x.stream(); err != nil {
		return err
	}
	// An error is a client that has gone.
	_ = x.Events(x.r.Context(), since, until, func(m events.Message) error {
		if !f.wantsEvent(m) {
			return nil
		}
		return x.encodeInto(sentEvent(m))
	})
	return nil
}

// oldEvent has the members of an event that clients before API 1.22 read; docker's
// own does so up to today.
type oldEvent struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

func sentEvent(m events.Message) oldEvent {
	e := oldEvent{Message: m}
	if m.Type == events.ContainerEventType || m.Type == events.ImageEventType {
		e.Status, e.ID = string(m.Action), m.Actor.ID
	}
	if m.Type == events.ContainerEventType {
		e.From = m.Actor.Attributes["image"]
	}
	return e
}

func (f filters) wantsEvent(m events.Message) bool {
	for name, values := range f {
		if !slices.ContainsFunc(values, func(v string) bool { return eventHas(m, name, v) }) {
			return false
		}
	}
	return true
}

// eventHas holds an event against a filter. One that is not known lets all pass, as
// Docker has it.
func eventHas(m events.Message, name, value string) bool {
	switch name {
	case "type":
		return string(m.Type) == value
	case "event":
		action, _, _ := strings.Cut(string(m.Action), ":")
		return string(m.Action) == value || action == value
	case "label":
		return hasLabel(m.Actor.Attributes, value)
	case "scope":
		return m.Scope == value
	}
	if !slices.Contains([]string{"container", "daemon", "image", "network", "plugin", "volume", "config", "node", "secret", "service"}, name) {
		return true
	}
	return string(m.Type) == name && (strings.HasPrefix(m.Actor.ID, value) || m.Actor.Attributes["name"] == value)
}

// matchesPattern: names are given as regular expressions; what is none is taken
// as it is.
func matchesPattern(pattern, text string) bool {
	matched, err := regexp.MatchString(pattern, text)
	return err == nil && matched || strings.Contains(text, pattern)
}

func (x *exchange) tellPrune(kind events.Type, freed int64) {
	x.Tell(kind, "prune", "", map[string]string{"reclaimed": strconv.FormatInt(freed, 10)})
}

func (x *exchange) tellAttach(r engine.Record, action string) {
	x.Tell(events.ContainerEventType, action, r.ID, map[string]string{"image": r.Image, "name": r.Name})
}

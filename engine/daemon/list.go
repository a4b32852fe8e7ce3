//go:build linux

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine"
)

func listContainers(x *exchange) error {
	f, err := x.containerFilters()
	if err != nil {
		return err
	}
	limit, err := x.wholeNumber("limit", 0)
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	everyone := isTrue(query.Get("all")) || limit > 0 || f.has("status") || f.has("exited")
	list := []containertypes.Summary{}
	for _, r := range x.Containers() {
		if !everyone && !r.State.Running || !f.matches(r) {
			continue
		}
		if limit > 0 && len(list) == limit {
			break
		}
		s := summarize(r)
		if isTrue(query.Get("size")) {
			if c, err := x.Container(r.ID); err == nil { // it may have gone meanwhile
				s.SizeRw, s.SizeRootFs = c.Size(), c.Size()+x.ImageSize(r.ImageID)
			}
		}
		list = append(list, s)
	}
	return x.json(http.StatusOK, list)
}

// filters are the wishes of a list: {"name":{"web":true}}, or the older
// {"name":["web"]}.
type filters struct {
	values map[string][]string
	tests  map[string]func(engine.Record, string) bool
}

// filters reads those of the request; a name that is not known is an error.
func (x *exchange) filters(known ...string) (filters, error) {
	f := filters{values: map[string][]string{}, tests: containerTests()}
	text := x.r.URL.Query().Get("filters")
	if text == "" {
		return f, nil
	}
	var sets map[string]map[string]bool
	if json.Unmarshal([]byte(text), &sets) == nil {
		for name, set := range sets {
			for value, on := range set {
				if on {
					f.values[name] = append(f.values[name], value)
				}
			}
		}
	} else if err := json.Unmarshal([]byte(text), &f.values); err != nil {
		return f, badRequest{fmt.Errorf("invalid filter: %w", err)}
	}
	for name := range f.values {
		if !slices.Contains(known, name) {
			return f, badRequest{fmt.Errorf("invalid filter '%s'", name)}
		}
	}
	return f, nil
}

// containerFilters reads the filters of `docker ps`, and completes those that
// name another container.
func (x *exchange) containerFilters() (filters, error) {
	f, err := x.filters("id", "name", "status", "exited", "label", "label!", "ancestor", "before", "since", "network", "volume", "health", "is-task", "expose", "publish", "isolation")
	if err != nil {
		return f, err
	}
	for _, v := range f.values["exited"] {
		if _, err := strconv.Atoi(v); err != nil {
			return f, badRequest{err}
		}
	}
	states := []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}
	for _, v := range f.values["status"] {
		if !slices.Contains(states, v) {
			return f, badRequest{fmt.Errorf("invalid value for status (%s): must be one of %s", v, strings.Join(states, ", "))}
		}
	}
	for i, v := range f.values["ancestor"] {
		if img, err := x.Image(v); err == nil { // one that is not there has no containers
			f.values["ancestor"][i] = img.ID.String()
		}
	}
	for _, name := range []string{"before", "since"} {
		for i, v := range f.values[name] {
			c, err := x.Container(v)
			if err != nil {
				return f, err
			}
			f.values[name][i] = c.Snapshot().Created.Format(time.RFC3339Nano)
		}
	}
	return f, nil
}

func (f filters) has(name string) bool { return len(f.values[name]) > 0 }

// matches: of each name one value must do, of labels every one.
func (f filters) matches(r engine.Record) bool {
	for name, values := range f.values {
		test := f.tests[name]
		if test == nil {
			continue // of what no container here has: is-task, isolation
		}
		one := func(v string) bool { return test(r, v) }
		all := name == "label" || name == "label!"
		if all && slices.ContainsFunc(values, func(v string) bool { return !one(v) }) || !all && !slices.ContainsFunc(values, one) {
			return false
		}
	}
	return true
}

func containerTests() map[string]func(engine.Record, string) bool {
	when := func(v string) time.Time {
		t, _ := time.Parse(time.RFC3339Nano, v) // written by us
		return t
	}
	return map[string]func(engine.Record, string) bool{
		"id": func(r engine.Record, v string) bool { return strings.HasPrefix(r.ID, v) },
		"name": func(r engine.Record, v string) bool {
			return matchesPattern(v, "/"+r.Name) || matchesPattern(v, r.Name)
		},
		"status": func(r engine.Record, v string) bool { return string(r.State.Status) == v },
		"exited": func(r engine.Record, v string) bool {
			return !r.State.Running && r.State.StartedAt != "" && strconv.Itoa(r.State.ExitCode) == v
		},
		"label":    func(r engine.Record, v string) bool { return hasLabel(r.Config.Labels, v) },
		"label!":   func(r engine.Record, v string) bool { return !hasLabel(r.Config.Labels, v) },
		"ancestor": func(r engine.Record, v string) bool { return r.ImageID == v || r.Image == v },
		"before":   func(r engine.Record, v string) bool { return r.Created.Before(when(v)) },
		"since":    func(r engine.Record, v string) bool { return r.Created.After(when(v)) },
		"network":  func(r engine.Record, v string) bool { return string(r.HostConfig.NetworkMode) == v },
		"health":   func(r engine.Record, v string) bool { return v == "none" },
		"volume":   hasMount,
		"until":    func(r engine.Record, v string) bool { return r.Created.Before(untilTime(v)) },
		"expose":   func(engine.Record, string) bool { return false },
		"publish":  func(engine.Record, string) bool { return false },
	}
}

func hasLabel(labels map[string]string, wish string) bool {
	name, value, exact := strings.Cut(wish, "=")
	got, ok := labels[name]
	return ok && (!exact || got == value)
}

// untilTime reads a moment: seconds, RFC 3339, or how long ago.
func untilTime(v string) time.Time {
	if ago, err := time.ParseDuration(v); err == nil {
		return time.Now().Add(-ago)
	}
	t, _ := parseMoment(v) // what is no time is before everything
	return t
}

func summarize(r engine.Record) containertypes.Summary {
	s := containertypes.Summary{
		ID: r.ID, Names: []string{"/" + r.Name}, Image: r.Image, ImageID: r.ImageID, Command: commandText(r.Args),
		Created: r.Created.Unix(), Ports: []containertypes.PortSummary{}, Labels: r.Config.Labels, State: r.State.Status,
		Status: statusText(r.State), NetworkSettings: &containertypes.NetworkSettingsSummary{Networks: endpoints(r)}, Mounts: mountPoints(r),
	}
	s.HostConfig.NetworkMode, s.HostConfig.Annotations = string(r.HostConfig.NetworkMode), r.HostConfig.Annotations
	return s
}

// commandText is Docker's: words that hold a space are quoted.
func commandText(args []string) string {
	words := slices.Clone(args)
	for i, w := range words {
		if i > 0 && strings.Contains(w, " ") {
			words[i] = "'" + w + "'"
		}
	}
	return strings.Join(words, " ")
}

func statusText(s containertypes.State) string {
	since := func(stamp string) string {
		t, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return ""
		}
		return units.HumanDuration(time.Since(t))
	}
	switch s.Status {
	case containertypes.StateRunning:
		return "Up " + since(s.StartedAt)
	case containertypes.StatePaused:
		return "Up " + since(s.StartedAt) + " (Paused)"
	case containertypes.StateRestarting:
		return fmt.Sprintf("Restarting (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	case containertypes.StateExited:
		return fmt.Sprintf("Exited (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	}
	return "Created"
}

// endpoints are the networks that the container is, or was last, connected to.
func endpoints(r engine.Record) map[string]*networktypes.EndpointSettings {
	mode := string(r.HostConfig.NetworkMode)
	if mode == "" || mode == "default" {
		mode = "bridge"
	}
	if r.HostConfig.NetworkMode.IsContainer() {
		return map[string]*networktypes.EndpointSettings{}
	}
	e := &networktypes.EndpointSettings{}
	if r.State.Running {
		fillEndpoint(e, r)
	}
	return map[string]*networktypes.EndpointSettings{mode: e}
}

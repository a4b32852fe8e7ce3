//go:build linux

package daemon

import (
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
			if s.SizeRw, s.SizeRootFs, err = x.sizesOf(r.ID); err != nil {
				return err
			}
		}
		list = append(list, s)
	}
	return x.json(http.StatusOK, list)
}

// filters reads those of the request.
func (x *exchange) filters(known ...string) (filters, error) {
	return readFilters(x.r.URL.Query().Get("filters"), known...)
}

// containerFilters reads the filters of `docker ps`, and completes those that
// name another container.
func (x *exchange) containerFilters() (filters, error) {
	f, err := x.filters("id", "name", "status", "exited", "label", "label!", "ancestor", "before", "since", "network", "volume", "health", "is-task", "expose", "publish", "isolation")
	if err != nil {
		return f, err
	}
	for _, v := range f["exited"] {
		if _, err := strconv.Atoi(v); err != nil {
			return f, badRequest{err}
		}
	}
	states := []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}
	for _, v := range f["status"] {
		if !slices.Contains(states, v) {
			return f, badRequest{fmt.Errorf("invalid value for status (%s): must be one of %s", v, strings.Join(states, ", "))}
		}
	}
	for i, v := range f["ancestor"] {
		if img, err := x.Image(v); err == nil { // one that is not there has no containers
			f["ancestor"][i] = img.ID.String()
		}
	}
	for _, name := range []string{"before", "since"} {
		for i, v := range f[name] {
			c, err := x.Container(v)
			if err != nil {
				return f, err
			}
			f[name][i] = c.Snapshot().Created.Format(time.RFC3339Nano)
		}
	}
	return f, nil
}

func (f filters) has(name string) bool { return len(f[name]) > 0 }

// matches: of each name one value must do, of labels every one.
func (f filters) matches(r engine.Record) bool {
	for name, test := range containerTests() {
		if !f.any(name, func(v string) bool { return test(r, v) }) {
			return false
		}
	}
	return f.labels(r.Config.Labels)
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
		"ancestor": func(r engine.Record, v string) bool { return r.ImageID == v || r.Image == v },
		"before":   func(r engine.Record, v string) bool { return r.Created.Before(when(v)) },
		"since":    func(r engine.Record, v string) bool { return r.Created.After(when(v)) },
		"network": func(r engine.Record, v string) bool {
			for name, e := range endpoints(r) {
				if name == v || v != "" && string(e.NetworkID) == v {
					return true
				}
			}
			return false
		},
		"health": func(r engine.Record, v string) bool { return v == "none" },
		"volume": hasMount,
		"expose": func(r engine.Record, v string) bool {
			return hasPort(r, v, func(p containertypes.PortSummary) uint16 { return p.PrivatePort })
		},
		"publish": func(r engine.Record, v string) bool {
			return hasPort(r, v, func(p containertypes.PortSummary) uint16 { return p.PublicPort })
		},
	}
}

// sizesOf is what a container has written, and what it has altogether.
func (x *exchange) sizesOf(id string) (written, whole int64, err error) {
	c, err := x.Container(id)
	if err != nil {
		return 0, 0, nil // has gone meanwhile
	}
	return x.ContainerSize(c)
}

func summarize(r engine.Record) containertypes.Summary {
	s := containertypes.Summary{
		ID: r.ID, Names: []string{"/" + r.Name}, Image: r.Image, ImageID: r.ImageID, Command: commandText(r.Args),
		Created: r.Created.Unix(), Ports: portSummaries(r), Labels: r.Config.Labels, State: r.State.Status,
		Status: statusText(r.State), NetworkSettings: &containertypes.NetworkSettingsSummary{Networks: endpoints(r)}, Mounts: mountPoints(r),
	}
	s.HostConfig.NetworkMode, s.HostConfig.Annotations = string(r.HostConfig.NetworkMode), r.HostConfig.Annotations
	return s
}

// mountPoints are those of the record; JSON clients want a list.
func mountPoints(r engine.Record) []containertypes.MountPoint {
	return append([]containertypes.MountPoint{}, r.MountPoints...)
}

func hasMount(r engine.Record, wanted string) bool {
	return slices.ContainsFunc(r.MountPoints, func(m containertypes.MountPoint) bool { return m.Name == wanted || m.Destination == wanted })
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

package narrate

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/probe"
)

// Panel is one table of evidence.
type Panel struct {
	Kind  string   `json:"kind"`
	Title string   `json:"title"`
	Head  []string `json:"head,omitempty"`
	Rows  []Row    `json:"rows"`
	More  int      `json:"more,omitempty"` // rows beyond those kept
}

// Row is one row; Changed where it was not so at the step before.
type Row struct {
	Cells   []string `json:"cells"`
	Changed bool     `json:"changed,omitempty"`
}

// PanelActs is the kind of the panel of system calls, PanelWire that of HTTP:
// these two read better as text than as tables.
const (
	PanelActs = "acts"
	PanelWire = "wire"
)

// maxRows bounds a panel.
const maxRows = 80

func (p *Panel) add(cells ...string) {
	if len(p.Rows) == maxRows {
		p.More++
		return
	}
	p.Rows = append(p.Rows, Row{Cells: cells})
}

// evidence is what panels are made from.
type evidence struct {
	point stage.Point
	probe probe.Snapshot
	facts map[stage.Name]stage.Fact // the last of each stage, this one included
	held  string                    // role of the held process
	step  int                       // number of the step

	all     containers
	anatomy *anatomy
}

// panels makes every panel that has something to show.
func (e *evidence) panels() []Panel {
	var list []Panel
	for _, make := range []func() Panel{
		e.wire, e.registry, e.digests, e.image, e.store, e.layers, e.changes, e.config, e.acts, e.containers, e.walls, e.namespaces, e.cgroup, e.mounts, e.network,
		e.process, e.ids, e.security,
	} {
		if p := make(); len(p.Rows) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// mark notes which rows are not as they were in the panel of the step before.
func mark(now []Panel, before []Panel) {
	for i, p := range now {
		old := slices.IndexFunc(before, func(b Panel) bool { return b.Kind == p.Kind })
		if old < 0 {
			continue
		}
		had := map[string]bool{}
		for _, r := range before[old].Rows {
			had[r.key()] = true
		}
		for j, r := range p.Rows {
			now[i].Rows[j].Changed = !had[r.key()]
		}
	}
}

// key is what a row says: a new column that is empty in it says nothing.
func (r Row) key() string { return strings.TrimRight(strings.Join(r.Cells, "\x00"), "\x00") }

func (e *evidence) wire() Panel {
	switch f := e.point.Fact.(type) {
	case stage.Request:
		p := Panel{Kind: PanelWire, Title: "client → daemon"}
		p.add(f.Method + " " + f.Path + " HTTP/1.1")
		addHeaders(&p, f.Headers)
		addBody(&p, f.Body)
		return p
	case stage.Response:
		p := Panel{Kind: PanelWire, Title: "daemon → client"}
		p.add(fmt.Sprintf("HTTP/1.1 %d, to %s %s", f.Status, f.Method, f.Path))
		addHeaders(&p, f.Headers)
		addBody(&p, f.Body)
		return p
	}
	return Panel{}
}

func addHeaders(p *Panel, headers map[string]string) {
	for _, name := range sortedKeys(headers) {
		p.add(name + ": " + headers[name])
	}
}

// addBody shows JSON by its members that say something; empty ones are left out.
func addBody(p *Panel, body string) {
	var members map[string]any
	if json.Unmarshal([]byte(body), &members) != nil {
		if body != "" {
			p.add(strings.TrimSpace(body))
		}
		return
	}
	for _, name := range sortedKeys(members) {
		if said := nonEmpty(members[name]); said != nil {
			text, err := json.Marshal(said)
			if err == nil {
				p.add("  " + name + ": " + string(text))
			}
		}
	}
}

func nonEmpty(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case []any:
		kept := slices.DeleteFunc(slices.Clone(v), func(x any) bool { return nonEmpty(x) == nil })
		if len(kept) == 0 {
			return nil
		}
	case map[string]any:
		kept := map[string]any{}
		for k, x := range v {
			if said := nonEmpty(x); said != nil {
				kept[k] = said
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	}
	return v
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (e *evidence) registry() Panel {
	p := Panel{Kind: "registry", Title: "daemon ↔ registry", Head: []string{"request", "status", "answer"}}
	add := func(x stage.Exchange) {
		_, rest, _ := strings.Cut(x.URL, "://")
		host, urlPath, _ := strings.Cut(rest, "/")
		p.add(x.Method+" /"+urlPath, strconv.Itoa(x.Status), strings.Join(nonBlank(x.MediaType, x.Digest, host), " "))
	}
	switch f := e.point.Fact.(type) {
	case stage.Resolved:
		for _, x := range f.Exchanges {
			add(x)
		}
		for _, v := range f.Variants {
			mark := ""
			if v.Chosen {
				mark = "◄ this machine"
			}
			p.add("  "+v.Platform, v.Digest, mark)
		}
	case stage.Blob:
		if f.Exchange != nil {
			add(*f.Exchange)
		}
		p.add("promised", units.HumanSize(float64(f.Size)), f.Digest)
		if f.Computed != "" {
			p.add("computed", "", f.Computed)
		}
	case stage.Pushed:
		for _, x := range f.Exchanges {
			x.URL, _, _ = strings.Cut(x.URL, "?") // the registry's own notes, for nobody to read
			add(x)
		}
	}
	return p
}

func nonBlank(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

func (e *evidence) store() Panel {
	p := Panel{Kind: "store", Title: "image store", Head: []string{"file", "bytes"}}
	for _, f := range e.probe.Store {
		p.add(f.Path, strconv.FormatInt(f.Size, 10))
	}
	return p
}

func (e *evidence) layers() Panel {
	p := Panel{Kind: "layers", Title: "layers"}
	switch f := e.point.Fact.(type) {
	case stage.Unpacked:
		p.Head = []string{"entry", "type", "mode", "bytes"}
		for _, x := range f.First {
			p.add(x.Name, x.Type, x.Mode, strconv.FormatInt(x.Size, 10))
		}
		p.More += f.Entries - len(f.First)
	case stage.Committed:
		p.Head = []string{"entry", "type"}
		for kind, list := range [][]string{f.Changes.Added, f.Changes.Changed, f.Changes.Deleted} {
			for _, name := range list {
				p.add(name, []string{"added", "changed", "deleted"}[kind])
			}
		}
		p.More += f.Changes.More
	case stage.Overlay:
		p.Head = []string{headPart, "directory"}
		for _, l := range f.Lower {
			p.add("lower (read-only)", l)
		}
		p.add("upper (changes)", f.Upper)
		p.add("work", f.Work)
		p.add("merged", f.Merged)
	}
	return p
}

func (e *evidence) config() Panel {
	f, ok := e.point.Fact.(stage.Created)
	if !ok {
		return Panel{}
	}
	p := Panel{Kind: "config", Title: f.Dir + "/config.json", Head: []string{"setting", "value"}}
	var c struct {
		OCIVersion string `json:"ociVersion"`
		Process    struct {
			Args []string
			Env  []string
			Cwd  string
		}
		Root     struct{ Path string }
		Hostname string
		Linux    struct {
			CgroupsPath string
			Namespaces  []struct{ Type string }
		}
		Mounts []struct{ Destination string }
	}
	if json.Unmarshal(f.Config, &c) != nil {
		return Panel{}
	}
	var types, targets []string
	for _, n := range c.Linux.Namespaces {
		types = append(types, n.Type)
	}
	for _, m := range c.Mounts {
		targets = append(targets, m.Destination)
	}
	p.add("ociVersion", c.OCIVersion)
	p.add("process.args", strings.Join(c.Process.Args, " "))
	p.add("process.cwd", c.Process.Cwd)
	p.add("process.env", strings.Join(c.Process.Env, " "))
	p.add("root.path", c.Root.Path)
	p.add("hostname", c.Hostname)
	p.add("linux.namespaces", strings.Join(types, " "))
	p.add("linux.cgroupsPath", c.Linux.CgroupsPath)
	p.add("mounts", strings.Join(targets, " "))
	return p
}

func (e *evidence) acts() Panel {
	p := Panel{Kind: PanelActs, Title: "asked of the kernel since the stop before", Head: []string{"system call", "by hand", "by"}}
	for _, a := range e.point.Acts {
		p.add(a.String(), a.Hand, a.By)
	}
	p.More += e.point.Lost
	return p
}

func (e *evidence) namespaces() Panel {
	p := Panel{Kind: "namespaces", Title: "namespaces of the held process", Head: []string{"type", "host", "held: " + e.held, ""}}
	for _, n := range e.probe.Namespaces {
		same := map[string]string{"host": "same", "daemon": "the daemon's", "": "its own"}[n.Of()]
		p.add(n.Type, strconv.FormatUint(n.Host, 10), strconv.FormatUint(n.Inode, 10), same)
	}
	return p
}

func (e *evidence) cgroup() Panel {
	p := Panel{Kind: "cgroup", Title: "cgroup", Head: []string{"file", "written", "value now"}}
	fact, _ := e.facts[stage.CgroupCreate].(stage.Cgroup)
	written := map[string]string{}
	for _, w := range fact.Writes {
		written[w.File] = w.Value
		if w.Error != "" {
			written[w.File] = w.Value + " ✗ " + w.Error
		}
	}
	for _, f := range e.probe.Cgroup {
		p.add(f.Path, written[f.Path], orNone(f.Value))
	}
	if fact.Refused != "" {
		p.add("not done here", "", fact.Refused)
	}
	return p
}

func orNone(s string) string {
	if s == "" {
		return "(empty)"
	}
	return s
}

func (e *evidence) mounts() Panel {
	if e.held != BoxContainer {
		return Panel{}
	}
	p := Panel{Kind: "mounts", Title: "mounts that the held process sees", Head: []string{"target", "type", "source"}}
	root := ""
	if f, ok := e.facts[stage.OverlayMount].(stage.Overlay); ok {
		root = f.Merged
	}
	others := 0
	pivoted := e.probe.Mounts != nil && !slices.ContainsFunc(e.probe.Mounts, func(m probe.Mount) bool { return m.Target == root })
	for _, m := range e.probe.Mounts {
		inside := m.Target == root || strings.HasPrefix(m.Target, root+"/")
		if !pivoted && !inside {
			others++
			continue
		}
		target := m.Target
		if !pivoted {
			target = "…/merged" + strings.TrimPrefix(m.Target, root)
		}
		p.add(target, m.Type, m.Source)
	}
	if others > 0 {
		p.add(fmt.Sprintf("and %d mounts of the host", others), "", "")
	}
	return p
}

func (e *evidence) network() Panel {
	f, ok := e.facts[stage.NetworkAttach].(stage.Network)
	if !ok || e.held != BoxContainer {
		return Panel{}
	}
	p := Panel{Kind: "network", Title: "network of the held process", Head: []string{"", ""}}
	p.add("interfaces (/proc/PID/net/dev)", strings.Join(e.probe.Interfaces, " "))
	for _, row := range [][2]string{
		{"address", f.Address}, {"hardware address", f.MAC}, {"gateway", f.Gateway}, {"bridge on the host", f.Bridge}, {"the pair's end on the host", f.Veth}, {"not done here", f.Refused},
	} {
		if row[1] != "" {
			p.add(row[0], row[1])
		}
	}
	if f, ok := e.facts[stage.NetworkPublish].(stage.Published); ok {
		for _, port := range f.Ports {
			p.add("published", addressOf(port)+" → "+port.To)
		}
	}
	for _, at := range e.probe.Listening {
		p.add("the host listens (/proc/net)", at)
	}
	return p
}

// addressesOf are those of the host that a fact says somebody listens at.
func addressesOf(f stage.Fact) []string {
	published, ok := f.(stage.Published)
	if !ok {
		return nil
	}
	var at []string
	for _, port := range published.Ports {
		at = append(at, addressOf(port))
	}
	return at
}

func addressOf(p stage.PublishedPort) string { return p.Protocol + " " + p.Host }

func (e *evidence) process() Panel {
	p := Panel{Kind: "process", Title: "processes", Head: []string{"who", "pid here", "pid inside", "parent", "name", "state"}}
	for _, each := range e.probe.Processes {
		inside := "—"
		if len(each.NSpid) > 1 {
			inside = strconv.Itoa(each.NSpid[len(each.NSpid)-1])
		}
		if each.Role == BoxNarrator {
			each.State = "" // it reads itself as it runs: whatever is read is past
		}
		p.add(each.Role, strconv.Itoa(each.PID), inside, strconv.Itoa(each.Parent), each.Name, each.State)
	}
	return p
}

func (e *evidence) ids() Panel {
	if e.held != BoxContainer {
		return Panel{}
	}
	p := Panel{Kind: "ids", Title: "who the held process is", Head: []string{"", ""}}
	p.add("uid_map (inside outside count)", e.probe.UIDMap)
	p.add("gid_map", e.probe.GIDMap)
	p.add("Uid (real effective saved fs)", e.probe.Status["Uid"])
	p.add("Gid", e.probe.Status["Gid"])
	return p
}

func (e *evidence) security() Panel {
	if e.held != BoxContainer {
		return Panel{}
	}
	p := Panel{Kind: "security", Title: "what the held process may do (/proc/PID/status)", Head: []string{"field", "value"}}
	for _, name := range []string{"CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"} {
		if v := e.probe.Status[name]; v != "" {
			p.add(name, v)
		}
	}
	if f, ok := e.facts[stage.SecurityDrop].(stage.Dropped); ok {
		p.add(fmt.Sprintf("%d capabilities", len(f.Capabilities)), strings.ReplaceAll(strings.ToLower(strings.Join(f.Capabilities, " ")), "cap_", ""))
	}
	return p
}

// containerDirs are the cgroup directories of the story's container.
func containerDirs(facts map[stage.Name]stage.Fact) []string {
	f, ok := facts[stage.CgroupCreate].(stage.Cgroup)
	if !ok {
		return nil
	}
	var dirs []string
	for _, d := range f.Dirs {
		dirs = append(dirs, filepath.Clean(d))
	}
	return dirs
}

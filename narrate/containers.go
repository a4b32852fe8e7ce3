package narrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/probe"
)

// States of a container, as the narrator has seen them come.
const (
	StateCreated  = "created"  // files, no process
	StateStarting = "starting" // its process is the engine's init
	StateRunning  = "running"  // its process is the image's program
	StateExited   = "exited"
	StateRemoved  = "removed"
)

// Container is one container of the session: what the engine told when it was
// made, and what the kernel says of it at this step.
type Container struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Image      string            `json:"image"`
	Dir        string            `json:"dir"`
	State      string            `json:"state"`
	Lower      []string          `json:"lower"` // topmost first
	Upper      string            `json:"upper,omitempty"`
	Merged     string            `json:"merged,omitempty"`
	Written    []string          `json:"written"` // what is in the upper directory now, by paths from it
	PID        int               `json:"pid"`     // of its first process, out here; 0 before there is one
	Inside     int               `json:"inside"`  // the same process's number in its own PID namespace
	Namespaces []probe.Namespace `json:"namespaces"`
	SeenAt     int               `json:"seenAt"` // step at which the namespaces were read: they end with the process
	Groups     []string          `json:"groups"` // directories of its control group
	Address    string            `json:"address,omitempty"`
	Status     int               `json:"status"` // exit status, once exited; -1 where nobody has told

	execAt  *stage.Point // its last point before execve
	settled bool
}

const unknownStatus = -1

// Running reports whether its process is there.
func (c *Container) Running() bool { return c.State == StateStarting || c.State == StateRunning }

// containers are those of the session in the order of their creation.
type containers []*Container

func (all containers) find(match func(*Container) bool) *Container {
	if i := slices.IndexFunc(all, match); i >= 0 {
		return all[i]
	}
	return nil
}

func (all containers) byID(id string) *Container {
	return all.find(func(c *Container) bool { return c.ID == id })
}

// byPID finds the one whose process is there: numbers are given again.
func (all containers) byPID(pid int) *Container {
	return all.find(func(c *Container) bool { return c.PID == pid && c.Running() })
}

// observe takes note of a point.
func (all *containers) observe(p stage.Point) {
	switch f := p.Fact.(type) {
	case stage.Created:
		*all = append(*all, &Container{ID: f.ID, Name: f.Name, Image: f.Image, Dir: f.Dir, State: StateCreated, Lower: []string{}})
	case stage.Overlay:
		if c := all.byID(f.Container); c != nil {
			c.Lower, c.Upper, c.Merged = f.Lower, f.Upper, f.Merged
		}
	case stage.Cgroup:
		if c := all.byID(f.Container); c != nil {
			c.Groups = f.Dirs
		}
	case stage.Namespaces:
		if c := all.byID(f.Container); c != nil {
			c.PID, c.State, c.execAt, c.settled = f.PID, StateStarting, nil, false
		}
	case stage.Network:
		if c := all.byPID(f.PID); c != nil {
			c.Address, _, _ = strings.Cut(f.Address, "/")
		}
	case stage.Exec:
		if c := all.byPID(p.PID); c != nil {
			c.execAt = &p
		}
	case stage.Exit:
		if c := all.byID(f.Container); c != nil {
			c.State, c.Status = StateExited, f.Status
		}
	case stage.Removed:
		if c := all.byID(f.Container); c != nil {
			c.State = StateRemoved
		}
	}
	for _, c := range *all {
		if c.State == StateStarting && c.execAt != nil && c.execAt.Seq != p.Seq {
			c.State = StateRunning
		}
	}
}

// look reads what the kernel says of each at step n.
func (all containers) look(n, daemon int) {
	for _, c := range all {
		c.settle()
		c.Written = []string{}
		if c.Upper != "" {
			c.Written = probe.Tree(c.Upper)
		}
		if !c.Running() {
			continue
		}
		if ns := probe.NamespacesOf(c.PID, daemon); len(ns) > 0 {
			c.Namespaces, c.SeenAt = ns, n
			c.Inside = innermost(probe.Status(c.PID)["NSpid"])
		} else { // its start has failed: no stop tells of that end
			c.State, c.Status = StateExited, unknownStatus
		}
	}
}

func innermost(nspid string) int {
	numbers := strings.Fields(nspid)
	if len(numbers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[len(numbers)-1]) // the kernel writes numbers
	return n
}

// settlePatience is how long a process may take until it waits for something.
const settlePatience = 500 * time.Millisecond

// settle lets the engine's init come to where it waits for the word to go on,
// and, once, a program that has just begun to where it waits, or to its end:
// what it does first belongs to its start.
func (c *Container) settle() {
	if c.settled || !c.Running() {
		return
	}
	c.settled = c.State == StateRunning
	for end := time.Now().Add(settlePatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if state := probe.Status(c.PID)["State"]; !strings.HasPrefix(state, "R") && !strings.HasPrefix(state, "D") {
			return
		}
	}
}

// shown are copies for a step: later steps change the containers.
func (all containers) shown() []Container {
	var list []Container
	for _, c := range all {
		list = append(list, *c)
	}
	return list
}

// roles adds the processes of the containers that run beside the story's own.
func (all containers) roles(own map[string]int) map[string]int {
	roles := map[string]int{}
	for role, pid := range own {
		roles[role] = pid
	}
	for _, c := range all {
		if c.Running() && c.PID != own[BoxContainer] {
			roles[BoxContainer+" "+c.Name] = c.PID
		}
	}
	return roles
}

// env is how expressions see them; ns are the namespaces' inodes by type.
func (all containers) env() []any {
	list := []any{}
	for _, c := range all {
		seen, _ := plain(*c).(map[string]any) // a struct is a map
		ns := map[string]any{}
		for _, n := range c.Namespaces {
			ns[n.Type] = n.Inode
		}
		seen["ns"], seen["pid"] = ns, c.PID
		seen["upper"], seen["merged"] = c.Upper, c.Merged // "" too: where layers are copied there is no upper one
		list = append(list, seen)
	}
	return list
}

// containers shows them side by side, and what is shared between them.
func (e *evidence) containers() Panel {
	p, now, add := e.sideBySide("containers", "containers")
	add("id", true, func(c *Container) string { return c.ID })
	add("image", true, func(c *Container) string { return c.Image })
	add("state", false, (*Container).described)
	add("pid out here", true, func(c *Container) string { return positive(c.PID) })
	add("pid in there", false, func(c *Container) string { return positive(c.Inside) })
	for i := range longest(now) {
		add("lower "+strconv.Itoa(i+1), true, func(c *Container) string { return at(c.Lower, i) })
	}
	add("upper", true, func(c *Container) string { return c.Upper })
	add("written there", false, func(c *Container) string { return strings.Join(c.Written, " ") })
	add("control group", true, func(c *Container) string { return at(c.Groups, 0) })
	e.addWalls(add, " namespace")
	add("address", true, func(c *Container) string { return c.Address })
	return *p
}

// walls shows their namespaces alone, side by side.
func (e *evidence) walls() Panel {
	p, now, add := e.sideBySide(kindWalls, "the containers' namespaces")
	if !slices.ContainsFunc(now, func(c *Container) bool { return len(c.Namespaces) > 0 }) {
		return Panel{}
	}
	e.addWalls(add, "")
	add("pid out here", true, func(c *Container) string { return positive(c.PID) })
	add("pid in there", false, func(c *Container) string { return positive(c.Inside) })
	return *p
}

func (e *evidence) addWalls(add func(string, bool, func(*Container) string), suffix string) {
	for _, t := range probe.Types {
		add(t+suffix, true, func(c *Container) string { return c.wall(t, e.step) })
	}
}

// sideBySide begins a panel with a column for each container that is there. add
// adds a row, unless it would be empty; where the cells are compared it ends with
// whether they are one thing.
func (e *evidence) sideBySide(kind, title string) (p *Panel, now containers, add func(label string, compared bool, cell func(*Container) string)) {
	p = &Panel{Kind: kind, Title: title, Head: []string{""}}
	now = slices.DeleteFunc(slices.Clone(e.all), func(c *Container) bool {
		gone, ok := e.point.Fact.(stage.Removed)
		return c.State == StateRemoved && !(ok && gone.Container == c.ID)
	})
	for _, c := range now {
		p.Head = append(p.Head, c.Name)
	}
	add = func(label string, compared bool, cell func(*Container) string) {
		cells := []string{label}
		for _, c := range now {
			cells = append(cells, cell(c))
		}
		if strings.Join(cells[1:], "") == "" {
			return
		}
		if compared {
			cells = append(cells, verdict(cells[1:]))
		}
		p.add(cells...)
	}
	return p, now, add
}

func (c *Container) described() string {
	switch {
	case c.PID == 0, c.Status == unknownStatus:
		return c.State
	case c.State == StateExited:
		return fmt.Sprintf("%s, status %d", c.State, c.Status)
	case c.State == StateRemoved:
		return fmt.Sprintf("%s, status was %d", c.State, c.Status)
	}
	return c.State
}

// What marks a namespace that is the host's too, or that of a daemon that has its
// own.
const (
	theHosts   = ", the host's"
	theDaemons = ", the daemon's"
)

// wall is a namespace's inode, with the step at which it was seen where that is
// not this one.
func (c *Container) wall(kind string, step int) string {
	i := slices.IndexFunc(c.Namespaces, func(n probe.Namespace) bool { return n.Type == kind })
	if i < 0 {
		return ""
	}
	n := c.Namespaces[i]
	cell := strconv.FormatUint(n.Inode, 10)
	switch n.Of() {
	case "host":
		cell += theHosts
	case "daemon":
		cell += theDaemons
	}
	if c.SeenAt != step {
		cell += fmt.Sprintf(", at step %d", c.SeenAt)
	}
	return cell
}

// verdict says whether what several containers have is one thing. Where one
// has nothing there is nothing to say, and so with one alone.
func verdict(cells []string) string {
	if len(cells) < 2 || slices.Contains(cells, "") {
		return ""
	}
	distinct := map[string]bool{}
	for _, c := range cells {
		distinct[c] = true
	}
	switch len(distinct) {
	case 1:
		return "shared"
	case len(cells):
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, theHosts) || strings.Contains(c, theDaemons) }) {
			return "own"
		}
	}
	return ""
}

func longest(all []*Container) int {
	n := 0
	for _, c := range all {
		n = max(n, len(c.Lower))
	}
	return n
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

package term

import (
	"strings"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// busyWay is of the picture the busy way alone; "" where there is none.
func busyWay(e narrate.Edge, s style, w prose.Words) string {
	if e.From == "" || e.To == "" {
		return ""
	}
	return "  " + s.active(w.Say(e.From)+" ══▶ "+w.Say(e.To))
}

// picture draws who talks to whom, the busy way lit:
//
//	client ══▶ daemon ─── registry
//	             ├─ store
//	             └─ kernel ─── container
func picture(e narrate.Edge, s style, w prose.Words) []string {
	box := func(name string) string {
		if e.From == name || e.To == name {
			return s.active(w.Say(name))
		}
		return s.dim(w.Say(name))
	}
	way := func(left, right string) string {
		switch {
		case e.From == left && e.To == right:
			return s.active(" ══▶ ")
		case e.From == right && e.To == left:
			return s.active(" ◀══ ")
		}
		return s.dim(" ─── ")
	}
	down := func(corner, name string) string {
		switch {
		case e.From == narrate.BoxDaemon && e.To == name:
			return s.active(corner + "═▶ ")
		case e.From == name && e.To == narrate.BoxDaemon:
			return s.active(corner + "◀═ ")
		case e.From == narrate.BoxContainer && e.To == narrate.BoxDaemon && name == narrate.BoxKernel:
			return s.active(corner + "◀═ ")
		}
		return s.dim(corner + "── ")
	}
	// Down from the daemon's middle.
	indent := strings.Repeat(" ", cells(w.Say(narrate.BoxClient)+" ─── ")+cells(w.Say(narrate.BoxDaemon))/2)
	last := way(narrate.BoxKernel, narrate.BoxContainer)
	if e.From == narrate.BoxContainer && e.To == narrate.BoxDaemon {
		last = s.active(" ◀══ ")
	}
	return []string{
		"  " + box(narrate.BoxClient) + way(narrate.BoxClient, narrate.BoxDaemon) + box(narrate.BoxDaemon) + way(narrate.BoxDaemon, narrate.BoxRegistry) + box(narrate.BoxRegistry),
		"  " + indent + down("├", narrate.BoxStore) + box(narrate.BoxStore),
		"  " + indent + down("└", narrate.BoxKernel) + box(narrate.BoxKernel) + last + box(narrate.BoxContainer),
	}
}

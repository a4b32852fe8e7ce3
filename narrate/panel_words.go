package narrate

import (
	"slices"

	"github.com/learndocker/learndocker/narrate/prose"
)

// Localized is the panel with our words in another language. A recording keeps
// them in English: what a panel says is evidence, and most of it is the kernel's
// and the wire's own.
func (p Panel) Localized(w prose.Words) Panel {
	if len(w) == 0 {
		return p
	}
	ours := p.ownColumns()
	p.Title = w.Cell(p.Title)
	p.Head, p.Rows = slices.Clone(p.Head), slices.Clone(p.Rows)
	for i := range p.Head {
		p.Head[i] = w.Say(p.Head[i])
	}
	for i := range p.Rows {
		p.Rows[i].Cells = slices.Clone(p.Rows[i].Cells)
		for _, column := range ours {
			if column < len(p.Rows[i].Cells) {
				p.Rows[i].Cells[column] = w.Cell(p.Rows[i].Cells[column])
			}
		}
	}
	return p
}

// ownColumns are those in which words of ours stand. In the others a process or
// a file may be called as one of our words is, and keeps its name.
func (p Panel) ownColumns() []int {
	switch p.Kind {
	case "registry", "cgroup":
		return []int{0, 2}
	case "layers":
		if len(p.Head) > 0 && p.Head[0] == headPart {
			return []int{0}
		}
	case "namespaces":
		return []int{3}
	case "mounts", "network", "process", "ids", "security":
		return []int{0}
	}
	return nil
}

// headPart heads the panel of an overlay's directories, whose first column is
// ours; that of a layer's entries is not.
const headPart = "part"

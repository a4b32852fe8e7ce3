package narrate

import (
	"slices"
	"strings"

	"github.com/learndocker/learndocker/narrate/prose"
)

// Localized is the panel with our words in another language. A recording keeps
// them in English: what a panel says is evidence, and most of it is the kernel's
// and the wire's own.
func (p Panel) Localized(w prose.Words) Panel {
	if len(w) == 0 {
		return p
	}
	local := p
	local.Title = w.Cell(p.Title)
	local.Head, local.Rows = slices.Clone(p.Head), slices.Clone(p.Rows)
	for i, head := range p.Head {
		if !p.sideBySide() { // headed by their names
			local.Head[i] = w.Cell(head)
		}
	}
	for i, row := range p.Rows {
		local.Rows[i].Cells = slices.Clone(row.Cells)
		for column, cell := range row.Cells {
			if p.ours(row, column) {
				local.Rows[i].Cells[column] = p.cell(w, cell)
			}
		}
	}
	return local
}

// ours tells whether the words in a cell are ours. In the others a process or a
// file may be called as one of our words is, and keeps its name.
func (p Panel) ours(row Row, column int) bool {
	switch p.Kind {
	case "registry", "cgroup":
		return column == 0 || column == 2
	case "layers":
		return column == 0 && len(p.Head) > 0 && p.Head[0] == headPart
	case "namespaces":
		return column == 3
	case "digests":
		return column != 2
	case "changes":
		return column > 0
	case kindWalls:
		return column > 0 || strings.HasPrefix(row.Cells[0], "pid ")
	case "containers":
		return column == 0 || column >= len(p.Head) || row.Cells[0] == "state" || strings.HasSuffix(row.Cells[0], " namespace")
	case "mounts", "network", "process", "ids", "security", "image":
		return column == 0
	}
	return false
}

// cell is one cell in another language. What is put together of a name and our
// words ("container NAME" among the processes; "mnt namespace" and "exited,
// status 0" where containers stand side by side) keeps the name.
func (p Panel) cell(w prose.Words, text string) string {
	switch p.Kind {
	case "process":
		role, name, named := strings.Cut(text, " ")
		if named {
			return w.Say(role) + " " + name
		}
	case "containers", kindWalls:
		if kind, ok := strings.CutSuffix(text, " namespace"); ok {
			return kind + " " + w.Say("namespace")
		}
		parts := strings.Split(text, ", ")
		for i := range parts {
			parts[i] = w.Cell(parts[i])
		}
		return strings.Join(parts, ", ")
	}
	return w.Cell(text)
}

// kindWalls is the kind of the panel of the containers' namespaces.
const kindWalls = "walls"

// sideBySide reports whether the columns are containers.
func (p Panel) sideBySide() bool { return p.Kind == "containers" || p.Kind == kindWalls }

// headPart heads the panel of an overlay's directories, whose first column is
// ours; that of a layer's entries is not.
const headPart = "part"

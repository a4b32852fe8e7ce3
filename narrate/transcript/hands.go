package transcript

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/narrate"
)

// byHand lists the shell lines for the calls of a panel that did something, as
// a person would type them, and whether they belong inside the container's
// namespaces. Long names become variables, defined by globs in the first
// lines, so that the block is short and can still be pasted.
func byHand(s *narrate.Step, acts narrate.Panel) (lines []string, inside bool) {
	for _, r := range acts.Rows {
		if len(r.Cells) < 3 || r.Cells[1] == "" || !strings.HasSuffix(r.Cells[0], " = 0") && !strings.HasSuffix(r.Cells[0], " = made or there") {
			continue
		}
		line := clean(r.Cells[1])
		if bare, ok := strings.CutSuffix(line, " …"); ok {
			line = bare + " sh"
		}
		if strings.Contains(line, "…") {
			continue // a hint, not a command
		}
		lines = append(lines, line)
		inside = inside || r.Cells[2] != ""
	}
	var v variables
	for i, line := range lines {
		lines[i] = v.shorten(line, s.DataRoot)
	}
	return append(v.definitions, fold(lines)...), inside
}

// The name of a container or a layer: an id's digits, or the name that a
// stable transcript gives it.
const idPattern = `([0-9a-f]{32,64}|id[₀-₉]+)`

var (
	containerDir = regexp.MustCompile(`(/?[\w./@%+₀-₉-]*/containers/)` + idPattern)
	layerDir     = regexp.MustCompile(`(/?[\w./@%+₀-₉-]*/layers/)` + idPattern)
	fullID       = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
)

// variables are those of one block.
type variables struct {
	definitions []string
	known       map[string]string // long name → variable
	layers      int
}

// shorten puts variables for what is long, outside quotes: within them they
// would mean nothing.
func (v *variables) shorten(line, dataRoot string) string {
	parts := strings.Split(line, "'")
	for i := 0; i < len(parts); i += 2 {
		p := containerDir.ReplaceAllStringFunc(parts[i], func(dir string) string { return v.name("C", dir) })
		p = layerDir.ReplaceAllStringFunc(p, func(dir string) string { return v.name("L", dir) })
		p = fullID.ReplaceAllStringFunc(p, func(id string) string {
			if dataRoot == "" {
				return id
			}
			return v.id(dataRoot+"/containers/", id)
		})
		parts[i] = p
	}
	return strings.Join(parts, "'")
}

func (v *variables) name(letter, long string) string {
	if v.known == nil {
		v.known = map[string]string{}
	}
	if short, ok := v.known[long]; ok {
		return short
	}
	if letter == "L" {
		v.layers++
		if v.layers > 1 {
			letter += strconv.Itoa(v.layers)
		}
	}
	v.known[long] = "$" + letter
	v.definitions = append(v.definitions, letter+"="+glob(long))
	return v.known[long]
}

// id is a container's id where it stands alone: the last part of its
// directory's name.
func (v *variables) id(parent, id string) string {
	if v.known == nil {
		v.known = map[string]string{}
	}
	if v.known[id] == "" {
		v.known[id] = "$ID"
		v.definitions = append(v.definitions, "ID=$(basename "+parent+id[:12]+"*)")
	}
	return v.known[id]
}

// glob is a path whose last part is long, as a glob that the shell expands
// when the variable is set.
func glob(path string) string {
	slash := strings.LastIndex(path, "/")
	if name := path[slash+1:]; len(name) >= 32 {
		return "$(echo " + path[:slash+1] + name[:12] + "*)"
	}
	return path
}

const handWidth = 96 // cells; a block of code scrolls beyond about a hundred

var echo = regexp.MustCompile(`^echo (\S+|'[^']*') > (\S+)$`)

// fold writes several commands that differ in one word as one.
func fold(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		if m := echo.FindStringSubmatch(lines[i]); m != nil {
			words := []string{m[1]}
			for i++; i < len(lines); i++ {
				next := echo.FindStringSubmatch(lines[i])
				if next == nil || next[2] != m[2] {
					break
				}
				words = append(words, next[1])
			}
			out = append(out, echoes(words, m[2])...)
			continue
		}
		line := lines[i]
		for i++; i < len(lines) && joins(line, lines[i]); i++ {
			_, more, _ := strings.Cut(lines[i], " ")
			line += " " + more
		}
		out = append(out, line)
	}
	return out
}

func joins(line, next string) bool {
	for _, command := range []string{"mkdir ", "touch "} {
		if strings.HasPrefix(line, command) && strings.HasPrefix(next, command) {
			return len(line)+len(next)-len(command) < handWidth
		}
	}
	return false
}

// echoes writes each word into one file: control files take one at a time.
func echoes(words []string, file string) []string {
	if len(words) < 3 {
		var lines []string
		for _, w := range words {
			lines = append(lines, "echo "+w+" > "+file)
		}
		return lines
	}
	lines := []string{"for rule in"}
	for _, w := range words {
		if last := len(lines) - 1; len(lines[last])+len(w) < handWidth-20 {
			lines[last] += " " + w
			continue
		}
		lines[len(lines)-1] += ` \`
		lines = append(lines, "    "+w)
	}
	return append(lines, "do", `  echo "$rule" > `+file, "done")
}

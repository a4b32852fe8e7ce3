package narrate

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/probe"
)

// anatomy is what the session has seen of the image that was pulled last: its
// parts by their digests, and what its layers do to each other.
type anatomy struct {
	parts  []part
	layers []stage.Unpacked
	image  map[string]any // its config, as the file holds it
	stack  map[string]inStack
}

// part is one of an image's documents and archives. Its name is its digest;
// the narrator computes the digest itself, from the bytes.
type part struct {
	What     string `json:"what"` // "index", "manifest", "config", "layer 1", "archive 1"
	By       string `json:"by"`   // what names it
	Name     string `json:"name"`
	Computed string `json:"computed"` // "" until its bytes are here
	Path     string `json:"path"`     // of the file, once there is one; an archive's is its layer's
}

// inStack is what a stack of layers shows under a path.
type inStack struct {
	There bool `json:"there"`
	Layer int  `json:"layer"` // the topmost that has the same file there; 0 if none has
}

// observe takes note of a point.
func (a *anatomy) observe(p stage.Point) {
	switch f := p.Fact.(type) {
	case stage.Resolved:
		a.resolved(f)
	case stage.Blob:
		a.stored(f)
	case stage.Unpacked:
		a.layers = append(a.layers, f)
		if blob, archive := a.part(f.Digest), a.part(f.DiffID); blob != nil && archive != nil {
			archive.Path, archive.Computed = blob.Path, probe.DigestInside(blob.Path)
		}
	case stage.Tagged:
		if manifest := a.part(f.Digest); manifest != nil {
			manifest.Path = filepath.Join(filepath.Dir(f.Index), "blobs", strings.Replace(f.Digest, ":", "/", 1))
			manifest.Computed = probe.Digest(manifest.Path)
		}
	}
}

func (a *anatomy) part(name string) *part {
	i := slices.IndexFunc(a.parts, func(p part) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &a.parts[i]
}

// resolved begins anew with the names that index and manifest hold.
func (a *anatomy) resolved(f stage.Resolved) {
	*a = anatomy{}
	computed := map[string]string{}
	for _, d := range f.Documents {
		if d.Body != "" {
			computed[d.Digest] = probe.DigestOf([]byte(d.Body))
		}
	}
	by := "its tag"
	if f.Index != "" {
		a.parts = append(a.parts, part{What: "index", By: by, Name: f.Index, Computed: computed[f.Index]})
		by = "index"
	}
	a.parts = append(a.parts,
		part{What: "manifest", By: by, Name: f.Manifest, Computed: computed[f.Manifest]},
		part{What: "config", By: "manifest", Name: f.Config})
	for i, l := range f.Layers {
		a.parts = append(a.parts, part{What: fmt.Sprintf("layer %d", i+1), By: "manifest", Name: l.Digest})
	}
}

// stored hashes the file that a blob has become. The config names the archives
// inside the layers.
func (a *anatomy) stored(f stage.Blob) {
	if p := a.part(f.Digest); p != nil {
		p.Path, p.Computed = f.Path, probe.Digest(f.Path)
	}
	if !strings.Contains(f.MediaType, "config") || json.Unmarshal([]byte(probe.Text(f.Path)), &a.image) != nil {
		return
	}
	rootfs, _ := a.image["rootfs"].(map[string]any) // a config without layers has none
	diffIDs, _ := rootfs["diff_ids"].([]any)
	for i, id := range diffIDs {
		a.parts = append(a.parts, part{What: fmt.Sprintf("archive %d", i+1), By: "config", Name: fmt.Sprint(id)})
	}
}

// look reads what the stack mounted at merged shows under each path that a
// layer touches, through the daemon's view of the file system.
func (a *anatomy) look(daemon int, merged string) {
	a.stack = nil
	if daemon == 0 || merged == "" || len(a.layers) == 0 || !probe.HasMount(daemon, merged) {
		return
	}
	paths := a.paths()
	if len(paths) > maxLookedUp {
		return
	}
	root := fmt.Sprintf("/proc/%d/root%s", daemon, merged)
	a.stack = map[string]inStack{}
	for _, path := range paths {
		a.stack[path] = inStack{There: probe.Exists(root + path), Layer: a.origin(root, path)}
	}
}

// maxLookedUp bounds the paths that are looked up in a stack: each is read at
// every step.
const maxLookedUp = 24

// origin is the number of the topmost layer that has the same file there.
func (a *anatomy) origin(root, path string) int {
	for _, l := range slices.Backward(a.layers) {
		if probe.Same(root+path, l.Dir+path) {
			return l.Number
		}
	}
	return 0
}

// paths are all that a layer adds, changes or deletes.
func (a *anatomy) paths() []string {
	var all []string
	for _, l := range a.layers {
		all = append(all, slices.Concat(l.Changes.Added, l.Changes.Changed, l.Changes.Deleted)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// env adds what expressions can name.
func (a *anatomy) env(env map[string]any) {
	layers, stack, image := []any{}, map[string]any{}, map[string]any{}
	for _, l := range a.layers {
		layers = append(layers, plain(l))
	}
	for path, s := range a.stack {
		stack[path] = plain(s)
	}
	if a.image != nil {
		image = a.image
	}
	parts := []any{}
	for _, p := range a.parts {
		parts = append(parts, plain(p))
	}
	env["digests"], env["layers"], env["stack"], env["image"] = parts, layers, stack, image
	env["text"], env["exists"], env["kind"] = probe.Text, probe.Exists, probe.Kind
}

// digests shows the image's parts as they arrive, each hashed here.
func (e *evidence) digests() Panel {
	switch e.point.Fact.(type) {
	case stage.Resolved, stage.Blob, stage.Unpacked, stage.Tagged:
	default:
		return Panel{}
	}
	p := Panel{Kind: "digests", Title: "the image's parts, hashed here", Head: []string{"what", "named by", "its name", "computed from its bytes", ""}}
	for _, part := range e.anatomy.parts {
		computed, same := part.Computed, ""
		switch part.Computed {
		case "":
			computed = "not here yet"
		case part.Name:
			same = "same"
		default:
			same = "other"
		}
		p.add(part.What, part.By, part.Name, computed, same)
	}
	return p
}

// image shows the settings in the image's config.
func (e *evidence) image() Panel {
	f, ok := e.point.Fact.(stage.Blob)
	if !ok || !strings.Contains(f.MediaType, "config") {
		return Panel{}
	}
	p := Panel{Kind: "image", Title: "the image's config", Head: []string{"setting", "value"}}
	var c struct {
		OS, Architecture string
		Config           struct {
			Entrypoint, Cmd, Env []string
			WorkingDir, User     string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
		History []struct {
			CreatedBy string `json:"created_by"`
		}
	}
	if json.Unmarshal([]byte(probe.Text(f.Path)), &c) != nil {
		return Panel{}
	}
	for _, row := range [][2]string{
		{"os, architecture", c.OS + ", " + c.Architecture}, {"Entrypoint", strings.Join(c.Config.Entrypoint, " ")}, {"Cmd", strings.Join(c.Config.Cmd, " ")},
		{"Env", strings.Join(c.Config.Env, " ")}, {"WorkingDir", c.Config.WorkingDir}, {"User", c.Config.User},
	} {
		if row[1] != "" {
			p.add(row[0], row[1])
		}
	}
	for i, h := range c.History {
		p.add(fmt.Sprintf("history %d", i+1), h.CreatedBy)
	}
	for i, id := range c.RootFS.DiffIDs {
		p.add(fmt.Sprintf("diff_ids %d", i+1), id)
	}
	return p
}

// widestStack is how many layers a table shows side by side: the last.
const widestStack = 6

// changes shows what each layer does to those below it and, where a stack is
// mounted, what it shows of that.
func (e *evidence) changes() Panel {
	a := e.anatomy
	if len(a.layers) == 0 {
		return Panel{}
	}
	shown := a.layers[max(len(a.layers)-widestStack, 0):]
	p := Panel{Kind: "changes", Title: "what each layer does to those below", Head: []string{"path"}}
	for _, l := range shown {
		p.Head = append(p.Head, fmt.Sprintf("layer %d", l.Number))
	}
	if a.stack != nil {
		p.Head = append(p.Head, "the stack shows")
	}
	for _, path := range a.paths() {
		cells := []string{path}
		for _, l := range shown {
			cells = append(cells, deed(l.Changes, path))
		}
		if a.stack != nil {
			cells = append(cells, a.stack[path].String())
		}
		p.add(cells...)
	}
	for _, l := range shown {
		p.More += l.Changes.More
	}
	return p
}

// deed is what a layer does to a path.
func deed(c stage.Changes, path string) string {
	switch {
	case slices.Contains(c.Added, path):
		return "added"
	case slices.Contains(c.Changed, path):
		return "changed"
	case slices.Contains(c.Deleted, path):
		return "deleted"
	}
	return ""
}

func (s inStack) String() string {
	switch {
	case !s.There:
		return "nothing"
	case s.Layer == 0:
		return "it"
	}
	return fmt.Sprintf("that of layer %d", s.Layer)
}

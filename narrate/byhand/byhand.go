// Package byhand writes the shell script that makes a recorded container with
// unshare, mount, ip, echo and their kin, and no engine.
//
// It goes by what the engine told of its work (the facts in the steps), not by
// what a lesson says: another image, other limits or another machine's layout
// of control groups yield another script.
package byhand

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

//go:embed script.sh
var source string

// ErrNoContainer is a session in which no container was made and started.
var ErrNoContainer = errors.New("there is no container in it: a script needs a run that came as far as mounting its layers")

// story is what the steps tell of one container.
type story struct {
	Header  narrate.Header
	File    string // the script's own name
	Command string
	ID      string
	Spec    specs.Spec

	Detached bool // the client did not wait for the program

	created  stage.Created
	overlay  stage.Overlay
	group    stage.Cgroup
	network  stage.Network
	dropped  *stage.Dropped
	exec     *stage.Exec
	unpacked map[string]stage.Unpacked // directory → layer
	blobs    map[string][]byte         // digest → layer as it was fetched
	titles   map[stage.Name]string     // of the steps, in their language
}

// Script writes the script. The last container that was started is its subject.
func Script(h narrate.Header, steps []*narrate.Step, file string) ([]byte, error) {
	s := &story{Header: h, File: file, unpacked: map[string]stage.Unpacked{}, blobs: map[string][]byte{}, titles: map[stage.Name]string{}}
	for _, step := range steps {
		for _, b := range step.Blobs {
			s.blobs[b.Digest] = b.Data
		}
		for _, p := range step.Points() {
			s.take(p.Fact, step.Command)
		}
		if _, told := s.titles[step.Stage()]; !told && step.Point != nil {
			s.titles[step.Stage()] = step.Title
		}
	}
	if s.created.Config == nil || s.overlay.Merged == "" {
		return nil, ErrNoContainer
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(s.created.Config, &s.Spec); err != nil {
		return nil, fmt.Errorf("read config.json: %w", err)
	}
	t, err := template.New("script").Funcs(template.FuncMap{"quote": quote, "quoteAll": quoteAll, "line": line}).Parse(source)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// What is put into the script bare. All else is quoted: a recording may come
// from anywhere, and its script is run as root.
var (
	containerID   = regexp.MustCompile(`^[0-9a-f]{12,64}$`)
	interfaceName = regexp.MustCompile(`^[A-Za-z][\w-]{0,14}$`)
)

func (s *story) check() error {
	if !containerID.MatchString(s.ID) {
		return fmt.Errorf("the container's id %q is none", s.ID)
	}
	for _, name := range []string{s.network.Bridge, s.network.Veth, s.network.Name} {
		if name != "" && !interfaceName.MatchString(name) {
			return fmt.Errorf("%q is no name of an interface", name)
		}
	}
	return nil
}

func (s *story) take(f stage.Fact, command string) {
	switch f := f.(type) {
	case stage.Request:
		if strings.HasSuffix(f.Path, "/containers/create") {
			s.Detached = detached(f.Body)
		}
	case stage.Unpacked:
		s.unpacked[f.Dir] = f
	case stage.Created:
		s.created, s.ID, s.Command = f, f.ID, command
	case stage.Overlay:
		s.overlay = f
	case stage.Cgroup:
		s.group = f
	case stage.Network:
		s.network = f
	case stage.Dropped:
		s.dropped = &f
	case stage.Exec:
		s.exec = &f
	}
}

// detached reports whether a request to create a container says that nobody will
// be attached to it.
func detached(body string) bool {
	var c struct{ AttachStdout, AttachStderr *bool }
	if json.Unmarshal([]byte(body), &c) != nil || c.AttachStdout == nil || c.AttachStderr == nil {
		return false
	}
	return !*c.AttachStdout && !*c.AttachStderr
}

// Say is the title of a stage's step, for the comment above what does it.
func (s *story) Say(name string) string {
	title := strings.NewReplacer("`", "", "*", "").Replace(line(s.titles[stage.Name(name)]))
	if title == "" {
		return name
	}
	return name + ": " + strings.Join(strings.Fields(title), " ")
}

// Day is when it was observed; "" where that is not told.
func (s *story) Day() string {
	if s.Header.Made.IsZero() {
		return ""
	}
	return s.Header.Made.Format("2 January 2006")
}

// quote quotes a word for the shell where it needs it.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=,@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// line keeps a comment on its line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// End is the line that ends what holds the program's arguments: one that is
// not in them.
func (s *story) End() string {
	end := "END"
	for strings.Contains(strings.Join(append(s.Args(), append(s.Env(), s.Cwd())...), "\n"), end) {
		end += "_"
	}
	return end
}

func quoteAll(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, quote(w))
	}
	return strings.Join(quoted, " ")
}

// Args, Env and Cwd are those of the container's program: what init was about
// to execute where that was seen, else what config.json says.
func (s *story) Args() []string {
	if s.exec != nil {
		return s.exec.Argv
	}
	return s.Spec.Process.Args
}

func (s *story) Env() []string {
	if s.exec != nil {
		return s.exec.Env
	}
	return s.Spec.Process.Env
}

func (s *story) Cwd() string { return s.Spec.Process.Cwd }

// UID and GID are numbers: a name was looked up in the image's own files.
func (s *story) UID() int {
	if s.dropped != nil {
		return s.dropped.UID
	}
	return int(s.Spec.Process.User.UID)
}

func (s *story) GID() int {
	if s.dropped != nil {
		return s.dropped.GID
	}
	return int(s.Spec.Process.User.GID)
}

// Keep lists the capabilities that stay, as setpriv(1) writes them.
func (s *story) Keep() string {
	keep := "-all"
	for _, c := range s.Spec.Process.Capabilities.Bounding {
		keep += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	return keep
}

// Merged is where the engine had the container's root file system.
func (s *story) Merged() string { return s.overlay.Merged }

// Volatile reports whether the stack need not be synced to disk.
func (s *story) Volatile() bool { return strings.Contains(s.overlay.Options, ",volatile") }

// ReadonlyPaths and MaskedPaths are those of config.json; not every machine
// has all of them.
func (s *story) ReadonlyPaths() []string { return s.Spec.Linux.ReadonlyPaths }

// MaskedPaths leaves out the processors' own, of which there are as many as
// processors: the script finds them.
func (s *story) MaskedPaths() []string {
	return slices.DeleteFunc(slices.Clone(s.Spec.Linux.MaskedPaths), func(p string) bool {
		return strings.HasPrefix(p, "/sys/devices/system/cpu/cpu")
	})
}

// MasksProcessors reports whether there are paths that MaskedPaths leaves out.
func (s *story) MasksProcessors() bool { return len(s.MaskedPaths()) < len(s.Spec.Linux.MaskedPaths) }

// Mount is one line of the script's table of mounts.
type Mount struct {
	Target  string
	Type    string // "bind", "cgroup" and what mount(8) takes
	Source  string
	Options string
}

// Mounts are those of config.json, in order.
func (s *story) Mounts() []Mount {
	var list []Mount
	for _, m := range s.Spec.Mounts {
		options := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "rprivate" || o == "rbind" || o == "bind" })
		list = append(list, Mount{m.Destination, m.Type, m.Source, strings.Join(options, ",")})
	}
	return list
}

// Own reports whether a mount's source is a file of the container's own, which
// the script writes.
func (m Mount) Own() string {
	if name := filepath.Base(m.Source); m.Type == "bind" && slices.Contains([]string{"resolv.conf", "hostname", "hosts"}, name) {
		return name
	}
	return ""
}

// Writable are the options without "ro", for a mount that is filled first.
func (m Mount) Writable() string {
	return strings.Join(slices.DeleteFunc(strings.Split(m.Options, ","), func(o string) bool { return o == "ro" }), ",")
}

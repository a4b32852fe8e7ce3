package docker

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
)

// shortID is an id as people read it.
func shortID(id string) string {
	if _, digits, ok := strings.Cut(id, ":"); ok {
		id = digits
	}
	return id[:min(len(id), 12)]
}

// ago is how long it is since then, in words.
func ago(t time.Time) string { return units.HumanDuration(time.Since(t)) + " ago" }

// size is an amount with three digits.
func size(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// labelList are labels with commas between.
func labelList(labels map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, k+"="+labels[k])
	}
	return strings.Join(list, ",")
}

// containerRow is a container in a list; its methods are the fields of formats.
type containerRow struct {
	c        containertypes.Summary
	trunc    bool
	sizeUsed *bool // set where Size is asked for
}

func containerHeaders() format.Headers {
	return format.Headers{
		"ID": "CONTAINER ID", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT", "RunningFor": "CREATED",
		"Ports": "PORTS", "State": "STATE", "Status": "STATUS", "Size": "SIZE", "Labels": "LABELS", "Mounts": "MOUNTS",
		"LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS", "Platform": "PLATFORM",
	}
}

// MarshalJSON writes all fields.
func (r containerRow) MarshalJSON() ([]byte, error) { return format.Fields(r) }

// ID is the container's, short or whole.
func (r containerRow) ID() string {
	if r.trunc {
		return shortID(r.c.ID)
	}
	return r.c.ID
}

// Names are its own name, and by which names links know it.
func (r containerRow) Names() string {
	var names []string
	for _, n := range r.c.Names {
		n = strings.TrimPrefix(n, "/")
		if r.trunc && !strings.Contains(n, "/") {
			return n
		}
		names = append(names, n)
	}
	return strings.Join(names, ",")
}

// Image is what its image was called when it was made.
func (r containerRow) Image() string {
	switch {
	case r.c.Image == "":
		return "<no image>"
	case !r.trunc:
		return r.c.Image
	case shortID(r.c.ImageID) == shortID(r.c.Image):
		return shortID(r.c.ImageID)
	}
	named, err := reference.ParseNormalizedNamed(r.c.Image)
	if err != nil {
		return r.c.Image
	}
	if tagged, ok := named.(reference.NamedTagged); ok {
		return reference.FamiliarName(named) + ":" + tagged.Tag()
	}
	return reference.FamiliarName(named)
}

// Command is its command line, quoted.
func (r containerRow) Command() string {
	command := r.c.Command
	if r.trunc {
		command = format.Ellipsis(command, 20)
	}
	return strconv.Quote(command)
}

// CreatedAt is when it was made.
func (r containerRow) CreatedAt() string { return time.Unix(r.c.Created, 0).String() }

// RunningFor is how long it is since it was made.
func (r containerRow) RunningFor() string { return ago(time.Unix(r.c.Created, 0)) }

// Platform is what its image is for, where the daemon tells.
func (r containerRow) Platform() *platform {
	if d := r.c.ImageManifestDescriptor; d != nil && d.Platform != nil {
		return &platform{*d.Platform}
	}
	return nil
}

// platform is written OS/ARCH[/VARIANT].
type platform struct{ ocispec.Platform }

func (p platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Ports are those that are published or exposed.
func (r containerRow) Ports() string { return portList(r.c.Ports) }

// State is one word, "running".
func (r containerRow) State() string { return string(r.c.State) }

// Status is the state in words, "Up 2 minutes".
func (r containerRow) Status() string { return r.c.Status }

// Size is that of what it has written, and with its image.
func (r containerRow) Size() string {
	if r.sizeUsed != nil {
		*r.sizeUsed = true
	}
	if r.c.SizeRootFs > 0 {
		return fmt.Sprintf("%s (virtual %s)", size(r.c.SizeRw), size(r.c.SizeRootFs))
	}
	return size(r.c.SizeRw)
}

// Labels are all of them.
func (r containerRow) Labels() string { return labelList(r.c.Labels) }

// Label is the value of one.
func (r containerRow) Label(name string) string { return r.c.Labels[name] }

// Mounts are the names of its volumes and the sources of its binds.
func (r containerRow) Mounts() string {
	var names []string
	for _, m := range r.c.Mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		}
		if r.trunc {
			name = format.Ellipsis(name, 15)
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

// LocalVolumes is how many volumes of this machine it has.
func (r containerRow) LocalVolumes() string {
	n := 0
	for _, m := range r.c.Mounts {
		if m.Driver == "local" {
			n++
		}
	}
	return strconv.Itoa(n)
}

// Networks are the names of its networks.
func (r containerRow) Networks() string {
	if r.c.NetworkSettings == nil {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(r.c.NetworkSettings.Networks)), ",")
}

// portList joins ports that follow each other: 0.0.0.0:80-82->80-82/tcp.
func portList(ports []containertypes.PortSummary) string {
	ports = slices.Clone(ports)
	slices.SortFunc(ports, func(a, b containertypes.PortSummary) int {
		for _, c := range []int{
			int(a.PrivatePort) - int(b.PrivatePort), strings.Compare(hostIP(a), hostIP(b)),
			int(a.PublicPort) - int(b.PublicPort), strings.Compare(a.Type, b.Type),
		} {
			if c != 0 {
				return c
			}
		}
		return 0
	})
	var done, moved, keys []string
	runs := map[string]*[2]uint16{}
	for _, p := range ports {
		key := p.Type
		if ip := hostIP(p); ip != "" && p.PublicPort != p.PrivatePort {
			moved = append(moved, fmt.Sprintf("%s->%d/%s", net.JoinHostPort(ip, strconv.Itoa(int(p.PublicPort))), p.PrivatePort, p.Type))
			continue
		} else if ip != "" {
			key = ip + "/" + p.Type
		}
		run := runs[key]
		switch {
		case run == nil:
			keys = append(keys, key)
			runs[key] = &[2]uint16{p.PrivatePort, p.PrivatePort}
		case p.PrivatePort == run[1]+1:
			run[1] = p.PrivatePort
		default:
			done = append(done, portRun(key, *run))
			runs[key] = &[2]uint16{p.PrivatePort, p.PrivatePort}
		}
	}
	for _, key := range keys {
		done = append(done, portRun(key, *runs[key]))
	}
	return strings.Join(append(done, moved...), ", ")
}

func hostIP(p containertypes.PortSummary) string {
	if !p.IP.IsValid() {
		return ""
	}
	return p.IP.String()
}

func portRun(key string, run [2]uint16) string {
	ip, protocol, published := strings.Cut(key, "/")
	s := strconv.Itoa(int(run[0]))
	if run[0] != run[1] {
		s = fmt.Sprintf("%d-%d", run[0], run[1])
	}
	if !published {
		return s + "/" + key
	}
	return fmt.Sprintf("%s->%s/%s", net.JoinHostPort(ip, s), s, protocol)
}

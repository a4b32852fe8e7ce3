package narrate

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate/lesson"
	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Watch is a source of every stop of a daemon that somebody else drives.
type Watch struct {
	*builder
	*grip
	header Header
}

// shownWith are the panels for each stage where no lesson chooses.
var shownWith = map[stage.Name][]string{
	stage.APIRequest: {"wire"}, stage.APIResponse: {"wire"}, stage.ImageLookup: {"store"}, stage.RegistryResolve: {"registry"},
	stage.RegistryBlob: {"registry"}, stage.LayerUnpack: {"layers"}, stage.ImageTag: {"store"}, stage.ContainerCreate: {"config"},
	stage.OverlayMount: {"layers", "acts"}, stage.CgroupCreate: {"cgroup"}, stage.NamespaceCreate: {"namespaces", "process"},
	stage.UsernsMap: {"ids"}, stage.NetworkAttach: {"network"}, stage.NetworkPublish: {"network"}, stage.CgroupJoin: {"cgroup", "namespaces"}, stage.RootfsMounts: {"mounts", "acts"},
	stage.RootfsPivot: {"mounts", "acts"}, stage.SecurityDrop: {"security"}, stage.ProcessExec: {"process", "acts"},
	stage.ProcessExit: {"process", "cgroup"}, stage.ContainerRemove: {"acts"},
	stage.ContainerCommit: {"layers", "store"}, stage.VolumeCreate: {"acts"}, stage.ImageLoad: {"store"}, stage.ImageImport: {"store"},
	stage.ImageSave: {"store"}, stage.ImagePush: {"registry"},
	stage.ExecCreate: {"containers"}, stage.ExecSetns: {"namespaces", "acts"}, stage.ExecCgroup: {"cgroup", "acts"}, stage.ExecExit: {"process"},
	stage.ProcessSignal: {"acts"}, stage.ContainerStop: {"containers"}, stage.ContainerPause: {"acts"}, stage.ContainerUnpause: {"acts"},
	stage.ContainerUpdate: {"acts"}, stage.ContainerRename: {"acts"},
}

// NewWatch connects to the daemon at host. From then on it is held at each stop.
func NewWatch(ctx context.Context, host string, library *prose.Library, o Options) (*Watch, error) {
	c, err := client.New(host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	g, err := take(ctx, c)
	if err != nil {
		return nil, err
	}
	w := &Watch{
		builder: newBuilder(library, 0), grip: g,
		header: Header{
			Format: RecordingFormat, Lesson: "watch", Title: titleOfWatch, Language: o.Language,
			Made: time.Now().UTC().Truncate(time.Second), Version: o.Version, Machine: probe.Machine(runtime.GOARCH), Rootless: probe.InUserNamespace(g.daemon),
			Languages: library.Languages(), Titles: map[string]string{},
		},
	}
	for _, l := range library.Translations {
		w.header.Titles[l.Language] = l.Words().Say(titleOfWatch)
	}
	return w, nil
}

const titleOfWatch = "What a docker client did"

// Header says what this is and where it runs.
func (w *Watch) Header() Header { return w.header }

// Next lets the daemon go on and waits for its next stop.
func (w *Watch) Next(ctx context.Context) (*Step, error) {
	if err := w.release(); err != nil {
		return nil, err
	}
	select {
	case p := <-w.points:
		w.held = true
		w.observe(p)
		if isPing(p.Fact) {
			return w.Next(ctx)
		}
		if f, ok := p.Fact.(stage.Request); ok {
			w.command = commandOf(f.Peer.PID)
		}
		return w.stop(lesson.Stop{Stage: p.Fact.Stage(), Show: shownWith[p.Fact.Stage()]}, p)
	case err := <-w.gone:
		if errors.Is(err, io.EOF) {
			return nil, io.EOF // the daemon has ended
		}
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isPing: each client asks first whether the daemon is there, some twice. Nobody
// learns from stopping at that.
func isPing(f stage.Fact) bool {
	switch f := f.(type) {
	case stage.Request:
		return strings.HasSuffix(f.Path, "/_ping")
	case stage.Response:
		return strings.HasSuffix(f.Path, "/_ping")
	}
	return false
}

// commandOf is what the client was typed as.
func commandOf(pid int) string {
	snap := probe.Take(probe.Subject{PID: pid})
	if len(snap.Cmdline) == 0 {
		return ""
	}
	command := snap.Cmdline[0]
	for _, word := range snap.Cmdline[1:] {
		command += " " + word
	}
	return command
}

// Close leaves the daemon, and lets it go on with what it holds: its clients are
// somebody else's.
func (w *Watch) Close() error { return w.free() }

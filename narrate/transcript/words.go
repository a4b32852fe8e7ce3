package transcript

import (
	"fmt"

	"github.com/learndocker/learndocker/narrate"
)

// What transcripts say by themselves, in more than one format. All of it is in
// words.yaml of each language.

// roles say what each box of the picture is for.
var roles = map[string]string{
	narrate.BoxClient: "sends requests", narrate.BoxDaemon: "does the work", narrate.BoxRegistry: "serves images",
	narrate.BoxStore: "files on disk", narrate.BoxKernel: "system calls", narrate.BoxContainer: "one process",
}

// day is how a day is written.
const day = "2 January 2006"

// title is the session's.
func (w *work) title() string {
	if w.only.set {
		s := w.steps[0]
		return w.words.Sayf("Step %d: %s", s.N, s.Title)
	}
	if w.header.Title == "" {
		return "learndocker"
	}
	return w.header.Title
}

// intro stands where the session has no first words of its own.
func (w *work) intro() string {
	return w.words.Sayf("What follows was watched step by step, at %d stops, with the engine held still at each.", w.stops())
}

// edge names the busy boxes: "client → daemon"; "" where they are none.
func (w *work) edge(e narrate.Edge) string {
	if !drawn(e) {
		return ""
	}
	return w.words.Say(e.From) + " → " + w.words.Say(e.To)
}

func (w *work) glance() string       { return w.words.Say("The way at a glance") }
func (w *work) pictureTitle() string { return w.words.Say("Who is busy") }
func (w *work) posterTitle() string  { return w.words.Say("The whole way, step by step") }

func (w *work) pictureDesc(e narrate.Edge) string {
	return w.words.Sayf("Client, daemon, registry, store, kernel and container; busy: %s.", w.edge(e))
}

func (w *work) posterDesc() string {
	return w.words.Sayf("%d steps, each an arrow between client, daemon, registry, store, kernel and container.", w.stops())
}

// left says how many rows are not shown.
func (w *work) left(n int) string { return w.words.Sayf("… and %d more", n) }

// measured is what came of a question.
func (w *work) measured(o narrate.Outcome) string {
	return w.words.Sayf("Measured: %s.", capital(oneLine(o.Truth())))
}

// unfinished says where a lesson was ended before its end; "" where it was not.
func (w *work) unfinished() string {
	last := w.steps[len(w.steps)-1]
	if w.only.set || last.Kind == narrate.KindEnd {
		return ""
	}
	if last.Of == 0 {
		return w.words.Sayf("%d stops were watched.", w.stops())
	}
	return w.words.Sayf("The run was ended here, at step %d of %d.", last.N, last.Of)
}

// colophon says where the numbers come from. A stable transcript has no day.
func (w *work) colophon() string {
	h := w.header
	who := "root"
	if h.Rootless {
		who = w.words.Say("an ordinary user")
	}
	machine := []any{clean(h.Version), who, clean(h.Machine.Kernel), clean(h.Machine.Arch), clean(h.Machine.Cgroup)}
	observed := w.words.Sayf("Observed with learndocker %s, as %s: Linux %s on %s, cgroup %s.", machine...)
	if !h.Made.IsZero() {
		observed = w.words.Sayf("Observed on %s with learndocker %s, as %s: Linux %s on %s, cgroup %s.", append([]any{h.Made.Format(w.words.Say(day))}, machine...)...)
	}
	return fmt.Sprint(observed, " ", w.words.Say("Every number was read from the engine, the wire or the kernel while the engine was held still."))
}

//go:build linux

package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/mount"

	"github.com/learndocker/learndocker/engine/volume"
)

// keptEvents is how many past events can be asked for, Docker's number.
const keptEvents = 256

// bus passes events to those who listen. One who does not keep up loses events,
// not the engine its pace.
type bus struct {
	mu        sync.Mutex
	kept      []events.Message
	listeners map[chan events.Message]bool
}

// maxBehind is how many events may wait for a listener.
const maxBehind = 1024

func (b *bus) publish(m events.Message) {
	now := time.Now()
	m.Scope, m.Time, m.TimeNano = "local", now.Unix(), now.UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept = append(b.kept, m); len(b.kept) > keptEvents {
		b.kept = slices.Clone(b.kept[1:])
	}
	for l := range b.listeners {
		select {
		case l <- m:
		default:
		}
	}
}

// Events calls say for each event from since on, past ones first, until until or
// ctx ends. Zero times are none.
func (e *Engine) Events(ctx context.Context, since, until time.Time, say func(events.Message) error) error {
	next := make(chan events.Message, maxBehind)
	b := &e.events
	b.mu.Lock()
	past := slices.Clone(b.kept)
	if b.listeners == nil {
		b.listeners = map[chan events.Message]bool{}
	}
	b.listeners[next] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, next)
	}()
	for _, m := range past {
		if !since.IsZero() && m.TimeNano >= since.UnixNano() && (until.IsZero() || m.TimeNano <= until.UnixNano()) {
			if err := say(m); err != nil {
				return err
			}
		}
	}
	return listen(ctx, next, until, e.ending, say)
}

func listen(ctx context.Context, next <-chan events.Message, until time.Time, ending <-chan struct{}, say func(events.Message) error) error {
	var late <-chan time.Time
	if !until.IsZero() {
		late = time.After(time.Until(until))
	}
	for {
		select {
		case m := <-next:
			if err := say(m); err != nil {
				return err
			}
		case <-late:
			return nil
		case <-ending:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell publishes what has happened to a container.
func (c *core) tell(r Record, action string, more map[string]string) {
	attributes := map[string]string{"image": r.Image, "name": r.Name}
	if r.Config != nil {
		for k, v := range r.Config.Labels {
			attributes[k] = v
		}
	}
	for k, v := range more {
		attributes[k] = v
	}
	c.events.publish(events.Message{Type: events.ContainerEventType, Action: events.Action(action), Actor: events.Actor{ID: r.ID, Attributes: attributes}})
}

// TellResize publishes that a container's terminal has another size.
func (e *Engine) TellResize(c *Container, height, width uint16) {
	e.tell(c.Snapshot(), "resize", map[string]string{"height": strconv.Itoa(int(height)), "width": strconv.Itoa(int(width))})
}

// tellImage publishes what has happened to an image, by an id or a name; name is
// what it is called there.
func (c *core) tellImage(action, id, name string) {
	attributes := map[string]string{}
	if img, err := c.images.Look(id); err == nil {
		for k, v := range img.Config.Config.Labels {
			attributes[k] = v
		}
	}
	attributes["name"] = name
	c.events.publish(events.Message{Type: events.ImageEventType, Action: events.Action(action), Actor: events.Actor{ID: id, Attributes: attributes}})
}

// tellVolume publishes what has happened to a volume.
func (c *core) tellVolume(action, name string, more map[string]string) {
	attributes := map[string]string{"driver": volume.Driver}
	for k, v := range more {
		attributes[k] = v
	}
	c.events.publish(events.Message{Type: events.VolumeEventType, Action: events.Action(action), Actor: events.Actor{ID: name, Attributes: attributes}})
}

// tellMounts publishes that the volumes of a container are in use, or no longer.
func (c *core) tellMounts(action string, r Record) {
	for _, p := range r.MountPoints {
		if p.Type != mount.TypeVolume {
			continue
		}
		more := map[string]string{"container": r.ID}
		if action == "mount" {
			more["destination"], more["read/write"], more["propagation"] = p.Destination, strconv.FormatBool(p.RW), string(p.Propagation)
		}
		c.tellVolume(action, p.Name, more)
	}
}

// Tell publishes what has happened to something that is no container.
func (e *Engine) Tell(kind events.Type, action, id string, attributes map[string]string) {
	e.events.publish(events.Message{Type: kind, Action: events.Action(action), Actor: events.Actor{ID: id, Attributes: attributes}})
}

// commandOf is a command as events name it: its words, a space behind the first.
func commandOf(words []string) string {
	if len(words) == 0 {
		return " "
	}
	return words[0] + " " + strings.Join(words[1:], " ")
}

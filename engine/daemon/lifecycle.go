//go:build linux

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine"
)

// lasting is the context of an operation that a client that has gone does not
// undo: Docker's way.
func (x *exchange) lasting() context.Context { return context.WithoutCancel(x.r.Context()) }

func startContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	status := http.StatusNoContent
	if s := c.Snapshot().State; s.Running && !s.Paused {
		status = http.StatusNotModified
	}
	settled := make(chan struct{})
	defer close(settled)
	if err := x.Start(x.lasting(), c, settled); err != nil {
		return err
	}
	return x.json(status, nil)
}

// waitContainer answers in two parts: the header at once, for the docker
// command starts the container only when it has it, the body at the end.
func waitContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	condition := x.r.URL.Query().Get("condition")
	ended := c.Exited()
	switch s := c.Snapshot().State; condition {
	case "", "not-running":
		if !s.Running {
			ended = closed
		}
	case "next-exit":
		ended = c.NextExit()
	case "removed":
		ended = c.Removed()
	default:
		return badRequest{fmt.Errorf("invalid condition: %q", condition)}
	}
	if err := x.stream(); err != nil {
		return err
	}
	select {
	case <-ended:
	case <-x.r.Context().Done():
		return nil
	}
	s := c.Snapshot().State
	answer := containertypes.WaitResponse{StatusCode: int64(s.ExitCode)}
	_ = json.NewEncoder(x.w).Encode(answer) // an error is a client that has gone
	return nil
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func killContainer(x *exchange) error {
	signal, err := engine.ReadSignal(x.r.URL.Query().Get("signal"), unix.SIGKILL)
	if err != nil {
		return err
	}
	c, err := x.container()
	if err == nil {
		err = engine.CheckSignal(signal)
	}
	if err == nil {
		err = x.Signal(x.r.Context(), c, signal)
	}
	if err != nil {
		return engine.Within(err, "Cannot kill container: %s", x.r.PathValue("id"))
	}
	return x.json(http.StatusNoContent, nil)
}

// stopSeconds is how long a program may take over its end, Docker's number.
const stopSeconds = 10

// ending reads how a container is to be stopped: by the request, else as it was
// made.
func (x *exchange) ending(c *engine.Container) (syscall.Signal, int, error) {
	config := c.Snapshot().Config
	name := x.r.URL.Query().Get("signal")
	if name == "" {
		name = config.StopSignal
	}
	signal, err := engine.ParseSignal(name, unix.SIGTERM)
	if err != nil {
		return 0, 0, err
	}
	fallback := stopSeconds
	if config.StopTimeout != nil {
		fallback = *config.StopTimeout
	}
	seconds, err := x.wholeNumber("t", fallback)
	return signal, seconds, err
}

func stopContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	signal, seconds, err := x.ending(c)
	if err != nil {
		return err
	}
	if !c.Snapshot().State.Running {
		return x.json(http.StatusNotModified, nil)
	}
	if err := x.Stop(x.lasting(), c, signal, seconds); err != nil {
		return err
	}
	return x.json(http.StatusNoContent, nil)
}

func restartContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	signal, seconds, err := x.ending(c)
	if err != nil {
		return err
	}
	settled := make(chan struct{})
	defer close(settled)
	if err := x.Restart(x.lasting(), c, signal, seconds, settled); err != nil {
		return engine.Within(err, "Cannot restart container %s", x.r.PathValue("id"))
	}
	return x.json(http.StatusNoContent, nil)
}

// changes makes a handler of an operation on a container that answers with
// nothing.
func changes(f func(*exchange, *engine.Container) error) func(*exchange) error {
	return func(x *exchange) error {
		c, err := x.container()
		if err != nil {
			return err
		}
		if err := f(x, c); err != nil {
			return err
		}
		return x.json(http.StatusNoContent, nil)
	}
}

func pauseContainer(x *exchange, c *engine.Container) error   { return x.Pause(x.lasting(), c) }
func unpauseContainer(x *exchange, c *engine.Container) error { return x.Unpause(x.lasting(), c) }

func renameContainer(x *exchange, c *engine.Container) error {
	return x.Rename(x.lasting(), c, x.r.URL.Query().Get("name"))
}

func removeContainer(x *exchange, c *engine.Container) error {
	query := x.r.URL.Query()
	if isTrue(query.Get("link")) {
		return badRequest{fmt.Errorf("links are not supported by learndocker's engine")}
	}
	return x.Remove(x.r.Context(), c, engine.RemoveOptions{Force: isTrue(query.Get("force")), Volumes: isTrue(query.Get("v"))})
}

func updateContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	var q containertypes.UpdateConfig
	if err := x.decode(&q); err != nil {
		return err
	}
	warnings := x.Discard(&q.Resources)
	if err := x.Update(x.lasting(), c, q); err != nil {
		return err
	}
	return x.json(http.StatusOK, containertypes.UpdateResponse{Warnings: warnings})
}

func pruneContainers(x *exchange) error {
	f, err := x.filters("label", "label!", "until")
	if err != nil {
		return err
	}
	until, err := f.until(time.Now())
	if err != nil {
		return err
	}
	var report containertypes.PruneReport
	for _, r := range x.Containers() {
		if r.State.Running || !f.labels(r.Config.Labels) || !until.IsZero() && r.Created.After(until) {
			continue
		}
		c, err := x.Container(r.ID)
		if err != nil {
			continue // has gone meanwhile
		}
		size, _, err := x.ContainerSize(c)
		if err != nil {
			return err
		}
		if err := x.Remove(x.r.Context(), c, engine.RemoveOptions{}); err != nil {
			return err
		}
		report.ContainersDeleted = append(report.ContainersDeleted, r.ID)
		report.SpaceReclaimed += uint64(size)
	}
	x.tellPrune(events.ContainerEventType, int64(report.SpaceReclaimed))
	return x.json(http.StatusOK, report)
}

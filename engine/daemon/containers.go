//go:build linux

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/storage"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
)

func createContainer(x *exchange) error {
	var q containertypes.CreateRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	c, err := x.Create(x.r.Context(), strings.TrimPrefix(x.r.URL.Query().Get("name"), "/"), q)
	if err != nil {
		return err
	}
	err = x.json(http.StatusCreated, containertypes.CreateResponse{ID: c.Snapshot().ID, Warnings: []string{}})
	if err != nil { // nobody was told of it
		return errors.Join(err, x.Watched(nil).Remove(context.Background(), c, true))
	}
	return nil
}

func (x *exchange) container() (*engine.Container, error) { return x.Container(x.r.PathValue("id")) }

func startContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	status := http.StatusNoContent
	if c.Snapshot().State.Running {
		status = http.StatusNotModified
	}
	settled := make(chan struct{})
	defer close(settled)
	// A client that has gone does not undo its request: Docker's way.
	if err := x.Start(context.WithoutCancel(x.r.Context()), c, settled); err != nil {
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
	ended := c.Exited()
	removed := x.r.URL.Query().Get("condition") == "removed"
	if x.r.URL.Query().Get("condition") == "" && !c.Snapshot().State.Running && c.Snapshot().State.Status != containertypes.StateCreated {
		ended = closed
	}
	if removed {
		ended = c.Removed()
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
	_ = json.NewEncoder(x.w).Encode(containertypes.WaitResponse{StatusCode: int64(s.ExitCode)})
	return nil
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// gate is a connection that may be written to only once its header is out.
type gate struct {
	net.Conn
	open chan struct{}
	mu   sync.Mutex
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock() // two streams, one connection
	defer g.mu.Unlock()
	if g.Conn == nil {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(p)
}

// hurrySeconds is how long a client that does not read may keep a killed
// container from its end.
const hurrySeconds = 3

// hurry gives a client that does not read a while to do so.
func (g *gate) hurry() {
	<-g.open
	if g.Conn != nil {
		_ = g.Conn.SetWriteDeadline(time.Now().Add(hurrySeconds * time.Second)) // an error is a client that has gone
	}
}

func attachContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	g := &gate{open: make(chan struct{})}
	a := engine.Attachment{}
	if isTrue(query.Get("stdout")) {
		a.Stdout = api.FrameWriter{W: g, Stream: api.Stdout}
	}
	if isTrue(query.Get("stderr")) {
		a.Stderr = api.FrameWriter{W: g, Stream: api.Stderr}
	}
	input, feed := io.Pipe()
	if isTrue(query.Get("stdin")) {
		a.Stdin = input
	}
	a.Hurry = g.hurry
	// Attached before the answer is out: the client's next request is start,
	// and the first byte must not be missed.
	ended := c.Attach(a)
	conn, r, err := x.upgrade(framedType(x.r))
	g.Conn = conn
	close(g.open)
	if err != nil {
		return errors.Join(err, feed.Close())
	}
	defer conn.Close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(feed, r) // to the client's end of input
		feed.Close()
		_, _ = io.Copy(io.Discard, r) // what the program did not read
	}()
	if a.Stdin == nil {
		go func() { _, _ = io.Copy(io.Discard, input) }()
	}
	<-ended
	input.Close()
	// To close a connection with input that was not read is to reset it: the
	// client would find an error where it looks for the output's end.
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(lingerSeconds * time.Second))
		<-drained
	}
	return nil
}

// lingerSeconds is how long a client may take to close its end of an
// attachment.
const lingerSeconds = 10

func isTrue(s string) bool {
	return s != "" && s != "0" && s != "false"
}

func killContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	signal, err := parseSignal(x.r.URL.Query().Get("signal"), unix.SIGKILL)
	if err != nil {
		return err
	}
	if err := c.Signal(signal); err != nil {
		return err
	}
	return x.json(http.StatusNoContent, nil)
}

func parseSignal(name string, fallback syscall.Signal) (syscall.Signal, error) {
	if name == "" {
		return fallback, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s, nil
	}
	return 0, badRequest{fmt.Errorf("invalid signal: %s", name)}
}

// stopSeconds is how long a program may take over its end, Docker's number.
const stopSeconds = 10

func stopContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	s := c.Snapshot()
	if !s.State.Running {
		return x.json(http.StatusNotModified, nil)
	}
	signal, err := parseSignal(s.Config.StopSignal, unix.SIGTERM)
	if err != nil {
		return err
	}
	seconds, err := x.wholeNumber("t", stopSeconds)
	if err != nil {
		return err
	}
	var late <-chan time.Time // never, where the number is below 0
	if seconds >= 0 {
		late = time.After(time.Duration(seconds) * time.Second)
	}
	if err := c.Signal(signal); err != nil {
		return err
	}
	select {
	case <-c.Exited():
	case <-late:
		_ = c.Signal(unix.SIGKILL) // an error is one that has just ended
		<-c.Exited()
	}
	return x.json(http.StatusNoContent, nil)
}

// wholeNumber reads a number of the query; one that is not given is the fallback.
func (x *exchange) wholeNumber(name string, fallback int) (int, error) {
	given := x.r.URL.Query().Get(name)
	if given == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(given, 10, 32)
	if err != nil {
		return 0, badRequest{fmt.Errorf("%s=%q: want a whole number", name, given)}
	}
	return int(n), nil
}

func removeContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	if err := x.Remove(x.r.Context(), c, isTrue(x.r.URL.Query().Get("force"))); err != nil {
		return err
	}
	return x.json(http.StatusNoContent, nil)
}

func listContainers(x *exchange) error {
	query := x.r.URL.Query()
	keep, err := parseFilters(query.Get("filters"))
	if err != nil {
		return err
	}
	limit, err := x.wholeNumber("limit", 0)
	if err != nil {
		return err
	}
	all := isTrue(query.Get("all"))
	list := []containertypes.Summary{}
	for _, r := range x.Containers() {
		if !keep(r) || (!all && limit <= 0 && !r.State.Running) {
			continue
		}
		if limit > 0 && len(list) == limit {
			break
		}
		list = append(list, summarize(r))
	}
	return x.json(http.StatusOK, list)
}

// parseFilters reads {"name":{"web":true}}, the form in which the docker
// command sends --filter.
func parseFilters(s string) (func(engine.Record) bool, error) {
	filters := map[string]map[string]bool{}
	if s != "" {
		if err := json.Unmarshal([]byte(s), &filters); err != nil {
			return nil, badRequest{fmt.Errorf("invalid filter: %w", err)}
		}
	}
	tests := map[string]func(r engine.Record, value string) bool{
		"id":     func(r engine.Record, v string) bool { return strings.HasPrefix(r.ID, v) },
		"name":   func(r engine.Record, v string) bool { return strings.Contains(r.Name, strings.TrimPrefix(v, "/")) },
		"status": func(r engine.Record, v string) bool { return string(r.State.Status) == v },
	}
	for name := range filters {
		if tests[name] == nil {
			return nil, badRequest{fmt.Errorf("invalid filter '%s'", name)}
		}
	}
	return func(r engine.Record) bool {
		for name, values := range filters {
			held := false
			for v := range values {
				held = held || tests[name](r, v)
			}
			if !held {
				return false
			}
		}
		return true
	}, nil
}

func summarize(r engine.Record) containertypes.Summary {
	s := containertypes.Summary{
		ID: r.ID, Names: []string{"/" + r.Name}, Image: r.Image, ImageID: r.ImageID, Command: strings.Join(r.Args, " "),
		Created: r.Created.Unix(), Ports: []containertypes.PortSummary{}, Labels: r.Config.Labels, State: r.State.Status,
		Status: statusText(r.State), NetworkSettings: &containertypes.NetworkSettingsSummary{}, Mounts: []containertypes.MountPoint{},
	}
	s.HostConfig.NetworkMode = string(r.HostConfig.NetworkMode)
	return s
}

func statusText(s containertypes.State) string {
	since := func(stamp string) string {
		t, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return ""
		}
		return units.HumanDuration(time.Since(t))
	}
	switch s.Status {
	case containertypes.StateRunning:
		return "Up " + since(s.StartedAt)
	case containertypes.StateExited:
		return fmt.Sprintf("Exited (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	}
	return "Created"
}

func inspectContainer(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	r := c.Snapshot()
	return x.json(http.StatusOK, containertypes.InspectResponse{
		ID: r.ID, Created: r.Created.Format(time.RFC3339Nano), Path: r.Args[0], Args: r.Args[1:], State: &r.State, Image: r.ImageID,
		Name: "/" + r.Name, Driver: x.StorageDriver(), Platform: "linux", HostConfig: r.HostConfig, Config: r.Config,
		GraphDriver: &storage.DriverData{Name: x.StorageDriver(), Data: map[string]string{"LowerDir": strings.Join(r.Lower, ":")}},
		Mounts:      []containertypes.MountPoint{}, NetworkSettings: &containertypes.NetworkSettings{},
	})
}

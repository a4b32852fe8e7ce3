//go:build linux

// Package oci is an OCI runtime: it makes containers from bundles that others have
// prepared, each in steps that others ask for, and forgets nothing in between.
// What it knows of a container is a directory below its root. See the OCI runtime
// specification, runtime.md and runtime-linux.md.
package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/learndocker/learndocker/engine/cgroup"
	"github.com/learndocker/learndocker/engine/sys"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound   = errors.New("container does not exist")
	ErrExists     = errors.New("container with given ID already exists")
	ErrNotRunning = errors.New("container not running")
)

// Runtime keeps its containers below Root.
type Runtime struct {
	Root string
}

// record is what is kept of a container, in state.json.
type record struct {
	ID       string            `json:"id"`
	Bundle   string            `json:"bundle"`
	PID      int               `json:"pid"`
	PIDStart uint64            `json:"pidStart"` // in ticks since boot: tells it from a later process of the number
	Created  time.Time         `json:"created"`
	Rootfs   string            `json:"rootfs"`
	Parent   string            `json:"cgroupParent,omitempty"`
	Group    string            `json:"cgroup,omitempty"` // its name below Parent; "" where it has none
	Notes    map[string]string `json:"annotations,omitempty"`
	Hooks    *specs.Hooks      `json:"hooks,omitempty"`
	Owner    int               `json:"owner"`
}

// Entry is one container of a list.
type Entry struct {
	specs.State
	Created time.Time `json:"created"`
	Rootfs  string    `json:"rootfs"`
	Owner   int       `json:"owner"`
}

var validID = regexp.MustCompile(`^[\w+.-]+$`)

func (r Runtime) dir(id string) (string, error) {
	if id == "." || id == ".." || !validID.MatchString(id) {
		return "", fmt.Errorf("invalid container id %q: letters, digits and any of _+.- are allowed", id)
	}
	return filepath.Join(r.Root, id), nil
}

// socketName is where a created container waits for its start. It is there until then.
const socketName = "start"

func (r Runtime) load(id string) (record, string, error) {
	var kept record
	dir, err := r.dir(id)
	if err != nil {
		return kept, "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return kept, "", fmt.Errorf("%q: %w", id, ErrNotFound)
	}
	if err != nil {
		return kept, "", fmt.Errorf("read state of %q: %w", id, err)
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return kept, "", fmt.Errorf("read state of %q: %w", id, err)
	}
	return kept, dir, nil
}

func (k record) save(dir string) error {
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "state.json")
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep state: %w", err)
	}
	return os.Rename(file+".new", file)
}

// alive reports whether the container's first process still runs.
func (k record) alive() bool {
	started, err := sys.ProcessStart(k.PID)
	if err != nil || started != k.PIDStart {
		return false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.PID))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func (k record) group() (*cgroup.Group, error) {
	if k.Group == "" {
		return nil, nil
	}
	system, err := cgroup.Detect(k.Parent)
	if err != nil {
		return nil, err
	}
	return system.Open(k.Group), nil
}

// state tells the container's status from what is so now.
func (k record) state(dir string) specs.State {
	s := specs.State{Version: specs.Version, ID: k.ID, Status: specs.StateStopped, Bundle: k.Bundle, Annotations: k.Notes}
	if !k.alive() {
		return s
	}
	s.Pid, s.Status = k.PID, specs.StateRunning
	if _, err := os.Lstat(filepath.Join(dir, socketName)); err == nil {
		s.Status = specs.StateCreated
		return s
	}
	if g, err := k.group(); err == nil && g != nil && g.Frozen() {
		s.Status = "paused"
	}
	return s
}

// State tells what is so of a container: runtime.md, "Query State".
func (r Runtime) State(id string) (specs.State, error) {
	k, dir, err := r.load(id)
	if err != nil {
		return specs.State{}, err
	}
	return k.state(dir), nil
}

// List tells of all.
func (r Runtime) List() ([]Entry, error) {
	entries, err := os.ReadDir(r.Root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, e := range entries {
		if k, dir, err := r.load(e.Name()); err == nil { // one that is being made or removed is none
			list = append(list, Entry{k.state(dir), k.Created, k.Rootfs, k.Owner})
		}
	}
	return list, nil
}

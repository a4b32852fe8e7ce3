// Package api is what the daemon and its clients agree on: the Docker Engine
// API's versions, learndocker's one addition to it, and the framing of streams.
// The JSON itself is that of github.com/moby/moby/api.
package api

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Versions of the Docker Engine API that the daemon speaks.
const (
	Version    = "1.50"
	MinVersion = "1.40"
)

// WatchPath is where a narrator upgrades a connection to stage/wire.
const WatchPath = "/learndocker/watch"

// Media types of an attached stream: raw for a terminal and for old clients,
// framed otherwise.
const (
	RawStream         = "application/vnd.docker.raw-stream"
	MultiplexedStream = "application/vnd.docker.multiplexed-stream"
)

// Streams of a frame.
const (
	Stdout = 1
	Stderr = 2
)

// FrameWriter writes one stream's frames: an 8-byte header (stream, three
// zeros, length in big endian), then the bytes. See the Engine API reference,
// ContainerAttach.
type FrameWriter struct {
	W      io.Writer
	Stream byte
}

func (f FrameWriter) Write(p []byte) (int, error) {
	frame := make([]byte, 8, 8+len(p))
	frame[0] = f.Stream
	binary.BigEndian.PutUint32(frame[4:], uint32(len(p)))
	if _, err := f.W.Write(append(frame, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// DefaultHost is the daemon's address where none is given: root's in /run, an
// ordinary user's in the directory that the system keeps for the session.
func DefaultHost() string {
	if os.Geteuid() == 0 {
		return "unix:///run/learndocker/docker.sock"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return "unix://" + filepath.Join(dir, "learndocker.sock")
	}
	return "unix://" + filepath.Join(os.TempDir(), "learndocker-"+strconv.Itoa(os.Getuid()), "docker.sock")
}

// DefaultDataRoot is the daemon's directory where none is given.
func DefaultDataRoot() string {
	if os.Geteuid() == 0 {
		return "/var/lib/learndocker"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "learndocker")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, ".local", "share", "learndocker")
}

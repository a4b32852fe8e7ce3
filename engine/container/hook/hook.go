//go:build linux

// Package hook runs the programs that config.json asks for around a container's
// life: OCI runtime specification, config.md, "POSIX-platform Hooks".
package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxSaid bounds what is told of a failed hook's words, in bytes.
const maxSaid = 4 << 10

// Run runs hooks one after the other, each with the container's state on its
// standard input, until one fails.
func Run(state specs.State, hooks []specs.Hook) error {
	told, err := json.Marshal(state)
	if err != nil {
		return err
	}
	for i, h := range hooks {
		if err := run(told, h); err != nil {
			return fmt.Errorf("run hook #%d, %s: %w", i, h.Path, err)
		}
	}
	return nil
}

func run(told []byte, h specs.Hook) error {
	stdin, err := fileWith(told)
	if err != nil {
		return err
	}
	defer stdin.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	args := h.Args
	if len(args) == 0 {
		args = []string{h.Path}
	}
	env := h.Env
	if env == nil {
		env = []string{} // nil would be our own
	}
	process, err := os.StartProcess(h.Path, args, &os.ProcAttr{Env: env, Files: []*os.File{stdin, in, in}})
	in.Close()
	if err != nil {
		return err
	}
	if h.Timeout != nil {
		late := time.AfterFunc(time.Duration(*h.Timeout)*time.Second, func() { _ = process.Kill() })
		defer late.Stop()
	}
	var said bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&said, io.LimitReader(out, maxSaid))
		_, _ = io.Copy(io.Discard, out)
	}()
	ended, err := process.Wait()
	if err != nil {
		return err
	}
	if ended.Success() {
		return nil // it may have left children that hold its output open
	}
	<-read
	return errors.New(strings.TrimSpace(ended.String() + ": " + said.String()))
}

// fileWith is a pipe that holds the bytes; a state is shorter than a pipe is long.
func fileWith(data []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := w.SetWriteDeadline(time.Now().Add(time.Second)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		r.Close()
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

//go:build linux

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
)

func createExec(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	var q containertypes.ExecCreateRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	exec, err := x.CreateExec(x.r.Context(), c, q)
	if err != nil {
		return err
	}
	return x.json(http.StatusCreated, containertypes.ExecCreateResponse{ID: exec.ID})
}

// startExec runs the program. Attached, its end is the stream's end: the body is
// read before the connection is taken over.
func startExec(x *exchange) error {
	exec, err := x.Exec(x.r.PathValue("id"))
	if err != nil {
		return err
	}
	var q containertypes.ExecStartRequest
	if err := x.decodeStart(&q); err != nil {
		return err
	}
	if q.Detach {
		settled := make(chan struct{})
		defer close(settled)
		if err := x.StartExec(x.lasting(), exec, q.ConsoleSize, settled); err != nil {
			return err
		}
		return x.json(http.StatusOK, nil)
	}
	keys, err := parseKeys(exec.Config.DetachKeys)
	if err != nil {
		return badRequest{err}
	}
	a := newAttachment(wants{
		stdin: exec.Config.AttachStdin, stdout: exec.Config.AttachStdout, stderr: exec.Config.AttachStderr, terminal: exec.Config.Tty, keys: keys,
	})
	ended, leave := exec.Attach(a.Attachment)
	return a.serve(x, func() error {
		err := x.StartExec(x.lasting(), exec, q.ConsoleSize, nil) // the answer is out already
		if err == nil {
			return nil
		}
		// The header is out: the words go where the output would.
		if a.terminal {
			_, _ = fmt.Fprintf(a.gate.Conn, "%s\r\n", err)
		} else {
			_, _ = fmt.Fprintf(api.FrameWriter{W: a.gate.Conn, Stream: api.Stdout}, "%s\r\n", err)
		}
		return err
	}, ended, leave)
}

// decodeStart reads the body of a request that will be an upgrade; begin leaves
// it, for what follows is the stream's.
func (x *exchange) decodeStart(q *containertypes.ExecStartRequest) error {
	if x.body == nil {
		if err := x.readBody(); err != nil {
			return badRequest{fmt.Errorf("read request: %w", err)}
		}
	}
	if len(x.body) == 0 {
		return nil
	}
	return x.decode(q)
}

func resizeExec(x *exchange) error {
	exec, err := x.Exec(x.r.PathValue("id"))
	if err != nil {
		return err
	}
	height, width, err := x.size()
	if err != nil {
		return err
	}
	if err := exec.Resize(height, width); err != nil {
		return err
	}
	return x.json(http.StatusOK, nil)
}

func inspectExec(x *exchange) error {
	exec, err := x.Exec(x.r.PathValue("id"))
	if err != nil {
		return err
	}
	s, q := exec.State(), exec.Config
	return x.json(http.StatusOK, containertypes.ExecInspectResponse{
		ID: exec.ID, Running: s.Running, ExitCode: s.ExitCode, Pid: s.PID, ContainerID: exec.Container.Snapshot().ID,
		ProcessConfig: &containertypes.ExecProcessConfig{Tty: q.Tty, Entrypoint: q.Cmd[0], Arguments: q.Cmd[1:], Privileged: &q.Privileged, User: q.User},
		OpenStdin:     q.AttachStdin, OpenStdout: q.AttachStdout, OpenStderr: q.AttachStderr, DetachKeys: []byte(q.DetachKeys),
	})
}

// parseKeys reads "ctrl-p,ctrl-q", "a,ctrl-@": Docker's form of --detach-keys.
func parseKeys(given string) ([]byte, error) {
	if given == "" {
		return engine.DefaultDetachKeys, nil
	}
	var keys []byte
	for key := range strings.SplitSeq(given, ",") {
		letter, control := strings.CutPrefix(key, "ctrl-")
		switch {
		case len(key) == 1:
			keys = append(keys, key[0])
		case !control || len(letter) != 1:
			return nil, fmt.Errorf("unknown character: '%s'", key)
		case letter[0] >= 'a' && letter[0] <= 'z':
			keys = append(keys, letter[0]-'a'+1)
		case strings.Contains(`@[\]^_`, letter):
			keys = append(keys, letter[0]-'@')
		default:
			return nil, fmt.Errorf("unknown character: '%s'", key)
		}
	}
	return keys, nil
}

// encodeInto writes one JSON value of a stream and sends it on its way.
func (x *exchange) encodeInto(v any) error {
	if err := json.NewEncoder(x.w).Encode(v); err != nil {
		return err
	}
	return errors.Join(http.NewResponseController(x.w).Flush())
}

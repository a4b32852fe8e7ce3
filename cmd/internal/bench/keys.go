//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/narrate"
)

// A step is painted from a cleared screen to the last of its keys.
var (
	cleared = []byte("\x1b[H\x1b[2J")
	lastKey = []byte(" quit")
)

const (
	// reading is how long a step is looked at: nobody presses keys faster.
	reading = 40 * time.Millisecond
	// quiet is the least time for which the narrator waits at each point for the
	// client's output, before it takes the step's time: as in narrate/live.go.
	quiet = 3 * time.Millisecond
)

// shown is one step's times: of the key that asked for it, of its last byte.
type shown struct{ key, painted time.Time }

// keys leads a lesson through on a terminal. The recording says when the engine
// was seen to be at a stop: what comes before is the engine's and the client's
// own work but for the quiet at each point on the way.
func keys(ctx context.Context, program, stepsFile, ownFile string) error {
	dir, err := os.MkdirTemp("", "keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "recording.jsonl")
	painted, err := lead(ctx, program, file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	recording, err := narrate.ReadRecording(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if len(painted) != len(recording.Steps) {
		return fmt.Errorf("%d steps were painted, %d recorded", len(painted), len(recording.Steps))
	}
	var steps, own bytes.Buffer
	var seq uint64
	for i, step := range recording.Steps {
		if step.Kind != narrate.KindStop {
			continue
		}
		points := time.Duration(step.Point.Seq - seq)
		seq = step.Point.Seq
		fmt.Fprintln(&steps, ms(painted[i].painted.Sub(painted[i].key)))
		fmt.Fprintln(&own, ms(painted[i].painted.Sub(step.At)+points*quiet))
	}
	return errors.Join(add(stepsFile, steps.Bytes()), add(ownFile, own.Bytes()))
}

func add(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// lead presses n at each step until the lesson ends.
func lead(ctx context.Context, program, recording string) ([]shown, error) {
	terminal, tty, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	defer terminal.Close()
	cmd := command(ctx, program, "lesson", "hello-world", "--step", "--record", recording)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout = tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	key := time.Now()
	err = cmd.Start()
	tty.Close()
	if err != nil {
		return nil, err
	}
	var steps []shown
	var screen []byte
	piece := make([]byte, 64<<10)
	for {
		n, err := terminal.Read(piece)
		if err != nil { // the lesson has let go of its terminal
			return steps, cmd.Wait()
		}
		now := time.Now()
		screen = append(screen, piece[:n]...)
		from := bytes.LastIndex(screen, cleared)
		if from < 0 || !bytes.Contains(screen[from:], lastKey) {
			continue
		}
		steps = append(steps, shown{key, now})
		screen = nil
		time.Sleep(reading)
		key = time.Now()
		if _, err := terminal.WriteString("n"); err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
	}
}

// openTerminal makes a pseudoterminal of 40 lines of 120 cells: pts(4).
func openTerminal() (terminal, tty *os.File, err error) {
	terminal, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			terminal.Close()
		}
	}()
	fd := int(terminal.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}); err != nil {
		return nil, nil, err
	}
	tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	return terminal, tty, err
}

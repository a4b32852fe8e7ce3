//go:build linux

// Bench measures what scripts/bench cannot in a shell.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

const usage = `usage:
  bench watch HOST COMMAND...        run a command while every stop of a daemon is released at once
  bench first LEARNDOCKER            print the ms from a lesson's start to its first stop
  bench keys LEARNDOCKER STEPS OWN   add to two files, for each stop of a lesson, the ms from the key to
                                     the painted step, and what of them was not the engine's own work
  bench page LEARNDOCKER RECORDING   print, of the page in Chromium on a recording of 100 steps: ms to the first
                                     step's paint, and the median of the ms of script for another step
  bench class LEARNDOCKER N          print, for a lesson that N browsers follow: the longest ms from the teacher's
                                     key to the last of them, followers lost, the server's KiB before and after
  bench registry                     serve an image of 100 MB on loopback, print its name, stay until told to end`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// patience is how long a lesson may take: one that hangs is not measured.
const patience = time.Minute

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "page" {
		return measurePage(ctx, args[1], args[2])
	}
	if len(args) == 3 && args[0] == "class" {
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("number of followers: %w", err)
		}
		return measureClass(ctx, args[1], n)
	}
	if len(args) == 1 && args[0] == "registry" {
		return serveBig(ctx)
	}
	if len(args) >= 3 && args[0] == "watch" {
		return watch(ctx, args[1], args[2:])
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch {
	case len(args) == 2 && args[0] == "first":
		return first(ctx, args[1])
	case len(args) == 4 && args[0] == "keys":
		return keys(ctx, args[1], args[2], args[3])
	}
	return errors.New(usage)
}

// command is a child that is asked to end where we are.
func command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	return cmd
}

func watch(ctx context.Context, host string, words []string) error {
	c, err := client.New(host)
	if err != nil {
		return err
	}
	conn, buffered, err := c.Watch(ctx)
	if err != nil {
		return fmt.Errorf("watch the daemon: %w", err)
	}
	released := make(chan int)
	go func() { released <- release(wire.NewConn(conn, buffered)) }()
	cmd := command(ctx, words...)
	cmd.Stdout = os.Stdout
	err = errors.Join(cmd.Run(), conn.Close())
	if n := <-released; n == 0 && err == nil {
		return errors.New("the daemon came to no stop")
	}
	return err
}

// release lets go of each point until the connection ends, and counts them.
func release(conn *wire.Conn) int {
	for n := 0; ; n++ {
		if _, err := conn.Receive(); err != nil {
			return n
		}
		if err := conn.Send(wire.Packet{Go: true}); err != nil {
			return n
		}
	}
}

func first(ctx context.Context, program string) error {
	cmd := command(ctx, program, "lesson", "hello-world")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	var took time.Duration
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if took == 0 && strings.Contains(lines.Text(), "api.request") {
			took = time.Since(start)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("lesson: %w", err)
	}
	if took == 0 {
		return errors.New("the lesson came to no api.request")
	}
	fmt.Println(ms(took))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

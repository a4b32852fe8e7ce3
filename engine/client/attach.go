package client

import (
	"context"
	"errors"
	"fmt"
	"os"

	containertypes "github.com/moby/moby/api/types/container"
)

// attachment is how a client is connected to a container that it starts.
type attachment struct {
	AttachOptions
	tty, autoRemove bool
	streams         Streams
}

func (a attachment) size(ctx context.Context, c *Client, id string) (stop func()) {
	if !a.tty || !a.streams.OutIsTerminal() {
		return func() {}
	}
	return a.streams.followSize(ctx, func(ctx context.Context, size Size) error { return c.Resize(ctx, id, size) })
}

// startAttached attaches, waits and starts, in this order: no output and no end
// is missed. It returns the container's exit status, 0 where the user detached.
func (c *Client) startAttached(ctx context.Context, id string, a attachment) (int, error) {
	watching, cancel := context.WithCancel(ctx) // the streams' only: the end is waited for all the same
	defer cancel()
	conn, output, err := c.Attach(ctx, id, a.AttachOptions)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	streamed := make(chan error, 1)
	s := &session{conn: conn, output: output, streams: a.streams, stdin: a.Stdin, quiet: !a.Stdout && !a.Stderr, tty: a.tty, detachKeys: a.DetachKeys}
	go func() { streamed <- s.run(watching) }()
	exit, err := c.Wait(ctx, id, condition(a.autoRemove))
	if err == nil {
		err = c.Start(ctx, id)
	}
	if err != nil {
		cancel()
		<-streamed // the terminal is as before
		if a.autoRemove && exit != nil {
			<-exit // it removes itself
		}
		return 0, runError(err)
	}
	defer a.size(ctx, c, id)()
	return c.awaitEnd(exit, streamed, func() {
		if s.quiet {
			cancel()
		}
	})
}

// awaitEnd waits until the output has ended and the container has.
func (c *Client) awaitEnd(exit <-chan Exit, streamed <-chan error, exited func()) (int, error) {
	var end Exit
	select {
	case err := <-streamed:
		if errors.Is(err, ErrDetached) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		end = <-exit
	case end = <-exit:
		exited()
		<-streamed
	}
	if end.Err != nil {
		return ExitDaemonError, fmt.Errorf("error waiting for container: %w", end.Err)
	}
	return end.Status, nil
}

// forward passes signals on to a container until the returned function is
// called.
func (c *Client) forward(ctx context.Context, id string, signals <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if name := signalName(s); name != "" {
					_ = c.Kill(ctx, id, name) // an error is a container that has just ended
				}
			}
		}
	}()
	return cancel
}

// StartOptions are what `docker start` with streams is asked for.
type StartOptions struct {
	Stdin      bool
	DetachKeys string
	Signals    <-chan os.Signal
}

// StartAttached starts a container that is there, connected to its streams, and
// returns its exit status.
func (c *Client) StartAttached(ctx context.Context, id string, o StartOptions, s Streams) (int, error) {
	info, _, err := c.InspectContainer(ctx, id, false)
	if err != nil {
		return 0, err
	}
	if !info.Config.Tty {
		defer c.forward(context.WithoutCancel(ctx), info.ID, o.Signals)()
	}
	status, err := c.startAttached(ctx, info.ID, attachment{
		AttachOptions: AttachOptions{Stdin: o.Stdin && info.Config.OpenStdin, Stdout: true, Stderr: true, DetachKeys: o.DetachKeys},
		tty:           info.Config.Tty, autoRemove: info.HostConfig.AutoRemove, streams: s,
	})
	var before *RunError
	if errors.As(err, &before) {
		return 1, before.Err
	}
	return status, err
}

// Follow connects to the streams of a container that runs, until it ends or
// the user detaches, and returns its exit status.
func (c *Client) Follow(ctx context.Context, id string, o StartOptions, s Streams) (int, error) {
	exit, waitErr := c.Wait(context.WithoutCancel(ctx), id, "")
	info, err := c.attachable(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := s.CheckTerminal(o.Stdin, info.Config.Tty); err != nil {
		return 0, err
	}
	if !info.Config.Tty {
		defer c.forward(context.WithoutCancel(ctx), id, o.Signals)()
	}
	a := attachment{
		AttachOptions: AttachOptions{Stdin: o.Stdin && info.Config.OpenStdin, Stdout: true, Stderr: true, DetachKeys: o.DetachKeys},
		tty:           info.Config.Tty, streams: s,
	}
	conn, output, err := c.Attach(ctx, id, a.AttachOptions)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// It may have ended since it was looked at: then nothing would ever come.
	if _, err := c.attachable(ctx, id); err != nil {
		return 0, err
	}
	if a.tty && s.OutIsTerminal() {
		c.redraw(ctx, id, s)
		defer a.size(ctx, c, id)()
	}
	x := &session{conn: conn, output: output, streams: s, stdin: a.Stdin, tty: a.tty, detachKeys: o.DetachKeys}
	if err := x.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return 0, err
	}
	if waitErr != nil {
		return 0, waitErr
	}
	end := <-exit
	return end.Status, end.Err
}

// redraw makes the program on a terminal draw itself for whoever comes anew: it
// does so where the size changes.
func (c *Client) redraw(ctx context.Context, id string, s Streams) {
	if size := s.Size(); size != (Size{}) {
		_ = c.Resize(ctx, id, Size{size.Height + 1, size.Width + 1}) // it is only for looks
	}
}

func (c *Client) attachable(ctx context.Context, id string) (containertypes.InspectResponse, error) {
	info, _, err := c.InspectContainer(ctx, id, false)
	switch {
	case err != nil:
		return info, err
	case !info.State.Running:
		return info, errors.New("You cannot attach to a stopped container, start it first")
	case info.State.Paused:
		return info, errors.New("You cannot attach to a paused container, unpause it first")
	case info.State.Restarting:
		return info, errors.New("You cannot attach to a restarting container, wait until it is running")
	}
	return info, nil
}

// ExecOptions are what `docker exec` is asked for.
type ExecOptions struct {
	Request containertypes.ExecCreateRequest
	Detach  bool
}

// Exec runs another program in a container that runs, and returns its exit
// status.
func (c *Client) Exec(ctx context.Context, id string, o ExecOptions, s Streams) (int, error) {
	// That there is no such container is worth more than what is wrong here.
	if _, _, err := c.InspectContainer(ctx, id, false); err != nil {
		return 0, err
	}
	if !o.Detach {
		if err := s.CheckTerminal(o.Request.AttachStdin, o.Request.Tty); err != nil {
			return 0, err
		}
	}
	if o.Request.Tty {
		o.Request.ConsoleSize = s.Size().pair()
	}
	exec, err := c.ExecCreate(ctx, id, o.Request, o.Detach)
	if err != nil {
		return 0, err
	}
	start := containertypes.ExecStartRequest{Detach: o.Detach, Tty: o.Request.Tty, ConsoleSize: o.Request.ConsoleSize}
	if o.Detach {
		return 0, c.ExecStart(ctx, exec, start)
	}
	return c.execAttached(ctx, exec, start, o, s)
}

func (c *Client) execAttached(ctx context.Context, exec string, start containertypes.ExecStartRequest, o ExecOptions, s Streams) (int, error) {
	conn, output, err := c.ExecAttach(ctx, exec, start)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	x := &session{conn: conn, output: output, streams: s, stdin: o.Request.AttachStdin, tty: o.Request.Tty, detachKeys: o.Request.DetachKeys}
	if o.Request.Tty && s.InIsTerminal() {
		defer s.followSize(ctx, func(ctx context.Context, size Size) error { return c.ExecResize(ctx, exec, size) })()
	}
	if err := x.run(ctx); err != nil {
		return 0, err
	}
	return c.ExecStatus(ctx, exec)
}

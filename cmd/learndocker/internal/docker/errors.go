package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

// Failure is an error of one of docker's commands: its text is docker's, whole,
// and it chooses the exit status. Without a cause it is silent.
type Failure struct {
	Status int
	Cause  error
}

func (f *Failure) Error() string {
	if f.Cause == nil {
		return fmt.Sprintf("exit status %d", f.Status)
	}
	return f.Cause.Error()
}

func (f *Failure) Unwrap() error { return f.Cause }

// ended is how a command ends that passes a program's status on.
func ended(status int, err error) error {
	if err == nil && status != 0 {
		return &Failure{Status: status}
	}
	return err
}

// failure makes of any error one in docker's words.
func failure(err error, c *cobra.Command) error {
	var already *Failure
	switch {
	case err == nil, errors.As(err, &already):
		return err
	case c.Context() != nil && c.Context().Err() != nil && errors.Is(err, context.Canceled):
		return &Failure{Status: signalStatus(context.Cause(c.Context()))}
	}
	return &Failure{1, InWords(err)}
}

// signalStatus is the status of a command that a signal has ended: 128 and the
// signal's number.
func signalStatus(cause error) int {
	switch text := cause.Error(); {
	case strings.HasPrefix(text, "terminated"):
		return 143
	case strings.HasPrefix(text, "hangup"):
		return 129
	}
	return 130
}

// worded is an error with docker's words for it.
type worded struct {
	words string
	cause error
}

func (w worded) Error() string { return w.words }

func (w worded) Unwrap() error { return w.cause }

// InWords says who it is that says an error: the daemon, or nobody.
func InWords(err error) error {
	if lines, ok := joined(err); ok {
		return worded{strings.Join(lines, "\n"), err}
	}
	var absent *client.AbsentError
	var answer *client.Error
	var already worded
	switch {
	case errors.As(err, &already):
		return err
	case errors.As(err, &absent) && errors.Is(err, fs.ErrPermission):
		return worded{fmt.Sprintf("permission denied while trying to connect to the Docker daemon socket at %s: %s", absent.Host, absent.Cause), err}
	case errors.As(err, &absent):
		return worded{fmt.Sprintf("Cannot connect to the Docker daemon at %s. Is the docker daemon running?", absent.Host), err}
	case errors.As(err, &answer):
		return worded{strings.Replace(err.Error(), answer.Message, "Error response from daemon: "+answer.Message, 1), err}
	}
	return err
}

// joined are the words of each of the errors that errors.Join has put together.
func joined(err error) (lines []string, ok bool) {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil, false
	}
	var before []string
	for _, e := range several.Unwrap() {
		before = append(before, e.Error())
		lines = append(lines, InWords(e).Error())
	}
	return lines, strings.Join(before, "\n") == err.Error()
}

// flagError is what a command says of a flag that it does not know, or cannot
// read.
func flagError(c *cobra.Command, err error) error {
	return &Failure{client.ExitDaemonError, fmt.Errorf("%w\n\nUsage:  %s\n\nRun '%s --help' for more information", err, c.UseLine(), c.CommandPath())}
}

func wrongArgs(c *cobra.Command, what string) error {
	return fmt.Errorf("%s: '%s' %s\n\nUsage:  %s\n\nRun '%[2]s --help' for more information", c.Root().Name(), c.CommandPath(), what, c.UseLine())
}

func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprint(n, " arguments")
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		return fmt.Errorf("%s: unknown command: %s %s\n\nUsage:  %s\n\nRun '%[2]s --help' for more information", c.Root().Name(), c.CommandPath(), args[0], c.UseLine())
	}
	return wrongArgs(c, "accepts no arguments")
}

func minArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		// docker says See here, and Run everywhere else.
		return errors.New(strings.Replace(wrongArgs(c, "requires at least "+arguments(n)).Error(), "\n\nRun ", "\n\nSee ", 1))
	}
}

func maxArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return wrongArgs(c, "requires at most "+arguments(n))
	}
}

func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return wrongArgs(c, "requires "+arguments(n))
	}
}

func rangeArgs(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= low && len(args) <= high {
			return nil
		}
		return wrongArgs(c, fmt.Sprintf("requires at least %d and at most %s", low, arguments(high)))
	}
}

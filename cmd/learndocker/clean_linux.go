//go:build linux && !noengine

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/rootless"
	"github.com/learndocker/learndocker/narrate"
)

func newClean() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what killed lessons and daemons have left",
		Long: `clean looks for what lessons and daemons have left that were killed and could
not clear up after themselves: directories of lessons, mounts, control groups,
bridges. It lists them, asks, and removes them. Nothing is touched that belongs
to a lesson or a daemon that runs, or that learndocker has not made.

Images and containers of a daemon that has a data root of its own stay.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if rootless.Needed() {
				// Lessons of an ordinary user hold files of subordinate ids, which
				// only their user namespace's root can remove.
				status, err := rootless.Enter(func(string) []string { return os.Args[1:] })
				if err != nil || status != 0 {
					return exitError{max(status, 1), err}
				}
				return nil
			}
			if err := rootless.Settle(); err != nil {
				return err
			}
			return clean(yes, os.Stdin, os.Stdout)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// left is one thing that clean can remove.
type left struct {
	kind, name string
	remove     func() error
}

func clean(yes bool, in io.Reader, out io.Writer) error {
	things, err := findLeft()
	if err != nil {
		return err
	}
	if len(things) == 0 {
		fmt.Fprintln(out, "Nothing is left behind.")
		return nil
	}
	for _, t := range things {
		fmt.Fprintf(out, "%-8s %s\n", t.kind, t.name)
	}
	if !yes {
		if !agreed(in, out) {
			fmt.Fprintln(out, "Nothing was removed.")
			return nil
		}
		if things, err = stillLeft(things); err != nil {
			return err
		}
	}
	var errs []error
	for _, t := range things {
		errs = append(errs, t.remove())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintln(out, "Removed.")
	return nil
}

// stillLeft looks again: while somebody thought about the answer, a daemon may
// have started that goes on with what was left.
func stillLeft(things []left) ([]left, error) {
	now, err := findLeft()
	return slices.DeleteFunc(now, func(n left) bool {
		return !slices.ContainsFunc(things, func(t left) bool { return t.kind == n.kind && t.name == n.name })
	}), err
}

func agreed(in io.Reader, out io.Writer) bool {
	fmt.Fprint(out, "Remove all of this? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(out)
	}
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y")
}

// findLeft lists mounts before the directories that they are in.
func findLeft() ([]left, error) {
	var things []left
	leftovers, err := engine.Leftovers()
	if err != nil {
		return nil, err
	}
	for _, l := range leftovers {
		things = append(things, left{l.Kind, l.Name, l.Remove})
	}
	lessons, err := narrate.LeftLessons()
	if err != nil {
		return nil, err
	}
	for _, dir := range lessons {
		things = append(things, left{"lesson", dir, func() error { return os.RemoveAll(dir) }})
	}
	return things, nil
}

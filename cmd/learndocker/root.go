package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/docker"
	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/lesson"
)

// settings are the flags that every command takes.
type settings struct {
	host     string
	dataRoot string
}

func newRoot() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:   "learndocker",
		Short: "See what Docker does: a real container, held still at every stage",
		Long: `learndocker runs containers for real, on a small engine of its own, and holds
the engine still at every stage so that you can look around inside.

Start here:  learndocker lesson hello-world --step`,
		Version: version,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return docker.Unknown(c, args)
			}
			return c.Help()
		},
		SilenceUsage: true, SilenceErrors: true, DisableFlagsInUseLine: true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("learndocker {{.Version}}\n")
	root.PersistentFlags().StringVarP(&s.host, "host", "H", fromEnv("DOCKER_HOST", api.DefaultHost()), "the daemon's `address`")
	root.PersistentFlags().StringVar(&s.dataRoot, "data-root", fromEnv("LEARNDOCKER_DATA_ROOT", api.DefaultDataRoot()), "`directory` of the daemon's images and containers")
	root.AddGroup(&cobra.Group{ID: "learn", Title: "Learn:"}, &cobra.Group{ID: "docker", Title: "As with docker:"})
	learn(root, s)
	root.TraverseChildren = true // history's -H is not the daemon's address
	for _, c := range docker.Commands(&docker.CLI{Host: &s.host, Version: version, Awaken: s.awaken(root)}) {
		c.GroupID = "docker"
		root.AddCommand(c)
	}
	return root
}

// flagError says of a flag that cannot be what was probably meant.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if meant := lesson.Nearest(unknown.GetSpecifiedName(), known); meant != "" && len(unknown.GetSpecifiedName()) > 2 {
			return fmt.Errorf("%w; did you mean --%s?", err, meant)
		}
	}
	if strings.Contains(err.Error(), "missing unit in duration") {
		return fmt.Errorf("%w; seconds are written as in 3s", err)
	}
	return err
}

func fromEnv(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// hint is the next thing to type, where there is one that has not been said.
func hint(err error) string {
	var left *narrate.LeftError
	var refused notLive
	text := err.Error()
	errors.As(err, &refused)
	for _, h := range []struct {
		when bool
		hint string
	}{
		{errors.Is(err, client.ErrNoDaemon), noDaemonHint},
		{true, engineHint(err)},
		{errors.As(err, &left), "This takes the rest apart:  learndocker clean"},
		// These by the kernel's words: the error may come from another process.
		{strings.Contains(text, syscall.ENOSPC.Error()), "Make room there, or name a directory on another disk:  " + elsewhere},
		{strings.Contains(text, syscall.EMFILE.Error()), "Allow more open files:  ulimit -n 1024"},
		{strings.Contains(text, syscall.EAGAIN.Error()) || strings.Contains(text, noThread),
			"Allow more processes:  ulimit -u, or pids.max of the control group that this shell is in"},
		{!strings.HasPrefix(text, "write ") && (errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES)), "Name a directory that you can write to:  " + elsewhere},
		{strings.HasPrefix(text, "make the lesson's directory") && errors.Is(err, syscall.ENOENT),
			"Name a directory that is there:  TMPDIR=DIRECTORY\nWhat lessons need of it:         learndocker doctor"},
		{errors.Is(err, narrate.ErrNotCome) && strings.Contains(text, "with --hub"), "For a lesson that is:  learndocker lesson --hub …"},
		{errors.Is(err, narrate.ErrDaemonEnded), "What it had made has been taken apart. Start the lesson again: it begins anew"},
		{refused.lesson != "" || errors.Is(err, narrate.ErrCannotRun), refused.hint()},
	} {
		if h.when && !strings.Contains(text, h.hint) {
			return h.hint
		}
	}
	return ""
}

const (
	elsewhere = "TMPDIR=DIRECTORY for a lesson, --data-root DIRECTORY for a daemon"
	noThread  = "failed to create new OS thread" // the last word of Go's runtime
)

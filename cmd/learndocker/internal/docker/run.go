package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

// makeFlags are those of run and create that are not the container's.
type makeFlags struct {
	container            *runflags.Flags
	name, pull, platform string
	quiet                bool
}

func (f *makeFlags) declare(c *cobra.Command) {
	s := c.Flags()
	s.SetInterspersed(false) // what follows the image is the container's
	s.StringVar(&f.name, "name", "", "Assign a name to the container")
	s.StringVar(&f.pull, "pull", "missing", `Pull image before running ("always", "missing", "never")`)
	s.StringVar(&f.platform, "platform", os.Getenv("DOCKER_DEFAULT_PLATFORM"), "Set platform if server is multi-platform capable")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "Suppress the pull output")
	f.container = runflags.Declare(s)
}

// options reads the flags. What is wrong with them is the command's fault, not
// the container's.
func (f *makeFlags) options(ctx context.Context, cli *CLI, cl *client.Client, args []string) (client.CreateOptions, error) {
	if !slices.Contains([]string{"always", "missing", "never", ""}, f.pull) {
		return client.CreateOptions{}, fmt.Errorf("invalid pull option: '%s': must be one of %q, %q or %q", f.pull, "always", "missing", "never")
	}
	_, _ = cl.Version(ctx) // what the daemon is; that it is not there will be said
	platform, err := parsePlatform(f.platform)
	if err != nil {
		return client.CreateOptions{}, fmt.Errorf("error parsing specified platform: %w", err)
	}
	around := runflags.Around{DaemonOS: cl.DaemonOS()}
	settings := cli.config()
	around.Proxies = func(given map[string]*string) map[string]*string { return settings.ParseProxyConfig(cl.Host(), given) }
	q, err := f.container.Request(args[0], args[1:], around)
	return client.CreateOptions{Name: f.name, Platform: platform, Pull: f.pull, Quiet: f.quiet, Request: q}, err
}

// checkVersions fails where the daemon is too old for a flag that is given.
func checkVersions(c *cobra.Command, cl *client.Client, versions map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if !c.Flags().Changed(name) {
			continue
		}
		if err := cl.Needs(c.Context(), "--"+name, versions[name]); err != nil {
			return err
		}
	}
	return nil
}

// withHelp is an error of run or create, as docker says it.
func withHelp(c *cobra.Command, status int, err error) error {
	return &Failure{status, fmt.Errorf("%s: %w\n\nRun '%[1]s %[3]s --help' for more information", c.Root().Name(), InWords(err), c.Name())}
}

func newRun(cli *CLI) *cobra.Command {
	var f makeFlags
	var detach, proxy bool
	var keys string
	c := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create and run a new container from an image",
		Args:  minArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return cli.do(func(cl *client.Client) error {
			if err := checkVersions(c, cl, runflags.Versions()); err != nil {
				return err
			}
			made, err := f.options(c.Context(), cli, cl, args)
			if err != nil {
				return withHelp(c, client.ExitDaemonError, err)
			}
			o := client.RunOptions{CreateOptions: made, Detach: detach, DetachKeys: cli.detachKeys(keys)}
			if detach && len(f.container.Attach.Values) > 0 {
				return errors.New("conflicting options: cannot specify both --attach and --detach")
			}
			if detach {
				runflags.Detached(&o.Request)
			}
			if proxy {
				var stop func()
				o.Signals, stop = allSignals()
				defer stop()
			}
			status, err := cl.Run(c.Context(), o, cli.streams())
			var before *client.RunError
			if errors.As(err, &before) && c.Context().Err() == nil {
				return withHelp(c, before.Status, before.Err)
			}
			return ended(status, err)
		})
	}
	f.declare(c)
	c.Flags().BoolVarP(&detach, "detach", "d", false, "Run container in background and print container ID")
	c.Flags().BoolVar(&proxy, "sig-proxy", true, "Proxy received signals to the process")
	declareKeys(c, &keys)
	return c
}

func declareKeys(c *cobra.Command, keys *string) {
	c.Flags().StringVar(keys, "detach-keys", "", "Override the key sequence for detaching a container")
}

// detachKeys are those given, or those of the user's config file.
func (cli *CLI) detachKeys(given string) string {
	if given != "" {
		return given
	}
	return cli.config().DetachKeys
}

// manySignals is how many may come while one is passed on.
const manySignals = 128

// allSignals catches every signal that can be.
func allSignals() (caught <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, manySignals)
	signal.Notify(c)
	return c, func() { signal.Stop(c) }
}

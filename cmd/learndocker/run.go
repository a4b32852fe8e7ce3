package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/go-units"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/engine/client"
)

// runFlags are the flags of `docker run` that the engine knows.
type runFlags struct {
	name, platform, pull, user, workdir, hostname, network string
	entrypoint, memory, memorySwap, cpus                   string
	env, labels, capAdd, capDrop, securityOpt              []string
	pids                                                   int64
	rm, detach, interactive, readOnly                      bool
}

func newRun(s *settings) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Create and run a new container from an image",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options(args, c.Flags().Changed("entrypoint"))
			if err != nil {
				return exitError{client.ExitDaemonError, err}
			}
			return run(c.Context(), s, o)
		},
	}
	f.declare(c.Flags())
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{client.ExitDaemonError, err} })
	return c
}

func (f *runFlags) declare(flags *pflag.FlagSet) {
	flags.SetInterspersed(false) // what follows the image is the container's
	flags.StringVar(&f.name, "name", "", "assign a name to the container")
	flags.BoolVar(&f.rm, "rm", false, "remove the container when it exits")
	flags.BoolVarP(&f.detach, "detach", "d", false, "run in the background and print the container's id")
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "keep stdin open")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set an environment variable")
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "set a label")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "working directory inside the container")
	flags.StringVarP(&f.user, "user", "u", "", "user name or id, and group: NAME[:GROUP]")
	flags.StringVar(&f.hostname, "hostname", "", "the container's host name")
	flags.StringVar(&f.network, "network", "default", "bridge or none")
	flags.StringVar(&f.entrypoint, "entrypoint", "", "overwrite the image's entrypoint")
	flags.StringVarP(&f.memory, "memory", "m", "", "memory limit: 64m, 1g")
	flags.StringVar(&f.memorySwap, "memory-swap", "", "limit of memory and swap together; -1 for none")
	flags.StringVar(&f.cpus, "cpus", "", "number of CPUs: 0.5")
	flags.Int64Var(&f.pids, "pids-limit", 0, "number of processes; 0 for no limit")
	flags.StringArrayVar(&f.capAdd, "cap-add", nil, "add a capability")
	flags.StringArrayVar(&f.capDrop, "cap-drop", nil, "drop a capability")
	flags.StringArrayVar(&f.securityOpt, "security-opt", nil, "no-new-privileges, seccomp=unconfined")
	flags.BoolVar(&f.readOnly, "read-only", false, "mount the root file system read-only")
	flags.StringVar(&f.platform, "platform", "", "platform of the image: linux/arm64")
	flags.StringVar(&f.pull, "pull", "missing", "pull the image before running: always, missing, never")
}

func (f *runFlags) options(args []string, entrypointGiven bool) (client.RunOptions, error) {
	host := &containertypes.HostConfig{
		AutoRemove: f.rm, NetworkMode: containertypes.NetworkMode(f.network), ReadonlyRootfs: f.readOnly,
		CapAdd: f.capAdd, CapDrop: f.capDrop, SecurityOpt: f.securityOpt,
	}
	if err := f.limits(&host.Resources); err != nil {
		return client.RunOptions{}, err
	}
	if !slices.Contains([]string{"always", "missing", "never"}, f.pull) {
		return client.RunOptions{}, fmt.Errorf("--pull %s: want always, missing or never", f.pull)
	}
	config := &containertypes.Config{
		Hostname: f.hostname, User: f.user, AttachStdin: f.interactive, AttachStdout: !f.detach, AttachStderr: !f.detach,
		OpenStdin: f.interactive, StdinOnce: f.interactive, Env: environment(f.env), Image: args[0], WorkingDir: f.workdir, Labels: pairs(f.labels),
	}
	if len(args) > 1 {
		config.Cmd = args[1:]
	}
	if entrypointGiven {
		config.Entrypoint = []string{f.entrypoint}
	}
	return client.RunOptions{
		Name: f.name, Platform: f.platform, Pull: f.pull, Detach: f.detach,
		Request: containertypes.CreateRequest{Config: config, HostConfig: host, NetworkingConfig: &network.NetworkingConfig{}},
	}, nil
}

// maxCPUs bounds --cpus, far above any machine's number, so that billionths of
// it fit an integer.
const maxCPUs = 1 << 20

func (f *runFlags) limits(r *containertypes.Resources) error {
	var err error
	if f.memory != "" {
		if r.Memory, err = units.RAMInBytes(f.memory); err != nil {
			return fmt.Errorf("--memory %s: %w", f.memory, err)
		}
	}
	if f.memorySwap == "-1" {
		r.MemorySwap = -1
	} else if f.memorySwap != "" {
		if r.MemorySwap, err = units.RAMInBytes(f.memorySwap); err != nil {
			return fmt.Errorf("--memory-swap %s: %w", f.memorySwap, err)
		}
	}
	if f.cpus != "" {
		n, err := strconv.ParseFloat(f.cpus, 64)
		if err != nil || !(n > 0 && n <= maxCPUs) { // NaN compares with nothing
			return fmt.Errorf("--cpus %s: want a number above 0", f.cpus)
		}
		r.NanoCPUs = int64(math.Round(n * 1e9))
	}
	if f.pids > 0 {
		r.PidsLimit = &f.pids
	}
	return nil
}

// environment completes a bare NAME from the client's own environment.
func environment(given []string) []string {
	var env []string
	for _, e := range given {
		if strings.Contains(e, "=") {
			env = append(env, e)
		} else if v, ok := os.LookupEnv(e); ok {
			env = append(env, e+"="+v)
		}
	}
	return env
}

func pairs(given []string) map[string]string {
	m := map[string]string{}
	for _, g := range given {
		k, v, _ := strings.Cut(g, "=")
		m[k] = v
	}
	return m
}

func run(ctx context.Context, s *settings, o client.RunOptions) error {
	c, err := s.client()
	if err != nil {
		return exitError{client.ExitDaemonError, err}
	}
	defer c.Close()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	o.Signals = signals
	status, err := c.Run(ctx, o, client.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd()))})
	if err != nil {
		return exitError{status, fromDaemon(err)}
	}
	if status != 0 {
		return exitError{status: status}
	}
	return nil
}

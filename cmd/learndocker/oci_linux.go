//go:build linux && !noengine

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/oci"
)

// newOCI has the commands by which others drive the OCI runtime: runc's, whose
// form the runtime specification leaves open and everybody has taken over.
func newOCI() *cobra.Command {
	var root, log, logFormat string
	var systemd, debug bool
	c := &cobra.Command{
		Use:   "oci",
		Short: "Be an OCI runtime, for podman and others to drive",
	}
	c.PersistentFlags().StringVar(&root, "root", defaultOCIRoot(), "`directory` of the runtime's state")
	c.PersistentFlags().StringVar(&log, "log", "", "write errors to `FILE`, too")
	c.PersistentFlags().StringVar(&logFormat, "log-format", "text", "text or json")
	c.PersistentFlags().BoolVar(&systemd, "systemd-cgroup", false, "leave control groups to systemd (not supported)")
	c.PersistentFlags().BoolVar(&debug, "debug", false, "")
	for _, hidden := range []string{"debug"} { // others pass it; there is nothing more to say
		if err := c.PersistentFlags().MarkHidden(hidden); err != nil {
			panic(err) // the flag stands two lines above
		}
	}
	runtime := func() oci.Runtime { return oci.Runtime{Root: root} }
	for _, sub := range []*cobra.Command{
		ociCreate(runtime), ociRun(runtime), ociStart(runtime), ociState(runtime), ociKill(runtime), ociDelete(runtime), ociList(runtime),
		ociFreeze("pause", "Make every process of a container stand still", runtime, oci.Runtime.Pause),
		ociFreeze("resume", "Let a paused container go on", runtime, oci.Runtime.Resume),
	} {
		run := sub.RunE
		sub.RunE = func(c *cobra.Command, args []string) error {
			if systemd {
				return errors.New("--systemd-cgroup is not supported: control groups are made by the runtime itself")
			}
			err := run(c, args)
			var exit exitError
			if err != nil && !(errors.As(err, &exit) && exit.cause == nil) {
				logError(log, logFormat, err)
			}
			return err
		}
		c.AddCommand(sub)
	}
	return c
}

func defaultOCIRoot() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); os.Geteuid() != 0 && dir != "" {
		return filepath.Join(dir, "learndocker", "oci")
	}
	return "/run/learndocker/oci"
}

// logError writes an error where whoever drives the runtime looks for it.
func logError(file, format string, err error) {
	if file == "" {
		return
	}
	f, openErr := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if openErr != nil {
		return // it is on stderr as well
	}
	defer f.Close()
	now := time.Now().Format(time.RFC3339)
	if format == "json" {
		_ = json.NewEncoder(f).Encode(map[string]string{"level": "error", "msg": err.Error(), "time": now})
		return
	}
	fmt.Fprintf(f, "time=%q level=error msg=%q\n", now, err)
}

func createFlags(c *cobra.Command, o *oci.CreateOptions) {
	c.Flags().StringVarP(&o.Bundle, "bundle", "b", ".", "`directory` of config.json and the root file system")
	c.Flags().StringVar(&o.PIDFile, "pid-file", "", "write the first process's number to `FILE`")
	c.Flags().StringVar(&o.ConsoleSocket, "console-socket", "", "send the terminal's other end to the unix socket at `PATH`")
	var ignored bool
	var keyring bool
	c.Flags().BoolVar(&ignored, "no-pivot", false, "")
	c.Flags().BoolVar(&keyring, "no-new-keyring", false, "")
	for _, hidden := range []string{"no-pivot", "no-new-keyring"} { // others pass them; there is nothing to switch off
		if err := c.Flags().MarkHidden(hidden); err != nil {
			panic(err) // the flag stands some lines above
		}
	}
	o.Stdio = [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
}

func ociCreate(runtime func() oci.Runtime) *cobra.Command {
	var o oci.CreateOptions
	c := &cobra.Command{
		Use: "create ID", Short: "Make a container, up to the moment before its program runs", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.ID = args[0]
			_, err := runtime().Create(c.Context(), o)
			return err
		},
	}
	createFlags(c, &o)
	return c
}

func ociRun(runtime func() oci.Runtime) *cobra.Command {
	var o oci.CreateOptions
	var detach, keep bool
	c := &cobra.Command{
		Use: "run ID", Short: "Create, start, wait for the end, delete", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.ID = args[0]
			status, err := runtime().Run(c.Context(), o, oci.RunOptions{Detach: detach, Keep: keep, Signals: forwarded})
			if err != nil {
				return err
			}
			if status != 0 {
				return exitError{status: status}
			}
			return nil
		},
	}
	createFlags(c, &o)
	c.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait for the end")
	c.Flags().BoolVar(&keep, "keep", false, "do not delete the container at its end")
	return c
}

// forwarded hands every signal that can be handed on to send, until stop.
func forwarded(send func(syscall.Signal)) (stop func()) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case s := <-signals:
				if n, ok := s.(syscall.Signal); ok && n != unix.SIGCHLD && n != unix.SIGURG && n != unix.SIGPIPE {
					send(n)
				}
			case <-ctx.Done():
				signal.Stop(signals)
				return
			}
		}
	}()
	return stop
}

func ociStart(runtime func() oci.Runtime) *cobra.Command {
	return &cobra.Command{
		Use: "start ID", Short: "Let a created container's program run", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runtime().Start(args[0]) },
	}
}

func ociState(runtime func() oci.Runtime) *cobra.Command {
	return &cobra.Command{
		Use: "state ID", Short: "Tell a container's state, as JSON", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			state, err := runtime().State(args[0])
			if err != nil {
				return err
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(state)
		},
	}
}

func ociKill(runtime func() oci.Runtime) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "kill ID [SIGNAL]", Short: "Send a signal to a container's first process (default SIGTERM)", Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			s := unix.SIGTERM
			if len(args) == 2 {
				var err error
				if s, err = signalNamed(args[1]); err != nil {
					return err
				}
			}
			return runtime().Kill(args[0], s, all)
		},
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "to every process")
	return c
}

func signalNamed(name string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s, nil
	}
	return 0, fmt.Errorf("unknown signal %q", name)
}

func ociDelete(runtime func() oci.Runtime) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "delete ID", Short: "Forget a container that has ended", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runtime().Delete(args[0], force) },
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "end it where it has not")
	return c
}

func ociFreeze(name, short string, runtime func() oci.Runtime, do func(oci.Runtime, string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return do(runtime(), args[0]) },
	}
}

func ociList(runtime func() oci.Runtime) *cobra.Command {
	var format string
	var quiet bool
	c := &cobra.Command{
		Use: "list", Short: "List the containers", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := runtime().List()
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			switch {
			case quiet:
				for _, e := range list {
					fmt.Fprintln(out, e.ID)
				}
			case format == "json":
				return json.NewEncoder(out).Encode(list)
			case format == "table":
				w := tabwriter.NewWriter(out, 12, 1, 3, ' ', 0)
				fmt.Fprintln(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER")
				for _, e := range list {
					fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t#%d\n", e.ID, e.Pid, e.Status, e.Bundle, e.Created.Format(time.RFC3339Nano), e.Owner)
				}
				return w.Flush()
			default:
				return fmt.Errorf("--format %s: want table or json", format)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "ids only")
	return c
}

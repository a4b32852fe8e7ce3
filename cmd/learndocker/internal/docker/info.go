package docker

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

// clientInfo is what the client says of itself.
type clientInfo struct {
	Debug bool
	clientVersion
	Plugins  []struct{}
	Warnings []string
}

// info is what the daemon says, and what the client adds.
type info struct {
	*system.Info `json:",omitempty"`
	ServerErrors []string    `json:",omitempty"`
	ClientInfo   *clientInfo `json:",omitempty"`
	ClientErrors []string    `json:",omitempty"`
}

// hubKey is Docker Hub's in the config file.
const hubKey = "https://index.docker.io/v1/"

func newInfo(cli *CLI) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "info [OPTIONS]",
		Short: "Display system-wide information",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			i := info{Info: &system.Info{}, ClientInfo: &clientInfo{clientVersion: cli.clientVersion(), Plugins: []struct{}{}}}
			var asked error
			if needsDaemon(as, i) {
				asked = cli.ask(c, as, &i)
			}
			if as == "" {
				return errors.Join(showInfo(i, cli.config().AuthConfigs[hubKey].Username), asked)
			}
			return errors.Join(asked, fillInfo(os.Stdout, i, as))
		},
	}
	declareInspectFormat(c, &as)
	return c
}

// needsDaemon reports whether a template asks for more than the client knows
// by itself.
func needsDaemon(as string, i info) bool {
	if as == "" || as == format.JSON || !regexp.MustCompile(`\.[a-zA-Z]`).MatchString(as) {
		return true
	}
	t, err := format.Template(as)
	if err != nil {
		return true // it will be said
	}
	return t.Execute(io.Discard, struct {
		ClientInfo   *clientInfo
		ClientErrors []string
	}{i.ClientInfo, nil}) != nil
}

// ask asks the daemon. What it answers to is shown; that it does not is an
// error.
func (cli *CLI) ask(c *cobra.Command, as string, i *info) error {
	return cli.do(func(cl *client.Client) error {
		said, err := cl.Info(c.Context())
		if err == nil {
			i.Info = &said
			return nil
		}
		if as == "" {
			i.Info = nil
		}
		var answer *client.Error
		if !errors.As(err, &answer) {
			return err
		}
		i.ServerErrors = append(i.ServerErrors, InWords(err).Error())
		if as != "" {
			fmt.Fprintln(os.Stderr, InWords(err))
		}
		return nil
	})
}

func fillInfo(w io.Writer, i info, as string) error {
	if as == format.JSON {
		as = "{{json .}}"
	}
	t, err := format.Template(as)
	if err != nil {
		return &Failure{64, fmt.Errorf("template parsing error: %w", err)}
	}
	err = t.Execute(w, i)
	fmt.Fprintln(w)
	return err
}

func showInfo(i info, user string) error {
	out := os.Stdout
	fmt.Fprintln(out, "Client:")
	fmt.Fprintln(out, " Version:   ", i.ClientInfo.Version)
	fmt.Fprintln(out, " Context:   ", i.ClientInfo.Context)
	fmt.Fprintln(out, " Debug Mode:", i.ClientInfo.Debug)
	fmt.Fprintln(out)
	fmt.Fprintln(out, "Server:")
	if i.Info != nil {
		w := infoWriter{out}
		w.counts(i.Info)
		w.parts(i.Info)
		w.security(i.Info)
		w.machine(i.Info, user)
		w.registries(i.Info)
		fmt.Fprintln(out)
		for _, warning := range i.Warnings {
			fmt.Fprintln(os.Stderr, warning)
		}
	}
	for _, e := range i.ServerErrors {
		fmt.Fprintln(os.Stderr, "ERROR:", e)
	}
	if len(i.ServerErrors) > 0 {
		return errors.New("errors pretty printing info")
	}
	return nil
}

// infoWriter writes lines of a label and what is so.
type infoWriter struct{ w io.Writer }

func (w infoWriter) line(label string, value any) { fmt.Fprintln(w.w, label, value) }

// some is line for what need not be there.
func (w infoWriter) some(label, value string) {
	if value != "" {
		w.line(label, value)
	}
}

func (w infoWriter) list(label string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintln(w.w, label)
	for _, v := range values {
		fmt.Fprintln(w.w, "  "+v)
	}
}

func (w infoWriter) counts(i *system.Info) {
	w.line(" Containers:", i.Containers)
	w.line("  Running:", i.ContainersRunning)
	w.line("  Paused:", i.ContainersPaused)
	w.line("  Stopped:", i.ContainersStopped)
	w.line(" Images:", i.Images)
	w.some(" Server Version:", i.ServerVersion)
	w.some(" Storage Driver:", i.Driver)
	for _, pair := range i.DriverStatus {
		fmt.Fprintf(w.w, "  %s: %s\n", pair[0], pair[1])
	}
	for _, pair := range i.SystemStatus {
		fmt.Fprintf(w.w, " %s: %s\n", pair[0], pair[1])
	}
	w.some(" Logging Driver:", i.LoggingDriver)
	w.some(" Cgroup Driver:", i.CgroupDriver)
	w.some(" Cgroup Version:", i.CgroupVersion)
}

func (w infoWriter) parts(i *system.Info) {
	fmt.Fprintln(w.w, " Plugins:")
	w.line("  Volume:", strings.Join(i.Plugins.Volume, " "))
	w.line("  Network:", strings.Join(i.Plugins.Network, " "))
	w.some("  Authorization:", strings.Join(i.Plugins.Authorization, " "))
	w.line("  Log:", strings.Join(i.Plugins.Log, " "))
	w.list(" CDI spec directories:", i.CDISpecDirs)
	var found []string
	for _, d := range i.DiscoveredDevices {
		found = append(found, d.Source+": "+d.ID)
	}
	w.list(" Discovered Devices:", found)
	w.line(" Swarm:", i.Swarm.LocalNodeState)
	if s := i.Swarm.LocalNodeState; s != swarm.LocalNodeStateInactive && s != swarm.LocalNodeStateLocked {
		w.line("  NodeID:", i.Swarm.NodeID)
		w.some("  Error:", i.Swarm.Error)
		w.line("  Is Manager:", i.Swarm.ControlAvailable)
		w.line("  Node Address:", i.Swarm.NodeAddr)
	}
	if len(i.Runtimes) > 0 {
		w.line(" Runtimes:", strings.Join(slices.Sorted(maps.Keys(i.Runtimes)), " "))
		w.line(" Default Runtime:", i.DefaultRuntime)
	}
}

func (w infoWriter) security(i *system.Info) {
	if i.OSType == "windows" {
		w.line(" Default Isolation:", i.Isolation)
	}
	if i.OSType != "linux" {
		return
	}
	w.line(" Init Binary:", i.InitBinary)
	w.line(" containerd version:", i.ContainerdCommit.ID)
	w.line(" runc version:", i.RuncCommit.ID)
	w.line(" init version:", i.InitCommit.ID)
	if len(i.SecurityOptions) > 0 {
		fmt.Fprintln(w.w, " Security Options:")
	}
	for _, option := range i.SecurityOptions {
		name, profile := option, ""
		for _, pair := range strings.Split(option, ",") {
			switch k, v, ok := strings.Cut(pair, "="); {
			case ok && k == "name":
				name = v
			case ok && k == "profile":
				profile = v
			}
		}
		fmt.Fprintln(w.w, "  "+name)
		w.some("   Profile:", profile)
	}
}

func (w infoWriter) machine(i *system.Info, user string) {
	w.some(" Kernel Version:", i.KernelVersion)
	w.some(" Operating System:", i.OperatingSystem)
	w.some(" OSType:", i.OSType)
	w.some(" Architecture:", i.Architecture)
	w.line(" CPUs:", i.NCPU)
	w.line(" Total Memory:", units.BytesSize(float64(i.MemTotal)))
	w.some(" Name:", i.Name)
	w.some(" ID:", i.ID)
	w.line(" Docker Root Dir:", i.DockerRootDir)
	w.line(" Debug Mode:", i.Debug)
	if i.Debug {
		w.line("  File Descriptors:", i.NFd)
		w.line("  Goroutines:", i.NGoroutines)
		w.line("  System Time:", i.SystemTime)
		w.line("  EventsListeners:", i.NEventsListener)
	}
	w.some(" HTTP Proxy:", i.HTTPProxy)
	w.some(" HTTPS Proxy:", i.HTTPSProxy)
	w.some(" No Proxy:", i.NoProxy)
	w.some(" Username:", user)
	w.list(" Labels:", i.Labels)
	w.line(" Experimental:", i.ExperimentalBuild)
}

func (w infoWriter) registries(i *system.Info) {
	if r := i.RegistryConfig; r != nil {
		var insecure []string
		for _, name := range slices.Sorted(maps.Keys(r.IndexConfigs)) {
			if !r.IndexConfigs[name].Secure {
				insecure = append(insecure, r.IndexConfigs[name].Name)
			}
		}
		for _, prefix := range r.InsecureRegistryCIDRs {
			insecure = append(insecure, prefix.String())
		}
		if len(insecure) == 0 && len(r.IndexConfigs) > 0 {
			fmt.Fprintln(w.w, " Insecure Registries:")
		}
		w.list(" Insecure Registries:", insecure)
		w.list(" Registry Mirrors:", r.Mirrors)
	}
	w.line(" Live Restore Enabled:", i.LiveRestoreEnabled)
	w.some(" Product License:", i.ProductLicense)
	if len(i.DefaultAddressPools) > 0 {
		fmt.Fprintln(w.w, " Default Address Pools:")
	}
	for _, p := range i.DefaultAddressPools {
		fmt.Fprintf(w.w, "   Base: %s, Size: %d\n", p.Base, p.Size)
	}
}

// Package docker has the commands that are also docker's, with its names,
// flags, words and exit codes: one file each. They ask the daemon through
// engine/client and show what it says.
package docker

import (
	"context"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

// CLI is what the commands share.
type CLI struct {
	Host    *string // the daemon's address, once flags have been read
	Version string  // the program's own
	// Awaken starts a daemon where none listens; nil where that is not wanted.
	Awaken func(context.Context) error
}

// client returns a client of the daemon.
func (cli *CLI) client() (*client.Client, error) {
	c, err := client.New(*cli.Host)
	if err != nil {
		return nil, err
	}
	c.Pin(os.Getenv("DOCKER_API_VERSION"))
	if cli.Awaken == nil || c.Listens() {
		return c, nil
	}
	return c, cli.Awaken(context.Background())
}

// config is the user's docker config file; what is wrong with it is said.
func (cli *CLI) config() *configfile.ConfigFile { return config.LoadDefaultConfigFile(os.Stderr) }

// streams are the user's.
func (cli *CLI) streams() client.Streams {
	s := client.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	s.Terminal = client.Streams{Out: os.Stderr}.OutIsTerminal()
	return s
}

// do runs something with a client.
func (cli *CLI) do(f func(*client.Client) error) error {
	c, err := cli.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// shown are the commands that a learner meets first. The others work as well,
// and are listed with their groups.
var shown = strings.Fields("run exec ps logs stop start rm inspect cp images pull rmi")

// Commands returns docker's commands, and the groups that hold all of them.
func Commands(cli *CLI) []*cobra.Command {
	var all []*cobra.Command
	seen := map[string]bool{}
	for _, s := range shown {
		seen[s] = true
	}
	for _, make := range top() {
		c := make(cli)
		c.Hidden = !seen[c.Name()]
		all = append(all, c)
	}
	all = append(all, groups(cli)...)
	for _, c := range all {
		finish(c)
	}
	return all
}

// maker makes a command. Those that a group has too are made twice.
type maker func(*CLI) *cobra.Command

func top() []maker {
	return append(append(ofContainers(), ofImages()...),
		newPs, newImages, newRmi, newInspect, newInfo, newVersion, newEvents, newLogin, newLogout)
}

func ofContainers() []maker {
	return []maker{
		newAttach, newCommit, newCp, newCreate, newDiff, newExec, newExport, newKill, newLogs, newPause, newPort, newRename,
		newRestart, newRm, newRun, newStart, newStats, newStop, newTop, newUnpause, newUpdate, newWait,
	}
}

func ofImages() []maker {
	return []maker{newHistory, newImport, newLoad, newPull, newPush, newSave, newTag}
}

func groups(cli *CLI) []*cobra.Command {
	all := []*cobra.Command{
		group(cli, "container", "Manage containers", append(ofContainers(), renamed(newPs, "ls [OPTIONS]", "ps", "list"), newInspectContainer, newPruneContainers)),
		group(cli, "image", "Manage images", append(ofImages(),
			renamed(newImages, "ls [OPTIONS] [REPOSITORY[:TAG]]", "list"), renamed(newRmi, "rm [OPTIONS] IMAGE [IMAGE...]", "rmi", "remove"), newInspectImage, newPruneImages)),
		group(cli, "network", "Manage networks", []maker{newNetworkConnect, newNetworkCreate, newNetworkDisconnect, newNetworkInspect, newNetworkLs, newPruneNetworks, newNetworkRm}),
		group(cli, "volume", "Manage volumes", []maker{newVolumeCreate, newVolumeLs, newVolumeInspect, newVolumeRm, newPruneVolumes}),
		group(cli, "system", "Manage the daemon as a whole", []maker{newDf, newEvents, newInfo, newPruneSystem}),
	}
	all[3].Use += " COMMAND" // docker says it of this one only
	return all
}

func renamed(make maker, use string, aliases ...string) maker {
	return func(cli *CLI) *cobra.Command {
		c := make(cli)
		c.Use, c.Aliases = use, aliases
		return c
	}
}

func group(cli *CLI, name, short string, makers []maker) *cobra.Command {
	g := &cobra.Command{Use: name, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		writeHelp(os.Stderr, c)
		return nil
	}}
	for _, make := range makers {
		g.AddCommand(make(cli))
	}
	return g
}

// finish gives a command, and those in it, docker's manners: how errors are
// said, and with which status they end.
func finish(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	c.SetFlagErrorFunc(flagError)
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { writeHelp(os.Stdout, c) })
	if c.Flags().Lookup("help") == nil {
		c.Flags().Bool("help", false, "Print usage")
		c.Flags().Lookup("help").Hidden = true
	}
	args, run := c.Args, c.RunE
	c.Args = func(c *cobra.Command, given []string) error { return failure(args(c, given), c) }
	c.RunE = func(c *cobra.Command, given []string) error { return failure(run(c, given), c) }
	for _, inner := range c.Commands() {
		finish(inner)
	}
}

package docker

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newPull(cli *CLI) *cobra.Command {
	var platform string
	var quiet, all bool
	c := &cobra.Command{
		Use:   "pull [OPTIONS] NAME[:TAG|@DIGEST]",
		Short: "Download an image from a registry",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			named, err := reference.ParseNormalizedNamed(args[0])
			if err != nil {
				return err
			}
			bare := reference.IsNameOnly(named)
			if all && !bare {
				return errors.New("tag can't be used with --all-tags/-a")
			}
			progress := &client.Progress{W: os.Stdout, Terminal: cli.streams().OutIsTerminal()}
			if quiet {
				progress = &client.Progress{W: io.Discard}
			} else if bare && !all {
				fmt.Fprintln(os.Stdout, "Using default tag: latest")
			}
			return cli.do(func(cl *client.Client) error {
				if all {
					err = cl.PullAll(c.Context(), named, platform, progress)
				} else {
					named = reference.TagNameOnly(named)
					err = cl.PullNamed(c.Context(), args[0], platform, progress)
				}
				if err == nil {
					fmt.Fprintln(os.Stdout, named)
				}
				return err
			})
		},
	}
	c.Flags().BoolVarP(&all, "all-tags", "a", false, "Download all tagged images in the repository")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	c.Flags().StringVar(&platform, "platform", os.Getenv("DOCKER_DEFAULT_PLATFORM"), "Set platform if server is multi-platform capable")
	return c
}

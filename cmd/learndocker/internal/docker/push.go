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

// platformNote is docker's.
const platformNote = `
 Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.
         Other components, like attestations, will not be included.
         To push the complete multi-platform image, remove the --platform flag.
         
`

func newPush(cli *CLI) *cobra.Command {
	var platform string
	var quiet, all bool
	c := &cobra.Command{
		Use:   "push [OPTIONS] NAME[:TAG]",
		Short: "Upload an image to a registry",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			named, err := reference.ParseNormalizedNamed(args[0])
			if err != nil {
				return err
			}
			tag := ""
			switch {
			case all && !reference.IsNameOnly(named):
				return errors.New("tag can't be used with --all-tags/-a")
			case !all && reference.IsNameOnly(named) && !quiet:
				fmt.Fprintln(os.Stdout, "Using default tag: latest")
			}
			if tagged, is := reference.TagNameOnly(named).(reference.Tagged); is && !all {
				tag = tagged.Tag()
			}
			if platform != "" {
				fmt.Fprint(os.Stdout, platformNote)
			}
			return cli.do(func(cl *client.Client) error { return cli.push(c, cl, named, tag, platform, quiet) })
		},
	}
	c.Flags().BoolVarP(&all, "all-tags", "a", false, "Push all tags of an image to the repository")
	c.Flags().StringVar(&platform, "platform", os.Getenv("DOCKER_DEFAULT_PLATFORM"), "Push a platform-specific manifest as a single-platform image to the registry (os[/arch[/variant]])")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	return c
}

func (cli *CLI) push(c *cobra.Command, cl *client.Client, named reference.Named, tag, platform string, quiet bool) error {
	auth, err := client.Credentials(named)
	if err != nil {
		return err
	}
	progress := &client.Progress{W: os.Stdout, Terminal: cli.streams().OutIsTerminal()}
	if quiet {
		progress = &client.Progress{W: io.Discard}
	}
	if err := cl.Push(c.Context(), named, tag, platform, auth, progress.Show); err != nil {
		return err
	}
	if quiet {
		fmt.Fprintln(os.Stdout, reference.TagNameOnly(named))
	}
	return nil
}

package main

import (
	"fmt"
	"os"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/engine/client"
)

func newPull(s *settings) *cobra.Command {
	var platform string
	var quiet bool
	c := &cobra.Command{
		Use:   "pull [OPTIONS] NAME[:TAG|@DIGEST]",
		Short: "Download an image from a registry",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			named, err := reference.ParseNormalizedNamed(args[0])
			if err != nil {
				return fmt.Errorf("invalid reference format: %q", args[0])
			}
			out := os.Stdout
			if quiet {
				if out, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
					return err
				}
				defer out.Close()
			} else if reference.IsNameOnly(named) {
				fmt.Println("Using default tag: latest")
			}
			cl, err := s.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			progress := &client.Progress{W: out, Terminal: term.IsTerminal(int(out.Fd()))}
			if err := cl.PullNamed(c.Context(), args[0], platform, progress); err != nil {
				return fromDaemon(err)
			}
			fmt.Println(reference.TagNameOnly(named).String())
			return nil
		},
	}
	c.Flags().StringVar(&platform, "platform", "", "platform of the image: linux/arm64")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return c
}

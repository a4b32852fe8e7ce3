//go:build linux && !noengine

package main

import (
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/docker"
	"github.com/learndocker/learndocker/narrate"
)

func newWatch(s *settings) *cobra.Command {
	f := &showFlags{}
	c := &cobra.Command{
		Use:   "watch",
		Short: "Narrate whatever a client does to a running daemon, held at each stage",
		Example: `  learndocker daemon                        # in one terminal
  learndocker watch --step                  # in another
  DOCKER_HOST=unix:///run/learndocker/docker.sock docker run hello-world   # in a third`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			library, err := openLibrary()
			if err != nil {
				return err
			}
			f.awaited = "DOCKER_HOST=" + s.host + " docker run hello-world"
			w, err := narrate.NewWatch(c.Context(), s.host, library, narrate.Options{Version: version, Language: language})
			if err != nil {
				return docker.InWords(err)
			}
			return f.show(c.Context(), w, []string{"DOCKER_HOST=" + s.host})
		},
	}
	f.declare(c.Flags())
	return c
}

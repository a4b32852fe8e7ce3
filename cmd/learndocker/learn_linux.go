package main

import "github.com/spf13/cobra"

// learn adds the commands that make learndocker more than a docker.
func learn(root *cobra.Command, s *settings) {
	for _, c := range []*cobra.Command{newDaemon(s)} {
		c.GroupID = "learn"
		root.AddCommand(c)
	}
}

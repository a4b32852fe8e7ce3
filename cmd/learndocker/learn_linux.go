package main

import "github.com/spf13/cobra"

// learn adds the commands that make learndocker more than a docker.
func learn(root *cobra.Command, s *settings) {
	addLearn(root, newLesson(s), newReplay(), newSite(), newWatch(s), newDaemon(s), newClean())
	root.AddCommand(newPeek())
}

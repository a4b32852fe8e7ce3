//go:build linux && !noengine

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/rootless"
)

// learn adds the commands that make learndocker more than a docker.
func learn(root *cobra.Command, s *settings) {
	addLearn(root, newLesson(s), newReplay(), newSite(), newWatch(s), newDaemon(s), newDoctor(s), newClean())
	root.AddCommand(newPeek(), newSurvey(s), newOCI())
}

// engineHint is the next thing to type after an error of the engine's own.
func engineHint(err error) string {
	if errors.Is(err, rootless.ErrNoUserNamespace) {
		return "What this machine lacks, and the mend:  learndocker doctor"
	}
	return ""
}

// noDaemonHint is for whoever asks a daemon that is not there.
const noDaemonHint = "Start one in another terminal:  learndocker daemon"

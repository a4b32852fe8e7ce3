//go:build linux && !noengine

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/narrate/shell"
)

// newPeek is what runs first inside a held container's namespaces: it becomes
// the image's shell, or is one itself where the image has none.
func newPeek() *cobra.Command {
	return &cobra.Command{
		Use: "peek [SHELL]", Hidden: true, Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return shell.Begin(strings.Join(args, "")) },
	}
}

//go:build linux && !noengine

package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/narrate/shell"
)

// newPeek is what runs inside a held container whose image has no shell.
func newPeek() *cobra.Command {
	return &cobra.Command{
		Use: "peek", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return shell.Peek(os.Stdin, os.Stdout) },
	}
}

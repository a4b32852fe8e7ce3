//go:build !linux || noengine

package main

import (
	"context"

	"github.com/spf13/cobra"
)

// awaken: there is no engine here that could be a daemon.
func (s *settings) awaken(*cobra.Command) func(context.Context) error { return nil }

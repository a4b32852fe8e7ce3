//go:build !linux

package shell

import (
	"errors"

	"github.com/learndocker/learndocker/narrate/prose"
)

// Inside needs Linux's namespaces.
func Inside(int, prose.Words) error {
	return errors.New("namespaces are Linux's; there is nothing to enter here")
}

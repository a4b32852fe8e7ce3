package main

import (
	"os"

	"github.com/learndocker/learndocker/engine/container"
)

// beInit does not return where this process is a container's init.
func beInit() {
	if container.IsInit() {
		os.Exit(container.Init())
	}
}

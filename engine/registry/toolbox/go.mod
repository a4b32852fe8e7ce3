module github.com/learndocker/learndocker/engine/registry/toolbox

go 1.26.8

require (
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
	mvdan.cc/sh/v3 v3.14.1
)

// Package lessons holds the bundled lessons: scripts, and recordings of them.
package lessons

import "embed"

// Files holds NAME.yaml for each lesson, and recordings/NAME.jsonl.
//
//go:embed *.yaml all:recordings
var Files embed.FS

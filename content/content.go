// Package content holds the prose: for each language its pages, NAME.md, and
// its questions, questions.yaml. Package narrate/prose says how they are written.
package content

import "embed"

// Files holds a directory for each language.
//
//go:embed en
var Files embed.FS

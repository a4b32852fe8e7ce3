// Package content holds the prose: for each language its pages, NAME.md, its
// questions, questions.yaml, and the fixed words of the interface, words.yaml.
// English is the original, the others translate it. Package narrate/prose says
// how they are written.
package content

import "embed"

// Files holds a directory for each language.
//
//go:embed en ko
var Files embed.FS

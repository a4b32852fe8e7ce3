//go:build linux

package engine

import "github.com/opencontainers/runtime-spec/specs-go"

func (r *Record) mounts() []specs.Mount { return nil }
func (r *Record) propagation() string   { return "" }

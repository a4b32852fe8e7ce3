//go:build linux

package main

import "testing"

func holdParity(t *testing.T, docker string, scenarios []*scenario, statements []statement, results *parityResults) {
}

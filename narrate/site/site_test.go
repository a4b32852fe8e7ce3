package site

import (
	"os"
	"testing"
)

// bundled are the recordings of the hello-world lesson, as root and as an
// ordinary user.
func bundled(t *testing.T) []Source {
	t.Helper()
	var list []Source
	for _, name := range []string{"hello-world.jsonl", "hello-world.rootless.jsonl"} {
		data, err := os.ReadFile("../../lessons/recordings/" + name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Source{name, data})
	}
	return list
}

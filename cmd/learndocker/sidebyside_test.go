//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/learndocker/learndocker/narrate"
)

// TestSideBySide holds what the lesson shows of two running containers against
// what others read of them: readlink and findmnt.
func TestSideBySide(t *testing.T) {
	need(t, "findmnt", "util-linux")
	compared := 0
	runLesson(t, "run-again", func(s *narrate.Step) {
		if len(s.Containers) != 2 || !s.Containers[0].Running() || !s.Containers[1].Running() {
			return
		}
		compared++
		for _, c := range s.Containers {
			if c.SeenAt != s.N {
				t.Errorf("step %d: %s was last seen at step %d", s.N, c.Name, c.SeenAt)
			}
			for _, n := range c.Namespaces {
				link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.PID, n.Type))
				if want := fmt.Sprintf("%s:[%d]", n.Type, n.Inode); err != nil || link != want {
					t.Errorf("step %d: %s: readlink says %s (%v), the lesson %s", s.N, c.Name, link, err, want)
				}
			}
			options := tool(t, "findmnt", "-n", "-o", "OPTIONS", c.Merged)
			if want := "lowerdir=" + strings.Join(c.Lower, ":") + ",upperdir=" + c.Upper + ","; !strings.Contains(options, want) {
				t.Errorf("step %d: %s is mounted with %s, the lesson says %s", s.N, c.Name, options, want)
			}
		}
		panel, ok := s.Panel("containers")
		if !ok {
			t.Fatalf("step %d: no panel shows the containers", s.N)
		}
		for _, row := range panel.Rows {
			own := map[string]bool{"id": true, "upper": true, "pid out here": true, "mnt namespace": true, "pid namespace": true, "net namespace": true}
			last := row.Cells[len(row.Cells)-1]
			if want := map[bool]string{true: "own", false: "shared"}[own[row.Cells[0]]]; (own[row.Cells[0]] || strings.HasPrefix(row.Cells[0], "lower ")) && last != want {
				t.Errorf("step %d: %v, want %s", s.N, row.Cells, want)
			}
		}
	})
	if compared < 3 {
		t.Errorf("only %d steps showed two running containers", compared)
	}
}

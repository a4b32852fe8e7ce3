//go:build linux

package probe

import (
	"os"
	"slices"
	"strconv"
	"testing"
)

func TestOwnProcess(t *testing.T) {
	snap := Take(Subject{PID: os.Getpid(), Roles: map[string]int{"daemon": os.Getpid(), "client": 1 << 30}})
	if snap.Status["Pid"] != strconv.Itoa(os.Getpid()) {
		t.Errorf("status %v", snap.Status)
	}
	if len(snap.Namespaces) < 7 {
		t.Errorf("namespaces %v", snap.Namespaces)
	}
	for _, n := range snap.Namespaces {
		if n.Inode == 0 || n.Inode != n.Host {
			t.Errorf("%s: %d, host %d", n.Type, n.Inode, n.Host)
		}
	}
	if len(snap.Processes) != 1 || snap.Processes[0].Role != "daemon" || snap.Processes[0].Parent != os.Getppid() {
		t.Errorf("processes %v: one that is not there is not shown", snap.Processes)
	}
	if len(snap.Mounts) == 0 || !slices.Contains(snap.Interfaces, "lo") {
		t.Errorf("%d mounts, interfaces %v", len(snap.Mounts), snap.Interfaces)
	}
}

func TestGoneProcess(t *testing.T) {
	if snap := Take(Subject{PID: 1 << 30}); len(snap.Status) != 0 || len(snap.Namespaces) != 0 || snap.Root != "" {
		t.Errorf("of a process that is not there: %+v", snap)
	}
}

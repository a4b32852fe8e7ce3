//go:build linux

package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
)

// Top lists the container's processes as ps(1) of the host shows them.
func (e *Engine) Top(ctx context.Context, c *Container, args string) (containertypes.TopResponse, error) {
	var table containertypes.TopResponse
	p, err := c.runningProcess()
	if err != nil {
		return table, err
	}
	if args == "" {
		args = "-ef"
	}
	words := strings.Fields(args)
	if slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, "=") && strings.Contains(w, "pid") }) {
		return table, errorOf(ErrInvalid, "specifying \"pid\" field in ps options is not allowed")
	}
	members := c.members(p.PID)
	out, err := exec.CommandContext(ctx, "ps", words...).Output()
	if err != nil {
		first, _, _ := strings.Cut(string(stderrOf(err)), "\n")
		return table, fmt.Errorf("ps: %s", first)
	}
	e.tell(c.Snapshot(), "top", nil)
	return pick(out, members)
}

func stderrOf(err error) []byte {
	if failed, ok := err.(*exec.ExitError); ok {
		return bytes.TrimSpace(failed.Stderr)
	}
	return nil
}

// members are the container's processes: those of its group, or, where it has
// none, those of its PID namespace.
func (c *Container) members(init int) []int {
	c.mu.Lock()
	group := c.group
	c.mu.Unlock()
	if group != nil {
		return group.Processes()
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", init))
	if err != nil {
		return []int{init}
	}
	var pids []int
	entries, _ := os.ReadDir("/proc") // none where it cannot be read
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err == nil && ns == own {
			pids = append(pids, pid)
		}
	}
	return pids
}

// pick keeps of ps's lines those of the processes.
func pick(out []byte, members []int) (containertypes.TopResponse, error) {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	table := containertypes.TopResponse{Titles: strings.Fields(lines[0]), Processes: [][]string{}}
	column := slices.Index(table.Titles, "PID")
	if column < 0 {
		return table, fmt.Errorf("Couldn't find PID field in ps output")
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) < len(table.Titles) {
			continue
		}
		pid, err := strconv.Atoi(fields[column])
		if err != nil || !slices.Contains(members, pid) {
			continue
		}
		last := len(table.Titles) - 1 // the command may have spaces
		table.Processes = append(table.Processes, append(fields[:last:last], strings.Join(fields[last:], " ")))
	}
	return table, nil
}

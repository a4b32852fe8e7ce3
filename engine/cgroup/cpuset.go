//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Available are the processors, or memory nodes, that a group may be given:
// "0-3"; "" where the machine does not say. file is "cpuset.cpus" or "cpuset.mems".
func (s System) Available(file string) string {
	for _, r := range s.roots {
		for _, name := range []string{file + ".effective", file} {
			if data, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil && strings.TrimSpace(string(data)) != "" {
				return strings.TrimSpace(string(data))
			}
		}
	}
	return ""
}

// Has reports whether the groups have a control file of that name; of v1's, those
// of any hierarchy. The roots of v2 lack most files: the parent's are looked for.
func (s System) Has(file string) bool {
	for _, r := range s.roots {
		for _, dir := range []string{r.dir, filepath.Join(r.dir, s.Parent)} {
			if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
				return true
			}
		}
	}
	return false
}

// Controls reports whether a controller is there; on v1 it must have that file, ""
// for any.
func (s System) Controls(controller, file string) bool {
	if s.Version == "v1" {
		return slices.ContainsFunc(s.roots, func(r root) bool {
			_, err := os.Stat(filepath.Join(r.dir, file))
			return r.controller == controller && err == nil
		})
	}
	return slices.ContainsFunc(s.roots, func(r root) bool {
		data, err := os.ReadFile(filepath.Join(r.dir, "cgroup.controllers"))
		return err == nil && slices.Contains(strings.Fields(string(data)), controller)
	})
}

// Beyond reports whether a list like "0-2,5" has numbers that another has not. An
// empty other list says nothing.
func Beyond(asked, available string) (bool, error) {
	a, err := numbers(asked)
	if err != nil {
		return false, err
	}
	if available == "" {
		return false, nil
	}
	have, err := numbers(available)
	if err != nil {
		return false, err
	}
	for n := range a {
		if !have[n] {
			return true, nil
		}
	}
	return false, nil
}

// maxListed bounds the numbers of a list, far above any machine's.
const maxListed = 1 << 13

func numbers(list string) (map[int]bool, error) {
	set := map[int]bool{}
	for part := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first, err := strconv.Atoi(strings.TrimSpace(from))
		last := first
		if err == nil && ranged {
			last, err = strconv.Atoi(strings.TrimSpace(to))
		}
		if err != nil || first < 0 || last < first || last >= maxListed {
			return nil, fmt.Errorf("invalid list %q", list)
		}
		for n := first; n <= last; n++ {
			set[n] = true
		}
	}
	return set, nil
}

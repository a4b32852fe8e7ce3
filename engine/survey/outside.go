//go:build linux

package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/api"
)

// allIDs is the length of the first user namespace's map.
const allIDs = 1<<32 - 1

// sysctls are the kernel's settings about user namespaces. The second is
// Debian's, the third comes with AppArmor. See user_namespaces(7).
var sysctls = []string{"user.max_user_namespaces", "kernel.unprivileged_userns_clone", "kernel.apparmor_restrict_unprivileged_userns"}

// firstSubID is where distributions begin with subordinate ids: login.defs(5).
const firstSubID = 100_000

// tools are the programs that lessons use where they are: nsenter for a shell
// inside, ip in what a learner is invited to try, fuse-overlayfs to stack
// layers, sudo to mend what is missing.
var tools = []string{"nsenter", "ip", "fuse-overlayfs", "sudo"}

// LookOutside reads what the user who types the command can see. Files are
// read below root, which is "/" but in tests.
func LookOutside(root string) (api.Outside, error) {
	o := api.Outside{
		System: runtime.GOOS, Arch: runtime.GOARCH, Kernel: text(root, "/proc/sys/kernel/osrelease"),
		UID: os.Getuid(), Sysctls: map[string]string{}, Tools: map[string]string{},
		UIDHelper: helper("newuidmap"), GIDHelper: helper("newgidmap"),
	}
	o.WSL = strings.Contains(strings.ToLower(o.Kernel), "microsoft")
	o.Distribution, o.Container = distribution(root), container(root)
	for _, name := range sysctls {
		if value := text(root, "/proc/sys/"+strings.ReplaceAll(name, ".", "/")); value != "" {
			o.Sysctls[name] = value
		}
	}
	for _, name := range tools {
		o.Tools[name], _ = exec.LookPath(name) // none is ""
	}
	// The password file is this machine's even in tests: it is about ourselves.
	if me, err := user.CurrentUser(); err == nil {
		o.User = me.Name
	}
	o.NextSubID = firstSubID
	for path, count := range map[string]*int64{"/etc/subuid": &o.SubUIDs, "/etc/subgid": &o.SubGIDs} {
		ranges, err := user.ParseSubIDFile(filepath.Join(root, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o, fmt.Errorf("read %s: %w", path, err)
		}
		for _, r := range ranges { // subuid(5): by name or by number
			o.NextSubID = max(o.NextSubID, r.SubID+r.Count)
			if r.Name == strconv.Itoa(o.UID) || o.User != "" && r.Name == o.User {
				*count += r.Count
			}
		}
	}
	return o, nil
}

func text(root, path string) string {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// distribution is the name of the system and of those that it is like, the
// nearest first: os-release(5).
func distribution(root string) []string {
	var id string
	var like []string
	for line := range strings.Lines(text(root, "/etc/os-release")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch name {
		case "ID":
			id = value
		case "ID_LIKE":
			like = strings.Fields(value)
		}
	}
	if id == "" {
		return []string{}
	}
	return append([]string{id}, like...)
}

// container names what this machine itself runs in, where it says so.
func container(root string) string {
	if name := text(root, "/run/systemd/container"); name != "" {
		return name
	}
	for file, name := range map[string]string{"/.dockerenv": "docker", "/run/.containerenv": "podman"} {
		if _, err := os.Lstat(filepath.Join(root, file)); err == nil {
			return name
		}
	}
	return os.Getenv("container") // as podman, LXC and systemd-nspawn set it
}

func helper(name string) api.Helper {
	path, err := exec.LookPath(name)
	if err != nil {
		return api.Helper{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return api.Helper{}
	}
	h := api.Helper{Path: path, Privileged: info.Mode()&fs.ModeSetuid != 0}
	if size, err := unix.Getxattr(path, "security.capability", nil); err == nil && size > 0 {
		h.Privileged = true
	}
	return h
}

// idsOf counts the ids of a namespace from its map.
func idsOf(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read own id map: %w", err)
	}
	var count int64
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return 0, fmt.Errorf("read own id map: %q is no range", line)
		}
		n, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read own id map: %w", err)
		}
		count += n
	}
	return count, nil
}

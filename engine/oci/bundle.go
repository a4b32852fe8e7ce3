//go:build linux

package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// loadBundle reads config.json and holds it against what this runtime can do. The
// bundle's path becomes absolute.
func loadBundle(bundle *string) (*specs.Spec, error) {
	absolute, err := filepath.Abs(*bundle)
	if err != nil {
		return nil, err
	}
	*bundle = absolute
	file := filepath.Join(absolute, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	spec := &specs.Spec{}
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if err := check(spec); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if !filepath.IsAbs(spec.Root.Path) {
		spec.Root.Path = filepath.Join(absolute, spec.Root.Path)
	}
	// The kernel shows mounts by their real path.
	if spec.Root.Path, err = filepath.EvalSymlinks(spec.Root.Path); err != nil {
		return nil, fmt.Errorf("the bundle's root: %w", err)
	}
	for i, m := range spec.Mounts {
		bind := m.Type == "bind" || strings.Contains(","+strings.Join(m.Options, ",")+",", "bind,")
		if bind && !filepath.IsAbs(m.Source) {
			spec.Mounts[i].Source = filepath.Join(absolute, m.Source)
		}
	}
	return spec, nil
}

func check(spec *specs.Spec) error {
	if !strings.HasPrefix(spec.Version, "1.") {
		return fmt.Errorf("ociVersion %q: this runtime knows 1.x", spec.Version)
	}
	switch p := spec.Process; {
	case spec.Root == nil || spec.Root.Path == "":
		return errors.New("root.path is missing")
	case p == nil:
		return errors.New("process is missing")
	case len(p.Args) == 0:
		return errors.New("process.args is empty")
	case !filepath.IsAbs(p.Cwd):
		return fmt.Errorf("process.cwd %q is no absolute path", p.Cwd)
	}
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	seen := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range spec.Linux.Namespaces {
		if seen[ns.Type] {
			return fmt.Errorf("namespace %q is listed twice", ns.Type)
		}
		seen[ns.Type] = true
	}
	if spec.Hostname != "" && !seen[specs.UTSNamespace] {
		return errors.New("hostname needs a uts namespace")
	}
	for _, m := range spec.Mounts {
		if !filepath.IsAbs(m.Destination) {
			return fmt.Errorf("mount destination %q is no absolute path", m.Destination)
		}
	}
	return checkSysctls(spec, seen)
}

// checkSysctls refuses settings that would be the whole machine's: sysctl(8).
func checkSysctls(spec *specs.Spec, has map[specs.LinuxNamespaceType]bool) error {
	for name := range spec.Linux.Sysctl {
		switch {
		case strings.HasPrefix(name, "net.") && has[specs.NetworkNamespace]:
		case (strings.HasPrefix(name, "fs.mqueue.") || strings.HasPrefix(name, "kernel.msg") || strings.HasPrefix(name, "kernel.sem") || strings.HasPrefix(name, "kernel.shm")) && has[specs.IPCNamespace]:
		case name == "kernel.domainname" && has[specs.UTSNamespace]:
		default:
			return fmt.Errorf("sysctl %q is not in a separate kernel namespace", name)
		}
	}
	return nil
}

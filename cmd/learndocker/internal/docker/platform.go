package docker

import (
	"fmt"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// parsePlatform completes what people write of a platform, OS, ARCH or
// OS/ARCH[/VARIANT], and calls it by the names that images have.
func parsePlatform(said string) (string, error) {
	if said == "" {
		return "", nil
	}
	parts := strings.Split(strings.ToLower(said), "/")
	for _, p := range parts {
		if !regexp.MustCompile(`^[a-z0-9_.-]+$`).MatchString(p) {
			return "", fmt.Errorf("%q is an invalid component of %q: platform specifier component must match %q: invalid argument", p, said, "^[A-Za-z0-9_.-]+$")
		}
	}
	system, arch, variant := parts[0], runtime.GOARCH, ""
	switch {
	case len(parts) > 3:
		return "", fmt.Errorf("%q: cannot parse platform specifier: invalid argument", said)
	case len(parts) == 1 && slices.Contains(strings.Fields("aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos"), system):
	case len(parts) == 1:
		system, arch = runtime.GOOS, parts[0]
	default:
		arch = parts[1]
	}
	if len(parts) == 3 {
		variant = parts[2]
	}
	arch, variant = usual(arch, variant)
	return path.Join(strings.Replace(system, "macos", "darwin", 1), arch, variant), nil
}

// usual are an architecture's names in images.
func usual(arch, variant string) (string, string) {
	switch arch + "/" + variant {
	case "x86_64/", "x86-64/", "amd64/v1", "x86_64/v1":
		return "amd64", ""
	case "i386/", "i486/", "i586/", "i686/":
		return "386", ""
	case "aarch64/", "aarch64/8", "aarch64/v8", "arm64/8", "arm64/v8":
		return "arm64", ""
	case "armhf/":
		return "arm", "v7"
	case "armel/":
		return "arm", "v6"
	case "arm/", "arm/7":
		return "arm", "v7"
	}
	if arch == "arm" && len(variant) == 1 {
		variant = "v" + variant
	}
	return arch, variant
}

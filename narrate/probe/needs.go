package probe

import (
	"os"
	"slices"
	"strings"
)

// Missing names those of a lesson's needs that this machine does not offer.
func Missing(needs []string) []string {
	offers := map[string]func() bool{"overlay": hasOverlay, "userns": hasUserNamespaces, "root": IsRoot}
	return slices.DeleteFunc(slices.Clone(needs), func(need string) bool {
		offered := offers[need]
		return offered != nil && offered()
	})
}

// hasOverlay looks for overlayfs in the kernel, or as a module that a mount
// would load.
func hasOverlay() bool {
	if strings.Contains(read("/proc/filesystems"), "overlay") {
		return true
	}
	_, err := os.Stat("/lib/modules/" + strings.TrimSpace(read("/proc/sys/kernel/osrelease")) + "/kernel/fs/overlayfs")
	return err == nil
}

func hasUserNamespaces() bool {
	_, err := os.Stat("/proc/self/ns/user")
	return err == nil && strings.TrimSpace(read("/proc/sys/user/max_user_namespaces")) != "0"
}

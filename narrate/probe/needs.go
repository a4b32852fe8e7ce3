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
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || strings.Contains(string(known), "overlay") {
		return true // what cannot be looked up is not said to be missing: the mount will tell
	}
	_, err = os.Stat("/lib/modules/" + strings.TrimSpace(read("/proc/sys/kernel/osrelease")) + "/kernel/fs/overlayfs")
	return err == nil
}

func hasUserNamespaces() bool {
	_, err := os.Stat("/proc/self/ns/user")
	return err == nil && strings.TrimSpace(read("/proc/sys/user/max_user_namespaces")) != "0"
}

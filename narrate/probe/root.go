package probe

import (
	"os"
	"strconv"
)

// The bits of CAP_NET_ADMIN and CAP_SYS_ADMIN in a mask: capabilities(7).
const adminBits = 1<<12 | 1<<21

// IsRoot reports whether this process is root with root's rights. In a container
// it may be root without them.
func IsRoot() bool {
	mask, err := strconv.ParseUint(Status(os.Getpid())["CapEff"], 16, 64)
	return os.Geteuid() == 0 && (err != nil || mask&adminBits == adminBits)
}

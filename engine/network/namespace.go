//go:build linux

package network

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a container's network namespace.
type namespace struct{ *os.File }

func openNamespace(pid int) (*namespace, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	return &namespace{f}, nil
}

// in calls do inside the namespace, on a thread of its own that ends with it: an
// ordinary user's daemon could enter, but not go back to the host's: setns(2). A
// socket stays in the namespace in which it was made.
func (n *namespace) in(do func()) error {
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // and no unlocking
		err := unix.Setns(int(n.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			do()
		}
		entered <- err
	}()
	return <-entered
}

// handle asks the kernel about the interfaces inside.
func (n *namespace) handle() (h *netlink.Handle, err error) {
	if entered := n.in(func() { h, err = netlink.NewHandle(unix.NETLINK_ROUTE) }); entered != nil {
		return nil, entered
	}
	return h, err
}

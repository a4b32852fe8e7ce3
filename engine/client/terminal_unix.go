//go:build !windows

package client

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const mintty = ""

// sizeChanges tells when the terminal's size has changed.
func sizeChanges(context.Context) (changed <-chan os.Signal, release func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	return c, func() { signal.Stop(c) }
}

// firstRealTime is SIGRTMIN of the C library, which keeps two for itself.
const firstRealTime, lastRealTime = 34, 64

// signalName is the name by which a signal is passed on; "" for one that is
// the client's own: of its children, its pipes, its window and its scheduler.
func signalName(s os.Signal) string {
	n, ok := s.(syscall.Signal)
	if !ok {
		return ""
	}
	switch n {
	case unix.SIGCHLD, unix.SIGPIPE, unix.SIGURG, unix.SIGWINCH:
		return ""
	}
	if n > firstRealTime && n <= lastRealTime {
		return fmt.Sprintf("RTMIN+%d", int(n)-firstRealTime)
	}
	if n == firstRealTime {
		return "RTMIN"
	}
	return strings.TrimPrefix(unix.SignalName(n), "SIG")
}

//go:build !windows

package term

import (
	"os"
	"os/signal"
	"syscall"
)

// onResize tells when the terminal has got another size.
func onResize() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c
}

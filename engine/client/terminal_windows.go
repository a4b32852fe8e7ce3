package client

import (
	"context"
	"os"
	"syscall"
	"time"
)

const mintty = ".  If you are using mintty, try prefixing the command with 'winpty'"

// sizeChanges tells when the terminal's size may have changed: there is no
// signal of it here.
func sizeChanges(ctx context.Context) (changed <-chan os.Signal, release func()) {
	c := make(chan os.Signal)
	clock := time.NewTicker(250 * time.Millisecond)
	go func() {
		for {
			select {
			case <-clock.C:
				select {
				case c <- syscall.SIGINT: // which one does not matter
				case <-ctx.Done():
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return c, clock.Stop
}

// signalName is the name by which a signal is passed on.
func signalName(s os.Signal) string {
	names := map[os.Signal]string{syscall.SIGINT: "INT", syscall.SIGTERM: "TERM"}
	return names[s]
}

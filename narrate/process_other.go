//go:build !linux

package narrate

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func terminate(p *os.Process) error { return p.Kill() }

// hold has nothing to lock: lessons run on Linux only.
func hold(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func kill(p *os.Process) error { return p.Kill() }

func unread(*os.File) int { return 0 }

func standsStill(int) bool { return true }

func awaitGroup(*os.Process, time.Duration) {}

// peer is unknown: daemons run on Linux only.
func peer(net.Conn) int { return 0 }
